//! Changing one's own password.

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};

use super::cancel_open;
use super::mail::owe_password_changed;
use crate::actor::Actor;
use crate::app::App;
use crate::auth::service::{self as auth, Tokens};
use crate::error::{Error, ErrorCode, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::TypedId as _;
use crate::limits::{self, Limit};
use crate::{password, user};

/// Replaces the caller's password. Their other sessions end, this one goes on with new tokens, an open reset request is
/// cancelled, and a mail tells the mailbox.
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
    let tokens = auth::go_on_alone(app, &txn, actor).await?;
    cancel_open(app, &txn, actor, principal.user_id, "PASSWORD_CHANGED").await?;
    let changed = NewEvent::of(EventKind::UserPasswordChanged, None, Subject::User(principal.user_id));
    event::service::record(app, &txn, actor, changed).await?;
    owe_password_changed(app, &txn, principal.user_id).await?;
    txn.commit().await?;
    app.mail_waiting.notify_one();
    Ok(tokens)
}

fn wrong() -> Error {
    Error::refused(ErrorCode::InvalidCredentials, "The current password is wrong.").at("currentPassword")
}
