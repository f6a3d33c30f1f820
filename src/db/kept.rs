//! Connections that are kept between uses. A pool asks a connection whether it lives each time it is given back, which costs as much as
//! a read does; here it is asked when it was not used for a while, and when a use did not end well.

mod lent;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::sqlx::pool::Pool;
use sea_orm::sqlx::{self, Connection as _, Database, Executor, IntoArguments};
use sea_orm::{ConnAcquireErr, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

pub(super) use self::lent::Lent;

/// How long a connection is taken to live without being asked.
pub(super) const TRUSTED: Duration = Duration::from_secs(1);
/// After how long without use a connection to a server is closed: what is on the way may have forgotten it, without a word.
const COLD: Duration = Duration::from_mins(1);
/// How long a server has to answer on a connection that was not used for a while, before another one is opened.
const ANSWER: Duration = Duration::from_millis(500);
/// From which age on a connection to a server is used no more; what the server keeps for it goes with it.
const LIFETIME: Duration = Duration::from_mins(30);
/// How long a server has to end a statement that nobody waits for; its own limit for statements is less.
const GRACE: Duration = Duration::from_secs(10);
/// How long uses that go on are waited for when everything is closed.
const FAREWELL: Duration = Duration::from_secs(5);

/// How many connections are used at a time, and on which terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Connections at the most. One on which a statement goes on that nobody waits for counts until that ends.
    pub(super) most: u32,
    /// How long somebody waits for a connection.
    pub(super) patience: Duration,
    /// Whether they lead to a server, which can go away, rather than to a file.
    pub(super) remote: bool,
}

/// Connections, each lent to one read or transaction at a time.
#[derive(Debug)]
pub(super) struct Kept<DB: Database> {
    /// Where they come from.
    pool: Pool<DB>,
    terms: Terms,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Own<DB>>>,
    /// Whether connections did not know the names of what was prepared on them, or knew others.
    nameless: AtomicBool,
}

struct Own<DB: Database> {
    connection: DB::Connection,
    /// Names under which statements are prepared on it, besides those that the driver keeps.
    prepared: Vec<&'static str>,
    begun: Instant,
    used: Instant,
}

impl<DB: Database> std::fmt::Debug for Own<DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Own").field("begun", &self.begun).field("used", &self.used).finish_non_exhaustive()
    }
}

impl<DB: Database> Kept<DB> {
    pub(super) fn new(pool: Pool<DB>, terms: Terms) -> Arc<Self> {
        let turns = Arc::new(Semaphore::new(terms.most as usize));
        Arc::new(Self { pool, terms, turns, idle: Mutex::default(), nameless: AtomicBool::new(false) })
    }

    /// Whether connections know what was prepared on them under a name. Behind a pooler that gives each transaction another one, they
    /// do not; what the driver prepares, poolers see to.
    pub(super) fn has_names(&self) -> bool {
        !self.nameless.load(Ordering::Relaxed)
    }

    pub(super) fn has_no_names(&self) {
        self.nameless.store(true, Ordering::Relaxed);
    }

    /// How long somebody waits for a connection.
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

    /// A connection, when there is one.
    ///
    /// # Errors
    /// Whatever the database says; no connection in time is an error of acquiring one.
    pub(super) async fn lend(self: &Arc<Self>) -> Result<Lent<DB>, DbErr> {
        let lent = |turn, own| Lent::new(self, turn, own);
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned()
            && let Some(own) = self.idle(|own| own.used.elapsed() < TRUSTED)
        {
            return Ok(lent(turn, Some(own)));
        }
        let in_turn = async {
            let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| closed())?;
            let mut lent = lent(turn, self.idle(|_| true));
            if let Some(own) = &mut lent.own {
                if own.used.elapsed() < TRUSTED || self.lives(own, ANSWER).await {
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
            lent.own =
                Some(Own { connection: acquired.detach(), prepared: Vec::new(), begun: now, used: now });
            Ok(lent)
        };
        let late = |_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout);
        timeout(self.terms.patience, in_turn).await.map_err(late)?
    }

    /// Whether a connection answers. A statement of a file ends by itself; that of a server that went away may never.
    async fn lives(&self, own: &mut Own<DB>, patience: Duration) -> bool {
        let asked = own.connection.ping();
        if self.terms.remote {
            timeout(patience, asked).await.is_ok_and(|answer| answer.is_ok())
        } else {
            asked.await.is_ok()
        }
    }

    /// The one that was used last and that nobody uses, if it is as it should be.
    fn idle(&self, good: impl Fn(&Own<DB>) -> bool) -> Option<Own<DB>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if self.terms.remote {
            idle.retain(|own| own.begun.elapsed() < LIFETIME && own.used.elapsed() < COLD);
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
    ExecResult: From<DB::QueryResult>,
{
    /// Every row that a statement answers with.
    ///
    /// # Errors
    /// As [`Kept::lend`].
    pub(super) async fn all(self: &Arc<Self>, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut lent = self.lend().await?;
        let rows = lent.all(statement).await?;
        lent.give_back();
        Ok(rows)
    }

    /// The first row that a statement answers with.
    ///
    /// # Errors
    /// As [`Kept::lend`].
    pub(super) async fn one(self: &Arc<Self>, statement: &Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut lent = self.lend().await?;
        let row = lent.one(statement).await?;
        lent.give_back();
        Ok(row)
    }

    /// What a statement has changed, which is a transaction by itself.
    ///
    /// # Errors
    /// As [`Kept::lend`].
    pub(super) async fn execute(self: &Arc<Self>, statement: &Statement) -> Result<ExecResult, DbErr> {
        let mut lent = self.lend().await?;
        let executed = lent.execute(statement).await?;
        lent.give_back();
        Ok(executed)
    }
}

fn closed() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)
}

#[cfg(test)]
mod tests;
