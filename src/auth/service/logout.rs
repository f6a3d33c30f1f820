//! Ending sessions.

use sea_orm::ConnectionTrait;

use super::{Tokens, tokens};
use crate::actor::Actor;
use crate::app::App;
use crate::auth::model::session::{self, Model};
use crate::error::{Error, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{SessionId, UserId};
use crate::keys::TokenKind;
use crate::user::{self, User};

/// Ends the session of the access token, and that of the refresh token if one is given. Answers alike whether
/// there was anything to end.
///
/// # Errors
/// Whatever the database says.
pub async fn logout(app: &App, actor: &Actor, refresh_token: Option<&str>) -> Result<()> {
    let opened = refresh_token.and_then(|token| app.keys.open(TokenKind::Refresh, token));
    let by_token = opened.map(|opened| SessionId::from(opened.id));
    let by_access = actor.principal().map(|principal| principal.session_id);
    let txn = app.db.begin_write().await?;
    for id in by_access.into_iter().chain(by_token) {
        if let Some(row) = session::find(&txn, id).await? {
            revoke(app, &txn, actor, &row).await?;
        }
    }
    Ok(txn.commit().await?)
}

/// Ends every session of the signed-in user and says how many there were.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn logout_all(app: &App, actor: &Actor) -> Result<usize> {
    let user_id = actor.signed_in()?.user_id;
    let txn = app.db.begin_write().await?;
    let revoked = revoke_all(app, &txn, actor, user_id).await?;
    txn.commit().await?;
    Ok(revoked)
}

/// Ends every session of a user, in the transaction that gives the reason, and says how many there were.
///
/// # Errors
/// Whatever the database says.
pub async fn revoke_all(app: &App, db: &impl ConnectionTrait, actor: &Actor, user: UserId) -> Result<usize> {
    let mut revoked = 0;
    for row in session::live_of_user(db, user, app.clock.now()).await? {
        revoked += usize::from(revoke(app, db, actor, &row).await?);
    }
    Ok(revoked)
}

/// Ends one session of the signed-in user. Ending it again changes nothing.
///
/// # Errors
/// `UNAUTHENTICATED`; `NOT_FOUND` at `sessionId` for a session that is not the caller's.
pub async fn revoke_session(app: &App, actor: &Actor, id: SessionId) -> Result<Model> {
    let user_id = actor.signed_in()?.user_id;
    let hidden = || Error::not_found("session").at("sessionId");
    let txn = app.db.begin_write().await?;
    let found = session::find(&txn, id).await?.filter(|row| row.user_id == user_id);
    let row = found.ok_or_else(hidden)?;
    revoke(app, &txn, actor, &row).await?;
    let row = session::find(&txn, id).await?.ok_or_else(hidden)?;
    txn.commit().await?;
    Ok(row)
}

/// Ends every other session of the signed-in user, and lets this one go on with new tokens: none that was
/// given out before is good any more.
///
/// # Errors
/// `UNAUTHENTICATED` when this session has ended meanwhile.
pub async fn go_on_alone(app: &App, db: &impl ConnectionTrait, actor: &Actor) -> Result<Tokens> {
    let principal = actor.signed_in()?;
    let (keep, now) = (principal.session_id, app.clock.now());
    for row in session::live_of_user(db, principal.user_id, now).await? {
        if row.id != keep {
            revoke(app, db, actor, &row).await?;
        }
    }
    let row = session::find(db, keep).await?.ok_or(Error::Unauthenticated)?;
    let expires_at = (now + app.config.refresh_ttl).min(row.ends_at);
    // Two steps: the token before the present one would be answered for ten seconds more.
    let mut row = row;
    for _ in 0..2 {
        let next = session::rotate(db, keep, row.refresh_counter, now, expires_at).await?;
        row = next.ok_or(Error::Unauthenticated)?;
    }
    tokens(app, db, &row).await
}

/// Ends every session of somebody and says how many there were. Who did it is recorded with each.
///
/// # Errors
/// `UNAUTHENTICATED`; `FORBIDDEN` unless the actor administers the platform; `NOT_FOUND` at `userId`.
pub async fn revoke_user_sessions(app: &App, actor: &Actor, id: UserId) -> Result<(User, usize)> {
    actor.require_platform()?;
    let txn = app.db.begin_write().await?;
    let user = user::service::get_locked(&txn, id).await.map_err(|error| error.at("userId"))?;
    let by = actor.user_id().unwrap_or(id);
    let mut revoked = 0;
    for row in session::live_of_user(&txn, id, app.clock.now()).await? {
        revoked += usize::from(end(app, &txn, actor, &row, by).await?);
    }
    txn.commit().await?;
    Ok((user, revoked))
}

async fn revoke(app: &App, db: &impl ConnectionTrait, actor: &Actor, row: &Model) -> Result<bool> {
    end(app, db, actor, row, row.user_id).await
}

/// Ends a session and records by whom; `false` when it had ended before.
async fn end(app: &App, db: &impl ConnectionTrait, actor: &Actor, row: &Model, by: UserId) -> Result<bool> {
    let ended = session::revoke(db, row.id, app.clock.now()).await?;
    if ended {
        let revoked = NewEvent::of(EventKind::SessionRevoked, row.tenant_id, Subject::Session(row.id)).by(by);
        event::service::record(app, db, actor, revoked).await?;
    }
    Ok(ended)
}
