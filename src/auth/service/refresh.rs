//! Rotating the refresh token.

use std::sync::Arc;

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait as _, DbBackend};

use super::{Tokens, signed, tokens};
use crate::actor::Actor;
use crate::app::App;
use crate::auth::model::{principal, session};
use crate::clock::Instant;
use crate::db::{Batch, WriteTransaction};
use crate::error::{Error, ErrorCode, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::SessionId;
use crate::keys::TokenKind;
use crate::limits;
use crate::membership;
use crate::tenant::{self, TenantStatus};

/// How long the token before the present one is answered with the same successor.
const GRACE: TimeDelta = TimeDelta::seconds(10);

/// Exchanges a refresh token for the next pair.
///
/// The exchange is one guarded update of the counter: of many at once, one wins, and the others get the same
/// successor while it is unused and the rotation is at most ten seconds old. Anything older ends the session.
///
/// # Errors
/// `TOKEN_INVALID` for a token that is unknown, used or revoked; `TOKEN_EXPIRED`; `TENANT_UNAVAILABLE` while the
/// session's tenant is suspended, which uses nothing up; `RATE_LIMITED` for too many guesses.
pub async fn refresh(app: &App, actor: &Actor, token: &str) -> Result<Tokens> {
    let Some(opened) = app.keys.open(TokenKind::Refresh, token) else {
        return Err(limits::count_guess(app, actor, invalid()).await);
    };
    let id = SessionId::from(opened.id);
    let presented = i64::from(opened.generation);
    let txn = app.db.begin_write().await?;
    let Some(before) = principal::find(&txn, id).await? else { return Err(invalid()) };
    let now = app.clock.now();
    if before.refresh_counter == presented && before.revoked_at.is_none() {
        require_usable(&before)?;
    }
    let expires_at = (now + app.config.refresh_ttl).min(before.ends_at);
    if let Some(row) = session::rotate(&txn, id, presented, now, expires_at).await? {
        // Where others may write meanwhile, what they changed before the exchange counts.
        let alone = txn.get_database_backend() == DbBackend::Sqlite;
        let tokens = if alone {
            let standing = before.standing.map(Arc::unwrap_or_clone);
            signed(app, &row, standing.map(membership::service::held_by).transpose()?.flatten()).await?
        } else {
            tokens(app, &txn, &row).await?
        };
        match row.tenant_id {
            Some(tenant_id) => {
                let mut seen = Batch::new(txn.get_database_backend());
                membership::service::seen_in(app, &mut seen, tenant_id, row.user_id);
                txn.finish(seen).await?;
            }
            None => txn.commit().await?,
        }
        return Ok(tokens);
    }

    let row = session::find(&txn, id).await?.ok_or_else(invalid)?;
    if row.revoked_at.is_some() {
        return Err(invalid());
    }
    if now >= row.expires_at || now >= row.ends_at {
        return Err(Error::refused(ErrorCode::TokenExpired, "This session has ended; sign in again."));
    }
    if is_within_grace(&row, presented, now) {
        return tokens(app, &txn, &row).await;
    }
    if is_reuse(&row, presented, now) {
        end_reused(app, txn, actor, &row).await?;
    }
    Err(invalid())
}

/// Whether a token is the one before the present one, and was exchanged a moment ago.
pub(super) fn is_within_grace(row: &session::Model, presented: i64, now: Instant) -> bool {
    row.refresh_counter == presented + 1 && row.rotated_at.is_some_and(|at| now - at < GRACE)
}

/// Whether a token of a session that lives was exchanged before, and should be nowhere any more.
pub(super) fn is_reuse(row: &session::Model, presented: i64, now: Instant) -> bool {
    let lives = row.revoked_at.is_none() && now < row.expires_at && now < row.ends_at;
    lives && row.refresh_counter > presented && !is_within_grace(row, presented, now)
}

/// Ends a session of which somebody has kept an earlier token.
pub(super) async fn end_reused(
    app: &App,
    txn: WriteTransaction,
    actor: &Actor,
    row: &session::Model,
) -> Result<()> {
    session::revoke(&txn, row.id, app.clock.now()).await?;
    let reused = NewEvent::of(EventKind::SessionReuseDetected, row.tenant_id, Subject::Session(row.id));
    event::service::record(app, &txn, actor, reused.by(row.user_id)).await?;
    txn.commit().await?;
    tracing::warn!(session = ?row.id, "a refresh token was used again; its session is ended");
    Ok(())
}

fn require_usable(row: &principal::Row) -> Result<()> {
    if row.user_status != "active" {
        return Err(invalid());
    }
    if row.is_member && row.tenant_status == Some(TenantStatus::Suspended) {
        return Err(tenant::service::unavailable());
    }
    Ok(())
}

fn invalid() -> Error {
    Error::refused(ErrorCode::TokenInvalid, "This refresh token is of no use; sign in again.")
}
