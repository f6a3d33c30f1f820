//! What can be done with roles.

use sea_orm::ConnectionTrait;

use super::model::{self, Model};
use super::{ADMIN, MEMBER, OWNER};
use crate::actor::Authority;
use crate::app::App;
use crate::error::{Error, ErrorCode, Result, Unique};
use crate::id::{RoleId, TenantId};
use crate::permission::{Permission, Permissions};

/// Makes the built-in roles of a new tenant and returns its owner role.
///
/// # Errors
/// Whatever the database says.
pub async fn insert_built_in(app: &App, db: &impl ConnectionTrait, tenant_id: TenantId) -> Result<Model> {
    let admin = Permission::ALL.into_iter().filter(|p| *p != Permission::ManageTenant).collect();
    let role = |key: &str, name: &str, permissions| Model {
        id: app.fresh_id(),
        tenant_id,
        key: key.to_owned(),
        name: name.to_owned(),
        permissions,
        built_in: true,
        created_at: app.clock.now(),
    };
    let owner = role(OWNER, "Owner", Permissions::all());
    model::insert(db, owner.clone()).await?;
    model::insert(db, role(ADMIN, "Admin", admin)).await?;
    model::insert(db, role(MEMBER, "Member", Permissions::default())).await?;
    Ok(owner)
}

/// Writes a role of a tenant's own; the caller has checked that the actor may grant it.
///
/// # Errors
/// `BAD_USER_INPUT` at `key` when the tenant has a role with that key.
pub async fn insert(db: &impl ConnectionTrait, role: Model) -> Result<()> {
    model::insert(db, role).await.map_err(|error| match Unique::violated(&error) {
        Some(Unique::RoleKey) => {
            Error::bad_input("key", "This tenant has a role with that key; choose another one.")
        }
        _ => error.into(),
    })
}

/// Renames a role of a tenant's own and sets what it permits.
///
/// # Errors
/// Whatever the database says.
pub async fn update(
    db: &impl ConnectionTrait,
    id: RoleId,
    name: String,
    permissions: Permissions,
) -> Result<()> {
    Ok(model::update(db, id, name, permissions).await?)
}

/// Deletes a role of a tenant's own that nothing refers to.
///
/// # Errors
/// Whatever the database says.
pub async fn delete(db: &impl ConnectionTrait, id: RoleId) -> Result<()> {
    Ok(model::delete(db, id).await?)
}

/// Deletes every role of a tenant that is erased.
///
/// # Errors
/// Whatever the database says.
pub async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<()> {
    Ok(model::erase(db, tenant).await?)
}

/// The tenant's role with this key.
///
/// # Errors
/// `BAD_USER_INPUT` at `roleKey`.
pub async fn by_key(db: &impl ConnectionTrait, tenant: TenantId, key: &str) -> Result<Model> {
    model::by_key(db, tenant, key).await?.ok_or_else(no_such_key)
}

/// What is said of a key that no role of the tenant has.
#[must_use]
pub fn no_such_key() -> Error {
    Error::bad_input(
        "roleKey",
        "This tenant has no role with that key; built in are owner, admin and member.",
    )
}

/// Roles of tenants, built-in ones first.
///
/// # Errors
/// Whatever the database says.
pub async fn of_tenants(db: &impl ConnectionTrait, tenants: &[TenantId]) -> Result<Vec<Model>> {
    Ok(model::of_tenants(db, tenants).await?)
}

/// Roles by identifier.
///
/// # Errors
/// Whatever the database says.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[RoleId]) -> Result<Vec<Model>> {
    Ok(model::by_ids(db, ids).await?)
}

/// The roles with these identifiers, outside of a transaction: what was read in the state that the database is in is not read again.
///
/// # Errors
/// Whatever the database says.
pub async fn by_ids_now(app: &App, ids: &[RoleId]) -> Result<Vec<Model>> {
    let read = async |ids: &[RoleId]| by_ids(app.db.reader(), ids).await;
    app.roles_seen.many(&app.db, ids, |row| row.id, read).await
}

/// The role with this identifier; `None` when it was deleted.
///
/// # Errors
/// Whatever the database says.
pub async fn find(db: &impl ConnectionTrait, id: RoleId) -> Result<Option<Model>> {
    Ok(model::by_ids(db, &[id]).await?.pop())
}

/// The role with this identifier, which a row refers to.
///
/// # Errors
/// `INTERNAL` when it is missing, which foreign keys rule out.
pub async fn get(db: &impl ConnectionTrait, id: RoleId) -> Result<Model> {
    let role = model::by_ids(db, &[id]).await?.pop();
    role.ok_or_else(|| Error::internal("a row refers to a role that does not exist"))
}

/// Whether whoever holds `authority` may grant `role`: its permissions are a subset of theirs, and `owner`
/// is granted by owners and platform administrators only.
#[must_use]
pub fn can_grant(authority: &Authority, role: &Model) -> bool {
    let owner_needed = role.built_in && role.key == OWNER;
    let may_own = authority.is_owner || authority.is_platform_admin;
    role.permissions.is_subset(&authority.permissions) && (!owner_needed || may_own)
}

/// [`can_grant`] as a refusal.
///
/// # Errors
/// `ROLE_NOT_ALLOWED` at `roleKey`.
pub fn require_can_grant(authority: &Authority, role: &Model) -> Result<()> {
    if can_grant(authority, role) {
        return Ok(());
    }
    let message = "This role is above what you may grant; choose one with fewer permissions.";
    Err(Error::refused(ErrorCode::RoleNotAllowed, message).at("roleKey"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TypedId;

    fn authority(permissions: Permissions, is_owner: bool, is_platform_admin: bool) -> Authority {
        Authority {
            tenant_id: uuid::Uuid::nil().into(),
            role_id: None,
            is_owner,
            is_platform_admin,
            permissions,
        }
    }

    fn role(key: &str, permissions: Permissions) -> Model {
        Model {
            id: uuid::Uuid::nil().into(),
            tenant_id: uuid::Uuid::nil().into(),
            key: key.to_owned(),
            name: key.to_owned(),
            permissions,
            built_in: true,
            created_at: Default::default(),
        }
    }

    #[test]
    fn t34_a_role_is_granted_only_from_above() {
        let invite: Permissions = [Permission::Invite].into_iter().collect();
        let inviter = authority(invite.clone(), false, false);
        assert!(can_grant(&inviter, &role(MEMBER, Permissions::default())));
        assert!(can_grant(&inviter, &role("host", invite)));
        assert!(!can_grant(&inviter, &role(ADMIN, Permissions::all())));
    }

    #[test]
    fn t34_owner_is_granted_by_owners_and_platform_administrators_only() {
        let owner = role(OWNER, Permissions::all());
        assert!(!can_grant(&authority(Permissions::all(), false, false), &owner));
        assert!(can_grant(&authority(Permissions::all(), true, false), &owner));
        assert!(can_grant(&authority(Permissions::all(), false, true), &owner));
        assert_eq!(RoleId::PREFIX, "rol");
    }
}
