//! What can be done with sessions.

pub mod access;
mod login;
mod logout;
mod page;
mod refresh;
mod seen;
mod switch;
mod together;

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, DbBackend};

use super::model::{principal, session};
use crate::actor::{Actor, Origin, Principal};
use crate::app::App;
use crate::clock::Instant;
use crate::db::Batch;
use crate::email::Email;
use crate::error::{Error, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{SessionId, TenantId, TypedId as _, UserId};
use crate::keys::TokenKind;
use crate::permission::Permissions;
use crate::tenant::TenantStatus;
use crate::user::User;
use crate::{membership, user};

pub use login::{Login, login};
pub use logout::{go_on_alone, logout, logout_all, revoke_all, revoke_session, revoke_user_sessions};
pub use page::{authenticate_page, renew_page};
pub use refresh::refresh;
pub use seen::Seen;
pub use switch::{Switched, switch_tenant};

/// The pair of tokens that a session speaks with.
#[derive(Clone)]
pub struct Tokens {
    /// JWT for the `Authorization` header.
    pub access_token: String,
    /// When it ends.
    pub access_expires_at: Instant,
    /// Single-use token for the next pair.
    pub refresh_token: String,
    /// When it ends.
    pub refresh_expires_at: Instant,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").field("access_expires_at", &self.access_expires_at).finish_non_exhaustive()
    }
}

/// Makes an actor of a bearer token: whoever it speaks for now, or a stranger.
///
/// # Errors
/// Whatever the database says; a token that is no good is no error.
pub async fn authenticate(app: &App, bearer: Option<&str>, origin: Origin) -> Result<Actor> {
    let Some(token) = bearer else { return Ok(Actor::stranger(origin)) };
    let session_id = match app.access_keys.verify(app, token) {
        None => {
            app.access_keys.before_verifying(app, token).await?;
            app.access_keys.verify(app, token)
        }
        known => known,
    };
    match session_id {
        Some(id) => of_session(app, id, origin).await,
        None => Ok(Actor::stranger(origin)),
    }
}

/// Whoever a session speaks for now, or a stranger where it has ended.
///
/// # Errors
/// Whatever the database says.
pub async fn of_session(app: &App, id: SessionId, origin: Origin) -> Result<Actor> {
    let row = seen::behind(app, id).await?;
    Ok(match row.map(|row| speaking(app, row, id)).transpose()?.flatten() {
        Some(principal) => Actor::user(principal, origin),
        None => Actor::stranger(origin),
    })
}

/// Who a session speaks for now; `None` when it has ended or its user is suspended.
///
/// # Errors
/// Whatever the database says.
pub async fn principal_of(app: &App, db: &impl ConnectionTrait, id: SessionId) -> Result<Option<Principal>> {
    let row = principal::find(db, id).await?;
    Ok(row.map(|row| speaking(app, row, id)).transpose()?.flatten())
}

/// Who speaks, given what stands behind a session.
fn speaking(app: &App, row: principal::Row, id: SessionId) -> Result<Option<Principal>> {
    let now = app.clock.now();
    let live = row.revoked_at.is_none() && now < row.expires_at && now < row.ends_at;
    if !live || row.user_status != "active" {
        return Ok(None);
    }
    let email = Email::parse(&row.email).map_err(Error::internal)?;
    let tenant_open = row.tenant_status.is_some_and(|status| status != TenantStatus::Deleted);
    Ok(Some(Principal {
        user_id: row.user_id,
        session_id: id,
        name: row.name,
        email,
        email_verified: row.email_verified_at.is_some(),
        is_superuser: row.is_superuser,
        active_tenant: row.tenant_id.filter(|_| tenant_open && (row.is_member || row.is_superuser)),
        active_membership: row.membership_id.filter(|_| tenant_open && row.is_member),
        created_at: row.created_at,
        standing: row.standing,
    }))
}

/// Begins a session for `user`, in the transaction that proved who they are.
///
/// # Errors
/// Whatever the database says.
pub async fn begin_session(
    app: &App,
    db: &impl ConnectionTrait,
    origin: &Origin,
    user: &User,
    tenant_id: Option<TenantId>,
) -> Result<session::Model> {
    let row = session_of(app, origin, user.id, tenant_id);
    beginning(app, db.get_database_backend(), origin, &row).execute(db).await?;
    Ok(row)
}

/// A session for `user` that has not begun.
fn session_of(app: &App, origin: &Origin, user_id: UserId, tenant_id: Option<TenantId>) -> session::Model {
    let now = app.clock.now();
    session::Model {
        id: app.fresh_id(),
        user_id,
        tenant_id,
        refresh_counter: 0,
        rotated_at: None,
        created_at: now,
        last_seen_at: now,
        expires_at: now + app.config.refresh_ttl.min(app.config.session_max),
        ends_at: now + app.config.session_max,
        revoked_at: None,
        ip_address: origin.ip_address.clone(),
        user_agent: origin.user_agent.clone(),
    }
}

/// What is written as a session begins.
fn beginning(app: &App, backend: DbBackend, origin: &Origin, row: &session::Model) -> Batch {
    let mut batch = Batch::of(session::insertion(row.clone(), backend));
    if let Some(tenant_id) = row.tenant_id {
        user::service::remember_tenant_in(&mut batch, row.user_id, tenant_id);
        membership::service::seen_in(app, &mut batch, tenant_id, row.user_id);
    }
    let created =
        NewEvent::of(EventKind::SessionCreated, row.tenant_id, Subject::Session(row.id)).by(row.user_id);
    event::service::record_in(app, &mut batch, &Actor::stranger(origin.clone()), created);
    batch
}

/// The tokens of a session as it stands.
///
/// # Errors
/// Whatever the database says.
pub async fn tokens(app: &App, db: &impl ConnectionTrait, row: &session::Model) -> Result<Tokens> {
    let held = match row.tenant_id {
        Some(tenant_id) => membership::service::held(db, tenant_id, row.user_id).await?,
        None => None,
    };
    signed(app, row, held).await
}

/// As [`tokens`], given the key of the user's role in the session's tenant and what it permits.
async fn signed(app: &App, row: &session::Model, held: Option<(String, Permissions)>) -> Result<Tokens> {
    let counter = u32::try_from(row.refresh_counter).map_err(Error::internal)?;
    let (access_token, access_expires_at) =
        access_token(app, row.id, row.user_id, row.tenant_id, held).await?;
    Ok(Tokens {
        access_token,
        access_expires_at,
        refresh_token: app.keys.token(TokenKind::Refresh, row.id.uuid(), counter),
        refresh_expires_at: row.expires_at,
    })
}

async fn access_token(
    app: &App,
    session_id: SessionId,
    user_id: UserId,
    tenant_id: Option<TenantId>,
    held: Option<(String, Permissions)>,
) -> Result<(String, Instant)> {
    let (role, permissions) = held.unzip();
    let grant = access::Grant {
        user_id,
        session_id,
        tenant_id: tenant_id.filter(|_| role.is_some()),
        role,
        permissions: permissions.unwrap_or_default(),
    };
    app.access_keys.before_signing(app).await?;
    app.access_keys.sign(app, grant)
}

/// Lets the actor's session speak for `tenant` where it speaks for none.
///
/// # Errors
/// Whatever the database says.
pub async fn adopt_tenant(db: &impl ConnectionTrait, actor: &Actor, tenant: TenantId) -> Result<()> {
    if let Some(principal) = actor.principal().filter(|p| p.active_tenant.is_none()) {
        session::set_tenant(db, principal.session_id, tenant).await?;
        user::service::remember_tenant(db, principal.user_id, tenant).await?;
    }
    Ok(())
}

/// Lets sessions that speak for a tenant that is erased speak for none.
///
/// # Errors
/// Whatever the database says.
pub async fn forget_tenant(db: &impl ConnectionTrait, tenant: TenantId) -> Result<()> {
    Ok(session::forget_tenant(db, tenant).await?)
}

/// Live sessions of the signed-in user, latest first.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn sessions(app: &App, user: UserId) -> Result<Vec<session::Model>> {
    Ok(session::live_of_user(app.db.reader(), user, app.clock.now()).await?)
}

/// Of each of some users that ever signed in: when they last did, and how many of their sessions live.
///
/// # Errors
/// Whatever the database says.
pub async fn summaries(app: &App, users: &[UserId]) -> Result<Vec<(UserId, Instant, i64)>> {
    Ok(session::summaries(app.db.reader(), users, app.clock.now()).await?)
}

/// How long sessions are kept after their last possible end: for as long as somebody may ask what they were.
const KEPT: TimeDelta = TimeDelta::days(30);
/// Sessions that are forgotten in one statement, which nobody has to wait for long.
const FORGOTTEN_AT_ONCE: u32 = 500;

/// Forgets sessions that ended a month ago and earlier, but for the latest of each user, and says how many.
///
/// # Errors
/// Whatever the database says.
pub async fn forget_ended(app: &App) -> Result<u64> {
    let mut forgotten = 0;
    loop {
        let before = app.clock.now() - KEPT;
        let some = session::forget_ended(app.db.writer(), before, FORGOTTEN_AT_ONCE).await?;
        forgotten += some;
        if some < u64::from(FORGOTTEN_AT_ONCE) {
            return Ok(forgotten);
        }
    }
}

/// A session of the actor's own; `None` for anybody else's.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn own_session(app: &App, actor: &Actor, id: SessionId) -> Result<Option<session::Model>> {
    let user_id = actor.signed_in()?.user_id;
    let found = session::find(app.db.reader(), id).await?;
    Ok(found.filter(|s| s.user_id == user_id))
}
