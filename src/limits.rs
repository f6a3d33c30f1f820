//! Attempts counted in the database, so that several processes share one count.
//!
//! A window begins with the first attempt and ends a fixed time later. An attempt is reserved before it is
//! made, in one statement, so that attempts made at the same instant cannot slip past the limit. A refused
//! attempt uses nothing up.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, Statement, Value};

use crate::actor::Actor;
use crate::app::App;
use crate::clock::Instant;
use crate::error::{Error, ErrorCode, Result};

/// What is limited, how often, and in which time.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Name of the bucket, part of its key.
    pub bucket: &'static str,
    /// Attempts in a window.
    pub most: u32,
    /// Length of the window.
    pub window: TimeDelta,
}

impl Limit {
    /// A limit of `most` attempts per `window`.
    #[must_use]
    pub fn new(bucket: &'static str, most: u32, window: TimeDelta) -> Self {
        Self { bucket, most, window }
    }
}

#[derive(FromQueryResult)]
struct Window {
    window_ends_at: Instant,
}

/// Reserves one attempt for `subject`; `Err` says how long to wait when the window is full.
///
/// # Errors
/// `RATE_LIMITED`, or whatever the database says.
pub async fn reserve(app: &App, db: &impl ConnectionTrait, limit: Limit, subject: &str) -> Result<()> {
    match try_reserve(app, db, limit, subject).await? {
        None => Ok(()),
        Some(wait) => Err(Error::RateLimited(wait)),
    }
}

/// As [`reserve`], with the time to wait as a value: `None` when the attempt is granted.
///
/// # Errors
/// Whatever the database says.
pub async fn try_reserve(
    app: &App,
    db: &impl ConnectionTrait,
    limit: Limit,
    subject: &str,
) -> Result<Option<Duration>, DbErr> {
    let now = app.clock.now();
    let key = app.keys.limiter_key(limit.bucket, subject);
    let backend = db.get_database_backend();
    let granted = db
        .execute_raw(Statement::from_sql_and_values(
            backend,
            "INSERT INTO rate_limit (key, used, window_ends_at) VALUES ($1, 1, $2)
             ON CONFLICT (key) DO UPDATE SET
               used = CASE WHEN rate_limit.window_ends_at <= $3 THEN 1 ELSE rate_limit.used + 1 END,
               window_ends_at = CASE WHEN rate_limit.window_ends_at <= $3 THEN $2
                                ELSE rate_limit.window_ends_at END
             WHERE rate_limit.window_ends_at <= $3 OR rate_limit.used < $4",
            [
                Value::from(key.clone()),
                Value::from(now + limit.window),
                Value::from(now),
                Value::from(i64::from(limit.most)),
            ],
        ))
        .await?
        .rows_affected();
    if granted > 0 && limit.most > 0 {
        return Ok(None);
    }
    let select = Statement::from_sql_and_values(
        backend,
        "SELECT window_ends_at FROM rate_limit WHERE key = $1",
        [Value::from(key)],
    );
    let ends = Window::find_by_statement(select).one(db).await?.map(|row| row.window_ends_at);
    let wait = ends.map_or(limit.window, |ends| ends - now);
    Ok(Some(Duration::from_secs(u64::try_from(wait.num_seconds()).unwrap_or_default() + 1)))
}

/// Counts a wrong guess at a token against the client's network. It writes by itself, so that no transaction
/// may be open: SQLite has one writer. Returns the error it was given, or `RATE_LIMITED` in place of a guess
/// too many.
pub async fn count_guess(app: &App, actor: &Actor, error: Error) -> Error {
    if error.code() != ErrorCode::TokenInvalid {
        return error;
    }
    let guesses = Limit::new("tokens", app.config.limits.tokens_per_ip, TimeDelta::minutes(1));
    let counted = reserve(app, app.db.writer(), guesses, &actor.origin.network()).await;
    counted.err().unwrap_or(error)
}

/// Forgets windows that have ended.
///
/// # Errors
/// Whatever the database says.
pub async fn prune(app: &App) -> Result<()> {
    let db = app.db.writer();
    db.execute_raw(Statement::from_sql_and_values(
        db.get_database_backend(),
        "DELETE FROM rate_limit WHERE window_ends_at <= $1",
        [Value::from(app.clock.now())],
    ))
    .await?;
    Ok(())
}
