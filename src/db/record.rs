//! What stands beside the rows of a list on PostgreSQL: one value of the row, made of several columns. Most rows of a page have the same inviter
//! and role as the one before them; to make such a value and to send it costs as much as the row itself.

use sea_orm::sea_query::{Expr, Func, IntoColumnRef, SelectStatement, SimpleExpr, SubQueryStatement};
use sea_orm::sqlx::postgres::Postgres;
use sea_orm::sqlx::postgres::types::PgRecordDecoder;
use sea_orm::sqlx::{self, Decode, Row as _, Type, ValueRef as _};
use sea_orm::{DbErr, QueryResult, RuntimeErr};

/// Has a statement answer with columns of what `named` selects for the row that the column `key` names, as one value, for [`Record::of`];
/// what is selected after it stands behind it. It is NULL where the row before names the same one, so that every one that is named is there at least once.
pub fn select<C: IntoColumnRef>(
    rows: &mut SelectStatement,
    key: impl IntoColumnRef,
    mut named: SelectStatement,
    columns: impl IntoIterator<Item = C>,
) {
    let columns = columns.into_iter().map(|column| SimpleExpr::Column(column.into_column_ref()));
    named.expr(Func::cust("ROW").args(columns));
    let key = SimpleExpr::Column(key.into_column_ref());
    let named = SimpleExpr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(named)));
    let first = "CASE WHEN lag($1) OVER () IS DISTINCT FROM $1 THEN $2 END";
    rows.expr(Expr::cust_with_exprs(first, [key, named]));
}

/// The columns of [`select`] in a row, read one after another.
pub struct Record<'r>(PgRecordDecoder<'r>);

impl<'r> Record<'r> {
    /// The value of a row that has so many behind it; `None` where it is NULL.
    ///
    /// # Errors
    /// Where a row has none, or is not one of PostgreSQL.
    pub fn of(row: &'r QueryResult, behind: usize) -> Result<Option<Self>, DbErr> {
        let row = row.try_as_pg_row().ok_or_else(|| DbErr::Type("a row without records".to_owned()))?;
        let value = row.try_get_raw(row.len().saturating_sub(behind + 1));
        let value = value.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))?;
        if value.is_null() {
            return Ok(None);
        }
        PgRecordDecoder::new(value).map(|record| Some(Self(record))).map_err(failed)
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
