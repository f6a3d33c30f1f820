//! The mail of an invitation, rendered right before it is sent.

use lettre::message::Mailbox;
use sea_orm::ConnectionTrait;

use crate::app::App;
use crate::error::{Error, Result};
use crate::id::{InvitationId, TypedId as _};
use crate::invitation::model::{self, InvitationStatus, Model};
use crate::keys::TokenKind;
use crate::mail::{InvitationMail, Mail, mailbox};
use crate::outbox::service::NewMail;
use crate::outbox::{MailKind, OutboxMail};
use crate::tenant::TenantStatus;
use crate::{role, tenant, user};

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

async fn reply_to(db: &impl ConnectionTrait, invitation: &Model) -> Result<Option<Mailbox>> {
    let Some(inviter_id) = invitation.inviter_id else { return Ok(None) };
    let inviter = user::service::by_ids(db, &[inviter_id]).await?.pop();
    inviter.filter(|user| user.email_verified_at.is_some()).map(|user| mailbox(&user.email)).transpose()
}
