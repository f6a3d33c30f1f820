//! Commands about mail that is owed.

use serde_json::json;

use super::actions::MailState;
use super::output::{say, say_json, talk};
use super::{Failure, Outcome, open};
use crate::config::Options;
use crate::id::{OutboxId, TypedId as _};
use crate::outbox::{DeliveryState, service};

/// Mails that a list shows at the most.
const SHOWN: u64 = 1_000;

pub(super) async fn list(options: &Options, state: Option<MailState>, json: bool) -> Outcome {
    let app = open(options).await?;
    let states = match state {
        Some(MailState::Queued) => vec![DeliveryState::Queued],
        Some(MailState::Retrying) => vec![DeliveryState::Retrying],
        Some(MailState::Sent) => vec![DeliveryState::Sent],
        Some(MailState::Failed) => vec![DeliveryState::Failed],
        Some(MailState::Suppressed) => vec![DeliveryState::Suppressed],
        None => vec![DeliveryState::Queued, DeliveryState::Retrying, DeliveryState::Failed],
    };
    let mails = service::list(app.db.reader(), &states, SHOWN).await?;
    let word = |text: String| text.to_lowercase();
    if json {
        let row = |mail: &crate::outbox::OutboxMail| {
            json!({
                "id": mail.id.global(), "kind": word(format!("{:?}", mail.kind)),
                "state": word(format!("{:?}", mail.state)), "attempts": mail.attempts, "createdAt": mail.created_at,
                "nextAttemptAt": mail.next_attempt_at, "lastReply": mail.last_reply,
            })
        };
        say_json(&json!(mails.iter().map(row).collect::<Vec<_>>()));
        return Ok(());
    }
    for mail in &mails {
        let state = word(format!("{:?}", mail.state));
        let reply = mail.last_reply.as_deref().unwrap_or_default();
        let attempts = mail.attempts;
        let line =
            format!("{}  {state:9} {attempts:>3} attempts  {:?}  {reply}", mail.id.global(), mail.kind);
        say(line.trim_end());
    }
    if let Some(reason) = service::held(app.db.reader()).await? {
        talk(format_args!("Mail is held back ({reason}); `guestlist outbox release` lets it leave."));
    }
    Ok(())
}

pub(super) async fn retry(options: &Options, ids: &[String]) -> Outcome {
    let parsed: Option<Vec<OutboxId>> = ids.iter().map(|id| OutboxId::from_global(id)).collect();
    let parsed = parsed.ok_or_else(|| {
        Failure::new(Failure::USAGE, "name mails by their identifiers, as `guestlist mail list` prints them")
    })?;
    let app = open(options).await?;
    let tried = service::retry(&app, &parsed).await?;
    say(format_args!("{tried} mails are due."));
    if (tried as usize) < ids.len() {
        return Err(Failure::new(Failure::NOT_FOUND, "the others do not exist, are sent, or wait already"));
    }
    Ok(())
}

pub(super) async fn hold(options: &Options) -> Outcome {
    let app = open(options).await?;
    service::hold(&app, "held by `guestlist outbox hold`").await?;
    say("Mail is held back until `guestlist outbox release`.");
    Ok(())
}

pub(super) async fn release(options: &Options, discard: bool) -> Outcome {
    let app = open(options).await?;
    let (held, discarded) = service::release(&app, discard).await?;
    match (held, discard) {
        (_, true) => say(format_args!("Mail can leave; {discarded} mails that waited are suppressed.")),
        (true, false) => say("Mail can leave again."),
        (false, false) => say("Mail was not held back."),
    }
    Ok(())
}
