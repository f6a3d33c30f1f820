//! Connections that are kept between reads. A pool asks a connection whether it lives each time it is given back, which costs as much as
//! a read does; here it is asked when it was not used for a while, and when a read did not end well.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::sqlx::pool::Pool;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, Database, Executor, IntoArguments};
use sea_orm::{ConnAcquireErr, DbErr, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// How long a connection is taken to live without being asked.
pub(super) const TRUSTED: Duration = Duration::from_secs(1);
/// From which age on a connection to a server is used no more; what the server keeps for it goes with it.
const LIFETIME: Duration = Duration::from_mins(30);
/// How long a server has to end a statement that nobody waits for; its own limit for statements is less.
const GRACE: Duration = Duration::from_secs(10);
/// How long reads that go on are waited for when everything is closed.
const FAREWELL: Duration = Duration::from_secs(5);

/// How many connections read at a time, and on which terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Connections at the most. One on which a statement goes on that nobody waits for counts until that ends.
    pub(super) most: u32,
    /// How long a read waits for a connection.
    pub(super) patience: Duration,
    /// Whether they lead to a server, which can go away, rather than to a file.
    pub(super) remote: bool,
}

/// Connections that read, each lent to one read at a time.
#[derive(Debug)]
pub(super) struct Kept<DB: Database> {
    /// Where they come from.
    pool: Pool<DB>,
    terms: Terms,
    turns: Arc<Semaphore>,
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

/// A connection for one read, and the right to use it.
struct Lent<DB: Database> {
    kept: Arc<Kept<DB>>,
    turn: Option<OwnedSemaphorePermit>,
    own: Option<Own<DB>>,
}

impl<DB: Database> Lent<DB> {
    fn connection(&mut self) -> Result<&mut DB::Connection, DbErr> {
        self.own.as_mut().map(|own| &mut own.connection).ok_or_else(closed)
    }

    /// The read went well.
    fn give_back(mut self) {
        if let Some(own) = self.own.take() {
            self.kept.take_back(own);
        }
    }
}

/// The read failed, or whoever read went away meanwhile: the statement may go on. The connection is asked, which it answers when the
/// statement has ended, and so long nobody else has the turn.
impl<DB: Database> Drop for Lent<DB> {
    fn drop(&mut self) {
        let (Some(mut own), Some(turn), Ok(runtime)) =
            (self.own.take(), self.turn.take(), Handle::try_current())
        else {
            return;
        };
        let kept = Arc::clone(&self.kept);
        runtime.spawn(async move {
            if kept.lives(&mut own).await {
                kept.take_back(own);
            }
            drop(turn);
        });
    }
}

impl<DB: Database> Kept<DB> {
    pub(super) fn new(pool: Pool<DB>, terms: Terms) -> Arc<Self> {
        let turns = Arc::new(Semaphore::new(terms.most as usize));
        Arc::new(Self { pool, terms, turns, idle: Mutex::default() })
    }

    /// How long a read waits for a connection.
    pub(super) fn patience(&self) -> Duration {
        self.terms.patience
    }

    /// Lends no more, and closes every connection.
    pub(super) async fn close(&self) {
        let _ended = timeout(FAREWELL, self.turns.acquire_many(self.terms.most)).await;
        let idle = {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            self.turns.close();
            std::mem::take(&mut *idle)
        };
        for own in idle {
            let _ = own.connection.close().await;
        }
    }

    async fn lend(self: &Arc<Self>) -> Result<Lent<DB>, DbErr> {
        let lent = |turn, own| Lent { kept: Arc::clone(self), turn: Some(turn), own };
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned()
            && let Some(own) = self.idle(|own| own.used.elapsed() < TRUSTED)
        {
            return Ok(lent(turn, Some(own)));
        }
        let in_turn = async {
            let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| closed())?;
            let mut lent = lent(turn, self.idle(|_| true));
            if let Some(own) = &mut lent.own {
                if own.used.elapsed() < TRUSTED || own.connection.ping().await.is_ok() {
                    return Ok(lent);
                }
                lent.own = None;
            }
            let acquired = self.pool.acquire().await.map_err(|error| match error {
                sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
                sqlx::Error::PoolClosed => closed(),
                error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
            })?;
            let now = Instant::now();
            lent.own = Some(Own { connection: acquired.detach(), begun: now, used: now });
            Ok(lent)
        };
        let late = |_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
        timeout(self.terms.patience, in_turn).await.map_err(late)?
    }

    /// Whether a connection answers. A statement of a file ends by itself; that of a server that went away may never.
    async fn lives(&self, own: &mut Own<DB>) -> bool {
        let asked = own.connection.ping();
        if self.terms.remote {
            timeout(GRACE, asked).await.is_ok_and(|answer| answer.is_ok())
        } else {
            asked.await.is_ok()
        }
    }

    /// The one that was used last and that nobody reads by, if it is as it should be.
    fn idle(&self, good: impl Fn(&Own<DB>) -> bool) -> Option<Own<DB>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if self.terms.remote {
            idle.retain(|own| own.begun.elapsed() < LIFETIME);
        }
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

impl<DB: Database> Kept<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    SqlxValues: IntoArguments<DB>,
    QueryResult: From<DB::Row>,
{
    /// Every row that a statement answers with.
    ///
    /// # Errors
    /// Whatever the database says; no connection in time is an error of acquiring one.
    pub(super) async fn all(self: &Arc<Self>, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut lent = self.lend().await?;
        let rows = query::<DB>(statement).fetch_all(lent.connection()?).await.map_err(failed)?;
        lent.give_back();
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    /// The first row that a statement answers with.
    ///
    /// # Errors
    /// As [`Kept::all`].
    pub(super) async fn one(self: &Arc<Self>, statement: &Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut lent = self.lend().await?;
        let row = query::<DB>(statement).fetch_optional(lent.connection()?).await.map_err(failed)?;
        lent.give_back();
        Ok(row.map(QueryResult::from))
    }
}

fn closed() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)
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
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use sea_orm::sqlx::sqlite::{Sqlite, SqlitePoolOptions};
    use sea_orm::{DbBackend, DbErr, Statement};

    use super::{Kept, LIFETIME, TRUSTED, Terms};

    /// One connection for reads.
    async fn kept(remote: bool) -> Arc<Kept<Sqlite>> {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        Kept::new(pool, Terms { most: 1, patience: Duration::from_secs(20), remote })
    }

    fn select(sql: &str) -> Statement {
        Statement::from_string(DbBackend::Sqlite, sql)
    }

    /// Which of the connections there have been so far is kept: each knows by a setting of its own, which no other of the same database
    /// shares (as they would the size of a cache that is theirs together).
    async fn mark(kept: &Arc<Kept<Sqlite>>, number: i64) {
        kept.all(&select(&format!("PRAGMA busy_timeout = {number}"))).await.unwrap();
    }

    async fn marked(kept: &Arc<Kept<Sqlite>>) -> i64 {
        kept.one(&select("PRAGMA busy_timeout")).await.unwrap().unwrap().try_get("", "timeout").unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_kept_for_as_long_as_it_lives() {
        let kept = kept(true).await;
        mark(&kept, 111).await;
        assert_eq!(marked(&kept).await, 111);
        kept.idle.lock().unwrap()[0].used -= TRUSTED;
        assert_eq!(marked(&kept).await, 111);
        kept.idle.lock().unwrap()[0].begun -= LIFETIME;
        assert_ne!(marked(&kept).await, 111);
    }

    #[tokio::test]
    async fn one_to_a_file_is_kept_for_ever() {
        let kept = kept(false).await;
        mark(&kept, 111).await;
        kept.idle.lock().unwrap()[0].begun -= LIFETIME;
        assert_eq!(marked(&kept).await, 111);
    }

    #[tokio::test]
    async fn after_an_error_it_is_asked_and_kept() {
        let kept = kept(false).await;
        mark(&kept, 111).await;
        kept.all(&select("SELECT nothing")).await.unwrap_err();
        assert_eq!(marked(&kept).await, 111);
    }

    #[tokio::test]
    async fn nobody_else_has_the_turn_of_a_statement_that_nobody_waits_for() {
        let kept = kept(false).await;
        mark(&kept, 111).await;
        let endless =
            select("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t");
        {
            let mut reading = Box::pin(kept.all(&endless));
            let begun = reading.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(begun, Poll::Pending));
        }
        assert_eq!(kept.turns.available_permits(), 0);
        // It ended, and the connection is the same.
        assert_eq!(marked(&kept).await, 111);
    }

    #[tokio::test]
    async fn who_closed_it_reads_no_more() {
        let kept = kept(false).await;
        mark(&kept, 111).await;
        kept.close().await;
        assert!(kept.idle.lock().unwrap().is_empty());
        let refused = kept.one(&select("SELECT 7 AS n")).await;
        assert!(matches!(refused, Err(DbErr::ConnectionAcquire(_))), "{refused:?}");
    }
}
