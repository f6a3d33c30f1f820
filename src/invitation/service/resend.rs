//! Sending an invitation again, with a new link.

use chrono::TimeDelta;
use sea_orm::ConnectionTrait;
use serde_json::json;

use super::accept::inviter_may_grant;
use super::{manage, not_pending};
use crate::actor::Actor;
use crate::app::App;
use crate::email::Email;
use crate::error::{Error, ErrorCode, Result, Unique};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::InvitationId;
use crate::invitation::Refused;
use crate::invitation::model::{self, InvitationStatus, Model};
use crate::{membership, outbox, role, tenant, user};

/// How often an invitation can be sent again.
const RESENDS_MAX: i64 = 5;
/// How long to wait between two mails of one invitation.
const COOL_DOWN: TimeDelta = TimeDelta::seconds(60);

/// Sends a pending or expired invitation again: the same invitation with a new link and a new expiry. The old
/// link answers `SUPERSEDED` from then on.
///
/// # Errors
/// `UNAUTHENTICATED`, `FORBIDDEN` without INVITE, `NOT_FOUND`, `TENANT_UNAVAILABLE`, `ROLE_NOT_ALLOWED` when the
/// role is above the caller's, `NOT_PENDING` in any final state, `ALREADY_MEMBER`, `TOO_SOON` within a minute,
/// `QUOTA_EXCEEDED` after five times, `BAD_USER_INPUT` for link-only.
pub async fn resend(app: &App, actor: &Actor, id: InvitationId) -> Result<Model, Refused> {
    let txn = app.db.begin_write().await?;
    // Who may not makes nobody wait. The tenant comes first, as whoever deletes it or a role of it has it; and whoever counts what is
    // pending waits.
    let (row, ..) = manage(&txn, actor, id).await?;
    tenant::service::lock(&txn, row.tenant_id).await?;
    model::lock(&txn, id).await?;
    let (row, tenant, authority) = manage(&txn, actor, id).await?;
    tenant::service::require_active(&tenant)?;
    let now = app.clock.now();
    let status = row.status_at(now);
    if !matches!(status, InvitationStatus::Pending | InvitationStatus::Expired) {
        return Err(Refused::with(not_pending(status), row));
    }
    let Some(role) = role::service::find(&txn, row.role_id).await? else {
        let message = "The role of this invitation was deleted; make a new one.";
        return Err(Refused::with(Error::refused(ErrorCode::RoleNotAllowed, message), row));
    };
    role::service::require_can_grant(&authority, &role)?;
    if !inviter_may_grant(&txn, &row, &role).await? {
        let message = "Whoever made this invitation may not grant its role any more; make a new one.";
        return Err(Refused::with(Error::refused(ErrorCode::RoleNotAllowed, message), row));
    }
    let email = Email::parse(&row.email).map_err(Error::internal)?;
    if let Some(user) = user::service::by_email(&txn, &email).await?
        && membership::service::find(&txn, row.tenant_id, user.id).await?.is_some()
    {
        let error = Error::refused(ErrorCode::AlreadyMember, "This person is a member already.");
        return Err(Refused::with(error, row));
    }
    let Some(old_mail) = row.outbox_id else {
        let message = "This invitation was made as a link and is not mailed; cancel it and make a new one.";
        return Err(Refused::with(Error::bad_input("invitationId", message), row));
    };
    let wait = row.issued_at + COOL_DOWN - now;
    if wait > TimeDelta::zero() {
        let message = format!("It was sent a moment ago; try again in {} seconds.", wait.num_seconds() + 1);
        return Err(Refused::with(Error::refused(ErrorCode::TooSoon, message), row));
    }
    if row.resends >= RESENDS_MAX {
        let message =
            "It was sent again five times, which is the most there can be; cancel it and make a new one.";
        return Err(Refused::with(Error::refused(ErrorCode::QuotaExceeded, message), row));
    }

    if status == InvitationStatus::Expired {
        make_room(app, &txn, actor, &row, &email).await?;
    }
    // A live one as well: by another clock it may have run out, and have been left out where what is pending was counted.
    model::raise(&txn, row.tenant_id, 1, None).await?;
    outbox::service::suppress(&txn, old_mail).await?;
    let generation = row.generation + 1;
    let expires_at = now + TimeDelta::seconds(row.lifetime_seconds);
    let mail = super::mail::owed(&Model { generation, expires_at, ..row.clone() });
    let outbox_id = outbox::service::enqueue(app, &txn, mail).await?;
    match model::reissue(&txn, &row, outbox_id, now, expires_at).await {
        Ok(true) => {}
        Ok(false) => return Err(Refused::with(not_pending(status), row)),
        Err(error) if Unique::violated(&error) == Some(Unique::PendingInvitation) => {
            return Err(another_pending(row));
        }
        Err(error) => return Err(error.into()),
    }
    let resent = NewEvent::of(EventKind::InvitationResent, Some(row.tenant_id), Subject::Invitation(row.id))
        .with(json!({ "generation": generation }));
    event::service::record(app, &txn, actor, resent).await?;
    let row = model::by_id_all_tenants(&txn, id).await?.ok_or_else(|| Error::not_found("invitation"))?;
    txn.commit().await?;
    app.mail_waiting.notify_one();
    Ok(row)
}

/// An expired invitation is about to be pending again: what is overdue is recorded first, a live one for the
/// same address stands in the way, and the tenant's bound on pending ones holds.
async fn make_room(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    row: &Model,
    email: &Email,
) -> Result<(), Refused> {
    if let Some(recorded) = model::pending(db, row.tenant_id, email).await? {
        let overdue = recorded.status_at(app.clock.now()) == InvitationStatus::Expired;
        if !overdue {
            return Err(another_pending(row.clone()));
        }
        super::expire::record(app, db, actor, &recorded).await?;
    }
    super::quota::require_room(app, db, row.tenant_id).await?;
    Ok(())
}

fn another_pending(row: Model) -> Refused {
    let message = "Another invitation for this address is pending; send that one again.";
    Refused::with(Error::refused(ErrorCode::NotPending, message), row)
}
