//! Listing mails, trying one again, and stopping one.

use std::collections::HashMap;

use chrono::TimeDelta;
use sea_orm::ConnectionTrait;

use crate::actor::Actor;
use crate::app::App;
use crate::db::WriteTransaction;
use crate::error::{Error, ErrorCode, Refused, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{InvitationId, OutboxId, TenantId, TypedId as _, UserId};
use crate::outbox::{DeliveryState, Filter, OutboxMail};
use crate::page::{Cursor, PageArgs, Slice, SortKey};
use crate::permission::Permission;
use crate::{invitation, membership, outbox, tenant, user};

/// Name of the order of a list of mails, as cursors carry it.
const ORDER: &str = "MAIL";
/// How long to wait after an attempt before another one can be asked for.
const COOL_DOWN: TimeDelta = TimeDelta::seconds(60);

/// The place of a mail in a list.
#[must_use]
pub fn cursor(mail: &OutboxMail) -> Cursor {
    Cursor { order: ORDER.into(), key: SortKey::Text(String::new()), id: mail.id.uuid() }
}

/// What somebody may do with the mails of a tenant, or with those of none: everything, or nothing.
async fn require(db: &impl ConnectionTrait, actor: &Actor, tenant: Option<TenantId>) -> Result<()> {
    match tenant {
        Some(tenant) => {
            membership::service::authority(db, actor, tenant).await?.1.require(Permission::ManageTenant)
        }
        None => actor.require_platform(),
    }
}

/// One page of a tenant's mails, or of those that belong to none, latest first; `count` asks for the total as well.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND`, `FORBIDDEN` without MANAGE_TENANT, or for mails of no tenant unless the actor administers the
/// platform; `BAD_USER_INPUT` for paging arguments.
pub async fn mails(
    app: &App,
    actor: &Actor,
    tenant: Option<TenantId>,
    filter: Filter,
    page: PageArgs,
    count: bool,
) -> Result<Slice<OutboxMail>> {
    let db = app.db.reader();
    require(db, actor, tenant).await?;
    let page = page.check(ORDER, false, app.config.max_page)?;
    outbox::service::page_of(db, tenant, &filter, &page, count).await
}

/// The mail with this identifier; `None` when it is hidden.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn visible(app: &App, actor: &Actor, id: OutboxId) -> Result<Option<OutboxMail>> {
    actor.known()?;
    let db = app.db.reader();
    let Some(found) = outbox::service::by_ids(db, &[id]).await?.pop() else { return Ok(None) };
    match require(db, actor, found.tenant_id).await {
        Ok(()) => Ok(Some(found)),
        Err(error) if [ErrorCode::NotFound, ErrorCode::Forbidden].contains(&error.code()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Addresses that mails go to, as they are now; none for one whose recipient is gone.
///
/// # Errors
/// Whatever the database says.
pub async fn recipients(app: &App, mails: &[Addressed]) -> Result<HashMap<Addressed, String>> {
    let db = app.db.reader();
    let users: Vec<UserId> = mails.iter().filter_map(Addressed::user).collect();
    let invitations: Vec<InvitationId> = mails.iter().filter_map(Addressed::invitation).collect();
    let (mut accounts, mut invited) = (HashMap::new(), HashMap::new());
    if !users.is_empty() {
        let found = user::service::by_ids(db, &users).await?;
        accounts.extend(found.into_iter().map(|user| (user.id, user.email)));
    }
    if !invitations.is_empty() {
        invited = invitation::service::addresses(db, &invitations).await?;
    }
    let address = |mail: &Addressed| match mail {
        Addressed::User(id) => accounts.get(id).cloned(),
        Addressed::Invitee(id) => invited.get(id).cloned(),
    };
    Ok(mails.iter().filter_map(|mail| Some((*mail, address(mail)?))).collect())
}

/// Whose mailbox a mail goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Addressed {
    /// Somebody who has an account.
    User(UserId),
    /// Whoever an invitation is for.
    Invitee(InvitationId),
}

impl Addressed {
    /// Whose mailbox a mail goes to.
    #[must_use]
    pub fn of(mail: &OutboxMail) -> Self {
        mail.recipient_id.map_or(Self::Invitee(InvitationId::from(mail.subject_id)), Self::User)
    }

    fn user(&self) -> Option<UserId> {
        if let Self::User(id) = self { Some(*id) } else { None }
    }

    fn invitation(&self) -> Option<InvitationId> {
        if let Self::Invitee(id) = self { Some(*id) } else { None }
    }
}

/// Makes a mail due at once that failed or was put off. One that waits for its first attempt stays as it is; one whose reason
/// is gone is suppressed when its turn comes.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `mailId`, `FORBIDDEN` without MANAGE_TENANT, `TENANT_UNAVAILABLE`, `TOO_SOON` within a minute
/// of the last attempt, `BAD_USER_INPUT` for one that was sent or suppressed.
pub async fn retry_mail(app: &App, actor: &Actor, id: OutboxId) -> Result<OutboxMail, Refused<OutboxMail>> {
    let (txn, mail) = begin(app, actor, id).await?;
    if let Some(tenant) = mail.tenant_id.map(|id| tenant::service::find(&txn, id)) {
        tenant.await?.as_ref().map_or(Ok(()), tenant::service::require_active)?;
    }
    match mail.state {
        DeliveryState::Queued => return Ok(mail),
        DeliveryState::Sent => return Err(no("It was sent already.", mail)),
        DeliveryState::Suppressed => return Err(no("It was suppressed: its reason is gone.", mail)),
        DeliveryState::Failed | DeliveryState::Retrying => {}
    }
    let wait = mail.last_attempt_at.map_or(TimeDelta::zero(), |at| at + COOL_DOWN - app.clock.now());
    if wait > TimeDelta::zero() {
        let said = format!("It was tried a moment ago; try again in {} seconds.", wait.num_seconds() + 1);
        return Err(Refused::with(Error::refused(ErrorCode::TooSoon, said), mail));
    }
    outbox::service::make_due(&txn, id, app.clock.now()).await?;
    let mail = finish(app, txn, actor, mail, EventKind::MailRetried).await?;
    app.mail_waiting.notify_one();
    Ok(mail)
}

/// Stops a mail that is not sent yet. An attempt that is under way may reach its recipient all the same.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `mailId`, `FORBIDDEN` without MANAGE_TENANT, `BAD_USER_INPUT` for one that was sent or has failed.
pub async fn cancel_mail(app: &App, actor: &Actor, id: OutboxId) -> Result<OutboxMail, Refused<OutboxMail>> {
    let (txn, mail) = begin(app, actor, id).await?;
    match mail.state {
        DeliveryState::Suppressed => return Ok(mail),
        DeliveryState::Sent => return Err(no("It was sent already.", mail)),
        DeliveryState::Failed => return Err(no("It has failed already.", mail)),
        DeliveryState::Queued | DeliveryState::Retrying => {}
    }
    outbox::service::suppress(&txn, id).await?;
    Ok(finish(app, txn, actor, mail, EventKind::MailCancelled).await?)
}

fn no(message: &'static str, mail: OutboxMail) -> Refused<OutboxMail> {
    Refused::with(Error::bad_input("mailId", message), mail)
}

fn hidden() -> Error {
    Error::not_found("mail").at("mailId")
}

/// A mail that the actor looks after, held until the transaction ends.
async fn begin(app: &App, actor: &Actor, id: OutboxId) -> Result<(WriteTransaction, OutboxMail)> {
    actor.known()?;
    let txn = app.db.begin_write().await?;
    let mail = outbox::service::locked(&txn, id).await?.ok_or_else(hidden)?;
    match require(&txn, actor, mail.tenant_id).await {
        Ok(()) => Ok((txn, mail)),
        Err(error) if error.code() == ErrorCode::NotFound || mail.tenant_id.is_none() => Err(hidden()),
        Err(error) => Err(error),
    }
}

async fn finish(
    app: &App,
    txn: WriteTransaction,
    actor: &Actor,
    mail: OutboxMail,
    kind: EventKind,
) -> Result<OutboxMail> {
    let fact = NewEvent::of(kind, mail.tenant_id, Subject::Mail(mail.id));
    event::service::record(app, &txn, actor, fact).await?;
    let mail = outbox::service::by_ids(&txn, &[mail.id]).await?.pop().ok_or_else(hidden)?;
    txn.commit().await?;
    Ok(mail)
}
