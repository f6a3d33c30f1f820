//! Changing one's own password.

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};

use super::logout::revoke_others;
use super::{Tokens, tokens};
use crate::actor::Actor;
use crate::app::App;
use crate::auth::model::session;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{TypedId as _, UserId};
use crate::limits::{self, Limit};
use crate::mail::{Mail, mailbox};
use crate::outbox::service::NewMail;
use crate::outbox::{self, MailKind, OutboxMail};
use crate::{password, user};

/// How long the mail about it is worth sending.
const WORTH_TELLING: TimeDelta = TimeDelta::days(7);

/// Replaces the caller's password. Their other sessions end, this one goes on with new tokens, and a mail tells
/// the mailbox.
///
/// # Errors
/// `UNAUTHENTICATED`; `INVALID_CREDENTIALS` at `currentPassword`; `WEAK_PASSWORD` at `newPassword`, which is looked
/// at first and costs no attempt; `RATE_LIMITED` after as many attempts as signing in allows; `OVERLOADED`.
pub async fn change_password(
    app: &App,
    actor: &Actor,
    current: &SecretString,
    new: &SecretString,
) -> Result<Tokens> {
    let principal = actor.signed_in()?;
    let context = [principal.name.as_str(), principal.email.norm()];
    app.hasher.check(new, &context).map_err(|error| error.at("newPassword"))?;
    if current.expose_secret().len() > password::MAX_BYTES {
        return Err(wrong());
    }
    let attempts = Limit::new("change-password", app.config.limits.login_per_address, TimeDelta::minutes(15));
    limits::reserve(app, app.db.writer(), attempts, &principal.user_id.global()).await?;
    let user = user::service::get(app.db.reader(), principal.user_id).await?;
    let old = user.password_hash.ok_or_else(wrong)?;
    if !app.hasher.verify(current, Some(old.clone())).await? {
        return Err(wrong());
    }
    let hash = app.hasher.hash(new).await?;

    let txn = app.db.begin_write().await?;
    if !user::service::replace_password(app, &txn, principal.user_id, &old, hash).await? {
        return Err(wrong());
    }
    revoke_others(app, &txn, actor, principal.user_id, principal.session_id).await?;
    let now = app.clock.now();
    let row = session::find(&txn, principal.session_id).await?.ok_or(Error::Unauthenticated)?;
    let expires_at = (now + app.config.refresh_ttl).min(row.ends_at);
    // Two steps: the token before the present one would be answered for ten seconds more.
    for step in 0..2 {
        if !session::rotate(&txn, row.id, row.refresh_counter + step, now, expires_at).await? {
            return Err(Error::Unauthenticated);
        }
    }
    let row = session::find(&txn, row.id).await?.ok_or(Error::Unauthenticated)?;
    let changed = NewEvent::of(EventKind::UserPasswordChanged, None, Subject::User(principal.user_id));
    event::service::record(app, &txn, actor, changed).await?;
    let mail = NewMail {
        kind: MailKind::PasswordChanged,
        tenant_id: None,
        subject_id: principal.user_id.uuid(),
        generation: 0,
        give_up_at: now + WORTH_TELLING,
    };
    outbox::service::enqueue(app, &txn, mail).await?;
    let tokens = tokens(app, &txn, &row).await?;
    txn.commit().await?;
    app.mail_waiting.notify_one();
    Ok(tokens)
}

fn wrong() -> Error {
    Error::refused(ErrorCode::InvalidCredentials, "The current password is wrong.").at("currentPassword")
}

/// Makes the mail about a changed password; `None` when the account is gone.
///
/// # Errors
/// Whatever the database says.
pub async fn render_password_changed(app: &App, row: &OutboxMail) -> Result<Option<Mail>> {
    let found = user::service::by_ids(app.db.reader(), &[UserId::from(row.subject_id)]).await?.pop();
    let Some(user) = found else { return Ok(None) };
    let to = mailbox(&user.email)?;
    Ok(Some(Mail::PasswordChanged { to, name: user.name, at: row.created_at }))
}
