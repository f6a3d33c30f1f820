//! Mails about passwords: owed in the transaction that gives the reason, rendered right before they are sent.

use chrono::TimeDelta;
use sea_orm::ConnectionTrait;

use super::eligible::{Standing, standing, usable};
use crate::app::App;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::id::{ResetRequestId, TypedId as _, UserId};
use crate::keys::TokenKind;
use crate::mail::{Mail, ResetRequestedMail, mailbox};
use crate::outbox::service::NewMail;
use crate::outbox::{self, MailKind, OutboxMail};
use crate::password_reset::model::{self, Model, ResetStatus};
use crate::user::User;
use crate::{tenant, user};

/// How long the mail about a password that was changed, or a request that was rejected, is worth sending.
const WORTH_TELLING: TimeDelta = TimeDelta::days(7);

/// The link that carries `token`. It comes from the configuration alone.
pub(super) fn link(app: &App, token: &str) -> String {
    app.config.reset_url.replace("{token}", token)
}

async fn owe(
    app: &App,
    db: &impl ConnectionTrait,
    row: &Model,
    (kind, recipient): (MailKind, UserId),
    generation: i64,
    give_up_at: Instant,
) -> Result<()> {
    let mail = NewMail {
        kind,
        tenant_id: None,
        subject_id: row.id.uuid(),
        recipient_id: Some(recipient),
        generation,
        give_up_at,
    };
    outbox::service::enqueue(app, db, mail).await.map(drop)
}

/// Owes somebody who may decide the news that a request waits.
pub(super) async fn owe_news(
    app: &App,
    db: &impl ConnectionTrait,
    row: &Model,
    decider: UserId,
) -> Result<()> {
    owe(app, db, row, (MailKind::ResetRequested, decider), 0, row.expires_at).await
}

/// Owes the requester the link of one generation.
pub(super) async fn owe_link(
    app: &App,
    db: &impl ConnectionTrait,
    row: &Model,
    generation: i64,
    expires_at: Instant,
) -> Result<()> {
    owe(app, db, row, (MailKind::ResetLink, row.user_id), generation, expires_at).await
}

/// Owes the requester the news that their request was turned down.
pub(super) async fn owe_refusal(app: &App, db: &impl ConnectionTrait, row: &Model) -> Result<()> {
    let until = app.clock.now() + WORTH_TELLING;
    owe(app, db, row, (MailKind::ResetRejected, row.user_id), row.generation, until).await
}

/// Owes a user the news that their password was changed.
pub(super) async fn owe_password_changed(app: &App, db: &impl ConnectionTrait, user: UserId) -> Result<()> {
    let mail = NewMail {
        kind: MailKind::PasswordChanged,
        tenant_id: None,
        subject_id: user.uuid(),
        recipient_id: Some(user),
        generation: 0,
        give_up_at: app.clock.now() + WORTH_TELLING,
    };
    outbox::service::enqueue(app, db, mail).await.map(drop)
}

/// Makes the mail about a changed password; `None` when the account is gone.
///
/// # Errors
/// Whatever the database says.
pub async fn render_password_changed(app: &App, row: &OutboxMail) -> Result<Option<Mail>> {
    let Some(user) = find(app, UserId::from(row.subject_id)).await? else { return Ok(None) };
    let to = mailbox(&user.email)?;
    Ok(Some(Mail::PasswordChanged { to, name: user.name, at: row.created_at }))
}

/// Makes a mail about a reset request; `None` when the request, or the recipient, is not what it was.
///
/// # Errors
/// Whatever the database says.
pub async fn render_mail(app: &App, owed: &OutboxMail) -> Result<Option<Mail>> {
    let Some(row) = model::by_id(app.db.reader(), ResetRequestId::from(owed.subject_id)).await? else {
        return Ok(None);
    };
    let Some(recipient_id) = owed.recipient_id else { return Ok(None) };
    let Some(recipient) = find(app, recipient_id).await?.filter(usable) else { return Ok(None) };
    let status = row.status_at(app.clock.now());
    match (owed.kind, status) {
        (MailKind::ResetRequested, ResetStatus::Requested) => news(app, &row, recipient).await,
        (MailKind::ResetLink, ResetStatus::Approved) if owed.generation == row.generation => {
            let generation = u32::try_from(row.generation).map_err(Error::internal)?;
            let token = app.keys.token(TokenKind::Reset, row.id.uuid(), generation);
            Ok(Some(Mail::ResetLink {
                to: mailbox(&recipient.email)?,
                name: recipient.name,
                link: link(app, &token),
                token,
                expires_at: row.expires_at,
            }))
        }
        (MailKind::ResetRejected, ResetStatus::Rejected) => {
            let to = mailbox(&recipient.email)?;
            Ok(Some(Mail::ResetRejected { to, name: recipient.name, reason: row.reason }))
        }
        _ => Ok(None),
    }
}

async fn news(app: &App, row: &Model, decider: User) -> Result<Option<Mail>> {
    let db = app.db.reader();
    let Some(requester) = find(app, row.user_id).await? else { return Ok(None) };
    let stands = standing(db, (Some(decider.id), decider.is_superuser), &requester).await?;
    let Standing::Eligible(tenant_id) = stands else { return Ok(None) };
    let tenant = match tenant_id.or(row.tenant_id) {
        Some(id) => tenant::service::find(db, id).await?,
        None => None,
    };
    Ok(Some(Mail::ResetRequested(Box::new(ResetRequestedMail {
        to: mailbox(&decider.email)?,
        name: decider.name,
        requester_name: requester.name,
        requester_email: requester.email,
        tenant_name: tenant.map(|tenant| tenant.name),
        ip_address: row.ip_address.clone(),
        at: row.created_at,
        link: format!("{}/console/resets/{}", app.config.public_url, row.id.global()),
        expires_at: row.expires_at,
    }))))
}

async fn find(app: &App, id: UserId) -> Result<Option<User>> {
    Ok(user::service::by_ids(app.db.reader(), &[id]).await?.pop())
}
