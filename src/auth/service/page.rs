//! Sessions of the pages that the service renders itself: a browser keeps the refresh token in its cookie, and sends it with every
//! request. It is looked at, and exchanged once in a while, so that a stolen one is noticed and a session that is used goes on.

use chrono::TimeDelta;

use super::{Tokens, of_session, refresh};
use crate::actor::{Actor, Origin};
use crate::app::App;
use crate::auth::model::session;
use crate::error::Result;
use crate::id::SessionId;
use crate::keys::TokenKind;

/// How old the token of a page's session gets before it is exchanged.
const RENEWED_AFTER: TimeDelta = TimeDelta::hours(1);

/// Makes an actor of the refresh token that a browser keeps in its cookie. The token before the present one is good for as long as
/// it can be exchanged; an older one ends the session, as it does where it is exchanged.
///
/// # Errors
/// Whatever the database says; a token that is no good is no error.
pub async fn authenticate_page(app: &App, token: Option<&str>, origin: Origin) -> Result<Actor> {
    let opened = token.and_then(|token| app.keys.open(TokenKind::Refresh, token));
    let Some(opened) = opened else { return Ok(Actor::stranger(origin)) };
    let (id, presented) = (SessionId::from(opened.id), i64::from(opened.generation));
    let Some(row) = session::find(app.db.reader(), id).await? else { return Ok(Actor::stranger(origin)) };
    let now = app.clock.now();
    if row.refresh_counter == presented || refresh::is_within_grace(&row, presented, now) {
        return of_session(app, id, origin).await;
    }
    let stranger = Actor::stranger(origin);
    if refresh::is_reuse(&row, presented, now) {
        let txn = app.db.begin_write().await?;
        if let Some(row) = session::find(&txn, id).await?.filter(|row| refresh::is_reuse(row, presented, now))
        {
            refresh::end_reused(app, txn, &stranger, &row).await?;
        }
    }
    Ok(stranger)
}

/// What takes the place of the token of a page's session: the next one if it has been the same for an hour, and the same again for
/// whoever still sends the one before it, for the answer with the cookie may have been lost. `None` where it stays.
pub async fn renew_page(app: &App, token: &str, origin: Origin) -> Option<Tokens> {
    let opened = app.keys.open(TokenKind::Refresh, token)?;
    let row = session::find(app.db.reader(), SessionId::from(opened.id)).await.ok()??;
    let (now, presented) = (app.clock.now(), i64::from(opened.generation));
    let due =
        row.refresh_counter == presented && now - row.rotated_at.unwrap_or(row.created_at) >= RENEWED_AFTER;
    if !due && !refresh::is_within_grace(&row, presented, now) {
        return None;
    }
    refresh(app, &Actor::stranger(origin), token).await.ok()
}
