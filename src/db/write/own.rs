//! A transaction of PostgreSQL, on a connection that is kept for the next one.

use std::sync::Arc;

use sea_orm::sqlx::Postgres;
use sea_orm::{DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use crate::db::SLOW_STATEMENT;
use crate::db::kept::{Kept, Lent};
use crate::telemetry::traces;

/// A transaction; given up unless it is committed. Its statements come one after another.
#[derive(Debug)]
pub(super) struct Own(Mutex<Lent<Postgres>>);

/// What a transaction of PostgreSQL begins with, on the same way to the database: a statement with one parameter, an identifier, which locks
/// and answers nothing. SQLite needs none, since its writers come one after another.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// The name under which connections prepare it. Another statement has another one, in other releases as well: connections of a pooler outlive
    /// the service.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
    /// The identifier.
    pub id: Uuid,
}

impl Opening {
    /// As a statement of a transaction that has begun.
    pub(in crate::db) fn statement(self) -> Statement {
        Statement::from_sql_and_values(DbBackend::Postgres, self.sql, [self.id.into()])
    }
}

impl Own {
    pub(super) async fn begin(kept: &Arc<Kept<Postgres>>, opening: Option<Opening>) -> Result<Self, DbErr> {
        if let Some(opening) = opening
            && kept.has_names()
        {
            match Self::begin_with(kept, opening).await {
                Err(error) if is_of_names(&error) => {
                    tracing::info!(%error, "what transactions begin with is not prepared under a name: connections are not what they were, as behind a pooler");
                    kept.has_no_names();
                }
                begun => return begun,
            }
        }
        let mut lent = kept.lend().await?;
        traces::statement("postgresql", "BEGIN", lent.begin(None)).await?;
        let own = Self(Mutex::new(lent));
        if let Some(opening) = opening {
            own.execute_raw(opening.statement()).await?;
        }
        Ok(own)
    }

    /// Begins with a statement on one way to the database.
    async fn begin_with(kept: &Arc<Kept<Postgres>>, opening: Opening) -> Result<Self, DbErr> {
        let Opening { name, sql, id } = opening;
        let mut lent = kept.lend().await?;
        traces::statement("postgresql", "PREPARE", lent.prepare(name, sql)).await?;
        // The driver sends several statements at once only as a text; an identifier has no character that means anything in one.
        let begin = lent.begin(Some(format!("BEGIN; EXECUTE {name} ('{id}')")));
        let begun = Instant::now();
        traces::statement("postgresql", sql, begin).await?;
        let elapsed = begun.elapsed();
        if elapsed >= SLOW_STATEMENT {
            // The driver says it of other statements.
            tracing::warn!(?elapsed, statement = sql, "a transaction was slow to begin");
        }
        Ok(Self(Mutex::new(lent)))
    }

    pub(super) async fn commit(self) -> Result<(), DbErr> {
        traces::statement("postgresql", "COMMIT", self.0.into_inner().commit()).await
    }

    pub(super) async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut lent = self.0.lock().await;
        traces::statement("postgresql", &statement.sql, lent.execute(&statement)).await
    }

    pub(super) async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut lent = self.0.lock().await;
        traces::statement("postgresql", &statement.sql, lent.one(&statement)).await
    }

    pub(super) async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut lent = self.0.lock().await;
        traces::statement("postgresql", &statement.sql, lent.all(&statement)).await
    }

    pub(super) async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let statement = Statement::from_string(DbBackend::Postgres, sql);
        self.execute_raw(statement).await
    }
}

/// Whether a connection does not know a name that was prepared on it, or knows one that was not: `invalid_sql_statement_name`,
/// `duplicate_prepared_statement`.
fn is_of_names(error: &DbErr) -> bool {
    let DbErr::Query(RuntimeErr::SqlxError(cause)) = error else { return false };
    let code = cause.as_database_error().and_then(|refused| refused.code());
    code.is_some_and(|code| ["26000", "42P05"].contains(&&*code))
}
