//! Rows of `event`. They are inserted and read, never changed.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

pub(super) mod chain;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, DbBackend, Order, QueryOrder, QuerySelect, Statement};

use crate::clock::Instant;
use crate::db;
use crate::id::{EventId, TenantId, UserId};
use crate::page::Page;

/// One fact.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EventId,
    /// The tenant it happened in.
    pub tenant_id: Option<TenantId>,
    /// Dotted name.
    pub kind: String,
    /// When it happened.
    pub at: Instant,
    /// Who did it.
    pub actor_id: Option<UserId>,
    /// Type of what it is about.
    pub subject_type: String,
    /// Identifier of what it is about.
    pub subject_id: Uuid,
    /// More about it.
    pub data: Json,
    /// Where the request came from.
    pub ip_address: Option<String>,
    /// Finds the request in the logs.
    pub request_id: Option<String>,
    /// Signature of what is above, made when the event was recorded.
    pub mac: Option<String>,
    /// Place in the chain of its tenant, from 1; 0 for one whose signature is not ours.
    pub position: Option<i64>,
    /// Seal over the one before it and the signature.
    pub seal: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

fn active(event: Model) -> ActiveModel {
    ActiveModel {
        id: Set(event.id),
        tenant_id: Set(event.tenant_id),
        kind: Set(event.kind),
        at: Set(event.at),
        actor_id: Set(event.actor_id),
        subject_type: Set(event.subject_type),
        subject_id: Set(event.subject_id),
        data: Set(event.data),
        ip_address: Set(event.ip_address),
        request_id: Set(event.request_id),
        mac: Set(event.mac),
        position: Set(event.position),
        seal: Set(event.seal),
    }
}

pub(super) async fn insert(db: &impl ConnectionTrait, event: Model) -> Result<(), DbErr> {
    Entity::insert(active(event)).exec_without_returning(db).await.map(drop)
}

pub(super) fn insertion(event: Model, backend: DbBackend) -> Statement {
    crate::db::insertion(active(event), backend)
}

/// Inserts many rows, a few hundred in a statement.
pub(super) async fn insert_many(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    let mut rows = rows.into_iter().map(active).peekable();
    while rows.peek().is_some() {
        Entity::insert_many(rows.by_ref().take(crate::db::ROWS)).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Which events are in a list; an absent condition holds for all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of any of these kinds.
    pub kinds: Option<Vec<String>>,
    /// Done by this user.
    pub actor: Option<UserId>,
    /// About this object.
    pub subject: Option<Uuid>,
    /// Not before.
    pub from: Option<Instant>,
    /// Not after.
    pub to: Option<Instant>,
}

fn scoped(tenant: TenantId, filter: &Filter) -> Select<Entity> {
    let mut all = Condition::all().add(Column::TenantId.eq(tenant));
    if let Some(kinds) = &filter.kinds {
        all = all.add(Column::Kind.is_in(kinds.iter().map(String::as_str)));
    }
    let all = all
        .add_option(filter.actor.map(|id| Column::ActorId.eq(id)))
        .add_option(filter.subject.map(|id| Column::SubjectId.eq(id)))
        .add_option(filter.from.map(|at| Column::At.gte(at)))
        .add_option(filter.to.map(|at| Column::At.lte(at)));
    Entity::find().filter(all)
}

/// One page of a tenant's events and one row more, in the order of reading.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<Model>, DbErr> {
    let place = (Column::At, Column::Id);
    let mut query = scoped(tenant, filter);
    if let Some(after) = page.after.as_ref().and_then(|cursor| db::beside(cursor, place, false)) {
        query = query.filter(after);
    }
    if let Some(before) = page.before.as_ref().and_then(|cursor| db::beside(cursor, place, true)) {
        query = query.filter(before);
    }
    let reading = if page.backward { Order::Asc } else { Order::Desc };
    query
        .order_by(Column::At, reading.clone())
        .order_by(Column::Id, reading)
        .limit(page.size + 1)
        .all(db)
        .await
}

pub(super) async fn count(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    filter: &Filter,
) -> Result<u64, DbErr> {
    scoped(tenant, filter).count(db).await
}

/// The event with this identifier in whatever tenant; whoever asks checks the tenant.
pub(super) async fn by_id_all_tenants(
    db: &impl ConnectionTrait,
    id: EventId,
) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Id.eq(id)).one(db).await
}

pub(super) async fn by_ids_all_tenants(
    db: &impl ConnectionTrait,
    ids: &[EventId],
) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(db).await
}

pub(super) async fn of_subject(db: &impl ConnectionTrait, subject: Uuid) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::SubjectId.eq(subject)).order_by_asc(Column::Id).all(db).await
}

/// Events that are in no chain yet, the earliest first.
pub(super) async fn unsealed(db: &impl ConnectionTrait, most: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Seal.is_null()).order_by_asc(Column::Id).limit(most).all(db).await
}

/// Writes places and seals.
pub(super) async fn seal(db: &impl ConnectionTrait, sealed: &[Model]) -> Result<(), DbErr> {
    for row in sealed {
        let update = Entity::update_many()
            .col_expr(Column::Position, Expr::value(row.position))
            .col_expr(Column::Seal, Expr::value(row.seal.clone()))
            .filter(Column::Id.eq(row.id));
        update.exec(db).await?;
    }
    Ok(())
}

/// Events of every tenant in the order of their identifiers, after `after`.
pub(super) async fn all_after(
    db: &impl ConnectionTrait,
    after: Option<EventId>,
    most: u64,
) -> Result<Vec<Model>, DbErr> {
    let condition = Condition::all().add_option(after.map(|id| Column::Id.gt(id)));
    Entity::find().filter(condition).order_by_asc(Column::Id).limit(most).all(db).await
}

/// Sealed events of a tenant behind a place of its chain, of kinds that begin with `family`, in the order of the chain.
pub(super) async fn behind(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    position: i64,
    family: &str,
    most: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::TenantId.eq(tenant))
        .filter(Column::Position.gt(position))
        .filter(Column::Kind.starts_with(family))
        .order_by_asc(Column::Position)
        .limit(most)
        .all(db)
        .await
}
