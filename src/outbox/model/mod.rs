//! Rows of `outbox`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

mod standing;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockType, SelectStatement};
use sea_orm::{DbBackend, Order, QueryOrder, QuerySelect, QueryTrait, Statement};

use crate::clock::Instant;
use crate::id::{OutboxId, TenantId, UserId};
use crate::page::Page;

pub use standing::{Standing, join_standing};

/// Where a mail stands. Values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[graphql(name = "MailState")]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum DeliveryState {
    /// Waits for its first attempt.
    #[sea_orm(string_value = "queued")]
    Queued,
    /// Was put off; another attempt follows.
    #[sea_orm(string_value = "retrying")]
    Retrying,
    /// Mail server took it.
    #[sea_orm(string_value = "sent")]
    Sent,
    /// Mail server refused it for good, or did not take it until it was pointless.
    #[sea_orm(string_value = "failed")]
    Failed,
    /// Its reason was gone before it was sent, or somebody stopped it.
    #[sea_orm(string_value = "suppressed")]
    Suppressed,
}

/// Which mail it is. Values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum MailKind {
    /// An invitation, with its link.
    #[sea_orm(string_value = "invitation")]
    Invitation,
    /// An invitation was accepted; for whoever invited.
    #[sea_orm(string_value = "invitation_accepted")]
    InvitationAccepted,
    /// Somebody's reset waits for a decision.
    #[sea_orm(string_value = "reset_requested")]
    ResetRequested,
    /// A reset was approved; holds its link.
    #[sea_orm(string_value = "reset_link")]
    ResetLink,
    /// A reset was turned down.
    #[sea_orm(string_value = "reset_rejected")]
    ResetRejected,
    /// A user's password was changed.
    #[sea_orm(string_value = "password_changed")]
    PasswordChanged,
}

/// One mail that is or was owed.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// Identifier; makes the `Message-ID`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OutboxId,
    /// The tenant that caused it.
    pub tenant_id: Option<TenantId>,
    /// Which mail it is; says how to read `subject_id`.
    pub kind: MailKind,
    /// What it is about.
    pub subject_id: Uuid,
    /// Whose mailbox it goes to, where the subject does not say.
    pub recipient_id: Option<UserId>,
    /// Generation of the link in it.
    pub generation: i64,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts made so far.
    pub attempts: i64,
    /// When it was owed.
    pub created_at: Instant,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Instant>,
    /// When the last attempt was made.
    pub last_attempt_at: Option<Instant>,
    /// From when on it is pointless.
    pub give_up_at: Instant,
    /// Until when a worker has it.
    pub lease_until: Option<Instant>,
    /// The mail server's last answer.
    pub last_reply: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

/// States in which something is still to be done.
const OPEN: [DeliveryState; 2] = [DeliveryState::Queued, DeliveryState::Retrying];

fn active(row: Model) -> ActiveModel {
    ActiveModel {
        id: Set(row.id),
        tenant_id: Set(row.tenant_id),
        kind: Set(row.kind),
        subject_id: Set(row.subject_id),
        recipient_id: Set(row.recipient_id),
        generation: Set(row.generation),
        state: Set(row.state),
        attempts: Set(row.attempts),
        created_at: Set(row.created_at),
        next_attempt_at: Set(row.next_attempt_at),
        last_attempt_at: Set(row.last_attempt_at),
        give_up_at: Set(row.give_up_at),
        lease_until: Set(row.lease_until),
        last_reply: Set(row.last_reply),
    }
}

pub(super) async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    Entity::insert(active(row)).exec_without_returning(db).await.map(drop)
}

pub(super) fn insertion(row: Model, backend: DbBackend) -> Statement {
    crate::db::insertion(active(row), backend)
}

/// Inserts many rows, a few hundred in a statement.
pub(super) async fn insert_many(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    let mut rows = rows.into_iter().map(active).peekable();
    while rows.peek().is_some() {
        Entity::insert_many(rows.by_ref().take(crate::db::ROWS)).exec_without_returning(db).await?;
    }
    Ok(())
}

pub(super) async fn by_ids(db: &impl ConnectionTrait, ids: &[OutboxId]) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(db).await
}

/// Rows whose next attempt is due and that no worker has, oldest first. Only open rows have a next attempt; `lease_time` is
/// the present as leases count it.
pub(super) async fn due(
    db: &impl ConnectionTrait,
    now: Instant,
    lease_time: Instant,
    most: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::NextAttemptAt.lte(now))
        .filter(Column::LeaseUntil.is_null().or(Column::LeaseUntil.lte(lease_time)))
        .order_by_asc(Column::NextAttemptAt)
        .limit(most)
        .all(db)
        .await
}

/// Takes a row for one attempt; `false` when somebody else was quicker.
pub(super) async fn claim(
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

/// Keeps a row longer with whoever makes attempt number `attempt`.
pub(super) async fn renew(
    db: &impl ConnectionTrait,
    id: OutboxId,
    attempt: i64,
    until: Instant,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(until))
        .filter(Column::Id.eq(id))
        .filter(Column::Attempts.eq(attempt))
        .filter(Column::State.is_in(OPEN));
    update.exec(db).await.map(drop)
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) state: DeliveryState,
    pub(super) next_attempt_at: Option<Instant>,
    pub(super) last_reply: Option<String>,
}

/// Records how attempt number `attempt` ended; without effect when another attempt has begun since.
pub(super) async fn complete(
    db: &impl ConnectionTrait,
    id: OutboxId,
    attempt: i64,
    ending: Ending,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::value(ending.state))
        .col_expr(Column::NextAttemptAt, Expr::value(ending.next_attempt_at))
        .col_expr(Column::LastReply, Expr::value(ending.last_reply))
        .col_expr(Column::LeaseUntil, Expr::value(Option::<Instant>::None))
        .filter(Column::Id.eq(id))
        .filter(Column::Attempts.eq(attempt))
        .filter(Column::State.is_in(OPEN));
    Ok(update.exec(db).await?.rows_affected > 0)
}

pub(super) async fn suppress(db: &impl ConnectionTrait, id: OutboxId) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::value(DeliveryState::Suppressed))
        .col_expr(Column::NextAttemptAt, Expr::value(Option::<Instant>::None))
        .filter(Column::Id.eq(id))
        .filter(Column::State.is_in(OPEN));
    update.exec(db).await.map(drop)
}

pub(super) async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::TenantId.eq(tenant)).exec(db).await.map(drop)
}

pub(super) async fn release_leases(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(Option::<Instant>::None))
        .filter(Column::State.is_in(OPEN));
    update.exec(db).await.map(drop)
}

/// Identifiers of rows in any of the given states, for use inside a larger query.
pub(super) fn ids_in(states: &[DeliveryState]) -> SelectStatement {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::State.is_in(states.iter().copied()))
        .into_query()
}

/// How many mails are to be sent still, and when the first of them was owed.
pub(super) async fn backlog(db: &impl ConnectionTrait) -> Result<(u64, Option<Instant>), DbErr> {
    let select = Entity::find()
        .select_only()
        .column_as(Column::Id.count(), "mails")
        .column_as(Column::CreatedAt.min(), "first")
        .filter(Column::State.is_in(OPEN));
    let found: Option<(i64, Option<Instant>)> = select.into_tuple().one(db).await?;
    Ok(found.map_or((0, None), |(mails, first)| (u64::try_from(mails).unwrap_or_default(), first)))
}

/// How many mails are in each of the given states.
pub(super) async fn counts(
    db: &impl ConnectionTrait,
    states: &[DeliveryState],
) -> Result<Vec<(DeliveryState, i64)>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::State)
        .column_as(Column::Id.count(), "mails")
        .filter(Column::State.is_in(states.iter().copied()))
        .group_by(Column::State)
        .into_tuple()
        .all(db)
        .await
}

/// Which mails are in a list; an absent condition holds for all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In any of these states.
    pub states: Option<Vec<DeliveryState>>,
    /// Of any of these kinds.
    pub kinds: Option<Vec<MailKind>>,
}

/// Mails of a tenant, or of none.
fn scoped(tenant: Option<TenantId>, filter: &Filter) -> Select<Entity> {
    let mut query = Entity::find().filter(match tenant {
        Some(tenant) => Column::TenantId.eq(tenant),
        None => Column::TenantId.is_null(),
    });
    if let Some(states) = &filter.states {
        query = query.filter(Column::State.is_in(states.iter().copied()));
    }
    if let Some(kinds) = &filter.kinds {
        query = query.filter(Column::Kind.is_in(kinds.iter().copied()));
    }
    query
}

/// One page of a tenant's mails, or of those of none, latest first, and one row more, in the order of reading.
pub(super) async fn page_of(
    db: &impl ConnectionTrait,
    tenant: Option<TenantId>,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<Model>, DbErr> {
    let mut query = scoped(tenant, filter);
    if let Some(after) = &page.after {
        query = query.filter(Column::Id.lt(after.id));
    }
    if let Some(before) = &page.before {
        query = query.filter(Column::Id.gt(before.id));
    }
    let reading = if page.backward { Order::Asc } else { Order::Desc };
    query.order_by(Column::Id, reading).limit(page.size + 1).all(db).await
}

pub(super) async fn count_of(
    db: &impl ConnectionTrait,
    tenant: Option<TenantId>,
    filter: &Filter,
) -> Result<u64, DbErr> {
    scoped(tenant, filter).count(db).await
}

/// A row, locked until the transaction ends. SQLite needs no lock: its writers come one after another.
pub(super) async fn locked(db: &impl ConnectionTrait, id: OutboxId) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Id.eq(id)).lock(LockType::NoKeyUpdate).one(db).await
}

/// Mails in any of the given states, latest first.
pub(super) async fn list(
    db: &impl ConnectionTrait,
    states: &[DeliveryState],
    most: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find();
    if !states.is_empty() {
        query = query.filter(Column::State.is_in(states.iter().copied()));
    }
    query.order_by_desc(Column::Id).limit(most).all(db).await
}

/// Makes mails that failed, or wait for another attempt, due at once, and says how many there were; all of them for no
/// identifiers.
pub(super) async fn retry(db: &impl ConnectionTrait, ids: &[OutboxId], now: Instant) -> Result<u64, DbErr> {
    let mut update = Entity::update_many()
        .col_expr(Column::State, Expr::value(DeliveryState::Retrying))
        .col_expr(Column::NextAttemptAt, Expr::value(now))
        .filter(Column::State.is_in([DeliveryState::Failed, DeliveryState::Retrying]));
    if !ids.is_empty() {
        update = update.filter(Column::Id.is_in(ids.iter().copied()));
    }
    Ok(update.exec(db).await?.rows_affected)
}

/// Suppresses whatever has not been sent, and says how much that was.
pub(super) async fn suppress_open(db: &impl ConnectionTrait) -> Result<u64, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::value(DeliveryState::Suppressed))
        .col_expr(Column::NextAttemptAt, Expr::value(Option::<Instant>::None))
        .filter(Column::State.is_in(OPEN));
    Ok(update.exec(db).await?.rows_affected)
}

/// Why mail is held back, while it is.
pub(super) async fn held(db: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    let select = Statement::from_string(db.get_database_backend(), "SELECT reason FROM outbox_hold");
    db.query_one_raw(select).await?.map(|row| row.try_get("", "reason")).transpose()
}

/// Holds mail back; the reason of an earlier hold stays.
pub(super) async fn hold(db: &impl ConnectionTrait, reason: &str) -> Result<(), DbErr> {
    let insert = "INSERT INTO outbox_hold (id, reason) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
    let backend = db.get_database_backend();
    db.execute_raw(Statement::from_sql_and_values(backend, insert, [reason.into()])).await.map(drop)
}

pub(super) async fn release(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(db.execute_unprepared("DELETE FROM outbox_hold").await?.rows_affected() > 0)
}
