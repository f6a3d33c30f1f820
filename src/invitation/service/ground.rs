//! Invitations that lose their ground: their inviter the right to make them, or their tenant.

use sea_orm::ConnectionTrait;

use super::accept::inviter_may_grant;
use super::decide::apply;
use crate::actor::Actor;
use crate::app::App;
use crate::error::Result;
use crate::id::{RoleId, TenantId, UserId};
use crate::invitation::model::{self, CancelReason, Decision, InvitationStatus, Model};
use crate::role;

/// Cancels every pending invitation of a tenant that is being deleted.
///
/// # Errors
/// Whatever the database says.
pub async fn cancel_all(app: &App, db: &impl ConnectionTrait, actor: &Actor, tenant: TenantId) -> Result<()> {
    let deleted = Decision {
        status: InvitationStatus::Cancelled,
        cancel_reason: Some(CancelReason::TenantDeleted),
        accepted_by: None,
        at: app.clock.now(),
    };
    for row in model::pending_of_tenant(db, tenant).await? {
        apply(app, db, actor, &row, deleted).await?;
    }
    Ok(())
}

/// Deletes every invitation of a tenant that is erased.
///
/// # Errors
/// Whatever the database says.
pub async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<()> {
    Ok(model::erase(db, tenant).await?)
}

/// Whether a live invitation offers a role.
///
/// # Errors
/// Whatever the database says.
pub async fn is_offered(
    app: &App,
    db: &impl ConnectionTrait,
    tenant: TenantId,
    role: RoleId,
) -> Result<bool> {
    Ok(model::is_offered(db, tenant, role, app.clock.now()).await?)
}

/// Cancels the pending invitations of a user in a tenant that they may no longer stand for, in the transaction that
/// took the right, and returns them.
///
/// # Errors
/// Whatever the database says.
pub async fn cancel_unentitled(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    tenant: TenantId,
    inviter: UserId,
) -> Result<Vec<Model>> {
    let lost = Decision {
        status: InvitationStatus::Cancelled,
        cancel_reason: Some(CancelReason::InviterLostRights),
        accepted_by: None,
        at: app.clock.now(),
    };
    let mut cancelled = Vec::new();
    for row in model::pending_of_inviter(db, tenant, inviter).await? {
        let entitled = match role::service::find(db, row.role_id).await? {
            Some(role) => inviter_may_grant(db, &row, &role).await?,
            None => false,
        };
        if entitled || !apply(app, db, actor, &row, lost).await? {
            continue;
        }
        cancelled.extend(model::by_id_all_tenants(db, row.id).await?);
    }
    Ok(cancelled)
}
