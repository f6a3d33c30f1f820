//! Rows of `webhook_delivery`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{Order, QueryOrder, QuerySelect};

use crate::clock::Instant;
use crate::id::{EventId, TenantId, WebhookDeliveryId, WebhookEndpointId};
use crate::page::Page;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[graphql(name = "WebhookDeliveryState")]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum State {
    /// Waits for its first attempt.
    #[sea_orm(string_value = "queued")]
    Queued,
    /// Was not taken, or is to be posted once more; another attempt follows.
    #[sea_orm(string_value = "retrying")]
    Retrying,
    /// The endpoint answered with a status from 200 to 299.
    #[sea_orm(string_value = "delivered")]
    Delivered,
    /// The last attempt failed, or the endpoint was disabled.
    #[sea_orm(string_value = "failed")]
    Failed,
}

/// One event on its way to one endpoint.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_delivery")]
pub struct Model {
    /// Identifier; the `webhook-id` of every attempt.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: WebhookDeliveryId,
    /// Where it goes.
    pub endpoint_id: WebhookEndpointId,
    /// The tenant of both.
    pub tenant_id: TenantId,
    /// What is posted.
    pub event_id: EventId,
    /// Where it stands.
    pub state: State,
    /// Attempts made so far.
    pub attempts: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Instant>,
    /// When the last attempt was made.
    pub last_attempt_at: Option<Instant>,
    /// Status of the last answer.
    pub last_status: Option<i64>,
    /// Beginning of the last answer, or why there was none.
    pub last_reply: Option<String>,
    /// Until when a worker has it.
    pub lease_until: Option<Instant>,
}

impl ActiveModelBehavior for ActiveModel {}

/// States in which something is still to be done.
const OPEN: [State; 2] = [State::Queued, State::Retrying];

/// Inserts many rows, a few hundred in a statement.
pub(in crate::webhook) async fn insert_many(
    db: &impl ConnectionTrait,
    rows: Vec<Model>,
) -> Result<(), DbErr> {
    let active = |row: Model| ActiveModel {
        id: Set(row.id),
        endpoint_id: Set(row.endpoint_id),
        tenant_id: Set(row.tenant_id),
        event_id: Set(row.event_id),
        state: Set(row.state),
        attempts: Set(row.attempts),
        created_at: Set(row.created_at),
        next_attempt_at: Set(row.next_attempt_at),
        last_attempt_at: Set(row.last_attempt_at),
        last_status: Set(row.last_status),
        last_reply: Set(row.last_reply),
        lease_until: Set(row.lease_until),
    };
    let mut rows = rows.into_iter().map(active).peekable();
    while rows.peek().is_some() {
        Entity::insert_many(rows.by_ref().take(crate::db::ROWS)).exec_without_returning(db).await?;
    }
    Ok(())
}

/// One page of an endpoint's deliveries and one row more, latest first, in the order of reading.
pub(in crate::webhook) async fn list(
    db: &impl ConnectionTrait,
    endpoint: WebhookEndpointId,
    page: &Page,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().filter(Column::EndpointId.eq(endpoint));
    if let Some(after) = &page.after {
        query = query.filter(Column::Id.lt(after.id));
    }
    if let Some(before) = &page.before {
        query = query.filter(Column::Id.gt(before.id));
    }
    let reading = if page.backward { Order::Asc } else { Order::Desc };
    query.order_by(Column::Id, reading).limit(page.size + 1).all(db).await
}

pub(in crate::webhook) async fn count(
    db: &impl ConnectionTrait,
    endpoint: WebhookEndpointId,
) -> Result<u64, DbErr> {
    Entity::find().filter(Column::EndpointId.eq(endpoint)).count(db).await
}

/// The delivery with this identifier in whatever tenant; whoever asks checks the tenant.
pub(in crate::webhook) async fn by_id_all_tenants(
    db: &impl ConnectionTrait,
    id: WebhookDeliveryId,
) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Id.eq(id)).one(db).await
}

/// Rows whose next attempt is due and that no worker has, oldest first, but for those of `busy` endpoints. Only open rows
/// have a next attempt; `lease_time` is the present as leases count it.
pub(in crate::webhook) async fn due(
    db: &impl ConnectionTrait,
    now: Instant,
    lease_time: Instant,
    busy: &[WebhookEndpointId],
    most: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::NextAttemptAt.lte(now))
        .filter(Column::LeaseUntil.is_null().or(Column::LeaseUntil.lte(lease_time)));
    if !busy.is_empty() {
        query = query.filter(Column::EndpointId.is_not_in(busy.iter().copied()));
    }
    query.order_by_asc(Column::NextAttemptAt).limit(most).all(db).await
}

/// Takes a row for one attempt; `false` when somebody else was quicker.
pub(in crate::webhook) async fn claim(
    db: &impl ConnectionTrait,
    row: &Model,
    now: Instant,
    lease_time: Instant,
    until: Instant,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(until))
        .col_expr(Column::Attempts, Expr::value(row.attempts + 1))
        .col_expr(Column::LastAttemptAt, Expr::value(now))
        .filter(Column::Id.eq(row.id))
        .filter(Column::Attempts.eq(row.attempts))
        .filter(Column::State.is_in(OPEN))
        .filter(Column::LeaseUntil.is_null().or(Column::LeaseUntil.lte(lease_time)));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(in crate::webhook) struct Ending {
    pub(in crate::webhook) state: State,
    pub(in crate::webhook) next_attempt_at: Option<Instant>,
    pub(in crate::webhook) last_status: Option<i64>,
    pub(in crate::webhook) last_reply: String,
}

/// Records how attempt number `attempt` ended; without effect when another attempt has begun since.
pub(in crate::webhook) async fn complete(
    db: &impl ConnectionTrait,
    id: WebhookDeliveryId,
    attempt: i64,
    ending: &Ending,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::value(ending.state))
        .col_expr(Column::NextAttemptAt, Expr::value(ending.next_attempt_at))
        .col_expr(Column::LastStatus, Expr::value(ending.last_status))
        .col_expr(Column::LastReply, Expr::value(ending.last_reply.clone()))
        .col_expr(Column::LeaseUntil, Expr::value(Option::<Instant>::None))
        .filter(Column::Id.eq(id))
        .filter(Column::Attempts.eq(attempt))
        .filter(Column::State.is_in(OPEN));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Gives up whatever waits for an endpoint or is under way to it.
pub(in crate::webhook) async fn give_up(
    db: &impl ConnectionTrait,
    endpoint: WebhookEndpointId,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Failed))
        .col_expr(Column::NextAttemptAt, Expr::value(Option::<Instant>::None))
        .col_expr(Column::LeaseUntil, Expr::value(Option::<Instant>::None))
        .filter(Column::EndpointId.eq(endpoint))
        .filter(Column::State.is_in(OPEN));
    update.exec(db).await.map(drop)
}

/// Makes a delivery due once more, whatever came of it.
pub(in crate::webhook) async fn again(
    db: &impl ConnectionTrait,
    id: WebhookDeliveryId,
    now: Instant,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::value(State::Retrying))
        .col_expr(Column::NextAttemptAt, Expr::value(now))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Forgets deliveries made before `before` of which nothing is to be done any more.
pub(in crate::webhook) async fn prune(db: &impl ConnectionTrait, before: Instant) -> Result<u64, DbErr> {
    let done = Entity::delete_many()
        .filter(Column::NextAttemptAt.is_null())
        .filter(Column::CreatedAt.lt(before))
        .exec(db)
        .await?;
    Ok(done.rows_affected)
}

pub(in crate::webhook) async fn release_leases(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(Option::<Instant>::None))
        .filter(Column::State.is_in(OPEN));
    update.exec(db).await.map(drop)
}
