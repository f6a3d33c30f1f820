//! Writers that share a commit: who is told what, whoever gives up, goes away or fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::poll;
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::turns::SHARED_MAX;
use super::{Turns, WriteTransaction, settled};
use crate::db::once::{self, Mark};
use crate::db::{Batch, Db};

/// A database with a table of different numbers.
struct Numbers {
    db: Db,
    _folder: tempfile::TempDir,
}

impl Numbers {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut db = Db::open(&format!("sqlite://{}", folder.path().join("n.db").display())).await.unwrap();
        // However slow the machine is, who is here to share does share.
        db.turns = Arc::new(Turns { time: Duration::from_secs(3_600), ..Turns::default() });
        db.writer().execute_unprepared("CREATE TABLE number (n INTEGER UNIQUE) STRICT").await.unwrap();
        Self { db, _folder: folder }
    }

    /// What is on disk, in order.
    async fn all(&self) -> Vec<i64> {
        let select = Statement::from_string(DbBackend::Sqlite, "SELECT n FROM number ORDER BY n");
        let rows = self.db.reader().query_all_raw(select).await.unwrap();
        rows.iter().map(|row| row.try_get("", "n").unwrap()).collect()
    }

    /// Begins in a task, so that it waits for its turn there; what it does with it is the other half.
    async fn waiter(&self) -> (JoinHandle<()>, oneshot::Receiver<WriteTransaction>) {
        let before = self.waiting();
        let (sender, receiver) = oneshot::channel();
        let db = self.db.clone();
        let task = tokio::spawn(async move {
            let _ = sender.send(db.begin_write().await.unwrap());
        });
        self.somebody_waits(before).await;
        (task, receiver)
    }

    /// Waits until more than so many wait for their turn.
    async fn somebody_waits(&self, before: usize) {
        let more = async {
            while self.waiting() == before {
                tokio::task::yield_now().await;
            }
        };
        within(more).await;
    }

    /// The commit of one that has written 1 and left it to the one that waits behind it.
    async fn first_of_two(
        &self,
    ) -> (BoxFuture<'static, Result<(), DbErr>>, JoinHandle<()>, oneshot::Receiver<WriteTransaction>) {
        let first = self.db.begin_write().await.unwrap();
        let (task, second) = self.waiter().await;
        add(&first, 1).await.unwrap();
        let mut first = first.commit().boxed();
        assert!(poll!(&mut first).is_pending());
        (first, task, second)
    }

    fn waiting(&self) -> usize {
        self.db.turns.waiting.load(Ordering::SeqCst)
    }
}

async fn add(txn: &WriteTransaction, n: i64) -> Result<(), DbErr> {
    txn.execute_unprepared(&format!("INSERT INTO number VALUES ({n})")).await.map(drop)
}

/// What inserts a number and answers nothing.
fn last(n: i64) -> Batch {
    Batch::of(Statement::from_string(DbBackend::Sqlite, format!("INSERT INTO number VALUES ({n})")))
}

async fn within<T>(doing: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), doing).await.expect("it ends")
}

#[tokio::test]
async fn one_alone_is_committed_at_once() {
    let numbers = Numbers::new().await;
    let txn = numbers.db.begin_write().await.unwrap();
    add(&txn, 1).await.unwrap();
    within(txn.commit()).await.unwrap();
    assert_eq!(numbers.all().await, [1]);
}

#[tokio::test]
async fn a_statement_goes_alone_only_where_nobody_else_writes() {
    let numbers = Numbers::new().await;
    let insert = |n: i64| {
        Statement::from_sql_and_values(DbBackend::Sqlite, "INSERT INTO number VALUES ($1)", [n.into()])
    };
    assert_eq!(numbers.db.execute_alone(insert(1)).await.unwrap(), Some(1));
    let txn = numbers.db.begin_write().await.unwrap();
    assert_eq!(numbers.db.execute_alone(insert(2)).await.unwrap(), None, "somebody writes");
    let (task, waiting) = numbers.waiter().await;
    drop(txn);
    assert_eq!(numbers.db.execute_alone(insert(2)).await.unwrap(), None, "somebody has waited for longer");
    drop(waiting);
    task.await.unwrap();
    let postgres = Statement { db_backend: DbBackend::Postgres, ..insert(3) };
    assert_eq!(numbers.db.execute_alone(postgres).await.unwrap(), None, "it is for one writer at a time");
    let now = "2026-03-02T12:00:00Z".parse().unwrap();
    let mark = Mark { key: "k".into(), request: "r".into(), owner: "o".into(), now, ends_at: now };
    let marked = once::marked(Arc::new(mark), numbers.db.execute_alone(insert(4)));
    assert_eq!(marked.await.unwrap(), None, "the key has to be claimed with it");
    assert_eq!(numbers.all().await, [1]);
}

#[tokio::test]
async fn one_that_is_given_up_leaves_nothing_behind() {
    let numbers = Numbers::new().await;
    let txn = numbers.db.begin_write().await.unwrap();
    add(&txn, 1).await.unwrap();
    drop(txn);
    let txn = within(numbers.db.begin_write()).await.unwrap();
    add(&txn, 2).await.unwrap();
    txn.commit().await.unwrap();
    assert_eq!(numbers.all().await, [2]);
}

#[tokio::test]
async fn those_who_wait_share_a_commit_and_who_gives_up_takes_back_only_their_own() {
    let numbers = Numbers::new().await;
    let first = numbers.db.begin_write().await.unwrap();
    let (_, second) = numbers.waiter().await;
    let (_, third) = numbers.waiter().await;
    add(&first, 1).await.unwrap();
    let mut first = Box::pin(first.commit());
    assert!(poll!(&mut first).is_pending(), "it leaves the commit to those behind it");
    let second = within(second).await.unwrap();
    add(&second, 2).await.unwrap();
    assert!(numbers.all().await.is_empty(), "nothing is on disk yet");
    assert!(poll!(&mut first).is_pending(), "and nobody is told so");
    let (_, fourth) = numbers.waiter().await;
    let second = tokio::spawn(second.commit());
    let third = within(third).await.unwrap();
    add(&third, 3).await.unwrap();
    assert!(add(&third, 1).await.is_err(), "it sees what the first has written");
    drop(third);
    within(second).await.unwrap().unwrap();
    within(first).await.unwrap();
    assert_eq!(numbers.all().await, [1, 2]);
    let fourth = within(fourth).await.unwrap();
    add(&fourth, 4).await.unwrap();
    within(fourth.commit()).await.unwrap();
    assert_eq!(numbers.all().await, [1, 2, 4]);
}

#[tokio::test]
async fn a_waiter_that_goes_away_does_not_leave_the_others_waiting() {
    let numbers = Numbers::new().await;
    let (first, waiter, _turn) = numbers.first_of_two().await;
    // It was counted upon, and ends before it has its turn.
    waiter.abort();
    within(first).await.unwrap();
    assert_eq!(numbers.all().await, [1]);
    assert_eq!(numbers.waiting(), 0);
}

#[tokio::test]
async fn a_turn_that_is_dropped_does_not_leave_the_others_waiting() {
    let numbers = Numbers::new().await;
    let (first, _, second) = numbers.first_of_two().await;
    let second = within(second).await.unwrap();
    add(&second, 2).await.unwrap();
    drop(second);
    within(first).await.unwrap();
    assert_eq!(numbers.all().await, [1]);
}

#[tokio::test]
async fn where_the_database_takes_the_transaction_back_nobody_is_told_that_it_lasts() {
    let numbers = Numbers::new().await;
    let (first, _, second) = numbers.first_of_two().await;
    let second = within(second).await.unwrap();
    // As SQLite does by itself when the disk is full.
    second.execute_unprepared("ROLLBACK").await.unwrap();
    drop(second);
    within(first).await.unwrap_err();
    assert!(numbers.all().await.is_empty());
    let next = within(numbers.db.begin_write()).await.unwrap();
    add(&next, 3).await.unwrap();
    within(next.commit()).await.unwrap();
    assert_eq!(numbers.all().await, [3]);
}

#[tokio::test]
async fn after_a_statement_that_failed_nobody_else_joins() {
    let numbers = Numbers::new().await;
    let first = numbers.db.begin_write().await.unwrap();
    let (_, second) = numbers.waiter().await;
    add(&first, 1).await.unwrap();
    first.execute_unprepared("INSERT INTO nowhere VALUES (1)").await.unwrap_err();
    within(first.commit()).await.unwrap();
    assert_eq!(numbers.all().await, [1], "it did not leave the commit to the one behind it");
    let second = within(second).await.unwrap();
    within(second.commit()).await.unwrap();
}

#[tokio::test]
async fn what_takes_long_holds_nobody_up_who_has_written_before() {
    let numbers = Numbers::new().await;
    let first = numbers.db.begin_write().await.unwrap();
    let db = numbers.db.clone();
    let long = tokio::spawn(async move { db.begin_long_write().await.unwrap() });
    numbers.somebody_waits(0).await;
    add(&first, 1).await.unwrap();
    within(first.commit()).await.unwrap();
    assert_eq!(numbers.all().await, [1]);
    let long = within(long).await.unwrap();
    let (_, behind) = numbers.waiter().await;
    add(&long, 2).await.unwrap();
    within(long.commit()).await.unwrap();
    assert_eq!(numbers.all().await, [1, 2]);
    within(within(behind).await.unwrap().commit()).await.unwrap();
}

#[tokio::test]
async fn what_was_seen_by_one_that_is_given_up_is_on_disk_before_it_is_told() {
    let numbers = Numbers::new().await;
    let first = numbers.db.begin_write().await.unwrap();
    let db = numbers.db.clone();
    let refused = tokio::spawn(settled(async move {
        let second = db.begin_write().await.unwrap();
        add(&second, 1).await.unwrap_err();
    }));
    numbers.somebody_waits(0).await;
    add(&first, 1).await.unwrap();
    let mut first = Box::pin(first.commit());
    assert!(poll!(&mut first).is_pending());
    within(refused).await.unwrap().unwrap();
    assert_eq!(numbers.all().await, [1]);
    within(first).await.unwrap();
}

#[tokio::test]
async fn what_was_seen_by_one_that_is_given_up_is_not_told_where_it_does_not_last() {
    let numbers = Numbers::new().await;
    let first = numbers.db.begin_write().await.unwrap();
    let db = numbers.db.clone();
    let contented = tokio::spawn(settled(async move {
        let second = db.begin_write().await.unwrap();
        add(&second, 1).await.unwrap_err();
        // As SQLite does by itself when the disk is full.
        second.execute_unprepared("ROLLBACK").await.unwrap();
    }));
    numbers.somebody_waits(0).await;
    add(&first, 1).await.unwrap();
    within(first.commit()).await.unwrap_err();
    within(contented).await.unwrap().unwrap_err();
    assert!(numbers.all().await.is_empty());
}

#[tokio::test]
async fn who_stops_waiting_for_a_commit_takes_nothing_back() {
    let numbers = Numbers::new().await;
    let (first, _, second) = numbers.first_of_two().await;
    let second = within(second).await.unwrap();
    add(&second, 2).await.unwrap();
    let mut second = Box::pin(second.commit());
    assert!(poll!(&mut second).is_pending());
    drop(second);
    within(first).await.unwrap();
    assert_eq!(numbers.all().await, [1, 2]);
}

#[tokio::test]
async fn who_gives_up_while_it_begins_takes_nothing_back() {
    let numbers = Numbers::new().await;
    let first = numbers.db.begin_write().await.unwrap();
    let mut second = Box::pin(numbers.db.begin_write());
    assert!(poll!(&mut second).is_pending());
    add(&first, 1).await.unwrap();
    let mut first = Box::pin(first.commit());
    assert!(poll!(&mut first).is_pending());
    // It has the turn, and its savepoint at the most.
    drop(poll!(&mut second));
    drop(second);
    within(first).await.unwrap();
    assert_eq!(numbers.all().await, [1]);
    let next = within(numbers.db.begin_write()).await.unwrap();
    add(&next, 2).await.unwrap();
    within(next.commit()).await.unwrap();
    assert_eq!(numbers.all().await, [1, 2]);
}

#[tokio::test]
async fn each_goes_back_to_its_own_place() {
    let numbers = Numbers::new().await;
    let (first, _, second) = numbers.first_of_two().await;
    let second = within(second).await.unwrap();
    let (_, third) = numbers.waiter().await;
    add(&second, 2).await.unwrap();
    let mut second = Box::pin(second.commit());
    assert!(poll!(&mut second).is_pending());
    let third = within(third).await.unwrap();
    add(&third, 3).await.unwrap();
    drop(third);
    within(first).await.unwrap();
    within(second).await.unwrap();
    assert_eq!(numbers.all().await, [1, 2]);
}

#[tokio::test]
async fn what_a_transaction_ends_with_is_seen_through_whoever_waits() {
    let numbers = Numbers::new().await;
    let (first, _, second) = numbers.first_of_two().await;
    let second = within(second).await.unwrap();
    let mut second = Box::pin(second.finish(last(2)));
    assert!(poll!(&mut second).is_pending());
    drop(second);
    within(first).await.unwrap();
    assert_eq!(numbers.all().await, [1, 2]);
}

#[tokio::test]
async fn where_what_cannot_fail_does_everybody_is_told_that_nothing_lasts() {
    let numbers = Numbers::new().await;
    let (first, _, second) = numbers.first_of_two().await;
    let second = within(second).await.unwrap();
    within(second.finish(last(1))).await.unwrap_err();
    within(first).await.unwrap_err();
    assert!(numbers.all().await.is_empty());
    let third = within(numbers.db.begin_write()).await.unwrap();
    within(third.finish(last(3))).await.unwrap();
    assert_eq!(numbers.all().await, [3]);
}

#[tokio::test]
async fn what_a_transaction_ends_with_goes_with_what_it_wrote_before() {
    let numbers = Numbers::new().await;
    let (first, _, second) = numbers.first_of_two().await;
    let second = within(second).await.unwrap();
    add(&second, 2).await.unwrap();
    within(second.finish(last(1))).await.unwrap_err();
    within(first).await.unwrap();
    assert_eq!(numbers.all().await, [1]);
}

#[tokio::test]
async fn who_has_only_read_takes_nothing_back_of_those_before() {
    let numbers = Numbers::new().await;
    let (first, _, second) = numbers.first_of_two().await;
    let second = within(second).await.unwrap();
    let (_, third) = numbers.waiter().await;
    add(&second, 2).await.unwrap();
    let mut second = Box::pin(second.commit());
    assert!(poll!(&mut second).is_pending());
    let third = within(third).await.unwrap();
    let (_, fourth) = numbers.waiter().await;
    let mut third = Box::pin(third.finish(last(3)));
    assert!(poll!(&mut third).is_pending());
    let fourth = within(fourth).await.unwrap();
    let select = Statement::from_string(DbBackend::Sqlite, "SELECT count(*) AS n FROM number");
    let seen = fourth.query_one_raw(select).await.unwrap().unwrap();
    assert_eq!(seen.try_get::<i64>("", "n").unwrap(), 3);
    drop(fourth);
    within(first).await.unwrap();
    within(second).await.unwrap();
    within(third).await.unwrap();
    assert_eq!(numbers.all().await, [1, 2, 3]);
}

#[tokio::test]
async fn nobody_writes_where_the_transaction_may_be_gone() {
    let numbers = Numbers::new().await;
    let (first, _, second) = numbers.first_of_two().await;
    let second = within(second).await.unwrap();
    let nothing = Statement::from_string(DbBackend::Sqlite, "SELECT n FROM nothing");
    second.query_one_raw(nothing).await.unwrap_err();
    add(&second, 2).await.unwrap_err();
    within(second.finish(last(3))).await.unwrap_err();
    within(first).await.unwrap();
    assert_eq!(numbers.all().await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_there_are_each_is_on_disk_when_it_is_told_so() {
    let numbers = Numbers::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    let most = i64::try_from(SHARED_MAX).unwrap() * 4;
    for n in 0..most {
        let db = numbers.db.clone();
        tasks.spawn(async move {
            let txn = db.begin_write().await.unwrap();
            add(&txn, n).await.unwrap();
            if n % 5 == 0 {
                return None;
            }
            txn.commit().await.unwrap();
            let select =
                Statement::from_string(DbBackend::Sqlite, format!("SELECT n FROM number WHERE n = {n}"));
            Some(db.reader().query_one_raw(select).await.unwrap().is_some())
        });
    }
    let seen = within(tasks.join_all()).await;
    assert!(seen.iter().flatten().all(|seen| *seen));
    let kept: Vec<i64> = (0..most).filter(|n| n % 5 != 0).collect();
    assert_eq!(numbers.all().await, kept);
}
