//! Writers that share a transaction of SQLite and its commit. Who gives up goes back to where it began, and takes nothing of the others
//! with it; who commits is answered when what they share is on disk. A writer that nobody waits behind commits at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use sea_orm::{
    ConnAcquireErr, ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    RuntimeErr, Statement, sqlx,
};
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, OwnedMutexGuard, oneshot};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{GIVEN_UP, Kind, WriteTransaction, begin};

/// Most writers that share a commit.
pub(super) const SHARED_MAX: usize = 32;
/// How long a shared transaction takes in more writers.
const SHARED_TIME: Duration = Duration::from_millis(20);

/// The writers of a SQLite database, one after another.
#[derive(Debug)]
pub(in crate::db) struct Turns {
    pub(super) group: Arc<tokio::sync::Mutex<Option<Group>>>,
    pub(super) waiting: AtomicUsize,
    /// [`SHARED_TIME`], or what a test says.
    pub(super) time: Duration,
}

impl Default for Turns {
    fn default() -> Self {
        Self { group: Arc::default(), waiting: AtomicUsize::new(0), time: SHARED_TIME }
    }
}

/// Writers that share a transaction of the database.
#[derive(Debug)]
pub(in crate::db) struct Group {
    txn: DatabaseTransaction,
    /// Those who have written, and wait for the commit.
    members: Vec<oneshot::Sender<Result<(), DbErr>>>,
    begun: Instant,
    /// Whether others may join.
    open: bool,
}

/// The place of whoever writes.
pub(in crate::db) type Place = OwnedMutexGuard<Option<Group>>;

/// The right to write, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Turns>,
    /// `None` once it was handed on.
    place: Option<Place>,
    /// Whether others have written before it.
    joined: bool,
    /// Whether there is a savepoint to go back to, made before it first writes where others have written before it. All have one name: the
    /// latest of that name is its own, and the commit of all releases them.
    savepoint: OnceCell<()>,
    /// Whether it has begun to write what there is no way back from, but for everybody.
    last: bool,
    /// Whether the database may have left the transaction by itself.
    broken: AtomicBool,
}

impl Turns {
    /// Waits for a turn and begins to write; `alone` when it takes long, so that nobody waits for its commit but itself.
    pub(in crate::db) async fn begin(
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
            savepoint: OnceCell::new(),
            last: false,
            broken: AtomicBool::new(false),
        };
        turn.enter(writer, alone).await?;
        Ok(WriteTransaction(Kind::Shared(turn)))
    }

    /// The turn of somebody who writes one statement, until it is dropped; `None` where others write, or wait to.
    pub(in crate::db) fn alone(self: &Arc<Self>) -> Option<Place> {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            return None;
        }
        Arc::clone(&self.group).try_lock_owned().ok().filter(|place| place.is_none())
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
        if place.is_some() {
            self.joined = true;
            return Ok(());
        }
        let txn = begin(writer).await?;
        **place = Some(Group { txn, members: Vec::new(), begun: Instant::now(), open: !alone });
        Ok(())
    }

    pub(super) fn txn(&self) -> Result<&DatabaseTransaction, DbErr> {
        let group = self.place.as_ref().and_then(|place| place.as_ref());
        group.map(|group| &group.txn).ok_or_else(lost)
    }

    /// Makes a way back before a statement that writes, where others have written before. Pages that change behind a savepoint are kept
    /// twice, so that nobody pays for one who only reads.
    pub(super) async fn before(&self, sql: &str) -> Result<(), DbErr> {
        if !self.joined || self.savepoint.initialized() || sql.trim_start().starts_with("SELECT") {
            return Ok(());
        }
        self.unbroken()?;
        let made = async { self.watched(self.txn()?.execute_raw(plain("SAVEPOINT turn")).await).map(drop) };
        self.savepoint.get_or_try_init(|| made).await.copied()
    }

    /// Notices errors other than broken constraints: SQLite takes the whole transaction back after some of them.
    pub(super) fn watched<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        if result.as_ref().is_err_and(|error| !is_constraint(error)) {
            self.broken.store(true, Ordering::SeqCst);
        }
        result
    }

    /// Outside of a transaction a savepoint would begin one, whose commit is not that of those before.
    fn unbroken(&self) -> Result<(), DbErr> {
        if self.broken.load(Ordering::SeqCst) { Err(lost()) } else { Ok(()) }
    }

    /// Executes a statement that does not fail, and commits. Where nothing was written before there is no way back from it, and none is
    /// paid for: a task of its own sees it through, whoever waits.
    pub(super) async fn finish(mut self, statement: Statement) -> Result<(), DbErr> {
        if !self.joined || self.savepoint.initialized() {
            self.watched(self.txn()?.execute_raw(statement).await)?;
            return self.commit().await;
        }
        self.unbroken()?;
        self.last = true;
        let finishing = async move {
            self.txn()?.execute_raw(statement).await?;
            self.last = false;
            self.commit().await
        };
        tokio::spawn(finishing.in_current_span()).await.unwrap_or_else(|_| Err(lost()))
    }

    pub(super) async fn commit(mut self) -> Result<(), DbErr> {
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
        if !self.joined || self.last {
            // Nobody has written before, or there is no way back to what they have: the transaction is rolled back as a whole.
            *place = None;
            return;
        }
        // Without a runtime there is nobody to take it back: those before are told that nothing was written.
        let Ok(runtime) = Handle::try_current() else { return *place = None };
        let has_written = self.savepoint.initialized();
        let closing = runtime.spawn(async move {
            if let Some(group) = place.as_ref().filter(|_| has_written) {
                let back = group.txn.execute_raw(plain("ROLLBACK TO turn")).await;
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
pub(super) fn lost() -> DbErr {
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
