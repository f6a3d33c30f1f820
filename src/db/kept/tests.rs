//! What becomes of connections that are kept, and of what was begun on them.

use std::future::Future as _;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use sea_orm::sqlx::sqlite::{Sqlite, SqlitePoolOptions};
use sea_orm::{DbBackend, DbErr, Statement};

use super::{COLD, Kept, LIFETIME, TRUSTED, Terms};

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
    mark(&kept, 222).await;
    kept.idle.lock().unwrap()[0].used -= COLD;
    assert_ne!(marked(&kept).await, 222);
}

#[tokio::test]
async fn one_to_a_file_is_kept_for_ever() {
    let kept = kept(false).await;
    mark(&kept, 111).await;
    kept.idle.lock().unwrap()[0].begun -= LIFETIME;
    kept.idle.lock().unwrap()[0].used -= COLD;
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
    let endless = select("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT n FROM t");
    {
        let mut reading = Box::pin(kept.all(&endless));
        let begun = reading.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(begun, Poll::Pending));
    }
    assert_eq!(kept.turns.available_permits(), 0);
    // It ended, and the connection is the same.
    assert_eq!(marked(&kept).await, 111);
}

/// A connection with a table of numbers, the first of which stands for what was committed before.
async fn numbers(kept: &Arc<Kept<Sqlite>>) {
    mark(kept, 111).await;
    kept.execute(&select("CREATE TABLE number (n INTEGER)")).await.unwrap();
    let one = kept.execute(&select("INSERT INTO number VALUES (1)")).await.unwrap();
    assert_eq!(one.rows_affected(), 1);
}

async fn sum(kept: &Arc<Kept<Sqlite>>) -> i64 {
    let sum = kept.one(&select("SELECT sum(n) AS n FROM number")).await.unwrap();
    sum.unwrap().try_get("", "n").unwrap()
}

#[tokio::test]
async fn what_is_committed_lasts_and_the_connection_is_kept() {
    let kept = kept(true).await;
    numbers(&kept).await;
    for n in [2, 4] {
        let mut lent = kept.lend().await.unwrap();
        lent.begin(None).await.unwrap();
        lent.execute(&select(&format!("INSERT INTO number VALUES ({n})"))).await.unwrap();
        lent.commit().await.unwrap();
        assert_eq!(kept.idle.lock().unwrap().len(), 1, "nobody is asked first");
    }
    assert_eq!((sum(&kept).await, marked(&kept).await), (7, 111));
}

#[tokio::test]
async fn what_is_given_up_is_rolled_back_before_anybody_else_has_the_connection() {
    let kept = kept(true).await;
    numbers(&kept).await;
    for fails in [false, true] {
        let mut lent = kept.lend().await.unwrap();
        lent.begin(None).await.unwrap();
        lent.execute(&select("INSERT INTO number VALUES (2)")).await.unwrap();
        if fails {
            lent.all(&select("SELECT nothing")).await.unwrap_err();
        }
        drop(lent);
        assert_eq!((sum(&kept).await, marked(&kept).await), (1, 111));
    }
}

#[tokio::test]
async fn who_goes_away_while_a_transaction_begins_takes_the_connection_along() {
    let kept = kept(true).await;
    mark(&kept, 111).await;
    loop {
        let mut lent = kept.lend().await.unwrap();
        let begun = Box::pin(lent.begin(None)).as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if begun.is_pending() {
            break;
        }
        // The database was quicker than whoever asked it.
        lent.commit().await.unwrap();
    }
    assert_ne!(marked(&kept).await, 111);
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
