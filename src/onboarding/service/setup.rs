//! The first administrator, by a link that is printed where the service starts.

use chrono::TimeDelta;
use secrecy::SecretString;
use uuid::Uuid;

use super::create_in;
use crate::actor::{Actor, Origin};
use crate::app::App;
use crate::auth::service::{self as auth, Login};
use crate::clock::Instant;
use crate::error::{Error, ErrorCode, Result};
use crate::keys::TokenKind;
use crate::limits;
use crate::user;

/// How long the link is good for.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(30);

/// What the first administrator gives.
#[derive(Debug)]
pub struct FirstSteps {
    /// Token of the link.
    pub token: String,
    /// Address of the account.
    pub email: String,
    /// Name of the person.
    pub name: String,
    /// Password of the account.
    pub password: SecretString,
    /// Name of the first tenant.
    pub tenant_name: String,
    /// Short name of the first tenant.
    pub slug: String,
}

/// The way to the first administrator.
#[derive(Clone, Debug)]
pub struct SetupLink {
    /// Link to the page.
    pub link: String,
    /// The token in it.
    pub token: String,
    /// From when on it is of no use.
    pub expires_at: Instant,
}

/// The link that makes the first administrator; `None` once there is one. Nothing is stored: the token holds the minute in
/// which it ends.
///
/// # Errors
/// Whatever the database says.
pub async fn setup_link(app: &App) -> Result<Option<SetupLink>> {
    if user::service::any_superuser(app.db.reader()).await? {
        return Ok(None);
    }
    let minute = (app.clock.now() + GOOD_FOR).timestamp().div_euclid(60);
    let token =
        app.keys.token(TokenKind::Setup, Uuid::nil(), u32::try_from(minute).map_err(Error::internal)?);
    let expires_at = Instant::from_timestamp(minute * 60, 0).unwrap_or_default();
    Ok(Some(SetupLink { link: format!("{}/setup#{token}", app.config.public_url), token, expires_at }))
}

/// Makes the first administrator and the first tenant, and signs in: all of it or nothing. Of several at once one succeeds.
///
/// # Errors
/// `TOKEN_INVALID`, `TOKEN_EXPIRED`, `RATE_LIMITED` for guesses; `ALREADY_ACCEPTED` once there is an administrator;
/// `BAD_USER_INPUT`, `WEAK_PASSWORD`, `SLUG_TAKEN`.
pub async fn set_up(app: &App, origin: Origin, first: FirstSteps) -> Result<Login> {
    let stranger = Actor::stranger(origin);
    let Some(opened) = app.keys.open(TokenKind::Setup, first.token.trim()) else {
        let invalid =
            Error::refused(ErrorCode::TokenInvalid, "This is not the link that the service printed.");
        return Err(limits::count_guess(app, &stranger, invalid.at("token")).await);
    };
    if i64::from(opened.generation) * 60 <= app.clock.now().timestamp() {
        let message = "This link has ended. Start the service again: it prints a new one.";
        return Err(Error::refused(ErrorCode::TokenExpired, message).at("token"));
    }
    let new = user::service::new_superuser(app, &first.email, &first.name, &first.password).await?;
    crate::text::name("tenantName", &first.tenant_name)?;
    crate::text::slug("slug", &first.slug)?;
    let txn = app.db.begin_write().await?;
    if user::service::any_superuser_locked(&txn).await? {
        let message = "Somebody has set this service up already. Sign in.";
        return Err(Error::refused(ErrorCode::AlreadyAccepted, message));
    }
    let user = user::service::insert_superuser(app, &txn, new).await?;
    let mut session = auth::begin_session(app, &txn, &stranger.origin, &user, None).await?;
    let login = Login::of(app, &txn, &session).await?;
    let actor = Actor::user(login.principal, stranger.origin);
    let created = create_in(app, &txn, &actor, &first.tenant_name, &first.slug, None).await?;
    // The session has come to speak for the tenant.
    session.tenant_id = Some(created.tenant.id);
    let login = Login::of(app, &txn, &session).await?;
    txn.commit().await?;
    Ok(login)
}
