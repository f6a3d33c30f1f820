//! Rows of `tenant`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};

use crate::clock::Instant;
use crate::id::TenantId;

/// Whether a tenant can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum TenantStatus {
    /// In use.
    #[sea_orm(string_value = "active")]
    Active,
    /// Closed for the time being; nothing is lost.
    #[sea_orm(string_value = "suspended")]
    Suspended,
    /// Gone; erased for good after 30 days.
    #[sea_orm(string_value = "deleted")]
    Deleted,
}

/// How passwords of members are reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum ResetPolicy {
    /// An administrator approves each request.
    #[sea_orm(string_value = "approval")]
    Approval,
    /// The link is mailed at once.
    #[sea_orm(string_value = "self_service")]
    SelfService,
    /// Requests lead nowhere.
    #[sea_orm(string_value = "off")]
    Off,
}

/// One tenant.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TenantId,
    /// Unique short name for URLs.
    pub slug: String,
    /// Name that people see.
    pub name: String,
    /// Whether it can be used.
    pub status: TenantStatus,
    /// How passwords of members are reset.
    pub reset_policy: ResetPolicy,
    /// When it was made.
    pub created_at: Instant,
    /// When it was deleted.
    pub deleted_at: Option<Instant>,
}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn insert(db: &impl ConnectionTrait, tenant: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(tenant.id),
        slug: Set(tenant.slug),
        name: Set(tenant.name),
        status: Set(tenant.status),
        reset_policy: Set(tenant.reset_policy),
        created_at: Set(tenant.created_at),
        deleted_at: Set(tenant.deleted_at),
    };
    Entity::insert(row).exec_without_returning(db).await.map(drop)
}

pub(super) async fn by_ids(db: &impl ConnectionTrait, ids: &[TenantId]) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(db).await
}

/// Locks a tenant's row until the transaction ends. On SQLite a writing transaction is alone anyway.
pub(super) async fn lock(db: &impl ConnectionTrait, id: TenantId) -> Result<(), DbErr> {
    Entity::find().filter(Column::Id.eq(id)).lock_exclusive().one(db).await.map(drop)
}

pub(super) async fn by_slug(db: &impl ConnectionTrait, slug: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Slug.eq(slug)).one(db).await
}

pub(super) async fn all_tenants(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().order_by_asc(Column::Slug).all(db).await
}
