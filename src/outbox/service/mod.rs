//! Owing mails, and paying.

mod look;

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::sea_query::SelectStatement;
use sea_orm::{ActiveEnum as _, ConnectionTrait};
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use super::model::{self, DeliveryState, Ending, MailKind, Model};
use crate::app::App;
use crate::clock::Instant;
use crate::db::Batch;
use crate::error::{ErrorCode, Result};
use crate::id::{OutboxId, TenantId, TypedId as _, UserId};
use crate::mail::{Mail, SendError};
use crate::telemetry::{metrics, traces};

pub use look::{Figures, backlog, figures, list, page_of};

/// How long a mail stays with a worker that is not heard of; one at work renews it in time.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// How often a lease is renewed.
const RENEWAL: Duration = Duration::from_secs(20);
/// Attempts at a mail that cannot be made; then it is parked as failed, for somebody to look at.
const UNMAKEABLE_MAX: i64 = 5;
/// Waiting times after the first attempts; the last one repeats.
const RETRIES: [TimeDelta; 6] = [
    TimeDelta::minutes(1),
    TimeDelta::minutes(5),
    TimeDelta::minutes(15),
    TimeDelta::hours(1),
    TimeDelta::hours(3),
    TimeDelta::hours(6),
];
/// Longest answer of a mail server that is kept, in bytes.
const REPLY_MAX: usize = 500;

/// A mail about to be owed.
#[derive(Clone, Copy, Debug)]
pub struct NewMail {
    /// Which mail it is.
    pub kind: MailKind,
    /// The tenant that causes it.
    pub tenant_id: Option<TenantId>,
    /// What it is about.
    pub subject_id: Uuid,
    /// Whose mailbox it goes to, where the subject does not say.
    pub recipient_id: Option<UserId>,
    /// Generation of the link in it.
    pub generation: i64,
    /// From when on it is pointless.
    pub give_up_at: Instant,
}

/// Owes a mail, in the transaction that causes it. Ring [`App::mail_waiting`](crate::app::Parts::mail_waiting)
/// after the commit.
///
/// # Errors
/// Whatever the database says.
pub async fn enqueue(app: &App, db: &impl ConnectionTrait, new: NewMail) -> Result<OutboxId> {
    let row = row(app, new);
    let id = row.id;
    model::insert(db, row).await?;
    Ok(id)
}

/// As [`enqueue`], with statements that are sent together.
pub fn enqueue_in(app: &App, batch: &mut Batch, new: NewMail) -> OutboxId {
    let row = row(app, new);
    let id = row.id;
    let insert = model::insertion(row, batch.backend());
    batch.push(insert);
    id
}

/// Owes many mails; their identifiers in the same order.
///
/// # Errors
/// Whatever the database says.
pub async fn enqueue_many(app: &App, db: &impl ConnectionTrait, new: Vec<NewMail>) -> Result<Vec<OutboxId>> {
    let rows: Vec<Model> = new.into_iter().map(|new| row(app, new)).collect();
    let ids = rows.iter().map(|row| row.id).collect();
    model::insert_many(db, rows).await?;
    Ok(ids)
}

fn row(app: &App, new: NewMail) -> Model {
    let now = app.clock.now();
    Model {
        id: app.fresh_id(),
        tenant_id: new.tenant_id,
        kind: new.kind,
        subject_id: new.subject_id,
        recipient_id: new.recipient_id,
        generation: new.generation,
        state: DeliveryState::Queued,
        attempts: 0,
        created_at: now,
        next_attempt_at: Some(now),
        last_attempt_at: None,
        give_up_at: new.give_up_at,
        lease_until: None,
        last_reply: None,
    }
}

/// A mail whose reason is gone is not sent any more; one that was sent stays sent.
///
/// # Errors
/// Whatever the database says.
pub async fn suppress(db: &impl ConnectionTrait, id: OutboxId) -> Result<()> {
    Ok(model::suppress(db, id).await?)
}

/// Deletes every mail of a tenant that is erased, after what refers to them.
///
/// # Errors
/// Whatever the database says.
pub async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<()> {
    Ok(model::erase(db, tenant).await?)
}

/// Mails by identifier.
///
/// # Errors
/// Whatever the database says.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[OutboxId]) -> Result<Vec<Model>> {
    Ok(model::by_ids(db, ids).await?)
}

/// A query for the identifiers of mails in any of the given states.
#[must_use]
pub fn ids_in(states: &[DeliveryState]) -> SelectStatement {
    model::ids_in(states)
}

/// Gives back every lease. Only for the one process that may serve a SQLite file: what held them is dead.
///
/// # Errors
/// Whatever the database says.
pub async fn release_leases(app: &App) -> Result<()> {
    Ok(model::release_leases(app.db.writer()).await?)
}

/// A mail as it stays until the transaction ends.
///
/// # Errors
/// Whatever the database says.
pub async fn locked(db: &impl ConnectionTrait, id: OutboxId) -> Result<Option<Model>> {
    Ok(model::locked(db, id).await?)
}

/// Makes a mail due that failed or waits for another attempt. Ring [`App::mail_waiting`](crate::app::Parts::mail_waiting) after
/// the commit.
///
/// # Errors
/// Whatever the database says.
pub async fn make_due(db: &impl ConnectionTrait, id: OutboxId, now: Instant) -> Result<()> {
    Ok(model::retry(db, &[id], now).await.map(drop)?)
}

/// Tries mails again that failed or wait for another attempt, and says how many; every one of them for no identifiers.
///
/// # Errors
/// Whatever the database says.
pub async fn retry(app: &App, ids: &[OutboxId]) -> Result<u64> {
    let tried = model::retry(app.db.writer(), ids, app.clock.now()).await?;
    app.mail_waiting.notify_one();
    Ok(tried)
}

/// Why mail is held back, while it is.
///
/// # Errors
/// Whatever the database says.
pub async fn held(db: &impl ConnectionTrait) -> Result<Option<String>> {
    Ok(model::held(db).await?)
}

/// Holds all mail back until it is released, in every process.
///
/// # Errors
/// Whatever the database says.
pub async fn hold(app: &App, reason: &str) -> Result<()> {
    Ok(model::hold(app.db.writer(), reason).await?)
}

/// Lets mail leave again; with `discard` what waits is suppressed instead, and counted. The first value says whether it was
/// held.
///
/// # Errors
/// Whatever the database says.
pub async fn release(app: &App, discard: bool) -> Result<(bool, u64)> {
    let txn = app.db.begin_write().await?;
    let discarded = if discard { model::suppress_open(&txn).await? } else { 0 };
    let held = model::release(&txn).await?;
    txn.commit().await?;
    app.mail_waiting.notify_one();
    Ok((held, discarded))
}

/// Makes one attempt for every mail that is due, a few at a time, and says how many were attempted. Nothing is tried while
/// mail is held back or the mail server rests.
///
/// `render` makes the mail from its row right before it is sent; `None` when its reason is gone.
///
/// # Errors
/// Whatever the database says. A mail that cannot be rendered or sent is put off, and stops nobody else.
pub async fn deliver_due<F, Fut>(app: &App, render: F) -> Result<u64>
where
    F: Fn(App, Model) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<Option<Mail>>> + Send,
{
    let mut attempted = 0;
    if model::held(app.db.reader()).await?.is_some() {
        return Ok(attempted);
    }
    loop {
        let now = app.clock.now();
        let most = app.mailer.capacity(now);
        if most == 0 {
            return Ok(attempted);
        }
        let lease_time = app.db.lease_time(&app.clock).await?;
        let due = model::due(app.db.reader(), now, lease_time, most).await?;
        let mut running = tokio::task::JoinSet::new();
        let mut begun = HashMap::new();
        let mut failed = None;
        for row in due {
            match model::claim(app.db.writer(), &row, now, lease_time, lease_time + LEASE).await {
                Ok(true) => {
                    let (app, render) = (app.clone(), render.clone());
                    let task = running.spawn({
                        let row = row.clone();
                        let span = traces::mail(&row.kind.to_value(), row.attempts + 1);
                        async move { attempt(&app, row, render).await }.instrument(span)
                    });
                    begun.insert(task.id(), row);
                    attempted += 1;
                }
                Ok(false) => {}
                Err(error) => {
                    failed = Some(error.into());
                    break;
                }
            }
        }
        if running.is_empty() && failed.is_none() {
            return Ok(attempted);
        }
        // What has begun is finished, whatever happens to others: a mail cut short is sent twice.
        while let Some(done) = running.join_next_with_id().await {
            match done {
                Ok((_, Ok(()))) => {}
                Ok((_, Err(error))) => failed = Some(error),
                Err(error) => {
                    tracing::error!(%error, "sending a mail ended unexpectedly");
                    if let Some(row) = begun.remove(&error.id()) {
                        let reply = "Sending ended unexpectedly; the logs say how.".to_owned();
                        finish(app, &row, unmakeable(app, &row, reply)).await?;
                    }
                }
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
    }
}

async fn attempt<F, Fut>(app: &App, row: Model, render: F) -> Result<()>
where
    F: Fn(App, Model) -> Fut,
    Fut: Future<Output = Result<Option<Mail>>>,
{
    let working = make_and_send(app, &row, render);
    tokio::pin!(working);
    loop {
        tokio::select! {
            ending = &mut working => return finish(app, &row, ending).await,
            () = tokio::time::sleep(RENEWAL) => {
                let renewed = async {
                    let until = app.db.lease_time(&app.clock).await? + LEASE;
                    model::renew(app.db.writer(), row.id, row.attempts + 1, until).await
                };
                if let Err(error) = renewed.await {
                    tracing::warn!(%error, "cannot renew the lease of a mail; trying again");
                }
            }
        }
    }
}

async fn make_and_send<F, Fut>(app: &App, row: &Model, render: F) -> Ending
where
    F: Fn(App, Model) -> Fut,
    Fut: Future<Output = Result<Option<Mail>>>,
{
    match render(app.clone(), row.clone()).await {
        Ok(None) => Ending { state: DeliveryState::Suppressed, next_attempt_at: None, last_reply: None },
        Ok(Some(mail)) => match app.mailer.send(row.id, &mail, app.clock.now()).await {
            Ok(reply) => {
                Ending { state: DeliveryState::Sent, next_attempt_at: None, last_reply: Some(reply) }
            }
            Err(SendError::Refused(reply)) => failed(reply),
            Err(SendError::PutOff(reply) | SendError::Unavailable(reply)) => put_off(app, row, reply),
            Err(SendError::Unmakeable(cause)) => {
                tracing::error!(mail = %row.id.global(), cause, "a mail cannot be made");
                unmakeable(app, row, format!("The mail cannot be made: {cause}"))
            }
        },
        // The database may be back in a moment; a row that cannot be read never will.
        Err(error) if error.code() == ErrorCode::Overloaded => put_off(app, row, error.to_string()),
        Err(error) => {
            tracing::error!(mail = %row.id.global(), cause = ?error, "a mail cannot be rendered");
            unmakeable(app, row, "The mail could not be rendered; the logs say why.".to_owned())
        }
    }
}

/// Records how an attempt ended.
async fn finish(app: &App, row: &Model, ending: Ending) -> Result<()> {
    let number = row.attempts + 1;
    tracing::info!(mail = %row.id.global(), kind = ?row.kind, attempt = number, state = ?ending.state, "mail attempted");
    metrics::mail(row.kind.to_value(), ending.state.to_value());
    traces::ended(&Span::current(), &ending.state.to_value());
    let reply = ending.last_reply.map(|reply| crate::text::clip(&reply, REPLY_MAX));
    let ending = Ending { last_reply: reply, ..ending };
    // A database that is away for a moment must not turn one delivery into two.
    for wait in [100, 400, 1_600, 3_200, 6_400] {
        match model::complete(app.db.writer(), row.id, number, ending.clone()).await {
            Ok(_) => return Ok(()),
            Err(error) => tracing::warn!(%error, "cannot record how a mail went; trying again"),
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    model::complete(app.db.writer(), row.id, number, ending).await?;
    Ok(())
}

fn failed(reply: String) -> Ending {
    Ending { state: DeliveryState::Failed, next_attempt_at: None, last_reply: Some(reply) }
}

/// A mail that cannot be made is tried a few times, in case that a new release can, and then parked.
fn unmakeable(app: &App, row: &Model, reply: String) -> Ending {
    if row.attempts + 1 >= UNMAKEABLE_MAX { failed(reply) } else { put_off(app, row, reply) }
}

fn put_off(app: &App, row: &Model, reply: String) -> Ending {
    let next = app.clock.now() + waiting_time(row.attempts, app.config.mail_retry_scale);
    if next >= row.give_up_at {
        return failed(reply);
    }
    Ending { state: DeliveryState::Retrying, next_attempt_at: Some(next), last_reply: Some(reply) }
}

/// How long to wait after `failures` earlier attempts and the one just made.
fn waiting_time(failures: i64, scale: f64) -> TimeDelta {
    let index = usize::try_from(failures).unwrap_or_default().min(RETRIES.len() - 1);
    let millis = RETRIES[index].num_milliseconds() as f64 * scale;
    TimeDelta::milliseconds(millis as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_follow_after_1_5_15_minutes_1_3_and_then_every_6_hours() {
        let minutes: Vec<i64> = (0..8).map(|n| waiting_time(n, 1.0).num_minutes()).collect();
        assert_eq!(minutes, [1, 5, 15, 60, 180, 360, 360, 360]);
        assert_eq!(waiting_time(0, 0.01).num_milliseconds(), 600);
    }
}
