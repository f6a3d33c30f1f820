//! Cancelling and declining.

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::{by_token, manage, not_pending};
use crate::actor::Actor;
use crate::app::App;
use crate::db::WriteTransaction;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::InvitationId;
use crate::invitation::Refused;
use crate::invitation::model::{self, CancelReason, Decision, InvitationStatus, Model};
use crate::{limits, outbox, user};

/// Withdraws a pending invitation. Cancelling a cancelled one changes nothing and is no error.
///
/// # Errors
/// `UNAUTHENTICATED`, `FORBIDDEN` without INVITE, `NOT_FOUND`, and `NOT_PENDING` with the invitation in whatever
/// other final state it is: history is never rewritten.
pub async fn cancel(app: &App, actor: &Actor, id: InvitationId) -> Result<Model, Refused> {
    let txn = app.db.begin_write().await?;
    model::lock(&txn, id).await?;
    let (row, _, _) = manage(&txn, actor, id).await?;
    let now = app.clock.now();
    if row.status_at(now) == InvitationStatus::Cancelled {
        return Ok(row);
    }
    let cancelled = Decision {
        status: InvitationStatus::Cancelled,
        cancel_reason: Some(CancelReason::Requested),
        accepted_by: None,
        at: now,
    };
    let decided = apply(app, &txn, actor, &row, cancelled).await?;
    finish(app, txn, row.id, decided, InvitationStatus::Cancelled).await
}

/// Turns an invitation down, with the token from the mail or as the signed-in invitee.
///
/// # Errors
/// `TOKEN_INVALID`, `SUPERSEDED`, `NOT_PENDING` with the state, `SIGN_IN_REQUIRED` when the address has an
/// account and nobody is signed in, `EMAIL_MISMATCH` when somebody else is.
pub async fn decline(
    app: &App,
    actor: &Actor,
    token: Option<&str>,
    id: Option<InvitationId>,
) -> Result<Model, Refused> {
    // Looked at first outside of the transaction, where a wrong guess can be counted.
    let found = match addressed(app, app.db.reader(), actor, token, id).await {
        Ok(row) => row.id,
        Err(error) => return Err(limits::count_guess(app, actor, error).await.into()),
    };
    let txn = app.db.begin_write().await?;
    model::lock(&txn, found).await?;
    let row = addressed(app, &txn, actor, token, id).await?;
    let now = app.clock.now();
    let status = row.status_at(now);
    if !matches!(status, InvitationStatus::Pending | InvitationStatus::Declined) {
        return Err(Refused::with(not_pending(status), row));
    }
    require_invitee(&txn, actor, &row).await?;
    if row.status_at(now) == InvitationStatus::Declined {
        return Ok(row);
    }
    let declined =
        Decision { status: InvitationStatus::Declined, cancel_reason: None, accepted_by: None, at: now };
    let decided = apply(app, &txn, actor, &row, declined).await?;
    finish(app, txn, row.id, decided, InvitationStatus::Declined).await
}

/// Commits a decision that was made; else answers with the state that stood in its way.
async fn finish(
    app: &App,
    txn: WriteTransaction,
    id: InvitationId,
    decided: bool,
    wanted: InvitationStatus,
) -> Result<Model, Refused> {
    let row = model::by_id_all_tenants(&txn, id).await?.ok_or_else(|| Error::not_found("invitation"))?;
    let status = row.status_at(app.clock.now());
    if !decided && status != wanted {
        return Err(Refused::with(not_pending(status), row));
    }
    txn.commit().await?;
    Ok(row)
}

/// Moves a pending invitation into a final state together with its event, and keeps a queued mail from being
/// sent; `false` when the invitation is not pending.
pub(super) async fn apply(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    row: &Model,
    decision: Decision,
) -> Result<bool> {
    if !model::decide(db, row, decision).await? {
        return Ok(false);
    }
    if let Some(outbox_id) = row.outbox_id {
        outbox::service::suppress(db, outbox_id).await?;
    }
    let kind = match decision.status {
        InvitationStatus::Accepted => EventKind::InvitationAccepted,
        InvitationStatus::Declined => EventKind::InvitationDeclined,
        InvitationStatus::Cancelled | InvitationStatus::Pending | InvitationStatus::Expired => {
            EventKind::InvitationCancelled
        }
    };
    let mut decided = NewEvent::of(kind, Some(row.tenant_id), Subject::Invitation(row.id));
    decided.by = decision.accepted_by;
    if let Some(reason) = decision.cancel_reason {
        decided = decided.with(json!({ "reason": reason_name(reason) }));
    }
    event::service::record(app, db, actor, decided).await?;
    Ok(true)
}

fn reason_name(reason: CancelReason) -> &'static str {
    match reason {
        CancelReason::Requested => "REQUESTED",
        CancelReason::Superseded => "SUPERSEDED",
        CancelReason::InviterLostRights => "INVITER_LOST_RIGHTS",
        CancelReason::TenantDeleted => "TENANT_DELETED",
    }
}

/// The invitation that a token names, or the signed-in user's own by its identifier.
pub(super) async fn addressed(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    token: Option<&str>,
    id: Option<InvitationId>,
) -> Result<Model> {
    match (token, id) {
        (Some(token), None) => by_token(app, db, token).await,
        (None, Some(id)) => {
            let principal = actor.signed_in()?;
            let hidden = || Error::not_found("invitation").at("invitationId");
            let row = model::by_id_all_tenants(db, id).await?.ok_or_else(hidden)?;
            let own = principal.email_verified && principal.email.norm() == row.email_norm;
            if own { Ok(row) } else { Err(hidden()) }
        }
        _ => Err(Error::bad_input("token", "Give either the token from the mail or an invitationId.")),
    }
}

/// Refuses somebody else than the invitee: another user, or nobody where the address has an account.
pub(super) async fn require_invitee(db: &impl ConnectionTrait, actor: &Actor, row: &Model) -> Result<()> {
    if let Some(principal) = actor.principal() {
        if principal.email.norm() == row.email_norm {
            return Ok(());
        }
        let message = format!(
            "This invitation is for {}, and you are signed in as {}. Sign in with the invited address.",
            crate::email::mask(&row.email),
            crate::email::mask(principal.email.typed())
        );
        return Err(Error::refused(ErrorCode::EmailMismatch, message));
    }
    let email = crate::email::Email::parse(&row.email).map_err(Error::internal)?;
    if user::service::by_email(db, &email).await?.is_some() {
        let message = "There is an account for this address: sign in with it, then accept or decline.";
        return Err(Error::refused(ErrorCode::SignInRequired, message));
    }
    Ok(())
}
