//! Writing outside of a transaction: statements that are one by themselves.

use std::sync::Arc;

use sea_orm::sqlx::Postgres;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::kept::Kept;
use crate::telemetry::traces;

/// Connections that write.
#[derive(Clone, Debug)]
pub struct Writer {
    /// SQLite's only connection that writes; on PostgreSQL, where the others come from.
    pub(super) pool: DatabaseConnection,
    pub(super) kept: Option<Arc<Kept<Postgres>>>,
}

impl Writer {
    /// Waits for those who write, and closes the connections that are kept.
    pub(super) async fn lend_no_more(&self) {
        if let Some(kept) = &self.kept {
            kept.close().await;
        }
    }
}

macro_rules! delegate {
    ($self:ident, $statement:ident, $kept:ident, $raw:ident) => {
        match &$self.kept {
            Some(kept) => traces::statement("postgresql", &$statement.sql, kept.$kept(&$statement)).await,
            None => $self.pool.$raw($statement).await,
        }
    };
}

#[async_trait::async_trait]
impl ConnectionTrait for Writer {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        delegate!(self, statement, execute, execute_raw)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.pool.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        delegate!(self, statement, one, query_one_raw)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        delegate!(self, statement, all, query_all_raw)
    }
}
