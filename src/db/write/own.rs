//! A transaction of PostgreSQL, on a connection that is kept for the next one.

use std::sync::Arc;

use sea_orm::sqlx::Postgres;
use sea_orm::{DbErr, ExecResult, QueryResult, Statement};
use tokio::sync::Mutex;

use crate::db::kept::{Kept, Lent};
use crate::telemetry::traces;

/// A transaction; given up unless it is committed. Its statements come one after another.
#[derive(Debug)]
pub(super) struct Own(Mutex<Lent<Postgres>>);

impl Own {
    pub(super) async fn begin(kept: &Arc<Kept<Postgres>>) -> Result<Self, DbErr> {
        let mut lent = kept.lend().await?;
        traces::statement("postgresql", "BEGIN", lent.begin()).await?;
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
        let statement = Statement::from_string(sea_orm::DbBackend::Postgres, sql);
        self.execute_raw(statement).await
    }
}
