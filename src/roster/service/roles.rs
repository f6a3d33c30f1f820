//! Roles of a tenant's own.

use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::actor::{Actor, Authority};
use crate::app::App;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{RoleId, TenantId};
use crate::permission::{Permission, Permissions};
use crate::role::{self, Role};
use crate::{invitation, membership, tenant, text};

/// A role to be made.
#[derive(Clone, Debug)]
pub struct NewRole {
    /// The tenant; the active one by default.
    pub tenant_id: Option<TenantId>,
    /// Lower-case key, unique in the tenant.
    pub key: String,
    /// Name that people see.
    pub name: String,
    /// What it permits.
    pub permissions: Permissions,
}

/// Makes a role.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `tenantId`, `FORBIDDEN` without MANAGE_ROLES, `BAD_USER_INPUT` at `key` or `name`,
/// `ROLE_NOT_ALLOWED` at `permissions` for a permission that the caller lacks.
pub async fn create_role(app: &App, actor: &Actor, new: NewRole) -> Result<Role> {
    actor.known()?;
    let tenant_id = actor.tenant_or_active(new.tenant_id)?;
    let txn = app.db.begin_write().await?;
    tenant::service::lock(&txn, tenant_id).await?;
    let (_, authority) = membership::service::authority(&txn, actor, tenant_id).await?;
    authority.require(Permission::ManageRoles)?;
    let role = Role {
        id: app.fresh_id(),
        tenant_id,
        key: text::slug("key", &new.key)?,
        name: text::name("name", &new.name)?,
        permissions: new.permissions,
        built_in: false,
        created_at: app.clock.now(),
    };
    require_within(&authority, &role)?;
    role::service::insert(&txn, role.clone()).await?;
    record(app, &txn, actor, EventKind::RoleCreated, &role).await?;
    txn.commit().await?;
    Ok(role)
}

/// Renames a role of the tenant's own, or sets what it permits; an absent value stays as it is. Invitations that its
/// members may no longer stand for are cancelled.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `roleId`, `FORBIDDEN` without MANAGE_ROLES, `ROLE_BUILT_IN`, `ROLE_NOT_ALLOWED` when
/// the role permits, or is to permit, what the caller lacks, `BAD_USER_INPUT` at `name`.
pub async fn update_role(
    app: &App,
    actor: &Actor,
    id: RoleId,
    name: Option<&str>,
    permissions: Option<Permissions>,
) -> Result<Role> {
    let txn = app.db.begin_write().await?;
    let (present, authority) = own_role(&txn, actor, id).await?;
    let role = Role {
        name: name.map_or(Ok(present.name.clone()), |name| text::name("name", name))?,
        permissions: permissions.unwrap_or_else(|| present.permissions.clone()),
        ..present.clone()
    };
    require_within(&authority, &role)?;
    if role == present {
        return Ok(role);
    }
    role::service::update(&txn, id, role.name.clone(), role.permissions.clone()).await?;
    for member in membership::service::with_role(&txn, role.tenant_id, id).await? {
        invitation::service::cancel_unentitled(app, &txn, actor, role.tenant_id, member.user_id).await?;
    }
    record(app, &txn, actor, EventKind::RoleUpdated, &role).await?;
    txn.commit().await?;
    Ok(role)
}

/// Deletes a role of the tenant's own.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `roleId`, `FORBIDDEN` without MANAGE_ROLES, `ROLE_BUILT_IN`, `ROLE_NOT_ALLOWED`, and
/// `ROLE_IN_USE` while somebody has it or is invited to it.
pub async fn delete_role(app: &App, actor: &Actor, id: RoleId) -> Result<()> {
    let txn = app.db.begin_write().await?;
    let (role, _) = own_role(&txn, actor, id).await?;
    let held = !membership::service::with_role(&txn, role.tenant_id, id).await?.is_empty();
    if held || invitation::service::is_offered(app, &txn, role.tenant_id, id).await? {
        let message = "Somebody has this role or is invited to it; give them another one first.";
        return Err(Error::refused(ErrorCode::RoleInUse, message));
    }
    record(app, &txn, actor, EventKind::RoleDeleted, &role).await?;
    role::service::delete(&txn, id).await?;
    Ok(txn.commit().await?)
}

/// A role of the own making of a tenant of the actor's, who may grant it; the tenant is locked.
async fn own_role(db: &impl ConnectionTrait, actor: &Actor, id: RoleId) -> Result<(Role, Authority)> {
    actor.known()?;
    let hidden = || Error::not_found("role").at("roleId");
    let role = role::service::by_ids(db, &[id]).await?.pop().ok_or_else(hidden)?;
    tenant::service::lock(db, role.tenant_id).await?;
    let authority = match membership::service::authority(db, actor, role.tenant_id).await {
        Err(error) if error.code() == ErrorCode::NotFound => return Err(hidden()),
        other => other?.1,
    };
    authority.require(Permission::ManageRoles)?;
    let role = role::service::by_ids(db, &[id]).await?.pop().ok_or_else(hidden)?;
    if role.built_in {
        let message = "Built-in roles stay as they are; make a role of your own.";
        return Err(Error::refused(ErrorCode::RoleBuiltIn, message).at("roleId"));
    }
    if !role::service::can_grant(&authority, &role) {
        let message = "This role permits more than your own does.";
        return Err(Error::refused(ErrorCode::RoleNotAllowed, message).at("roleId"));
    }
    Ok((role, authority))
}

fn require_within(authority: &Authority, role: &Role) -> Result<()> {
    if role::service::can_grant(authority, role) {
        return Ok(());
    }
    let message = "A role cannot permit what your own role lacks.";
    Err(Error::refused(ErrorCode::RoleNotAllowed, message).at("permissions"))
}

async fn record(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    kind: EventKind,
    role: &Role,
) -> Result<()> {
    let permissions: Vec<&str> = role.permissions.iter().map(Permission::as_str).collect();
    let data = json!({ "key": role.key, "permissions": permissions });
    let fact = NewEvent::of(kind, Some(role.tenant_id), Subject::Role(role.id)).with(data);
    event::service::record(app, db, actor, fact).await
}
