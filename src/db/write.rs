//! Transactions that write.
//!
//! PostgreSQL gives each its own. SQLite has one writer, and a commit waits for the disk: writers that wait for their turn share
//! one transaction of the database, in which each has a savepoint. Who gives up goes back to it alone; who commits is answered
//! when what they share is on disk. A writer that nobody waits behind commits at once, and pays for no savepoint.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::prelude::async_trait;
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    QueryResult, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
    sqlx,
};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::reader::plain_limit;
use crate::telemetry::traces;

/// Most writers that share a commit.
const SHARED_MAX: usize = 32;
/// How long a shared transaction takes in more writers.
const SHARED_TIME: Duration = Duration::from_millis(20);

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

/// Begins a transaction of the database's own.
#[expect(clippy::disallowed_methods, reason = "the one door to a transaction")]
pub(super) async fn begin(writer: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let immediate = TransactionOptions {
        sqlite_transaction_mode: match writer.get_database_backend() {
            DbBackend::Sqlite => Some(SqliteTransactionMode::Immediate),
            _ => None,
        },
        ..TransactionOptions::default()
    };
    writer.begin_with_options(immediate).await
}

/// A transaction that writes; given up unless it is committed.
#[derive(Debug)]
pub struct WriteTransaction(Kind);

#[derive(Debug)]
enum Kind {
    Own(DatabaseTransaction),
    Shared(Turn),
}

impl WriteTransaction {
    pub(super) fn own(txn: DatabaseTransaction) -> Self {
        Self(Kind::Own(txn))
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
}

macro_rules! delegate {
    ($self:ident, $method:ident($argument:expr)) => {
        match &$self.0 {
            Kind::Own(txn) => txn.$method($argument).await,
            Kind::Shared(turn) => turn.watched(turn.txn()?.$method($argument).await),
        }
    };
}

#[async_trait::async_trait]
impl ConnectionTrait for WriteTransaction {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            Kind::Own(txn) => txn.get_database_backend(),
            Kind::Shared(_) => DbBackend::Sqlite,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        delegate!(self, execute_raw(statement))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        delegate!(self, execute_unprepared(sql))
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let statement = plain_limit(statement);
        delegate!(self, query_one_raw(statement))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statement = plain_limit(statement);
        delegate!(self, query_all_raw(statement))
    }
}

/// The writers of a SQLite database, one after another.
#[derive(Debug)]
pub(super) struct Turns {
    group: Arc<tokio::sync::Mutex<Option<Group>>>,
    waiting: AtomicUsize,
    /// [`SHARED_TIME`], or what a test says.
    time: Duration,
}

impl Default for Turns {
    fn default() -> Self {
        Self { group: Arc::default(), waiting: AtomicUsize::new(0), time: SHARED_TIME }
    }
}

/// Writers that share a transaction of the database.
#[derive(Debug)]
struct Group {
    txn: DatabaseTransaction,
    /// Those who have written, and wait for the commit.
    members: Vec<oneshot::Sender<Result<(), DbErr>>>,
    /// Savepoints there were so far.
    savepoints: usize,
    begun: Instant,
    /// Whether others may join.
    open: bool,
}

type Place = OwnedMutexGuard<Option<Group>>;

/// The right to write, until it is dropped.
#[derive(Debug)]
struct Turn {
    turns: Arc<Turns>,
    /// `None` once it was handed on.
    place: Option<Place>,
    /// Whether others have written before it.
    joined: bool,
    /// What it goes back to, where others have written before it. The commit of all releases it: a name of its own keeps it apart
    /// from theirs, and nothing has to be waited for between the last statement and the place among those who wait.
    savepoint: Option<String>,
    /// Whether the database may have left the transaction by itself.
    broken: AtomicBool,
}

impl Turns {
    /// Waits for a turn and begins to write; `alone` when it takes long, so that nobody waits for its commit but itself.
    pub(super) async fn begin(
        self: &Arc<Self>,
        writer: &DatabaseConnection,
        alone: bool,
        patience: Duration,
    ) -> Result<WriteTransaction, DbErr> {
        let waiting = Waiting::new(self);
        let place = tokio::time::timeout(patience, Arc::clone(&self.group).lock_owned()).await;
        let place = place.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?;
        waiting.over();
        let mut turn = Turn {
            turns: Arc::clone(self),
            place: Some(place),
            joined: false,
            savepoint: None,
            broken: AtomicBool::new(false),
        };
        turn.enter(writer, alone).await?;
        Ok(WriteTransaction(Kind::Shared(turn)))
    }
}

/// Somebody who waits for a turn. Who stops waiting may have been the one that others left the commit to.
struct Waiting<'t> {
    turns: &'t Arc<Turns>,
    over: bool,
}

impl<'t> Waiting<'t> {
    fn new(turns: &'t Arc<Turns>) -> Self {
        turns.waiting.fetch_add(1, Ordering::SeqCst);
        Self { turns, over: false }
    }

    fn over(mut self) {
        self.over = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.turns.waiting.fetch_sub(1, Ordering::SeqCst);
        if !self.over
            && let Ok(runtime) = Handle::try_current()
        {
            let group = Arc::clone(&self.turns.group);
            runtime.spawn(async move { drop(close(group.lock_owned().await).await) });
        }
    }
}

impl Turn {
    async fn enter(&mut self, writer: &DatabaseConnection, alone: bool) -> Result<(), DbErr> {
        if alone && let Some(place) = self.place.take_if(|place| place.is_some()) {
            self.place = tokio::spawn(close(place)).await.ok().map(|(place, _)| place);
        }
        let Some(place) = self.place.as_mut() else { return Err(lost()) };
        if let Some(group) = place.as_mut() {
            self.joined = true;
            group.savepoints += 1;
            let name = format!("turn{}", group.savepoints);
            let entered = group.txn.execute_raw(plain(&format!("SAVEPOINT {name}"))).await;
            self.watched(entered)?;
            self.savepoint = Some(name);
            return Ok(());
        }
        let txn = begin(writer).await?;
        **place =
            Some(Group { txn, members: Vec::new(), savepoints: 0, begun: Instant::now(), open: !alone });
        Ok(())
    }

    fn txn(&self) -> Result<&DatabaseTransaction, DbErr> {
        let group = self.place.as_ref().and_then(|place| place.as_ref());
        group.map(|group| &group.txn).ok_or_else(lost)
    }

    /// Notices errors other than broken constraints: SQLite takes the whole transaction back after some of them.
    fn watched<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        if result.as_ref().is_err_and(|error| !is_constraint(error)) {
            self.broken.store(true, Ordering::SeqCst);
        }
        result
    }

    async fn commit(mut self) -> Result<(), DbErr> {
        let broken = self.broken.load(Ordering::SeqCst);
        let Some(mut place) = self.place.take() else { return Err(lost()) };
        let Some(group) = place.as_mut() else { return Err(lost()) };
        let (sender, answer) = oneshot::channel();
        group.members.push(sender);
        let goes_on = group.open
            && !broken
            && group.members.len() < SHARED_MAX
            && group.begun.elapsed() < self.turns.time
            && self.turns.waiting.load(Ordering::SeqCst) > 0;
        if goes_on {
            drop(place);
        } else {
            // A task of its own: what others wait for does not end with the request of whoever came last.
            tokio::spawn(close(place));
        }
        answer.await.unwrap_or_else(|_| Err(lost()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut place) = self.place.take() else { return };
        if !self.joined {
            // Nobody has written before: the transaction is rolled back as a whole.
            *place = None;
            return;
        }
        // Without a runtime there is nobody to take it back: those before are told that nothing was written.
        let Ok(runtime) = Handle::try_current() else { return *place = None };
        // Without a savepoint nothing was written: it was given up while it began.
        let savepoint = self.savepoint.take();
        let closing = runtime.spawn(async move {
            if let (Some(group), Some(name)) = (place.as_ref(), savepoint) {
                let back = group.txn.execute_raw(plain(&format!("ROLLBACK TO {name}"))).await;
                if let Err(error) = back {
                    *place = None;
                    return Err(error);
                }
            }
            close(place).await.1
        });
        let _ = GIVEN_UP
            .try_with(|given_up| given_up.lock().unwrap_or_else(PoisonError::into_inner).push(closing));
    }
}

/// Commits what is shared and tells everybody who waits for it. Returns the place, empty, and how it went.
async fn close(mut place: Place) -> (Place, Result<(), DbErr>) {
    let Some(group) = place.take() else { return (place, Ok(())) };
    let committed = group.txn.commit().await;
    for member in group.members {
        // Who has gone meanwhile needs no answer.
        let _ = member.send(committed.clone());
    }
    (place, committed)
}

fn plain(sql: &str) -> Statement {
    Statement::from_string(DbBackend::Sqlite, sql)
}

/// What is said where the database took a shared transaction back.
fn lost() -> DbErr {
    let cause = std::io::Error::other("a shared transaction was taken back");
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(sqlx::Error::Io(cause))))
}

fn is_constraint(error: &DbErr) -> bool {
    let (DbErr::Exec(cause) | DbErr::Query(cause)) = error else { return false };
    let RuntimeErr::SqlxError(cause) = cause else { return false };
    let code = cause.as_database_error().and_then(|refused| refused.code());
    // SQLITE_CONSTRAINT; the bits above the eighth say which.
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 19)
}

#[cfg(test)]
mod tests;
