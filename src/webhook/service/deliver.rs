//! Posting what is due.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use sea_orm::ActiveEnum as _;
use serde_json::{Value, json};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, timeout};

use super::send::{Answer, Post};
use super::sign;
use crate::actor::Actor;
use crate::app::App;
use crate::error::Result;
use crate::event::{self, Event, EventKind, NewEvent, Subject};
use crate::id::{TypedId as _, WebhookDeliveryId, WebhookEndpointId, global_of_type};
use crate::outbox;
use crate::telemetry::metrics;
use crate::webhook::model::delivery::Ending;
use crate::webhook::model::{
    WebhookDelivery, WebhookDeliveryState, WebhookDisabledReason, WebhookEndpoint, WebhookEndpointStatus,
    delivery, endpoint,
};

/// How long a delivery stays with a worker that is not heard of: an attempt takes 15 seconds at the most.
const LEASE: TimeDelta = TimeDelta::seconds(60);
/// Attempts that are under way at once, in all and at one endpoint: a slow one does not keep others waiting.
const AT_ONCE: usize = 32;
const AT_ONE: usize = 4;
/// For how long further attempts are begun in one run; what has begun is finished.
const RUN: Duration = Duration::from_secs(5);
/// How often more is looked for while attempts are under way.
const LOOK: Duration = Duration::from_secs(1);
/// Waiting times after the attempts; after the last one comes the last attempt.
const RETRIES: [TimeDelta; 9] = [
    TimeDelta::seconds(5),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(5),
    TimeDelta::hours(10),
    TimeDelta::hours(14),
    TimeDelta::hours(20),
    TimeDelta::hours(24),
];
/// An endpoint that only failed for so long is disabled.
const FAILING_MAX: TimeDelta = TimeDelta::days(5);

/// Attempts under way, and whose they are.
#[derive(Default)]
struct Running {
    tasks: JoinSet<Result<()>>,
    at: HashMap<Id, WebhookEndpointId>,
}

impl Running {
    fn count_at(&self, endpoint: WebhookEndpointId) -> usize {
        self.at.values().filter(|id| **id == endpoint).count()
    }

    fn busy(&self) -> Vec<WebhookEndpointId> {
        let mut busy: Vec<_> = self.at.values().copied().filter(|id| self.count_at(*id) >= AT_ONE).collect();
        busy.sort_unstable();
        busy.dedup();
        busy
    }
}

/// Makes an attempt for every delivery that is due and says how many were made. Nothing is posted while mail is held back:
/// a restored copy of a database stays silent altogether.
///
/// # Errors
/// Whatever the database says. An endpoint that does not answer stops nobody else.
pub async fn deliver_due(app: &App) -> Result<u64> {
    if outbox::service::held(app.db.reader()).await?.is_some() {
        return Ok(0);
    }
    let until = Instant::now() + RUN;
    let (mut running, mut attempted, mut failure) = (Running::default(), 0, None);
    loop {
        if failure.is_none() && Instant::now() < until {
            match begin(app, &mut running).await {
                Ok(begun) => attempted += begun,
                Err(error) => failure = Some(error),
            }
        }
        let Ok(ended) = timeout(LOOK, running.tasks.join_next_with_id()).await else { continue };
        match ended {
            None => break,
            Some(Ok((id, done))) => {
                running.at.remove(&id);
                failure = done.err().or(failure);
            }
            Some(Err(error)) => {
                running.at.remove(&error.id());
                tracing::error!(%error, "posting a webhook ended unexpectedly; it is posted again");
            }
        }
    }
    failure.map_or(Ok(attempted), Err)
}

/// Begins as many attempts as there is room for.
async fn begin(app: &App, running: &mut Running) -> Result<u64> {
    let mut begun = 0;
    while running.tasks.len() < AT_ONCE {
        let now = app.clock.now();
        let lease_time = app.db.lease_time(&app.clock).await?;
        let room = (AT_ONCE - running.tasks.len()) as u64;
        let due = delivery::due(app.db.reader(), now, lease_time, &running.busy(), room).await?;
        let mut taken = 0;
        for row in due {
            if running.count_at(row.endpoint_id) >= AT_ONE
                || !delivery::claim(app.db.writer(), &row, now, lease_time, lease_time + LEASE).await?
            {
                continue;
            }
            let (app, endpoint) = (app.clone(), row.endpoint_id);
            let task = running.tasks.spawn(async move { attempt(&app, row).await });
            running.at.insert(task.id(), endpoint);
            taken += 1;
        }
        if taken == 0 {
            break;
        }
        begun += taken;
    }
    Ok(begun)
}

async fn attempt(app: &App, row: WebhookDelivery) -> Result<()> {
    let db = app.db.reader();
    // Deleted meanwhile, and the delivery with it.
    let Some(endpoint) = endpoint::by_id_all_tenants(db, row.endpoint_id).await? else { return Ok(()) };
    let event = event::service::find_all_tenants(db, row.event_id).await?;
    let event = event.filter(|event| event.tenant_id == Some(row.tenant_id));
    let gone = |reply: &str| Ending {
        state: WebhookDeliveryState::Failed,
        next_attempt_at: None,
        last_status: None,
        last_reply: reply.to_owned(),
    };
    match event {
        _ if endpoint.status == WebhookEndpointStatus::Disabled => {
            record(app, &row, &gone("The endpoint is disabled.")).await
        }
        None => record(app, &row, &gone("The event is gone.")).await,
        Some(event) => {
            let answer = match post(app, &endpoint, row.id, &event) {
                Ok(post) => app.webhooks.post(&endpoint.url, post, row.attempts + 1).await,
                Err(error) => {
                    tracing::error!(endpoint = %endpoint.id.global(), cause = ?error, "a webhook cannot be signed");
                    Answer::none("It could not be signed; the logs say why.")
                }
            };
            finish(app, &endpoint, &row, answer).await
        }
    }
}

fn post(app: &App, endpoint: &WebhookEndpoint, id: WebhookDeliveryId, event: &Event) -> Result<Post> {
    let (id, at, body) = (id.global(), app.clock.now(), body(event).to_string());
    let signature = sign::signatures(app, endpoint, &id, at, body.as_bytes())?;
    Ok(Post { id, timestamp: at.timestamp(), signature, body: body.into() })
}

/// What is posted: what `events` shows to who has VIEW_EVENTS, with the same identifiers.
fn body(event: &Event) -> Value {
    json!({
        "type": event.kind,
        "timestamp": event.at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "data": {
            "eventId": event.id.global(),
            "tenantId": event.tenant_id.map(|id| id.global()),
            "kind": event.kind,
            "actorId": event.actor_id.map(|id| id.global()),
            "subjectType": event.subject_type,
            "subjectId": global_of_type(&event.subject_type, event.subject_id),
            "data": event.data,
        },
    })
}

/// When to try again after attempt number `attempts`; `None` when that was the last one.
fn waiting_time(attempts: i64) -> Option<TimeDelta> {
    let index = usize::try_from(attempts - 1).unwrap_or_default();
    RETRIES.get(index).copied()
}

/// Records what came of an attempt, with what it means for the endpoint.
async fn finish(app: &App, endpoint: &WebhookEndpoint, row: &WebhookDelivery, answer: Answer) -> Result<()> {
    let (now, number) = (app.clock.now(), row.attempts + 1);
    let taken = answer.status.is_some_and(|status| (200..300).contains(&status));
    let gone = answer.status == Some(410);
    let next = waiting_time(number).filter(|_| !taken && !gone).map(|wait| now + wait);
    let state = match (taken, next) {
        (true, _) => WebhookDeliveryState::Delivered,
        (false, Some(_)) => WebhookDeliveryState::Retrying,
        (false, None) => WebhookDeliveryState::Failed,
    };
    let status = answer.status.map(i64::from);
    let ending = Ending { state, next_attempt_at: next, last_status: status, last_reply: answer.reply };
    record(app, row, &ending).await?;
    if taken {
        return Ok(endpoint::recovered(app.db.writer(), endpoint.id).await?);
    }
    let txn = app.db.begin_write().await?;
    endpoint::failed(&txn, endpoint.id, now).await?;
    let reason = if gone { WebhookDisabledReason::Gone } else { WebhookDisabledReason::Failing };
    let disabled = match gone {
        true => endpoint::disable(&txn, endpoint.id, reason).await?,
        false => endpoint::disable_failing(&txn, endpoint.id, now - FAILING_MAX).await?,
    };
    if disabled {
        delivery::give_up(&txn, endpoint.id).await?;
        let subject = Subject::Webhook(endpoint.id);
        let fact = NewEvent::of(EventKind::WebhookDisabled, Some(endpoint.tenant_id), subject)
            .with(json!({ "reason": reason.to_value().to_uppercase() }));
        event::service::record(app, &txn, &Actor::operator(), fact).await?;
    }
    Ok(txn.commit().await?)
}

/// Records how an attempt ended. A database that is away for a moment must not turn one delivery into two.
async fn record(app: &App, row: &WebhookDelivery, ending: &Ending) -> Result<()> {
    let number = row.attempts + 1;
    tracing::info!(delivery = %row.id.global(), attempt = number, state = ?ending.state, "webhook attempted");
    metrics::webhook(ending.state.to_value());
    for wait in [100, 400, 1_600, 3_200] {
        match delivery::complete(app.db.writer(), row.id, number, ending).await {
            Ok(_) => return Ok(()),
            Err(error) => tracing::warn!(%error, "cannot record how a webhook went; trying again"),
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    Ok(delivery::complete(app.db.writer(), row.id, number, ending).await.map(drop)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_are_made_in_three_days_and_a_few_hours() {
        let waits: Vec<i64> = (1..=9).filter_map(waiting_time).map(|wait| wait.num_seconds()).collect();
        assert_eq!(waits, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(waiting_time(10), None);
        assert_eq!(waiting_time(11), None);
    }
}
