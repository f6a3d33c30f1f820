//! Setting a password with the link of an approved request.

use sea_orm::ConnectionTrait;
use secrecy::SecretString;
use serde_json::json;

use super::happened;
use super::mail::owe_password_changed;
use crate::actor::Actor;
use crate::app::App;
use crate::auth;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{ResetRequestId, TypedId as _, UserId};
use crate::keys::{Opened, TokenKind};
use crate::limits;
use crate::password_reset::model::{self, Model, ResetStatus};
use crate::user::{self, User, UserStatus};

/// Sets a new password with a token from the mail, which is used up. Every session of the user ends, none begins, and
/// a mail tells the mailbox.
///
/// # Errors
/// `TOKEN_INVALID`, `TOKEN_EXPIRED`, `RATE_LIMITED` after too many wrong tokens; `WEAK_PASSWORD` at `newPassword`, which
/// leaves the token good; `OVERLOADED`.
pub async fn reset_password(app: &App, actor: &Actor, token: &str, new: &SecretString) -> Result<User> {
    let Some(opened) = app.keys.open(TokenKind::Reset, token.trim()) else {
        return Err(limits::count_guess(app, actor, invalid()).await);
    };
    let (_, user) = approved(app, app.db.reader(), opened).await?;
    let context = [user.name.as_str(), user.email_norm.as_str()];
    app.hasher.check(new, &context).map_err(|error| error.at("newPassword"))?;
    let hash = app.hasher.hash(new).await?;

    let txn = app.db.begin_write().await?;
    user::service::get_locked(&txn, user.id).await?;
    let (row, user) = approved(app, &txn, opened).await?;
    if !model::complete(&txn, &row, app.clock.now()).await? {
        return Err(invalid());
    }
    user::service::set_password(app, &txn, user.id, hash).await?;
    auth::service::revoke_all(app, &txn, actor, user.id).await?;
    let approver = row.decided_by.map(UserId::global);
    let completed = happened(EventKind::ResetCompleted, &row).by(user.id);
    event::service::record(app, &txn, actor, completed.with(json!({ "approvedById": approver }))).await?;
    let changed = NewEvent::of(EventKind::UserPasswordChanged, None, Subject::User(user.id)).by(user.id);
    event::service::record(app, &txn, actor, changed).await?;
    owe_password_changed(app, &txn, user.id).await?;
    txn.commit().await?;
    app.mail_waiting.notify_one();
    Ok(user)
}

fn invalid() -> Error {
    Error::token_invalid().at("token")
}

/// The approved request that a mailed token names, and its user. A link that was used, taken back or replaced says no
/// more than one that never was.
async fn approved(app: &App, db: &impl ConnectionTrait, token: Opened) -> Result<(Model, User)> {
    let row = model::by_id(db, ResetRequestId::from(token.id)).await?.ok_or_else(invalid)?;
    if row.generation != i64::from(token.generation) {
        return Err(invalid());
    }
    match row.status_at(app.clock.now()) {
        ResetStatus::Approved => {}
        ResetStatus::Expired => {
            let message = "This link is too old; ask for a new one.";
            return Err(Error::refused(ErrorCode::TokenExpired, message).at("token"));
        }
        _ => return Err(invalid()),
    }
    let user = user::service::get(db, row.user_id).await?;
    if user.status == UserStatus::Active { Ok((row, user)) } else { Err(invalid()) }
}
