//! Writing once: every transaction that writes on behalf of a marked operation claims the operation's key first, so that the
//! key is taken if, and only if, something of the operation was committed.
//!
//! The mark belongs to the task that executes the operation; services know nothing of it.

use std::sync::Arc;

use sea_orm::{ConnAcquireErr, ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use crate::clock::Instant;

tokio::task_local! {
    static MARK: Arc<Mark>;
}

/// What an operation is known by while it is executed.
#[derive(Debug)]
pub struct Mark {
    /// The client's key, as it is stored.
    pub key: String,
    /// The request, as it is stored: another one under the same key is refused.
    pub request: String,
    /// This execution among others of the same key.
    pub owner: String,
    /// The present.
    pub now: Instant,
    /// Until when the key is taken.
    pub ends_at: Instant,
}

/// An operation that was executed under a key.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Kept {
    /// The request, as it is stored.
    pub request: String,
    /// Which execution it was.
    pub owner: String,
    /// What was answered, where that is known.
    pub answer: Option<String>,
    /// Until when the key is taken.
    pub ends_at: Instant,
}

/// Executes an operation whose transactions claim the key of `mark`.
pub async fn marked<F: Future>(mark: Arc<Mark>, operation: F) -> F::Output {
    MARK.scope(mark, operation).await
}

/// Whether the operation that is executed has a key.
pub(super) fn is_marked() -> bool {
    MARK.try_with(|_| ()).is_ok()
}

/// Claims the key of the operation that is executed, if it is a marked one.
///
/// # Errors
/// As for a busy database where another execution has the key: the client asks again, and finds its answer.
pub(super) async fn claim(txn: &impl ConnectionTrait) -> Result<(), DbErr> {
    let Ok(mark) = MARK.try_with(Arc::clone) else { return Ok(()) };
    let statement = Statement::from_sql_and_values(
        txn.get_database_backend(),
        "INSERT INTO idempotency (key, request, owner, ends_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (key) DO UPDATE SET
           request = excluded.request, owner = excluded.owner, ends_at = excluded.ends_at, answer = NULL
         WHERE idempotency.ends_at <= $5 OR idempotency.owner = excluded.owner",
        [
            Value::from(mark.key.clone()),
            Value::from(mark.request.clone()),
            Value::from(mark.owner.clone()),
            Value::from(mark.ends_at),
            Value::from(mark.now),
        ],
    );
    let claimed = txn.execute_raw(statement).await?.rows_affected() > 0;
    if claimed { Ok(()) } else { Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) }
}

/// What was executed under a key.
///
/// # Errors
/// Whatever the database says.
pub async fn find(db: &impl ConnectionTrait, key: &str, now: Instant) -> Result<Option<Kept>, DbErr> {
    let select = "SELECT request, owner, answer, ends_at FROM idempotency WHERE key = $1 AND ends_at > $2";
    let values = [Value::from(key), Value::from(now)];
    Kept::find_by_statement(Statement::from_sql_and_values(db.get_database_backend(), select, values))
        .one(db)
        .await
}

/// Keeps what was answered, if something was committed under the key.
///
/// # Errors
/// Whatever the database says.
pub async fn keep(db: &impl ConnectionTrait, mark: &Mark, answer: &str) -> Result<(), DbErr> {
    let update = "UPDATE idempotency SET answer = $1 WHERE key = $2 AND owner = $3";
    let values = [Value::from(answer), Value::from(mark.key.clone()), Value::from(mark.owner.clone())];
    let statement = Statement::from_sql_and_values(db.get_database_backend(), update, values);
    db.execute_raw(statement).await.map(drop)
}

/// Forgets keys that have ended.
///
/// # Errors
/// Whatever the database says.
pub async fn prune(db: &impl ConnectionTrait, now: Instant) -> Result<(), DbErr> {
    let delete = "DELETE FROM idempotency WHERE ends_at <= $1";
    let statement = Statement::from_sql_and_values(db.get_database_backend(), delete, [Value::from(now)]);
    db.execute_raw(statement).await.map(drop)
}
