//! Transactions that write.
//!
//! PostgreSQL gives each its own ([`own`]). SQLite has one writer, and a commit waits for the disk: writers that wait for their turn share
//! one transaction of the database ([`turns`]).

mod own;
mod turns;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::prelude::async_trait;
use sea_orm::sqlx::Postgres;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
};
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use super::batch::Batch;
use super::kept::Kept;
use super::reader::plain_limit;
use crate::telemetry::traces;

use self::own::Own;
use self::turns::{Turn, lost};

pub use self::own::Opening;
pub(super) use self::turns::Turns;

tokio::task_local! {
    /// What becomes of transactions that the task has given up, where others share them.
    static GIVEN_UP: Arc<Mutex<Vec<JoinHandle<Result<(), DbErr>>>>>;
}

/// Does something and waits until whatever it saw while it held a transaction is on disk, even where it gave its own
/// transaction up: an answer never rests on what a crash can take back.
///
/// # Errors
/// Where what it saw is not on disk after all, and its answer is of no use.
pub async fn settled<F: Future>(operation: F) -> Result<F::Output, DbErr> {
    let given_up = Arc::default();
    let output = GIVEN_UP.scope(Arc::clone(&given_up), operation).await;
    let open = std::mem::take(&mut *given_up.lock().unwrap_or_else(PoisonError::into_inner));
    for closing in open {
        closing.await.unwrap_or_else(|_| Err(lost()))?;
    }
    Ok(output)
}

/// Begins a transaction of SQLite.
#[expect(clippy::disallowed_methods, reason = "the one door to a transaction")]
async fn begin(writer: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let immediate = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    writer.begin_with_options(immediate).await
}

/// A transaction that writes; given up unless it is committed.
#[derive(Debug)]
pub struct WriteTransaction(Kind);

#[derive(Debug)]
enum Kind {
    Own(Own),
    Shared(Turn),
}

impl WriteTransaction {
    /// Begins one of PostgreSQL.
    pub(super) async fn own(kept: &Arc<Kept<Postgres>>, opening: Option<Opening>) -> Result<Self, DbErr> {
        Ok(Self(Kind::Own(Own::begin(kept, opening).await?)))
    }

    /// Makes it last: when this returns, the database has it on disk.
    ///
    /// # Errors
    /// Whatever the database says; nothing was written then.
    pub async fn commit(self) -> Result<(), DbErr> {
        match self.0 {
            Kind::Own(txn) => txn.commit().await,
            Kind::Shared(turn) => turn.commit().instrument(traces::step("shared commit")).await,
        }
    }

    /// Executes what it ends with and makes it last. The statements answer nothing, and rest on what was read before in this transaction, so
    /// that they do not fail: where writers share a transaction, one that does may take it back from all of them. Who stops waiting for it
    /// may find that it lasts.
    ///
    /// # Errors
    /// Whatever the database says; nothing was written then.
    pub async fn finish(self, last: Batch) -> Result<(), DbErr> {
        let last = last.statement();
        match self.0 {
            Kind::Own(txn) => {
                txn.execute_raw(last).await?;
                txn.commit().await
            }
            Kind::Shared(turn) => turn.finish(last).instrument(traces::step("shared commit")).await,
        }
    }
}

macro_rules! delegate {
    ($self:ident, $sql:expr, $method:ident($argument:expr)) => {
        match &$self.0 {
            Kind::Own(txn) => txn.$method($argument).await,
            Kind::Shared(turn) => {
                turn.before($sql).await?;
                turn.watched(turn.txn()?.$method($argument).await)
            }
        }
    };
}

#[async_trait::async_trait]
impl ConnectionTrait for WriteTransaction {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            Kind::Own(_) => DbBackend::Postgres,
            Kind::Shared(_) => DbBackend::Sqlite,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        delegate!(self, &statement.sql, execute_raw(statement))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        delegate!(self, sql, execute_unprepared(sql))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let statement = plain_limit(statement);
        delegate!(self, &statement.sql, query_one_raw(statement))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statement = plain_limit(statement);
        delegate!(self, &statement.sql, query_all_raw(statement))
    }
}

#[cfg(test)]
mod tests;
