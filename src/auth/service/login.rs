//! Signing in with address and password.

use chrono::TimeDelta;
use sea_orm::{ActiveEnum as _, ConnectionTrait};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Tokens, beginning, principal_of, session_of, signed, speaking, tokens};
use crate::actor::{Actor, Principal};
use crate::app::App;
use crate::auth::model::entrance::{self, Entrant, Place};
use crate::auth::model::{principal, session};
use crate::email::Email;
use crate::error::{Error, ErrorCode, Result};
use crate::id::TenantId;
use crate::limits::{self, Limit};
use crate::membership::MembershipStatus;
use crate::tenant::TenantStatus;
use crate::user::{User, UserStatus};
use crate::{password, tenant, user};

const WINDOW: TimeDelta = TimeDelta::minutes(15);

/// A new session.
#[derive(Debug)]
pub struct Login {
    /// Its tokens.
    pub tokens: Tokens,
    /// Who it speaks for.
    pub principal: Principal,
}

impl Login {
    /// A session that has just begun, in the transaction that began it.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn of(app: &App, db: &impl ConnectionTrait, session: &session::Model) -> Result<Self> {
        let tokens = tokens(app, db, session).await?;
        let principal = principal_of(app, db, session.id).await?;
        let principal = principal.ok_or_else(|| Error::internal("a session ended as it began"))?;
        Ok(Self { tokens, principal })
    }
}

/// Signs in. Answers alike, in words and in time, whether or not there is such an account.
///
/// # Errors
/// `BAD_USER_INPUT` for an address that is none, `INVALID_CREDENTIALS`, `RATE_LIMITED`, `OVERLOADED`, and
/// `NOT_FOUND` at `tenantId` for a tenant that the user is not in.
pub async fn login(
    app: &App,
    actor: &Actor,
    email: &str,
    password: &SecretString,
    tenant_id: Option<TenantId>,
) -> Result<Login> {
    let email = Email::parse(email).map_err(|e| Error::bad_input("email", e.to_string()))?;
    if password.expose_secret().len() > password::MAX_BYTES {
        return Err(Error::bad_input("password", "A password has at most 256 characters."));
    }
    reserve(app, actor, &email).await?;
    let found = user::service::by_email(app.db.reader(), &email).await?;
    let hash = found.as_ref().and_then(|user| user.password_hash.clone());
    let good = app.hasher.verify(password, hash).await?;
    let Some(user) = found.filter(|user| good && user.status == UserStatus::Active) else {
        return Err(wrong());
    };
    let renewed = rehash(app, &user, password).await;

    let txn = app.db.begin_write().await?;
    // Hashing takes its time: whoever was suspended or changed the password meanwhile does not get in.
    let Some((entrant, places)) = entrance::find(&txn, user.id).await? else { return Err(wrong()) };
    let same = entrant.password_hash == user.password_hash
        || (renewed.is_some() && entrant.password_hash == renewed);
    if entrant.status != UserStatus::Active || !same {
        return Err(wrong());
    }
    let place = choose_tenant(&txn, &entrant, places, tenant_id).await?;
    let session = session_of(app, &actor.origin, user.id, place.as_ref().map(|place| place.tenant_id));
    let active = place.as_ref().and_then(|place| place.membership.clone());
    let active = active.filter(|membership| membership.status == MembershipStatus::Active);
    let tokens = signed(app, &session, active.map(entrance::Membership::role).transpose()?).await?;
    let principal = speaking(app, row(&session, entrant, place), session.id)?;
    let principal = principal.ok_or_else(|| Error::internal("a session ended as it began"))?;
    let batch = beginning(app, txn.get_database_backend(), &actor.origin, &session);
    txn.finish(batch).await?;
    Ok(Login { tokens, principal })
}

/// What stands behind a session that is about to begin.
fn row(session: &session::Model, user: Entrant, place: Option<Place>) -> principal::Row {
    let tenant_status = place.as_ref().map(|place| place.tenant_status);
    let membership = place.and_then(|place| place.membership);
    principal::Row {
        user_id: session.user_id,
        tenant_id: session.tenant_id,
        refresh_counter: session.refresh_counter,
        revoked_at: session.revoked_at,
        expires_at: session.expires_at,
        ends_at: session.ends_at,
        name: user.name,
        email: user.email,
        email_verified_at: user.email_verified_at,
        is_superuser: user.is_superuser,
        user_status: user.status.to_value(),
        created_at: user.created_at,
        membership_id: membership.as_ref().map(|membership| membership.id),
        is_member: membership.is_some_and(|membership| membership.status == MembershipStatus::Active),
        tenant_status,
        standing: None,
    }
}

/// Counts the attempt against the client's network and the address, or refuses it and counts nothing.
async fn reserve(app: &App, actor: &Actor, email: &Email) -> Result<()> {
    let limits = app.config.limits;
    let network = actor.origin.network();
    let per_network = Limit::new("login-ip", limits.login_per_ip, WINDOW);
    let per_address = Limit::new("login", limits.login_per_address, WINDOW);
    limits::reserve_all(app, &[(per_network, &network), (per_address, email.norm())]).await
}

fn wrong() -> Error {
    Error::refused(ErrorCode::InvalidCredentials, "The e-mail address or the password is wrong.")
}

/// Keeps the hash up to the present parameters, and returns it if it was renewed. A failure leaves the old one
/// in place.
async fn rehash(app: &App, user: &User, password: &SecretString) -> Option<String> {
    let old = user.password_hash.as_deref().filter(|hash| app.hasher.is_outdated(hash))?;
    let renewed = async {
        let new = app.hasher.hash(password).await?;
        user::service::replace_hash(app.db.writer(), user.id, old, new.clone()).await?;
        Ok::<_, Error>(new)
    };
    match renewed.await {
        Ok(new) => Some(new),
        Err(error) => {
            tracing::warn!(cause = ?error, "a password hash could not be renewed");
            None
        }
    }
}

/// The tenant asked for; else the one used last, else the one joined first.
async fn choose_tenant(
    db: &impl ConnectionTrait,
    user: &Entrant,
    places: Vec<Place>,
    named: Option<TenantId>,
) -> Result<Option<Place>> {
    let is_open = |place: &Place| {
        let active = |membership: &entrance::Membership| membership.status == MembershipStatus::Active;
        place.membership.as_ref().is_some_and(active) && place.tenant_status == TenantStatus::Active
    };
    let wanted = named.or(user.last_tenant_id);
    let mut held = places.iter().filter(|place| user.is_superuser || is_open(place));
    if let Some(place) = held.find(|place| Some(place.tenant_id) == wanted) {
        return Ok(Some(place.clone()));
    }
    // What an administrator used last may have been erased since.
    if let Some(wanted) = wanted.filter(|_| user.is_superuser)
        && let Some(tenant) = tenant::service::find(db, wanted).await?
    {
        return Ok(Some(Place { tenant_id: tenant.id, tenant_status: tenant.status, membership: None }));
    }
    if named.is_some() {
        return Err(Error::not_found("tenant").at("tenantId"));
    }
    Ok(places.into_iter().find(is_open))
}
