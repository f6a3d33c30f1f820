//! What is joined to the rows of a list on PostgreSQL: one value of the row, made of several columns. The driver keeps book of each value of each
//! row, and most rows of a page have the same inviter and role, of which one is read.

use sea_orm::sea_query::{Func, IntoColumnRef, SelectStatement, SimpleExpr};
use sea_orm::sqlx::postgres::Postgres;
use sea_orm::sqlx::postgres::types::PgRecordDecoder;
use sea_orm::sqlx::{self, Decode, Row as _, Type};
use sea_orm::{DbErr, QueryResult, RuntimeErr};

/// Has a statement answer with these columns as one value of this name, for [`Record::of`].
pub fn select<C: IntoColumnRef>(
    rows: &mut SelectStatement,
    columns: impl IntoIterator<Item = C>,
    name: &'static str,
) {
    let columns = columns.into_iter().map(|column| SimpleExpr::Column(column.into_column_ref()));
    rows.expr_as(Func::cust("ROW").args(columns), name);
}

/// The columns of [`select`] in a row, read one after another.
pub struct Record<'r>(PgRecordDecoder<'r>);

impl<'r> Record<'r> {
    /// The value of this name.
    ///
    /// # Errors
    /// Where a row has none, or is not one of PostgreSQL.
    pub fn of(row: &'r QueryResult, name: &str) -> Result<Self, DbErr> {
        let row = row.try_as_pg_row().ok_or_else(|| DbErr::Type("a row without records".to_owned()))?;
        let value =
            row.try_get_raw(name).map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))?;
        PgRecordDecoder::new(value).map(Self).map_err(failed)
    }

    /// The next column.
    ///
    /// # Errors
    /// Where there is none, or none of this type.
    pub fn value<T>(&mut self) -> Result<T, DbErr>
    where
        T: for<'a> Decode<'a, Postgres> + Type<Postgres>,
    {
        self.0.try_decode().map_err(failed)
    }
}

fn failed(error: sqlx::error::BoxDynError) -> DbErr {
    DbErr::Type(error.to_string())
}
