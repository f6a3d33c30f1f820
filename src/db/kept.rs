//! Connections that are kept between reads. A pool asks a connection whether it lives each time it is given back, which costs as much as
//! a read does; here it is asked when it was not used for a while.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sea_orm::sqlx::pool::Pool;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, Database, Executor, IntoArguments};
use sea_orm::{ConnAcquireErr, DbErr, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// How long a connection is taken to live without being asked.
const TRUSTED: Duration = Duration::from_secs(1);
/// How long a connection is kept at all; what a server keeps for it ends with it.
const LIFETIME: Duration = Duration::from_mins(30);

/// So many connections that read, each lent to one read at a time.
#[derive(Debug)]
pub(super) struct Kept<DB: Database> {
    /// Where they come from.
    pool: Pool<DB>,
    turns: Semaphore,
    /// How long a read waits for a connection.
    patience: Duration,
    idle: Mutex<Vec<Own<DB>>>,
}

struct Own<DB: Database> {
    connection: DB::Connection,
    begun: Instant,
    used: Instant,
}

impl<DB: Database> std::fmt::Debug for Own<DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Own").field("begun", &self.begun).field("used", &self.used).finish_non_exhaustive()
    }
}

impl<DB: Database> Kept<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    SqlxValues: IntoArguments<DB>,
    QueryResult: From<DB::Row>,
{
    pub(super) fn new(pool: Pool<DB>, most: usize, patience: Duration) -> Self {
        Self { pool, turns: Semaphore::new(most), patience, idle: Mutex::default() }
    }

    /// Every row that a statement answers with.
    ///
    /// # Errors
    /// Whatever the database says; no connection in time is an error of acquiring one.
    pub(super) async fn all(&self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (_turn, mut own) = self.lend().await?;
        let rows = query::<DB>(statement).fetch_all(&mut own.connection).await.map_err(failed)?;
        self.take_back(own);
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    /// The first row that a statement answers with.
    ///
    /// # Errors
    /// As [`Kept::all`].
    pub(super) async fn one(&self, statement: &Statement) -> Result<Option<QueryResult>, DbErr> {
        let (_turn, mut own) = self.lend().await?;
        let row = query::<DB>(statement).fetch_optional(&mut own.connection).await.map_err(failed)?;
        self.take_back(own);
        Ok(row.map(QueryResult::from))
    }

    /// Lends no more, and closes what is not lent.
    pub(super) async fn close(&self) {
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            self.turns.close();
            std::mem::take(&mut *idle)
        };
        for own in idle {
            let _ = own.connection.close().await;
        }
    }

    /// A connection, which ends where it is dropped: so it does when a read fails, and when whoever reads goes away meanwhile.
    async fn lend(&self) -> Result<(SemaphorePermit<'_>, Own<DB>), DbErr> {
        if let Ok(turn) = self.turns.try_acquire()
            && let Some(own) = self.idle(|own| own.used.elapsed() < TRUSTED)
        {
            return Ok((turn, own));
        }
        let late = |_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
        tokio::time::timeout(self.patience, self.lend_in_turn()).await.map_err(late)?
    }

    async fn lend_in_turn(&self) -> Result<(SemaphorePermit<'_>, Own<DB>), DbErr> {
        let closed = || DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed);
        let turn = self.turns.acquire().await.map_err(|_| closed())?;
        if let Some(mut own) = self.idle(|_| true)
            && (own.used.elapsed() < TRUSTED || own.connection.ping().await.is_ok())
        {
            return Ok((turn, own));
        }
        let acquired = self.pool.acquire().await.map_err(|error| match error {
            sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
            sqlx::Error::PoolClosed => closed(),
            error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
        })?;
        let now = Instant::now();
        Ok((turn, Own { connection: acquired.detach(), begun: now, used: now }))
    }

    /// The one that was used last and that nobody reads by, if it is as it should be.
    fn idle(&self, good: impl Fn(&Own<DB>) -> bool) -> Option<Own<DB>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|own| own.begun.elapsed() < LIFETIME);
        idle.pop_if(|own| good(own))
    }

    fn take_back(&self, mut own: Own<DB>) {
        own.used = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.turns.is_closed() {
            idle.push(own);
        }
    }
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

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use sea_orm::sqlx::sqlite::{Sqlite, SqlitePoolOptions};
    use sea_orm::{DbBackend, DbErr, Statement};

    use super::{Kept, LIFETIME, TRUSTED};

    const PATIENCE: Duration = Duration::from_secs(20);

    /// One connection for reads, of a pool that has two.
    async fn kept() -> Kept<Sqlite> {
        let pool = SqlitePoolOptions::new().max_connections(2).connect("sqlite::memory:").await.unwrap();
        Kept::new(pool, 1, PATIENCE)
    }

    fn select(sql: &str) -> Statement {
        Statement::from_string(DbBackend::Sqlite, sql)
    }

    /// Which of the connections there have been so far is kept: each knows by a setting of its own.
    async fn mark(kept: &Kept<Sqlite>, number: i64) {
        kept.all(&select(&format!("PRAGMA cache_size = {number}"))).await.unwrap();
    }

    async fn marked(kept: &Kept<Sqlite>) -> i64 {
        kept.one(&select("PRAGMA cache_size")).await.unwrap().unwrap().try_get("", "cache_size").unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_kept_for_as_long_as_it_lives() {
        let kept = kept().await;
        mark(&kept, 111).await;
        assert_eq!(marked(&kept).await, 111);
        kept.idle.lock().unwrap()[0].used -= TRUSTED;
        assert_eq!(marked(&kept).await, 111);
        kept.idle.lock().unwrap()[0].begun -= LIFETIME;
        assert_ne!(marked(&kept).await, 111);
    }

    #[tokio::test]
    async fn after_an_error_it_is_another() {
        let kept = kept().await;
        mark(&kept, 111).await;
        kept.all(&select("SELECT nothing")).await.unwrap_err();
        assert!(kept.idle.lock().unwrap().is_empty());
        assert_ne!(marked(&kept).await, 111);
    }

    #[tokio::test]
    async fn who_goes_away_while_reading_leaves_the_turn_to_others() {
        let kept = kept().await;
        mark(&kept, 111).await;
        let endless =
            select("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t");
        {
            let mut reading = Box::pin(kept.all(&endless));
            let begun = reading.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(begun, Poll::Pending));
            assert_eq!(kept.turns.available_permits(), 0);
        }
        assert_ne!(marked(&kept).await, 111);
    }

    #[tokio::test]
    async fn who_closed_it_reads_no_more() {
        let kept = kept().await;
        mark(&kept, 111).await;
        kept.close().await;
        assert!(kept.idle.lock().unwrap().is_empty());
        let refused = kept.one(&select("SELECT 7 AS n")).await;
        assert!(matches!(refused, Err(DbErr::ConnectionAcquire(_))), "{refused:?}");
    }
}
