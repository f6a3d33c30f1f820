//! Rows of `role`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, IntoColumnRef, Query, SelectStatement};
use sea_orm::{ActiveValue::Set, Iterable as _, QueryOrder, QueryResult};

use crate::clock::Instant;
use crate::db::record::{self, Record};
use crate::id::{RoleId, TenantId};
use crate::permission::{Permissions, UnknownPermission};

/// One role of one tenant.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "role")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RoleId,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// Lower-case key, unique in the tenant.
    pub key: String,
    /// Name that people see.
    pub name: String,
    /// What it permits.
    pub permissions: Permissions,
    /// Whether it came with the tenant and cannot be changed.
    pub built_in: bool,
    /// When it was made.
    pub created_at: Instant,
}

impl ActiveModelBehavior for ActiveModel {}

/// Has a statement of PostgreSQL read the role that a column of its names, for [`Model::named`]; with the first of rows in succession that name
/// the same one.
pub fn select_named(rows: &mut SelectStatement, role: impl IntoColumnRef + Copy) {
    let mut named = Query::select();
    named.from(Entity).and_where(Expr::col((Entity, Column::Id)).equals(role));
    record::select(rows, role, named, Column::iter().map(|column| (Entity, column)));
}

impl Model {
    /// Reads it from a row of [`select_named`] that has so many columns behind it; `None` where it is not there.
    ///
    /// # Errors
    /// Where the row was selected otherwise.
    pub fn named(row: &QueryResult, behind: usize) -> Result<Option<Self>, DbErr> {
        let Some(mut record) = Record::of(row, behind)? else { return Ok(None) };
        Ok(Some(Self {
            id: record.value::<Uuid>()?.into(),
            tenant_id: record.value::<Uuid>()?.into(),
            key: record.value()?,
            name: record.value()?,
            permissions: record
                .value::<String>()?
                .parse()
                .map_err(|e: UnknownPermission| DbErr::Type(e.to_string()))?,
            built_in: record.value()?,
            created_at: record.value()?,
        }))
    }
}

fn scoped(tenant: TenantId) -> Select<Entity> {
    Entity::find().filter(Column::TenantId.eq(tenant))
}

pub(super) async fn insert(db: &impl ConnectionTrait, role: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(role.id),
        tenant_id: Set(role.tenant_id),
        key: Set(role.key),
        name: Set(role.name),
        permissions: Set(role.permissions),
        built_in: Set(role.built_in),
        created_at: Set(role.created_at),
    };
    Entity::insert(row).exec_without_returning(db).await.map(drop)
}

pub(super) async fn update(
    db: &impl ConnectionTrait,
    id: RoleId,
    name: String,
    permissions: Permissions,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Name, Expr::value(name))
        .col_expr(Column::Permissions, Expr::value(permissions))
        .filter(Column::Id.eq(id))
        .filter(Column::BuiltIn.eq(false));
    update.exec(db).await.map(drop)
}

pub(super) async fn delete(db: &impl ConnectionTrait, id: RoleId) -> Result<(), DbErr> {
    let own = Entity::delete_many().filter(Column::Id.eq(id)).filter(Column::BuiltIn.eq(false));
    own.exec(db).await.map(drop)
}

pub(super) async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::TenantId.eq(tenant)).exec(db).await.map(drop)
}

pub(super) async fn by_key(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    key: &str,
) -> Result<Option<Model>, DbErr> {
    scoped(tenant).filter(Column::Key.eq(key)).one(db).await
}

pub(super) async fn of_tenants(db: &impl ConnectionTrait, tenants: &[TenantId]) -> Result<Vec<Model>, DbErr> {
    let rows = Entity::find().filter(Column::TenantId.is_in(tenants.iter().copied()));
    rows.order_by_desc(Column::BuiltIn).order_by_asc(Column::Id).all(db).await
}

pub(super) async fn by_ids(db: &impl ConnectionTrait, ids: &[RoleId]) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(db).await
}
