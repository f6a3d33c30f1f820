//! The mails of an invitation, to the invitee and to the inviter, rendered right before they are sent.

use chrono::TimeDelta;
use lettre::message::Mailbox;
use sea_orm::ConnectionTrait;

use crate::app::App;
use crate::error::{Error, Result};
use crate::id::{InvitationId, TypedId as _, UserId};
use crate::invitation::model::{self, InvitationStatus, Model};
use crate::keys::TokenKind;
use crate::limits::{self, Limit};
use crate::mail::{InvitationAcceptedMail, InvitationMail, Mail, mailbox};
use crate::outbox::service::NewMail;
use crate::outbox::{self, MailKind, OutboxMail};
use crate::tenant::TenantStatus;
use crate::{membership, role, tenant, user};

/// How long the mail about an invitation that was accepted is worth sending.
const WORTH_TELLING: TimeDelta = TimeDelta::days(7);
/// Such mails per inviter in a day: who invited hundreds reads about the others in the console.
const TOLD_A_DAY: u32 = 50;

/// The outbox row that owes the mail of an invitation's present generation.
pub(super) fn owed(row: &Model) -> NewMail {
    NewMail {
        kind: MailKind::Invitation,
        tenant_id: Some(row.tenant_id),
        subject_id: row.id.uuid(),
        recipient_id: None,
        generation: row.generation,
        give_up_at: row.expires_at,
    }
}

/// The link that carries `token`. It comes from the configuration alone.
pub(super) fn link(app: &App, token: &str) -> String {
    app.config.accept_url.replace("{token}", token)
}

/// Makes the mail that an outbox row owes; `None` when the invitation is not pending any more, was sent again
/// since, or its tenant cannot be joined.
///
/// # Errors
/// Whatever the database says.
pub async fn render_mail(app: &App, row: &OutboxMail) -> Result<Option<Mail>> {
    let db = app.db.reader();
    let found = model::by_id_all_tenants(db, InvitationId::from(row.subject_id)).await?;
    let Some(invitation) = found.filter(|i| i.generation == row.generation) else { return Ok(None) };
    if invitation.status_at(app.clock.now()) != InvitationStatus::Pending {
        return Ok(None);
    }
    let tenant = tenant::service::find(db, invitation.tenant_id).await?;
    let Some(tenant) = tenant.filter(|t| t.status == TenantStatus::Active) else { return Ok(None) };
    let Some(role) = role::service::find(db, invitation.role_id).await? else { return Ok(None) };
    let generation = u32::try_from(invitation.generation).map_err(Error::internal)?;
    let token = app.keys.token(TokenKind::Invitation, invitation.id.uuid(), generation);
    Ok(Some(Mail::Invitation(Box::new(InvitationMail {
        to: mailbox(&invitation.email)?,
        reply_to: reply_to(db, &invitation).await?,
        tenant_name: tenant.name,
        inviter_name: invitation.inviter_name.clone(),
        role_name: role.name,
        note: invitation.note.clone(),
        link: link(app, &token),
        token,
        expires_at: invitation.expires_at,
        locale: invitation.locale.clone(),
    }))))
}

/// Owes the inviter the news that their invitation was accepted; not to operators, who have no mailbox here.
pub(super) async fn owe_accepted(app: &App, db: &impl ConnectionTrait, row: &Model) -> Result<()> {
    let Some(inviter_id) = row.inviter_id else { return Ok(()) };
    let told = Limit::new("accepted-mails", TOLD_A_DAY, TimeDelta::days(1));
    if limits::try_reserve(app, db, told, &inviter_id.global()).await?.is_some() {
        return Ok(());
    }
    let mail = NewMail {
        kind: MailKind::InvitationAccepted,
        tenant_id: Some(row.tenant_id),
        subject_id: row.id.uuid(),
        recipient_id: Some(inviter_id),
        generation: row.generation,
        give_up_at: app.clock.now() + WORTH_TELLING,
    };
    outbox::service::enqueue(app, db, mail).await.map(drop)
}

/// Makes the mail to the inviter; `None` when they, the member or the tenant are not there any more.
///
/// # Errors
/// Whatever the database says.
pub async fn render_accepted(app: &App, owed: &OutboxMail) -> Result<Option<Mail>> {
    let db = app.db.reader();
    let found = model::by_id_all_tenants(db, InvitationId::from(owed.subject_id)).await?;
    let Some((row, member_id)) = found.and_then(|row| row.accepted_by.map(|by| (row, by))) else {
        return Ok(None);
    };
    let Some(inviter) = entitled(db, &row, owed.recipient_id).await? else { return Ok(None) };
    let Some(member) = user::service::by_ids(db, &[member_id]).await?.pop() else { return Ok(None) };
    let tenant = tenant::service::find(db, row.tenant_id).await?;
    let Some(tenant) = tenant.filter(|t| t.status == TenantStatus::Active) else { return Ok(None) };
    let Some(role) = role::service::find(db, row.role_id).await? else { return Ok(None) };
    Ok(Some(Mail::InvitationAccepted(Box::new(InvitationAcceptedMail {
        to: mailbox(&inviter.email)?,
        name: inviter.name,
        tenant_name: tenant.name,
        member_name: member.name,
        member_email: member.email,
        role_name: role.name,
        at: row.decided_at.unwrap_or(owed.created_at),
        link: format!("{}/console/members", app.config.public_url),
    }))))
}

/// The recipient, while they may still see the members of the tenant.
async fn entitled(
    db: &impl ConnectionTrait,
    row: &Model,
    recipient: Option<UserId>,
) -> Result<Option<user::User>> {
    let Some(id) = recipient else { return Ok(None) };
    let Some(inviter) = user::service::by_ids(db, &[id]).await?.pop() else { return Ok(None) };
    let member = membership::service::of_member(db, row.tenant_id, id).await?.is_some();
    let active = user::service::require_active(&inviter).is_ok();
    Ok((active && (member || inviter.is_superuser)).then_some(inviter))
}

async fn reply_to(db: &impl ConnectionTrait, invitation: &Model) -> Result<Option<Mailbox>> {
    let Some(inviter_id) = invitation.inviter_id else { return Ok(None) };
    let inviter = user::service::by_ids(db, &[inviter_id]).await?.pop();
    inviter.filter(|user| user.email_verified_at.is_some()).map(|user| mailbox(&user.email)).transpose()
}
