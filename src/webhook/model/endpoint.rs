//! Rows of `webhook_endpoint`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, QueryOrder};

use crate::clock::Instant;
use crate::id::{TenantId, UserId, WebhookEndpointId};

/// Whether an endpoint is posted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[graphql(name = "WebhookEndpointStatus")]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Status {
    /// Events are posted to it.
    #[sea_orm(string_value = "enabled")]
    Enabled,
    /// Nothing is posted to it; what happens meanwhile is not made up for.
    #[sea_orm(string_value = "disabled")]
    Disabled,
}

/// Why an endpoint is disabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[graphql(name = "WebhookDisabledReason")]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum DisabledReason {
    /// Somebody disabled it.
    #[sea_orm(string_value = "manual")]
    Manual,
    /// It answered 410 Gone.
    #[sea_orm(string_value = "gone")]
    Gone,
    /// Every attempt of five days failed.
    #[sea_orm(string_value = "failing")]
    Failing,
}

/// Where events of a tenant are posted to.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoint")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WebhookEndpointId,
    /// The tenant whose events they are.
    pub tenant_id: TenantId,
    /// Where they are posted to.
    pub url: String,
    /// What people call it.
    pub description: Option<String>,
    /// A JSON array of kinds and families; empty for all.
    pub event_kinds: Json,
    /// Whether it is posted to.
    pub status: Status,
    /// Why not.
    pub disabled_reason: Option<DisabledReason>,
    /// The key that signs, sealed.
    pub sealed_secret: String,
    /// The key before it, sealed.
    pub sealed_previous: Option<String>,
    /// Until when the key before it signs as well.
    pub previous_until: Option<Instant>,
    /// Place in the tenant's sealed chain up to which deliveries were made.
    pub position: i64,
    /// The first failure since the last success.
    pub failing_since: Option<Instant>,
    /// When it was made.
    pub created_at: Instant,
    /// Who made it.
    pub created_by: Option<UserId>,
}

impl ActiveModelBehavior for ActiveModel {}

fn scoped(tenant: TenantId) -> Select<Entity> {
    Entity::find().filter(Column::TenantId.eq(tenant))
}

fn change(id: WebhookEndpointId) -> sea_orm::UpdateMany<Entity> {
    Entity::update_many().filter(Column::Id.eq(id))
}

pub(in crate::webhook) async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(row.id),
        tenant_id: Set(row.tenant_id),
        url: Set(row.url),
        description: Set(row.description),
        event_kinds: Set(row.event_kinds),
        status: Set(row.status),
        disabled_reason: Set(row.disabled_reason),
        sealed_secret: Set(row.sealed_secret),
        sealed_previous: Set(row.sealed_previous),
        previous_until: Set(row.previous_until),
        position: Set(row.position),
        failing_since: Set(row.failing_since),
        created_at: Set(row.created_at),
        created_by: Set(row.created_by),
    };
    Entity::insert(row).exec_without_returning(db).await.map(drop)
}

/// Endpoints of a tenant, oldest first.
pub(in crate::webhook) async fn of_tenant(
    db: &impl ConnectionTrait,
    tenant: TenantId,
) -> Result<Vec<Model>, DbErr> {
    scoped(tenant).order_by_asc(Column::Id).all(db).await
}

/// The endpoint with this identifier in whatever tenant; whoever asks checks the tenant.
pub(in crate::webhook) async fn by_id_all_tenants(
    db: &impl ConnectionTrait,
    id: WebhookEndpointId,
) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Id.eq(id)).one(db).await
}

/// Every endpoint that is posted to.
pub(in crate::webhook) async fn enabled_all_tenants(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Status.eq(Status::Enabled)).order_by_asc(Column::Id).all(db).await
}

/// Every endpoint.
pub(in crate::webhook) async fn every_one_all_tenants(
    db: &impl ConnectionTrait,
) -> Result<Vec<Model>, DbErr> {
    Entity::find().order_by_asc(Column::Id).all(db).await
}

/// Writes what people change.
pub(in crate::webhook) async fn revise(db: &impl ConnectionTrait, row: &Model) -> Result<(), DbErr> {
    let update = change(row.id)
        .col_expr(Column::Url, Expr::value(row.url.clone()))
        .col_expr(Column::Description, Expr::value(row.description.clone()))
        .col_expr(Column::EventKinds, Expr::value(row.event_kinds.clone()));
    update.exec(db).await.map(drop)
}

/// Posts to an endpoint again, from a place of the chain on.
pub(in crate::webhook) async fn enable(
    db: &impl ConnectionTrait,
    id: WebhookEndpointId,
    position: i64,
) -> Result<(), DbErr> {
    let update = change(id)
        .col_expr(Column::Status, Expr::value(Status::Enabled))
        .col_expr(Column::DisabledReason, Expr::value(Option::<String>::None))
        .col_expr(Column::FailingSince, Expr::value(Option::<Instant>::None))
        .col_expr(Column::Position, Expr::value(position));
    update.exec(db).await.map(drop)
}

/// Posts to an endpoint no more; `false` when that was so already.
pub(in crate::webhook) async fn disable(
    db: &impl ConnectionTrait,
    id: WebhookEndpointId,
    reason: DisabledReason,
) -> Result<bool, DbErr> {
    let update = change(id)
        .col_expr(Column::Status, Expr::value(Status::Disabled))
        .col_expr(Column::DisabledReason, Expr::value(reason))
        .filter(Column::Status.eq(Status::Enabled));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// The same for one that has failed since `before` or longer.
pub(in crate::webhook) async fn disable_failing(
    db: &impl ConnectionTrait,
    id: WebhookEndpointId,
    before: Instant,
) -> Result<bool, DbErr> {
    let update = change(id)
        .col_expr(Column::Status, Expr::value(Status::Disabled))
        .col_expr(Column::DisabledReason, Expr::value(DisabledReason::Failing))
        .filter(Column::Status.eq(Status::Enabled))
        .filter(Column::FailingSince.lte(before));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Notes that an attempt failed, unless one has before.
pub(in crate::webhook) async fn failed(
    db: &impl ConnectionTrait,
    id: WebhookEndpointId,
    now: Instant,
) -> Result<(), DbErr> {
    let update =
        change(id).col_expr(Column::FailingSince, Expr::value(now)).filter(Column::FailingSince.is_null());
    update.exec(db).await.map(drop)
}

/// Forgets earlier failures.
pub(in crate::webhook) async fn recovered(
    db: &impl ConnectionTrait,
    id: WebhookEndpointId,
) -> Result<(), DbErr> {
    let update = change(id)
        .col_expr(Column::FailingSince, Expr::value(Option::<Instant>::None))
        .filter(Column::FailingSince.is_not_null());
    update.exec(db).await.map(drop)
}

/// Moves an endpoint's place in the chain; `false` when somebody else has, or it is disabled.
pub(in crate::webhook) async fn advance(
    db: &impl ConnectionTrait,
    id: WebhookEndpointId,
    from: i64,
    to: i64,
) -> Result<bool, DbErr> {
    let update = change(id)
        .col_expr(Column::Position, Expr::value(to))
        .filter(Column::Position.eq(from))
        .filter(Column::Status.eq(Status::Enabled));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Puts another key in the place of the present one; `false` when somebody else has.
pub(in crate::webhook) async fn rotate(
    db: &impl ConnectionTrait,
    present: &Model,
    sealed: String,
    until: Instant,
) -> Result<bool, DbErr> {
    let update = change(present.id)
        .col_expr(Column::SealedSecret, Expr::value(sealed))
        .col_expr(Column::SealedPrevious, Expr::value(present.sealed_secret.clone()))
        .col_expr(Column::PreviousUntil, Expr::value(until))
        .filter(Column::SealedSecret.eq(present.sealed_secret.clone()));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Replaces the sealed forms of the same keys, unless they were rotated meanwhile.
pub(in crate::webhook) async fn reseal(
    db: &impl ConnectionTrait,
    present: &Model,
    sealed: String,
    previous: Option<String>,
) -> Result<(), DbErr> {
    let update = change(present.id)
        .col_expr(Column::SealedSecret, Expr::value(sealed))
        .col_expr(Column::SealedPrevious, Expr::value(previous))
        .filter(Column::SealedSecret.eq(present.sealed_secret.clone()));
    update.exec(db).await.map(drop)
}

/// Forgets keys that sign no more.
pub(in crate::webhook) async fn forget_previous(
    db: &impl ConnectionTrait,
    now: Instant,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::SealedPrevious, Expr::value(Option::<String>::None))
        .col_expr(Column::PreviousUntil, Expr::value(Option::<Instant>::None))
        .filter(Column::PreviousUntil.lte(now));
    update.exec(db).await.map(drop)
}

/// Deletes an endpoint; its deliveries go with it.
pub(in crate::webhook) async fn delete(
    db: &impl ConnectionTrait,
    id: WebhookEndpointId,
) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::Id.eq(id)).exec(db).await.map(drop)
}

/// Deletes every endpoint of a tenant; their deliveries go with them.
pub(in crate::webhook) async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::TenantId.eq(tenant)).exec(db).await.map(drop)
}
