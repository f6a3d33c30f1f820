//! What became of the worker's tasks: in this process, and in all of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;

use crate::actor::Actor;
use crate::app::App;
use crate::clock::Instant;
use crate::error::Result;
use crate::platform::model::{self, Model};

/// After how much longer than its period work counts as late, at the least: it is written down once a minute.
const PATIENCE: TimeDelta = TimeDelta::minutes(5);
/// For how long work is remembered that no worker does any more.
const KEPT: TimeDelta = TimeDelta::days(30);

#[derive(Clone, Copy, Debug, Default)]
struct Run {
    period: Duration,
    succeeded_at: Option<Instant>,
    failed_at: Option<Instant>,
}

/// What became of the tasks of this process's worker, if it has one.
#[derive(Debug, Default)]
pub struct Runs(Mutex<BTreeMap<&'static str, Run>>);

impl Runs {
    fn change(&self, name: &'static str, change: impl FnOnce(&mut Run)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default());
    }

    /// A task is done here.
    pub fn begin(&self, name: &'static str, period: Duration) {
        self.change(name, |run| run.period = period);
    }

    /// A task went well, or failed.
    pub fn end(&self, name: &'static str, at: Instant, good: bool) {
        self.change(name, |run| *(if good { &mut run.succeeded_at } else { &mut run.failed_at }) = Some(at));
    }

    fn rows(&self, now: Instant) -> Vec<Model> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let row = |(name, run): (&&str, &Run)| Model {
            name: (*name).to_owned(),
            period_seconds: i64::try_from(run.period.as_secs()).unwrap_or(i64::MAX),
            seen_at: now,
            succeeded_at: run.succeeded_at,
            failed_at: run.failed_at,
        };
        runs.iter().map(row).collect()
    }
}

/// A kind of work, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its name in the logs.
    pub name: String,
    /// How often it is looked for.
    pub period_seconds: i64,
    /// When it last went well.
    pub succeeded_at: Option<Instant>,
    /// When it last failed.
    pub failed_at: Option<Instant>,
    /// Whether it should have gone well since.
    pub is_late: bool,
}

impl Job {
    fn of(row: Model, now: Instant) -> Self {
        let patience = TimeDelta::seconds(row.period_seconds.saturating_mul(3)).max(PATIENCE);
        Self {
            is_late: row.succeeded_at.map_or(row.failed_at.is_some(), |at| now - at > patience),
            name: row.name,
            period_seconds: row.period_seconds,
            succeeded_at: row.succeeded_at,
            failed_at: row.failed_at,
        }
    }
}

/// Writes down what became of this process's tasks, for every process to see.
///
/// # Errors
/// Whatever the database says.
pub async fn record(app: &App) -> Result<()> {
    let now = app.clock.now();
    let rows = app.runs.rows(now);
    if rows.is_empty() {
        return Ok(());
    }
    model::record(app.db.writer(), rows).await?;
    Ok(model::forget(app.db.writer(), now - KEPT).await?)
}

/// Every kind of work, by its name: what was written down, and what this process knows beyond that.
///
/// # Errors
/// `UNAUTHENTICATED`; `FORBIDDEN` unless the actor administers the platform.
pub async fn jobs(app: &App, actor: &Actor) -> Result<Vec<Job>> {
    actor.require_platform()?;
    let now = app.clock.now();
    let written = model::all(app.db.reader()).await?;
    let mut known: BTreeMap<String, Model> = written.into_iter().map(|row| (row.name.clone(), row)).collect();
    for own in app.runs.rows(now) {
        let row = known.entry(own.name.clone()).or_insert_with(|| own.clone());
        row.succeeded_at = row.succeeded_at.max(own.succeeded_at);
        row.failed_at = row.failed_at.max(own.failed_at);
    }
    Ok(known.into_values().map(|row| Job::of(row, now)).collect())
}

/// When a worker was last heard of, in whichever process; the second value says that this was too long ago.
///
/// # Errors
/// Whatever the database says.
pub async fn last_heard_of_a_worker(app: &App) -> Result<(Option<Instant>, bool)> {
    let seen = model::last_seen(app.db.reader()).await?;
    Ok((seen, seen.is_none_or(|at| app.clock.now() - at > PATIENCE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_late_after_three_periods_or_five_minutes() {
        let at = |minutes: i64| Instant::default() + TimeDelta::minutes(minutes);
        let late = |period_seconds, succeeded_at, failed_at, now| {
            let row = Model { name: "x".into(), period_seconds, seen_at: now, succeeded_at, failed_at };
            Job::of(row, now).is_late
        };
        assert!(!late(1, Some(at(0)), None, at(5)) && late(1, Some(at(0)), None, at(6)));
        assert!(!late(3_600, Some(at(0)), None, at(180)) && late(3_600, Some(at(0)), None, at(181)));
        assert!(!late(1, None, None, at(6)), "it has not had its turn");
        assert!(late(1, None, Some(at(0)), at(0)), "it never went well");
        assert!(!late(1, Some(at(0)), Some(at(1)), at(2)), "once is no harm");
    }
}
