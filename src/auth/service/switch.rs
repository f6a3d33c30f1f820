//! Speaking for another tenant.

use super::access_token;
use crate::actor::Actor;
use crate::app::App;
use crate::auth::model::session;
use crate::clock::Instant;
use crate::error::Result;
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::TenantId;
use crate::membership::{Membership, MembershipStatus};
use crate::{membership, tenant, user};

/// What a session speaks with after it was switched.
#[derive(Debug)]
pub struct Switched {
    /// Access token for the tenant.
    pub access_token: String,
    /// When it ends.
    pub access_expires_at: Instant,
    /// The membership in the tenant; `None` for a platform administrator who is in none.
    pub membership: Option<Membership>,
}

/// Lets the caller's session speak for another tenant of theirs. The refresh token stays as it is.
///
/// # Errors
/// `UNAUTHENTICATED`; `NOT_FOUND` at `tenantId` for a tenant the caller is not in; `TENANT_UNAVAILABLE`.
pub async fn switch_tenant(app: &App, actor: &Actor, tenant_id: TenantId) -> Result<Switched> {
    let principal = actor.signed_in()?;
    let txn = app.db.begin_write().await?;
    let (tenant, _) = membership::service::authority(&txn, actor, tenant_id).await?;
    tenant::service::require_active(&tenant)?;
    session::set_tenant(&txn, principal.session_id, tenant_id).await?;
    user::service::remember_tenant(&txn, principal.user_id, tenant_id).await?;
    membership::service::seen(app, &txn, tenant_id, principal.user_id).await?;
    let subject = Subject::Session(principal.session_id);
    let switched = NewEvent::of(EventKind::SessionTenantSwitched, Some(tenant_id), subject);
    event::service::record(app, &txn, actor, switched).await?;
    let membership = membership::service::find(&txn, tenant_id, principal.user_id).await?;
    let held = membership::service::held(&txn, tenant_id, principal.user_id).await?;
    let (access_token, access_expires_at) =
        access_token(app, principal.session_id, principal.user_id, Some(tenant_id), held).await?;
    txn.commit().await?;
    let membership = membership.filter(|m| m.status == MembershipStatus::Active);
    Ok(Switched { access_token, access_expires_at, membership })
}
