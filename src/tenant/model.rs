//! Rows of `tenant`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, LockType};
use sea_orm::{ActiveValue::Set, Condition, DbBackend, Order, QueryOrder, QuerySelect};

use crate::clock::Instant;
use crate::db::{self, Opening};
use crate::id::{TenantId, TypedId as _};
use crate::page::Page;

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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum, clap::ValueEnum,
)]
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

/// Locks a tenant's row until the transaction ends. SQLite needs none: its writers come one after another.
pub(super) async fn lock(db: &impl ConnectionTrait, id: TenantId) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Sqlite {
        return Ok(());
    }
    Entity::find().filter(Column::Id.eq(id)).lock(LockType::NoKeyUpdate).one(db).await.map(drop)
}

/// Keeps a tenant's row from whoever locks it or writes it until the transaction ends that begins with it.
pub(super) fn held(id: TenantId) -> Opening {
    let sql = "SELECT FROM tenant WHERE id = $1 FOR SHARE";
    Opening { name: "guestlist_hold_tenant", sql, id: id.uuid() }
}

pub(super) async fn by_slug(db: &impl ConnectionTrait, slug: &str) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Slug.eq(slug)).one(db).await
}

/// Writes what can change of a tenant.
pub(super) async fn update(db: &impl ConnectionTrait, tenant: &Model) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Slug, Expr::value(tenant.slug.clone()))
        .col_expr(Column::Name, Expr::value(tenant.name.clone()))
        .col_expr(Column::Status, Expr::value(tenant.status))
        .col_expr(Column::ResetPolicy, Expr::value(tenant.reset_policy))
        .col_expr(Column::DeletedAt, Expr::value(tenant.deleted_at))
        .filter(Column::Id.eq(tenant.id));
    update.exec(db).await.map(drop)
}

/// Tenants that were deleted before a moment.
pub(super) async fn deleted_before(db: &impl ConnectionTrait, at: Instant) -> Result<Vec<Model>, DbErr> {
    let deleted = Entity::find().filter(Column::Status.eq(TenantStatus::Deleted));
    deleted.filter(Column::DeletedAt.lte(at)).all(db).await
}

pub(super) async fn erase(db: &impl ConnectionTrait, id: TenantId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::Id.eq(id)).exec(db).await.map(drop)
}

/// Which tenants are in a list; an absent condition holds for all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In any of these states.
    pub status: Option<Vec<TenantStatus>>,
    /// Whose name or slug holds this text.
    pub name_contains: Option<String>,
}

impl Filter {
    fn condition(&self) -> Condition {
        let mut all = Condition::all();
        if let Some(states) = &self.status {
            all = all.add(Column::Status.is_in(states.iter().copied()));
        }
        if let Some(text) = &self.name_contains {
            let text = text.trim().to_lowercase();
            let name = Expr::expr(Func::lower(Expr::col(Column::Name))).like(db::containing(&text));
            all =
                all.add(Condition::any().add(name).add(Expr::col(Column::Slug).like(db::containing(&text))));
        }
        all
    }
}

/// One page of all tenants by identifier, which is the order of their making, and one row more.
pub(super) async fn page_of_all(
    db: &impl ConnectionTrait,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().filter(filter.condition());
    if let Some(after) = &page.after {
        query = query.filter(Column::Id.gt(TenantId::from(after.id)));
    }
    if let Some(before) = &page.before {
        query = query.filter(Column::Id.lt(TenantId::from(before.id)));
    }
    let reading = if page.backward { Order::Desc } else { Order::Asc };
    query.order_by(Column::Id, reading).limit(page.size + 1).all(db).await
}

pub(super) async fn count_of_all(db: &impl ConnectionTrait, filter: &Filter) -> Result<u64, DbErr> {
    Entity::find().filter(filter.condition()).count(db).await
}

pub(super) async fn all_tenants(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().order_by_asc(Column::Slug).all(db).await
}
