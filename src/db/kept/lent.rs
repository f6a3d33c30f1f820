//! A connection while somebody has it.

use std::sync::Arc;

use sea_orm::sqlx::{self, AssertSqlSafe, Database, Executor, IntoArguments, SqlSafeStr as _};
use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use sqlx_core::transaction::TransactionManager as _;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;

use super::{GRACE, Kept, Own, closed};

/// A connection for one read or one transaction, and the right to use it.
pub(in crate::db) struct Lent<DB: Database> {
    kept: Arc<Kept<DB>>,
    turn: Option<OwnedSemaphorePermit>,
    pub(super) own: Option<Own<DB>>,
    /// Whether it is about to become something that the driver does not know of before the database has answered: in a transaction, or aware of
    /// a name.
    uncertain: bool,
}

impl<DB: Database> std::fmt::Debug for Lent<DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lent").field("own", &self.own).finish_non_exhaustive()
    }
}

impl<DB: Database> Lent<DB> {
    pub(super) fn new(kept: &Arc<Kept<DB>>, turn: OwnedSemaphorePermit, own: Option<Own<DB>>) -> Self {
        Self { kept: Arc::clone(kept), turn: Some(turn), own, uncertain: false }
    }

    fn connection(&mut self) -> Result<&mut DB::Connection, DbErr> {
        self.own.as_mut().map(|own| &mut own.connection).ok_or_else(closed)
    }

    /// Commits what was begun.
    pub(in crate::db) async fn commit(mut self) -> Result<(), DbErr> {
        DB::TransactionManager::commit(self.connection()?).await.map_err(failed)?;
        self.give_back();
        Ok(())
    }

    /// It was used, and went well.
    pub(super) fn give_back(mut self) {
        if let Some(own) = self.own.take() {
            self.kept.take_back(own);
        }
    }
}

/// What it was lent for failed, or whoever used it went away meanwhile: the statement may go on. What was begun is rolled back, and the connection
/// is asked, which it answers when the statement has ended; so long nobody else has the turn.
impl<DB: Database> Drop for Lent<DB> {
    fn drop(&mut self) {
        let (Some(mut own), Some(turn), Ok(runtime)) =
            (self.own.take(), self.turn.take(), Handle::try_current())
        else {
            return;
        };
        let (kept, uncertain) = (Arc::clone(&self.kept), self.uncertain);
        if DB::TransactionManager::get_transaction_depth(&own.connection) > 0 {
            DB::TransactionManager::start_rollback(&mut own.connection);
        }
        runtime.spawn(async move {
            // Nobody would roll back what the driver does not know of: the connection is closed, and the transaction ends with it.
            if kept.lives(&mut own, GRACE).await && !uncertain {
                kept.take_back(own);
            }
            drop(turn);
        });
    }
}

impl<DB: Database> Lent<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    SqlxValues: IntoArguments<DB>,
    QueryResult: From<DB::Row>,
    ExecResult: From<DB::QueryResult>,
{
    /// Every row that a statement answers with.
    pub(in crate::db) async fn all(&mut self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = query::<DB>(statement).fetch_all(self.connection()?).await.map_err(failed)?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    /// The first row that a statement answers with.
    pub(in crate::db) async fn one(&mut self, statement: &Statement) -> Result<Option<QueryResult>, DbErr> {
        let row = query::<DB>(statement).fetch_optional(self.connection()?).await.map_err(failed)?;
        Ok(row.map(QueryResult::from))
    }

    /// Begins a transaction, which is given up unless it is committed; `sql` is what begins it where that is not the usual statement.
    pub(in crate::db) async fn begin(&mut self, sql: Option<String>) -> Result<(), DbErr> {
        self.uncertain = true;
        let sql = sql.map(|sql| AssertSqlSafe(sql).into_sql_str());
        let begun = DB::TransactionManager::begin(self.connection()?, sql).await;
        if let Err(sqlx::Error::Database(_)) = &begun {
            // What it begins with was refused, and the driver knows of no transaction.
            self.connection()?.execute(sqlx::raw_sql("ROLLBACK")).await.map_err(failed)?;
        }
        self.uncertain = !is_answered(&begun);
        begun.map_err(failed)
    }

    /// Prepares a statement under a name on this connection, where it is not yet.
    pub(in crate::db) async fn prepare(&mut self, name: &'static str, sql: &str) -> Result<(), DbErr> {
        if self.own.as_ref().is_some_and(|own| own.prepared.contains(&name)) {
            return Ok(());
        }
        self.uncertain = true;
        let prepare = AssertSqlSafe(format!("PREPARE {name} (uuid) AS {sql}"));
        let prepared = self.connection()?.execute(sqlx::raw_sql(prepare)).await;
        self.uncertain = !is_answered(&prepared);
        prepared.map_err(failed)?;
        if let Some(own) = &mut self.own {
            own.prepared.push(name);
        }
        Ok(())
    }

    /// What a statement has changed.
    pub(in crate::db) async fn execute(&mut self, statement: &Statement) -> Result<ExecResult, DbErr> {
        let executed = query::<DB>(statement).execute(self.connection()?).await;
        executed.map(ExecResult::from).map_err(|error| DbErr::Exec(RuntimeErr::SqlxError(error.into())))
    }
}

/// Whether the database has answered, be it that it refuses.
fn is_answered<T>(outcome: &Result<T, sqlx::Error>) -> bool {
    matches!(outcome, Ok(_) | Err(sqlx::Error::Database(_)))
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn query<DB: Database>(statement: &Statement) -> sqlx::query::Query<'_, DB, SqlxValues>
where
    SqlxValues: IntoArguments<DB>,
{
    let values = statement.values.clone().unwrap_or(Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql.as_str()), SqlxValues(values))
}
