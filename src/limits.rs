//! Attempts counted in the database, so that several processes share one count.
//!
//! A window begins with the first attempt and ends a fixed time later. An attempt is reserved before it is
//! made, in one statement, so that attempts made at the same instant cannot slip past the limit. A refused
//! attempt uses nothing up.

use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, QueryResult, Statement, Value};

use crate::actor::Actor;
use crate::app::App;
use crate::clock::Instant;
use crate::db::ROWS;
use crate::error::{Error, ErrorCode, Result};
use crate::telemetry::metrics;

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

/// Reserves one attempt of each of some limits for their subjects, or none of any, in a transaction of its own.
///
/// # Errors
/// As [`reserve`], of the first that is full.
pub async fn reserve_all(app: &App, wanted: &[(Limit, &str)]) -> Result<()> {
    if let Some(statement) = Reservation::of(app, wanted).all_or_none(DbBackend::Sqlite)
        && app.db.execute_alone(statement).await? == Some(wanted.len() as u64)
    {
        return Ok(());
    }
    let txn = app.db.begin_write().await?;
    // Each by a statement of its own: whoever has no attempts left of the first does not come as far as the row of the second.
    for (limit, subject) in wanted {
        reserve(app, &txn, *limit, subject).await?;
    }
    Ok(txn.commit().await?)
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
) -> Result<Option<Duration>> {
    let reservation = Reservation::of(app, &[(limit, subject)]);
    let granted = db.query_all_raw(reservation.statement(db.get_database_backend())).await?;
    Ok(reservation.refused(app, db, granted).await?.map(|(_, _, wait)| wait))
}

/// Attempts of several limits that are reserved by one statement, which can be sent together with others, and how to read its answer.
#[derive(Debug)]
pub struct Reservation {
    limits: Vec<Limit>,
    keys: Vec<String>,
    at: Instant,
}

impl Reservation {
    /// Column of what the statement answers.
    pub const RETURNED: &'static str = "key";

    /// One attempt of each limit for its subject.
    #[must_use]
    pub fn of(app: &App, wanted: &[(Limit, &str)]) -> Self {
        let key = |(limit, subject): &(Limit, &str)| app.keys.limiter_key(limit.bucket, subject);
        Self {
            limits: wanted.iter().map(|(limit, _)| *limit).collect(),
            keys: wanted.iter().map(key).collect(),
            at: app.clock.now(),
        }
    }

    /// The statement that reserves them, where there is room.
    #[must_use]
    pub fn statement(&self, backend: DbBackend) -> Statement {
        let mut statement = self.counting(backend);
        statement.sql.push_str(&format!(" RETURNING {}", Self::RETURNED));
        statement
    }

    /// As [`Reservation::statement`], for who knows that there is room: it answers nothing.
    #[must_use]
    pub fn counting(&self, backend: DbBackend) -> Statement {
        self.upsert(backend, |rows, _| (format!("VALUES {rows}"), Vec::new()))
    }

    /// The statement that reserves all of them or none, for a database whose writers come one after another; `None` where one allows
    /// nothing at all.
    fn all_or_none(&self, backend: DbBackend) -> Option<Statement> {
        let room = self.room_values(self.limits.len())?;
        let condition = |rows: &str, first: usize| {
            let condition = Self::room_condition(self.limits.len(), first);
            (format!("SELECT column1, column2, column3 FROM (VALUES {rows}) WHERE {condition}"), room)
        };
        Some(self.upsert(backend, condition))
    }

    /// Counts an attempt of each in the rows that `source` makes of them, given the number of its first parameter.
    fn upsert(
        &self,
        backend: DbBackend,
        source: impl FnOnce(&str, usize) -> (String, Vec<Value>),
    ) -> Statement {
        let mut values = vec![Value::from(self.at)];
        let (mut rows, mut most) = (Vec::new(), Vec::new());
        for (limit, key) in self.limits.iter().zip(&self.keys) {
            let n = values.len();
            rows.push(format!("(${}, 1, ${})", n + 1, n + 2));
            most.push(format!("WHEN ${} THEN {}", n + 1, limit.most));
            values.extend([Value::from(key.clone()), Value::from(self.at + limit.window)]);
        }
        let (source, further) = source(&rows.join(", "), values.len() + 1);
        values.extend(further);
        let statement = format!(
            "INSERT INTO rate_limit (key, used, window_ends_at) {source}
         ON CONFLICT (key) DO UPDATE SET
           used = CASE WHEN rate_limit.window_ends_at <= $1 THEN 1 ELSE rate_limit.used + 1 END,
           window_ends_at = CASE WHEN rate_limit.window_ends_at <= $1 THEN excluded.window_ends_at
                            ELSE rate_limit.window_ends_at END
         WHERE rate_limit.window_ends_at <= $1 OR rate_limit.used < CASE rate_limit.key {} END",
            most.join(" ")
        );
        Statement::from_sql_and_values(backend, statement, values)
    }

    /// A condition that holds where each of so many limits has room, with [`Reservation::room_values`] as its parameters from number
    /// `first` on. SQLite looks for the windows by their keys: a plus keeps it from its index of their ends.
    #[must_use]
    pub fn room_condition(limits: usize, first: usize) -> String {
        let places = (0..limits).map(|n| first + 1 + 2 * n);
        let keys: Vec<String> = places.clone().map(|key| format!("${key}")).collect();
        let most: Vec<String> = places.map(|key| format!("WHEN ${key} THEN ${}", key + 1)).collect();
        format!(
            "NOT EXISTS (SELECT 1 FROM rate_limit l WHERE l.key IN ({}) AND +l.window_ends_at > ${first} \
             AND l.used >= CASE l.key {} END)",
            keys.join(", "),
            most.join(" ")
        )
    }

    /// Parameters of [`Reservation::room_condition`] for so many limits; `None` for another number of them, and where one allows nothing
    /// at all.
    #[must_use]
    pub fn room_values(&self, limits: usize) -> Option<Vec<Value>> {
        if self.limits.len() != limits || self.limits.iter().any(|limit| limit.most == 0) {
            return None;
        }
        let windows = self.limits.iter().zip(&self.keys);
        let windows =
            windows.flat_map(|(limit, key)| [Value::from(key.clone()), Value::from(i64::from(limit.most))]);
        Some(std::iter::once(Value::from(self.at)).chain(windows).collect())
    }

    /// Reads the rows that the statement answered with, which may be among those of others. `Some` is the first limit that is full, after
    /// its place, and how long to wait: the caller takes the transaction back then, and with it what was reserved of the others.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn refused(
        &self,
        app: &App,
        db: &impl ConnectionTrait,
        rows: Vec<QueryResult>,
    ) -> Result<Option<(usize, Limit, Duration)>> {
        let mut granted = HashSet::new();
        for row in rows {
            granted.extend(row.try_get::<Option<String>>("", Self::RETURNED)?);
        }
        for (place, limit) in self.limits.iter().enumerate() {
            let key = &self.keys[place];
            if limit.most == 0 || !granted.contains(key) {
                return Ok(Some((place, *limit, full(app, db, *limit, key).await?)));
            }
        }
        Ok(None)
    }
}

/// How long to wait for a window that is full.
async fn full(app: &App, db: &impl ConnectionTrait, limit: Limit, key: &str) -> Result<Duration, DbErr> {
    metrics::limited(limit.bucket, 1);
    let select = Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT window_ends_at FROM rate_limit WHERE key = $1",
        [Value::from(key)],
    );
    let ends = Window::find_by_statement(select).one(db).await?.map(|row| row.window_ends_at);
    let wait = ends.map_or(limit.window, |ends| ends - app.clock.now());
    Ok(Duration::from_secs(u64::try_from(wait.num_seconds()).unwrap_or_default() + 1))
}

/// What a window has left for `subject`, held until the transaction ends so that nobody else takes it meanwhile.
///
/// # Errors
/// Whatever the database says.
pub async fn left(app: &App, db: &impl ConnectionTrait, limit: Limit, subject: &str) -> Result<u32> {
    let now = app.clock.now();
    let key = app.keys.limiter_key(limit.bucket, subject);
    let backend = db.get_database_backend();
    // Beginning an empty window makes a row that can be locked.
    let begin = "INSERT INTO rate_limit (key, used, window_ends_at) VALUES ($1, 0, $2)
         ON CONFLICT (key) DO UPDATE SET
           used = CASE WHEN rate_limit.window_ends_at <= $3 THEN 0 ELSE rate_limit.used END,
           window_ends_at = CASE WHEN rate_limit.window_ends_at <= $3 THEN $2
                            ELSE rate_limit.window_ends_at END
         RETURNING used";
    let values = [Value::from(key), Value::from(now + limit.window), Value::from(now)];
    let row = db.query_one_raw(Statement::from_sql_and_values(backend, begin, values)).await?;
    let used: i64 = row.map_or(Ok(0), |row| row.try_get("", "used"))?;
    Ok(limit.most.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX)))
}

/// Uses up `amount` of what [`left`] said, in the same transaction.
///
/// # Errors
/// Whatever the database says.
pub async fn take(
    app: &App,
    db: &impl ConnectionTrait,
    limit: Limit,
    subject: &str,
    amount: u32,
) -> Result<()> {
    let key = app.keys.limiter_key(limit.bucket, subject);
    let statement = "UPDATE rate_limit SET used = used + $1 WHERE key = $2";
    let values = [Value::from(i64::from(amount)), Value::from(key)];
    db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), statement, values)).await?;
    Ok(())
}

/// Reserves one attempt for each of `subjects`, which differ, and says for which there was room.
///
/// # Errors
/// Whatever the database says.
pub async fn reserve_each(
    app: &App,
    db: &impl ConnectionTrait,
    limit: Limit,
    subjects: &[&str],
) -> Result<Vec<bool>> {
    if limit.most == 0 {
        return Ok(vec![false; subjects.len()]);
    }
    let now = app.clock.now();
    let keys: Vec<String> = subjects.iter().map(|s| app.keys.limiter_key(limit.bucket, s)).collect();
    let mut granted = HashSet::new();
    // One order for everybody, so that two calls at once wait for each other and never in a circle.
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    for keys in sorted.chunks(ROWS) {
        let rows: Vec<String> = (4..4 + keys.len()).map(|n| format!("(${n}, 1, $1)")).collect();
        let statement = format!(
            "INSERT INTO rate_limit (key, used, window_ends_at) VALUES {}
             ON CONFLICT (key) DO UPDATE SET
               used = CASE WHEN rate_limit.window_ends_at <= $2 THEN 1 ELSE rate_limit.used + 1 END,
               window_ends_at = CASE WHEN rate_limit.window_ends_at <= $2 THEN $1
                                ELSE rate_limit.window_ends_at END
             WHERE rate_limit.window_ends_at <= $2 OR rate_limit.used < $3
             RETURNING key",
            rows.join(", ")
        );
        let mut values =
            vec![Value::from(now + limit.window), Value::from(now), Value::from(i64::from(limit.most))];
        values.extend(keys.iter().cloned().map(Value::from));
        let statement = Statement::from_sql_and_values(db.get_database_backend(), statement, values);
        for row in db.query_all_raw(statement).await? {
            granted.insert(row.try_get::<String>("", "key")?);
        }
    }
    let granted: Vec<bool> = keys.iter().map(|key| granted.contains(key)).collect();
    let refused = granted.iter().filter(|granted| !**granted).count();
    if refused > 0 {
        metrics::limited(limit.bucket, refused as u64);
    }
    Ok(granted)
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
