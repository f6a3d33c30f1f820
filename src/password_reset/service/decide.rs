//! Approving, rejecting and withdrawing.

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::eligible::{entitled, hidden, usable};
use super::mail::{owe_link, owe_refusal};
use super::{cancel_one, cancel_open, happened};
use crate::actor::Actor;
use crate::app::App;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{self, EventKind};
use crate::id::{ResetRequestId, TenantId};
use crate::password_reset::Refused;
use crate::password_reset::model::{self, Decision, Model, ResetStatus};
use crate::user::User;
use crate::{text, user};

/// Approves a request: its link goes to the mailbox of the account, and is good for `GUESTLIST_RESET_TTL` from here on.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND`, `FORBIDDEN` without APPROVE_RESETS, `NOT_ELIGIBLE`, and `ALREADY_DECIDED` with the
/// request in whatever other state it is.
pub async fn approve(app: &App, actor: &Actor, id: ResetRequestId) -> Result<Model, Refused> {
    let txn = app.db.begin_write().await?;
    let (row, requester) = find(&txn, actor, id).await?;
    let tenant = entitled(&txn, actor, &requester).await?;
    if !usable(&requester) && cancel_one(app, &txn, actor, &row, "ACCOUNT_UNUSABLE").await? {
        let row = reread(&txn, id).await?;
        txn.commit().await?;
        return Err(already_decided(app, row));
    }
    if !release(app, &txn, actor, &row, actor.user_id(), tenant.or(row.tenant_id)).await? {
        return Err(already_decided(app, reread(&txn, id).await?));
    }
    let row = reread(&txn, id).await?;
    txn.commit().await?;
    app.mail_waiting.notify_one();
    Ok(row)
}

/// Approves in the transaction, owes the link and records it; `false` when the request does not wait any more.
pub(super) async fn release(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    row: &Model,
    by: Option<crate::id::UserId>,
    tenant: Option<TenantId>,
) -> Result<bool> {
    let now = app.clock.now();
    let expires_at = now + app.config.reset_ttl;
    let decision = Decision { by, tenant, at: now, reason: None };
    if !model::approve(db, row, &decision, expires_at).await? {
        return Ok(false);
    }
    owe_link(app, db, row, row.generation + 1, expires_at).await?;
    let row = Model { tenant_id: tenant, ..row.clone() };
    let policy = if by.is_some() { "APPROVAL" } else { "SELF_SERVICE" };
    let approved = happened(EventKind::ResetApproved, &row).with(json!({ "policy": policy }));
    event::service::record(app, db, actor, approved).await?;
    Ok(true)
}

/// Turns a request down, or takes an earlier approval back: its link is void then. An approval that is made at the same
/// moment stands.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND`, `FORBIDDEN` without APPROVE_RESETS, `NOT_ELIGIBLE`, `BAD_USER_INPUT` at `reason`, and
/// `ALREADY_DECIDED` with the request in whatever other state it is.
pub async fn reject(
    app: &App,
    actor: &Actor,
    id: ResetRequestId,
    reason: Option<&str>,
) -> Result<Model, Refused> {
    actor.known()?;
    let asked_at = app.clock.now();
    let reason = reason.map_or(Ok(None), |reason| text::note("reason", reason))?;
    let txn = app.db.begin_write().await?;
    let (row, requester) = find(&txn, actor, id).await?;
    let tenant = entitled(&txn, actor, &requester).await?.or(row.tenant_id);
    let decision = Decision { by: actor.user_id(), tenant, at: app.clock.now(), reason };
    if !model::reject(&txn, &row, &decision, asked_at).await? {
        return Err(already_decided(app, reread(&txn, id).await?));
    }
    let taken_back = row.status == ResetStatus::Approved;
    let row = reread(&txn, id).await?;
    let rejected = happened(EventKind::ResetRejected, &row).with(json!({ "takenBack": taken_back }));
    event::service::record(app, &txn, actor, rejected).await?;
    owe_refusal(app, &txn, &row).await?;
    txn.commit().await?;
    app.mail_waiting.notify_one();
    Ok(row)
}

/// Withdraws the caller's own open request; `None` when there is none.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn cancel(app: &App, actor: &Actor) -> Result<Option<Model>> {
    let user_id = actor.signed_in()?.user_id;
    let txn = app.db.begin_write().await?;
    let row = cancel_open(app, &txn, actor, user_id, "REQUESTED").await?;
    txn.commit().await?;
    Ok(row)
}

async fn find(db: &impl ConnectionTrait, actor: &Actor, id: ResetRequestId) -> Result<(Model, User)> {
    actor.known()?;
    let row = model::by_id(db, id).await?.ok_or_else(hidden)?;
    let requester = user::service::get(db, row.user_id).await?;
    Ok((row, requester))
}

async fn reread(db: &impl ConnectionTrait, id: ResetRequestId) -> Result<Model> {
    model::by_id(db, id).await?.ok_or_else(hidden)
}

/// A refusal that names the state a request is in and shows it.
fn already_decided(app: &App, row: Model) -> Refused {
    let message = match row.status_at(app.clock.now()) {
        ResetStatus::Requested => "This request was changed at the same moment; look at it again.",
        ResetStatus::Approved => "This request was approved already; reject it to take the approval back.",
        ResetStatus::Completed => "The password was reset already.",
        ResetStatus::Rejected => "This request was rejected.",
        ResetStatus::Cancelled => "This request was cancelled.",
        ResetStatus::Expired => "This request has expired; the person has to ask again.",
    };
    Refused::with(Error::refused(ErrorCode::AlreadyDecided, message), row)
}
