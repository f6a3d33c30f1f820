//! Rows of `membership`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

pub(crate) mod standing;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{
    ActiveValue::Set, Condition, DbBackend, Order, QueryOrder, QuerySelect, QueryTrait, Statement,
};

use crate::clock::Instant;
use crate::id::{MembershipId, RoleId, TenantId, UserId};
use crate::page::Page;

/// Whether a membership counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum MembershipStatus {
    /// Counts.
    #[sea_orm(string_value = "active")]
    Active,
    /// Kept, and worth nothing until it is reinstated.
    #[sea_orm(string_value = "suspended")]
    Suspended,
}

/// One person in one tenant.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "membership")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: MembershipId,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The person.
    pub user_id: UserId,
    /// What they are in it.
    pub role_id: RoleId,
    /// Whether it counts.
    pub status: MembershipStatus,
    /// When they joined.
    pub joined_at: Instant,
    /// When a session last began or went on in this tenant.
    pub last_seen_at: Option<Instant>,
}

impl ActiveModelBehavior for ActiveModel {}

fn scoped(tenant: TenantId) -> Select<Entity> {
    Entity::find().filter(Column::TenantId.eq(tenant))
}

pub(super) async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(row.id),
        tenant_id: Set(row.tenant_id),
        user_id: Set(row.user_id),
        role_id: Set(row.role_id),
        status: Set(row.status),
        joined_at: Set(row.joined_at),
        last_seen_at: Set(row.last_seen_at),
    };
    Entity::insert(row).exec_without_returning(db).await.map(drop)
}

pub(super) async fn of_user(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    user: UserId,
) -> Result<Option<Model>, DbErr> {
    scoped(tenant).filter(Column::UserId.eq(user)).one(db).await
}

/// A user's memberships in every tenant; their own to see.
pub(super) async fn of_user_all_tenants(
    db: &impl ConnectionTrait,
    user: UserId,
) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::UserId.eq(user)).order_by_asc(Column::Id).all(db).await
}

/// Memberships of some users in every tenant; for administrators of the platform.
pub(super) async fn of_users_all_tenants(
    db: &impl ConnectionTrait,
    users: &[UserId],
) -> Result<Vec<Model>, DbErr> {
    let theirs = Entity::find().filter(Column::UserId.is_in(users.iter().copied()));
    theirs.order_by_asc(Column::Id).all(db).await
}

pub(super) async fn by_id_all_tenants(
    db: &impl ConnectionTrait,
    id: MembershipId,
) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Id.eq(id)).one(db).await
}

pub(super) async fn set_role(db: &impl ConnectionTrait, id: MembershipId, role: RoleId) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::RoleId, Expr::value(role)).filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Moves a membership to a status; `false` when it was there already.
pub(super) async fn set_status(
    db: &impl ConnectionTrait,
    id: MembershipId,
    status: MembershipStatus,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Status, Expr::value(status))
        .filter(Column::Id.eq(id))
        .filter(Column::Status.ne(status));
    Ok(update.exec(db).await?.rows_affected > 0)
}

pub(super) async fn delete(db: &impl ConnectionTrait, id: MembershipId) -> Result<bool, DbErr> {
    Ok(Entity::delete_many().filter(Column::Id.eq(id)).exec(db).await?.rows_affected > 0)
}

pub(super) async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::TenantId.eq(tenant)).exec(db).await.map(drop)
}

pub(super) async fn count_active(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    role: RoleId,
) -> Result<u64, DbErr> {
    let active = scoped(tenant).filter(Column::Status.eq(MembershipStatus::Active));
    active.filter(Column::RoleId.eq(role)).count(db).await
}

/// Memberships with a role, active or not.
pub(super) async fn with_role(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    role: RoleId,
) -> Result<Vec<Model>, DbErr> {
    scoped(tenant).filter(Column::RoleId.eq(role)).all(db).await
}

/// Identifiers of users who are active members with one of the roles, for use inside a larger query.
pub(super) fn users_with_roles(tenant: TenantId, roles: &[RoleId]) -> SelectStatement {
    scoped(tenant)
        .select_only()
        .column(Column::UserId)
        .filter(Column::Status.eq(MembershipStatus::Active))
        .filter(Column::RoleId.is_in(roles.iter().copied()))
        .into_query()
}

/// Memberships of some users in a tenant, active or not.
pub(super) async fn of_users(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    users: &[UserId],
) -> Result<Vec<Model>, DbErr> {
    let mut found = Vec::new();
    for users in users.chunks(crate::db::ROWS) {
        found.extend(scoped(tenant).filter(Column::UserId.is_in(users.iter().copied())).all(db).await?);
    }
    Ok(found)
}

/// Active memberships of some users in some tenants.
pub(super) async fn active_in_tenants(
    db: &impl ConnectionTrait,
    tenants: &[TenantId],
    users: &[UserId],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::TenantId.is_in(tenants.iter().copied()))
        .filter(Column::UserId.is_in(users.iter().copied()))
        .filter(Column::Status.eq(MembershipStatus::Active))
        .all(db)
        .await
}

/// Users who are active members with one of the roles, first joined first.
pub(super) async fn active_with_roles(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    roles: &[RoleId],
    most: u64,
) -> Result<Vec<Model>, DbErr> {
    scoped(tenant)
        .filter(Column::Status.eq(MembershipStatus::Active))
        .filter(Column::RoleId.is_in(roles.iter().copied()))
        .order_by_asc(Column::Id)
        .limit(most)
        .all(db)
        .await
}

/// Which members are in a list; an absent condition holds for all.
#[derive(Clone, Debug, Default)]
pub(super) struct Where {
    pub(super) roles: Option<Vec<RoleId>>,
    pub(super) status: Option<Vec<MembershipStatus>>,
    pub(super) users: Option<SelectStatement>,
}

impl Where {
    fn condition(&self) -> Condition {
        let mut all = Condition::all();
        if let Some(roles) = &self.roles {
            all = all.add(Column::RoleId.is_in(roles.iter().copied()));
        }
        if let Some(states) = &self.status {
            all = all.add(Column::Status.is_in(states.iter().copied()));
        }
        all.add_option(self.users.clone().map(|users| Column::UserId.in_subquery(users)))
    }
}

/// One page of a tenant's members by identifier, which is the order of joining, and one row more.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    filter: &Where,
    page: &Page,
) -> Result<Vec<Model>, DbErr> {
    let mut query = scoped(tenant).filter(filter.condition());
    if let Some(after) = &page.after {
        query = query.filter(Column::Id.gt(MembershipId::from(after.id)));
    }
    if let Some(before) = &page.before {
        query = query.filter(Column::Id.lt(MembershipId::from(before.id)));
    }
    let reading = if page.backward { Order::Desc } else { Order::Asc };
    query.order_by(Column::Id, reading).limit(page.size + 1).all(db).await
}

pub(super) async fn count(db: &impl ConnectionTrait, tenant: TenantId, filter: &Where) -> Result<u64, DbErr> {
    scoped(tenant).filter(filter.condition()).count(db).await
}

pub(super) async fn set_seen(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    user: UserId,
    at: Instant,
) -> Result<(), DbErr> {
    db.execute_raw(seen(tenant, user, at, db.get_database_backend())).await.map(drop)
}

/// The statement that says when a member was last seen.
pub(super) fn seen(tenant: TenantId, user: UserId, at: Instant, backend: DbBackend) -> Statement {
    let update = Entity::update_many().col_expr(Column::LastSeenAt, Expr::value(at));
    update.filter(Column::TenantId.eq(tenant)).filter(Column::UserId.eq(user)).build(backend)
}
