//! What can be done with memberships.

mod list;
mod rows;

use sea_orm::ConnectionTrait;

use super::model::standing;
use super::model::{self, MembershipStatus, Model};
use crate::actor::{Actor, Authority};
use crate::app::App;
use crate::db::Batch;
use crate::error::{Error, ErrorCode, Result, Unique};
use crate::id::{MembershipId, RoleId, TenantId, UserId};
use crate::permission::Permissions;
use crate::standing::Standing;
use crate::tenant::{self, Tenant, TenantStatus};

pub use list::{Filter, cursor, list};
pub use rows::{
    active_with_roles, change_role, change_status, erase, keeps_an_owner, of_users, of_users_all_tenants,
    remove, users_with_roles, with_role,
};

/// What `actor` may do in a tenant, read now, with the tenant itself. Every tenant-scoped operation begins
/// here.
///
/// # Errors
/// `UNAUTHENTICATED` for strangers; `NOT_FOUND` at `tenantId` when there is no such tenant, or the actor is no
/// active member of it and does not administer the platform.
pub async fn authority(
    db: &impl ConnectionTrait,
    actor: &Actor,
    tenant_id: TenantId,
) -> Result<(Tenant, Authority)> {
    actor.known()?;
    authority_of(actor, tenant_id, standing::find(db, tenant_id, actor.user_id()).await?)
}

/// As [`authority`], outside of a transaction: what a query knows of whoever sent it, and what was read in the state that the database is in,
/// is not read again.
///
/// # Errors
/// As [`authority`].
pub async fn authority_now(app: &App, actor: &Actor, tenant_id: TenantId) -> Result<(Tenant, Authority)> {
    actor.known()?;
    if let Some(known) = actor.standing_in(tenant_id) {
        return authority_of(actor, tenant_id, Some(known.clone()));
    }
    let user = actor.user_id();
    let read = standing::find(app.db.reader(), tenant_id, user);
    authority_of(actor, tenant_id, app.standings_seen.one(&app.db, (tenant_id, user), read).await?)
}

/// As [`authority`], with what was read already: the actor's standing in the tenant, `None` where there is no such tenant.
///
/// # Errors
/// As [`authority`].
pub fn authority_of(
    actor: &Actor,
    tenant_id: TenantId,
    found: Option<Standing>,
) -> Result<(Tenant, Authority)> {
    actor.known()?;
    let hidden = || Error::not_found("tenant").at("tenantId");
    let (tenant, held) = standing::split(found.ok_or_else(hidden)?)?;
    if actor.is_platform_admin() {
        let permissions = Permissions::all();
        let authority =
            Authority { tenant_id, role_id: None, is_owner: false, is_platform_admin: true, permissions };
        return Ok((tenant, authority));
    }
    if tenant.status == TenantStatus::Deleted {
        return Err(hidden());
    }
    actor.signed_in()?;
    let held = held.ok_or_else(hidden)?;
    Ok((tenant, held.authority(tenant_id)))
}

/// Key and permissions of an active member's role; `None` for anybody else.
///
/// # Errors
/// Whatever the database says.
pub async fn held(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    user: UserId,
) -> Result<Option<(String, Permissions)>> {
    let found = standing::find(db, tenant, Some(user)).await?;
    Ok(found.map(held_by).transpose()?.flatten())
}

/// As [`held`], with what was read already.
///
/// # Errors
/// For a status or a permission that this version does not know.
pub fn held_by(found: Standing) -> Result<Option<(String, Permissions)>> {
    Ok(standing::split(found)?.1.map(|held| (held.key, held.permissions)))
}

/// What an active member may do; `None` for anybody else.
///
/// # Errors
/// Whatever the database says.
pub async fn of_member(
    db: &impl ConnectionTrait,
    tenant_id: TenantId,
    user: UserId,
) -> Result<Option<Authority>> {
    let found = standing::find(db, tenant_id, Some(user)).await?.map(standing::split).transpose()?;
    Ok(found.and_then(|(_, held)| held).map(|held| held.authority(tenant_id)))
}

/// The membership of a user in a tenant, active or not.
///
/// # Errors
/// Whatever the database says.
pub async fn find(db: &impl ConnectionTrait, tenant: TenantId, user: UserId) -> Result<Option<Model>> {
    Ok(model::of_user(db, tenant, user).await?)
}

/// Adds a member. The membership that stands already is returned unchanged, with `false`.
///
/// # Errors
/// Whatever the database says.
pub async fn join(
    app: &App,
    db: &impl ConnectionTrait,
    tenant_id: TenantId,
    user_id: UserId,
    role_id: RoleId,
) -> Result<(Model, bool)> {
    if let Some(present) = find(db, tenant_id, user_id).await? {
        return Ok((present, false));
    }
    let now = app.clock.now();
    let membership = Model {
        id: app.fresh_id(),
        tenant_id,
        user_id,
        role_id,
        status: MembershipStatus::Active,
        joined_at: now,
        last_seen_at: Some(now),
    };
    match model::insert(db, membership.clone()).await {
        Ok(()) => Ok((membership, true)),
        Err(error) if Unique::violated(&error) == Some(Unique::Membership) => {
            Err(Error::internal("two requests added one member at the same instant"))
        }
        Err(error) => Err(error.into()),
    }
}

/// A user's memberships in tenants that can be used, oldest first: their own to see.
///
/// # Errors
/// Whatever the database says.
pub async fn of_user(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<(Model, Tenant)>> {
    let memberships = model::of_user_all_tenants(db, user).await?;
    let ids: Vec<TenantId> = memberships.iter().map(|m| m.tenant_id).collect();
    let tenants = tenant::service::by_ids(db, &ids).await?;
    let with_tenant = |m: Model| {
        let tenant = tenants.iter().find(|t| t.id == m.tenant_id && t.status != TenantStatus::Deleted)?;
        Some((m, tenant.clone()))
    };
    Ok(memberships.into_iter().filter_map(with_tenant).collect())
}

/// The tenant with this identifier, when the actor is in it or administers the platform.
///
/// # Errors
/// `UNAUTHENTICATED` for strangers.
pub async fn visible_tenant(
    db: &impl ConnectionTrait,
    actor: &Actor,
    id: TenantId,
) -> Result<Option<Tenant>> {
    match authority(db, actor, id).await {
        Ok((tenant, _)) => Ok(Some(tenant)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The membership with this identifier, when the actor may see it: their own, or one of a tenant they are in.
///
/// # Errors
/// `UNAUTHENTICATED` for strangers.
pub async fn visible(db: &impl ConnectionTrait, actor: &Actor, id: MembershipId) -> Result<Option<Model>> {
    actor.known()?;
    let Some(membership) = model::by_id_all_tenants(db, id).await? else { return Ok(None) };
    let seen = actor.user_id() == Some(membership.user_id)
        || visible_tenant(db, actor, membership.tenant_id).await?.is_some();
    Ok(seen.then_some(membership))
}

/// The membership with this identifier in whatever tenant; whoever asks checks the tenant.
///
/// # Errors
/// Whatever the database says.
pub async fn find_all_tenants(db: &impl ConnectionTrait, id: MembershipId) -> Result<Option<Model>> {
    Ok(model::by_id_all_tenants(db, id).await?)
}

/// Notes that a session of the member began or went on.
///
/// # Errors
/// Whatever the database says.
pub async fn seen(app: &App, db: &impl ConnectionTrait, tenant: TenantId, user: UserId) -> Result<()> {
    Ok(model::set_seen(db, tenant, user, app.clock.now()).await?)
}

/// As [`seen`], with statements that are sent together.
pub fn seen_in(app: &App, batch: &mut Batch, tenant: TenantId, user: UserId) {
    let update = model::seen(tenant, user, app.clock.now(), batch.backend());
    batch.push(update);
}

/// Tenants, not deleted, that a user is an active member of, first joined first.
///
/// # Errors
/// Whatever the database says.
pub async fn tenants_of(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<Tenant>> {
    let rows = of_user(db, user).await?.into_iter();
    Ok(rows.filter(|(m, _)| m.status == MembershipStatus::Active).map(|(_, tenant)| tenant).collect())
}

/// Whether two users are active members of one tenant, so that they may see each other.
///
/// # Errors
/// Whatever the database says.
pub async fn share_a_tenant(db: &impl ConnectionTrait, one: UserId, other: UserId) -> Result<bool> {
    Ok(!colleagues(db, one, &[other]).await?.is_empty())
}

/// Those of `others` who are active members of a tenant that `user` is an active member of.
///
/// # Errors
/// Whatever the database says.
pub async fn colleagues(db: &impl ConnectionTrait, user: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
    let tenants: Vec<TenantId> = tenants_of(db, user).await?.into_iter().map(|tenant| tenant.id).collect();
    let shared = model::active_in_tenants(db, &tenants, others).await?;
    Ok(shared.into_iter().map(|membership| membership.user_id).collect())
}
