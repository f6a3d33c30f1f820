//! Rows for operations that have checked who may; those that change one are called under the lock on the tenant.

use sea_orm::ConnectionTrait;
use sea_orm::sea_query::SelectStatement;

use crate::error::{Error, ErrorCode, Result};
use crate::id::{MembershipId, RoleId, TenantId, UserId};
use crate::membership::Membership;
use crate::membership::model::{self, MembershipStatus};
use crate::role;

/// Gives a member another role.
///
/// # Errors
/// Whatever the database says.
pub async fn change_role(db: &impl ConnectionTrait, id: MembershipId, role: RoleId) -> Result<()> {
    Ok(model::set_role(db, id, role).await?)
}

/// Moves a membership to a status; `false` when it was there already.
///
/// # Errors
/// Whatever the database says.
pub async fn change_status(
    db: &impl ConnectionTrait,
    id: MembershipId,
    status: MembershipStatus,
) -> Result<bool> {
    Ok(model::set_status(db, id, status).await?)
}

/// Deletes a membership; `false` when it was gone.
///
/// # Errors
/// Whatever the database says.
pub async fn remove(db: &impl ConnectionTrait, id: MembershipId) -> Result<bool> {
    Ok(model::delete(db, id).await?)
}

/// Deletes every membership of a tenant that is erased.
///
/// # Errors
/// Whatever the database says.
pub async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<()> {
    Ok(model::erase(db, tenant).await?)
}

/// Memberships with a role, active or not.
///
/// # Errors
/// Whatever the database says.
pub async fn with_role(db: &impl ConnectionTrait, tenant: TenantId, role: RoleId) -> Result<Vec<Membership>> {
    Ok(model::with_role(db, tenant, role).await?)
}

/// Memberships of some users in a tenant, active or not.
///
/// # Errors
/// Whatever the database says.
pub async fn of_users(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    users: &[UserId],
) -> Result<Vec<Membership>> {
    Ok(model::of_users(db, tenant, users).await?)
}

/// Memberships of some users in every tenant, active or not; the caller administers the platform.
///
/// # Errors
/// Whatever the database says.
pub async fn of_users_all_tenants(db: &impl ConnectionTrait, users: &[UserId]) -> Result<Vec<Membership>> {
    Ok(model::of_users_all_tenants(db, users).await?)
}

/// A query for the users who are active members of a tenant with one of the roles.
#[must_use]
pub fn users_with_roles(tenant: TenantId, roles: &[RoleId]) -> SelectStatement {
    model::users_with_roles(tenant, roles)
}

/// At most `most` active members of a tenant with one of the roles, first joined first.
///
/// # Errors
/// Whatever the database says.
pub async fn active_with_roles(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    roles: &[RoleId],
    most: u64,
) -> Result<Vec<Membership>> {
    Ok(model::active_with_roles(db, tenant, roles, most).await?)
}

/// Refuses a change, already made in the transaction, that leaves the tenant without an active owner.
///
/// # Errors
/// `LAST_OWNER`; the caller rolls back.
pub async fn keeps_an_owner(db: &impl ConnectionTrait, tenant: TenantId) -> Result<()> {
    let owner = role::service::by_key(db, tenant, role::OWNER).await?;
    if model::count_active(db, tenant, owner.id).await? > 0 {
        return Ok(());
    }
    let message = "This would leave the tenant without an active owner; make somebody else an owner first.";
    Err(Error::refused(ErrorCode::LastOwner, message))
}
