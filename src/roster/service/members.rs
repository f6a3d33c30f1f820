//! What can be done with members.

use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::actor::{Actor, Authority};
use crate::app::App;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{MembershipId, TenantId};
use crate::invitation::{self, Invitation};
use crate::membership::{self, Membership, MembershipStatus};
use crate::permission::Permission;
use crate::{role, tenant};

/// A changed membership, and the invitations that went with it.
#[derive(Debug)]
pub struct Changed {
    /// The membership as it is, or was when it was removed.
    pub membership: Membership,
    /// Invitations that the member had made and may no longer stand for.
    pub cancelled: Vec<Invitation>,
}

/// Gives a member another role.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `membershipId`, `FORBIDDEN` without MANAGE_MEMBERS, `ROLE_NOT_ALLOWED` when the
/// member's present role or the new one is above the caller's, `BAD_USER_INPUT` at `roleKey`, `LAST_OWNER`.
pub async fn change_member_role(
    app: &App,
    actor: &Actor,
    id: MembershipId,
    role_key: &str,
) -> Result<Changed> {
    let txn = app.db.begin_write().await?;
    let (row, authority) = manage(&txn, actor, id).await?;
    let role = role::service::by_key(&txn, row.tenant_id, role_key).await?;
    role::service::require_can_grant(&authority, &role)?;
    if role.id == row.role_id {
        return Ok(Changed { membership: row, cancelled: Vec::new() });
    }
    let before = role::service::get(&txn, row.role_id).await?;
    membership::service::change_role(&txn, id, role.id).await?;
    let data = json!({ "from": before.key, "to": role.key });
    let changed = settle(app, &txn, actor, row, EventKind::MembershipRoleChanged, data).await?;
    txn.commit().await?;
    Ok(changed)
}

/// Suspends a member: the membership is kept, and worth nothing until it is reinstated.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `membershipId`, `FORBIDDEN` without MANAGE_MEMBERS, `ROLE_NOT_ALLOWED`,
/// `LAST_OWNER`.
pub async fn suspend_member(app: &App, actor: &Actor, id: MembershipId) -> Result<Changed> {
    let txn = app.db.begin_write().await?;
    let (row, _) = manage(&txn, actor, id).await?;
    if !membership::service::change_status(&txn, id, MembershipStatus::Suspended).await? {
        return Ok(Changed { membership: row, cancelled: Vec::new() });
    }
    let changed = settle(app, &txn, actor, row, EventKind::MembershipSuspended, json!({})).await?;
    txn.commit().await?;
    Ok(changed)
}

/// Lets a suspended membership count again. Its cancelled invitations stay cancelled.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `membershipId`, `FORBIDDEN` without MANAGE_MEMBERS, `ROLE_NOT_ALLOWED`.
pub async fn reinstate_member(app: &App, actor: &Actor, id: MembershipId) -> Result<Changed> {
    let txn = app.db.begin_write().await?;
    let (row, _) = manage(&txn, actor, id).await?;
    if !membership::service::change_status(&txn, id, MembershipStatus::Active).await? {
        return Ok(Changed { membership: row, cancelled: Vec::new() });
    }
    let changed = settle(app, &txn, actor, row, EventKind::MembershipReinstated, json!({})).await?;
    txn.commit().await?;
    Ok(changed)
}

/// Removes a member.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `membershipId`, `FORBIDDEN` without MANAGE_MEMBERS, `ROLE_NOT_ALLOWED`,
/// `LAST_OWNER`.
pub async fn remove_member(app: &App, actor: &Actor, id: MembershipId) -> Result<Changed> {
    let txn = app.db.begin_write().await?;
    let (row, _) = manage(&txn, actor, id).await?;
    membership::service::remove(&txn, id).await?;
    let changed = settle(app, &txn, actor, row, EventKind::MembershipRemoved, json!({})).await?;
    txn.commit().await?;
    Ok(changed)
}

/// Ends the caller's own membership.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `tenantId`, `LAST_OWNER`.
pub async fn leave_tenant(app: &App, actor: &Actor, tenant: TenantId) -> Result<Changed> {
    let user_id = actor.signed_in()?.user_id;
    let txn = app.db.begin_write().await?;
    tenant::service::lock(&txn, tenant).await?;
    let found = membership::service::find(&txn, tenant, user_id).await?;
    let row = found.ok_or_else(|| Error::not_found("tenant").at("tenantId"))?;
    membership::service::remove(&txn, row.id).await?;
    let changed = settle(app, &txn, actor, row, EventKind::MembershipLeft, json!({})).await?;
    txn.commit().await?;
    Ok(changed)
}

/// Makes a member an owner and the calling owner an admin, in one step.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `membershipId`, `FORBIDDEN` unless the caller is an owner or administers the
/// platform, `TENANT_UNAVAILABLE`, and `BAD_USER_INPUT` for a suspended member or the caller.
pub async fn transfer_ownership(app: &App, actor: &Actor, id: MembershipId) -> Result<Membership> {
    let txn = app.db.begin_write().await?;
    let (row, authority) = find(&txn, actor, id).await?;
    if !authority.is_owner && !authority.is_platform_admin {
        return Err(Error::Forbidden("Only an owner hands a tenant over."));
    }
    if row.status != MembershipStatus::Active || actor.user_id() == Some(row.user_id) {
        return Err(Error::bad_input("membershipId", "Name another member who is not suspended."));
    }
    let owner = role::service::by_key(&txn, row.tenant_id, role::OWNER).await?;
    if row.role_id != owner.id {
        let before = role::service::get(&txn, row.role_id).await?;
        membership::service::change_role(&txn, id, owner.id).await?;
        let data = json!({ "from": before.key, "to": owner.key });
        settle(app, &txn, actor, row.clone(), EventKind::MembershipRoleChanged, data).await?;
    }
    let own = match actor.user_id() {
        Some(user_id) => membership::service::find(&txn, row.tenant_id, user_id).await?,
        None => None,
    };
    if let Some(own) = own.filter(|own| own.role_id == owner.id) {
        let admin = role::service::by_key(&txn, row.tenant_id, role::ADMIN).await?;
        membership::service::change_role(&txn, own.id, admin.id).await?;
        let data = json!({ "from": owner.key, "to": admin.key });
        settle(app, &txn, actor, own, EventKind::MembershipRoleChanged, data).await?;
    }
    let membership = reread(&txn, &row).await?;
    txn.commit().await?;
    Ok(membership)
}

/// A member of a tenant of the actor's, and what the actor may do there; the tenant is locked.
async fn find(db: &impl ConnectionTrait, actor: &Actor, id: MembershipId) -> Result<(Membership, Authority)> {
    actor.known()?;
    let hidden = || Error::not_found("membership").at("membershipId");
    let row = membership::service::find_all_tenants(db, id).await?.ok_or_else(hidden)?;
    tenant::service::lock(db, row.tenant_id).await?;
    match membership::service::authority(db, actor, row.tenant_id).await {
        Err(error) if error.code() == ErrorCode::NotFound => Err(hidden()),
        Err(error) => Err(error),
        // Read again under the lock.
        Ok((_, authority)) => {
            Ok((membership::service::find_all_tenants(db, id).await?.ok_or_else(hidden)?, authority))
        }
    }
}

/// As [`find`], for a member whom the actor may manage.
async fn manage(
    db: &impl ConnectionTrait,
    actor: &Actor,
    id: MembershipId,
) -> Result<(Membership, Authority)> {
    let (row, authority) = find(db, actor, id).await?;
    authority.require(Permission::ManageMembers)?;
    let present = role::service::get(db, row.role_id).await?;
    if !role::service::can_grant(&authority, &present) {
        let message = "This member's role is above what you may manage.";
        return Err(Error::refused(ErrorCode::RoleNotAllowed, message).at("membershipId"));
    }
    Ok((row, authority))
}

/// Checks that an owner is left, cancels what the member may no longer stand for, and records the change.
async fn settle(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    row: Membership,
    kind: EventKind,
    data: Value,
) -> Result<Changed> {
    membership::service::keeps_an_owner(db, row.tenant_id).await?;
    let cancelled =
        invitation::service::cancel_unentitled(app, db, actor, row.tenant_id, row.user_id).await?;
    let changed = NewEvent::of(kind, Some(row.tenant_id), Subject::Membership(row.id)).with(data);
    event::service::record(app, db, actor, changed).await?;
    let membership = reread(db, &row).await?;
    Ok(Changed { membership, cancelled })
}

async fn reread(db: &impl ConnectionTrait, row: &Membership) -> Result<Membership> {
    Ok(membership::service::find_all_tenants(db, row.id).await?.unwrap_or_else(|| row.clone()))
}
