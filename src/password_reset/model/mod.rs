//! Rows of `reset_request`; those of `reset_intake` are in their own file.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

pub(super) mod intake;
mod listing;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ActiveValue::Set, Condition, QueryOrder, QuerySelect};

use crate::clock::Instant;
use crate::id::{ResetRequestId, TenantId, UserId};

pub use listing::SortBy;
pub(super) use listing::{Where, count, list};

/// Where a reset request stands. Values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum ResetStatus {
    /// Waits for a decision.
    #[sea_orm(string_value = "requested")]
    Requested,
    /// Link was released and can be used.
    #[sea_orm(string_value = "approved")]
    Approved,
    /// Password was reset.
    #[sea_orm(string_value = "completed")]
    Completed,
    /// Turned down, or its approval taken back.
    #[sea_orm(string_value = "rejected")]
    Rejected,
    /// Withdrawn, or lost its ground.
    #[sea_orm(string_value = "cancelled")]
    Cancelled,
    /// Not decided, or its link not used, in time.
    #[sea_orm(string_value = "expired")]
    Expired,
}

impl ResetStatus {
    /// States in which something can still come of a request.
    pub const OPEN: [Self; 2] = [Self::Requested, Self::Approved];
}

/// One user's wish for another password.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reset_request")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ResetRequestId,
    /// Whose password it is about.
    pub user_id: UserId,
    /// The tenant whose audit log it is in: where it was decided, until then the one joined first.
    pub tenant_id: Option<TenantId>,
    /// Status as recorded; see [`Model::status_at`].
    pub status: ResetStatus,
    /// Which link is good: none before there is an approval.
    pub generation: i64,
    /// Who approved or rejected; `None` for a self-service policy and the command line.
    pub decided_by: Option<UserId>,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// Where it came from.
    pub ip_address: Option<String>,
    /// With which client.
    pub user_agent: Option<String>,
    /// When it was made.
    pub created_at: Instant,
    /// Until when it can be approved, or its link be used.
    pub expires_at: Instant,
    /// When it was approved, rejected or cancelled.
    pub decided_at: Option<Instant>,
    /// When the password was set.
    pub completed_at: Option<Instant>,
    /// When mail about it last went out.
    pub notified_at: Option<Instant>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The status at a moment: an overdue request is expired, whether or not that has been recorded.
    #[must_use]
    pub fn status_at(&self, now: Instant) -> ResetStatus {
        if ResetStatus::OPEN.contains(&self.status) && now >= self.expires_at {
            ResetStatus::Expired
        } else {
            self.status
        }
    }
}

pub(super) async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(row.id),
        user_id: Set(row.user_id),
        tenant_id: Set(row.tenant_id),
        status: Set(row.status),
        generation: Set(row.generation),
        decided_by: Set(row.decided_by),
        reason: Set(row.reason),
        ip_address: Set(row.ip_address),
        user_agent: Set(row.user_agent),
        created_at: Set(row.created_at),
        expires_at: Set(row.expires_at),
        decided_at: Set(row.decided_at),
        completed_at: Set(row.completed_at),
        notified_at: Set(row.notified_at),
    };
    Entity::insert(row).exec_without_returning(db).await.map(drop)
}

/// The request with this identifier; whoever asks checks the requester, token or approver.
pub(super) async fn by_id(db: &impl ConnectionTrait, id: ResetRequestId) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Id.eq(id)).one(db).await
}

/// The request of a user that is recorded as open, overdue or not.
pub(super) async fn open_of_user(db: &impl ConnectionTrait, user: UserId) -> Result<Option<Model>, DbErr> {
    let open = Entity::find().filter(Column::UserId.eq(user));
    open.filter(Column::Status.is_in(ResetStatus::OPEN)).one(db).await
}

fn change(row: &Model, status: ResetStatus) -> sea_orm::UpdateMany<Entity> {
    Entity::update_many().col_expr(Column::Status, Expr::value(status)).filter(Column::Id.eq(row.id))
}

/// Who decided, for which audit log, when, and why.
#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub(super) by: Option<UserId>,
    pub(super) tenant: Option<TenantId>,
    pub(super) at: Instant,
    pub(super) reason: Option<String>,
}

fn decide(row: &Model, status: ResetStatus, decision: &Decision) -> sea_orm::UpdateMany<Entity> {
    change(row, status)
        .col_expr(Column::DecidedBy, Expr::value(decision.by))
        .col_expr(Column::TenantId, Expr::value(decision.tenant))
        .col_expr(Column::DecidedAt, Expr::value(decision.at))
        .col_expr(Column::Reason, Expr::value(decision.reason.clone()))
        .filter(Column::ExpiresAt.gt(decision.at))
}

/// Approves a request that waits for it, and makes its link good until `expires_at`; `false` when it does not wait
/// any more.
pub(super) async fn approve(
    db: &impl ConnectionTrait,
    row: &Model,
    decision: &Decision,
    expires_at: Instant,
) -> Result<bool, DbErr> {
    let update = decide(row, ResetStatus::Approved, decision)
        .col_expr(Column::Generation, Expr::value(row.generation + 1))
        .col_expr(Column::ExpiresAt, Expr::value(expires_at))
        .col_expr(Column::NotifiedAt, Expr::value(decision.at))
        .filter(Column::Status.eq(ResetStatus::Requested));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Rejects a request that waits for a decision, or takes back an approval that was made before `asked_at`; `false`
/// when neither holds.
pub(super) async fn reject(
    db: &impl ConnectionTrait,
    row: &Model,
    decision: &Decision,
    asked_at: Instant,
) -> Result<bool, DbErr> {
    let taken_back =
        Condition::all().add(Column::Status.eq(ResetStatus::Approved)).add(Column::DecidedAt.lt(asked_at));
    let update = decide(row, ResetStatus::Rejected, decision)
        .filter(Condition::any().add(Column::Status.eq(ResetStatus::Requested)).add(taken_back));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Cancels an open request that is not overdue.
pub(super) async fn cancel(db: &impl ConnectionTrait, row: &Model, at: Instant) -> Result<bool, DbErr> {
    let update = change(row, ResetStatus::Cancelled)
        .col_expr(Column::DecidedAt, Expr::value(at))
        .filter(Column::Status.is_in(ResetStatus::OPEN))
        .filter(Column::ExpiresAt.gt(at));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Uses an approved request up; `false` when it is not approved, overdue, or its link was replaced.
pub(super) async fn complete(db: &impl ConnectionTrait, row: &Model, at: Instant) -> Result<bool, DbErr> {
    let update = change(row, ResetStatus::Completed)
        .col_expr(Column::CompletedAt, Expr::value(at))
        .filter(Column::Generation.eq(row.generation))
        .filter(Column::Status.eq(ResetStatus::Approved))
        .filter(Column::ExpiresAt.gt(at));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Records that an overdue request has expired; `false` when that, or something else, was recorded before.
pub(super) async fn record_expired(
    db: &impl ConnectionTrait,
    row: &Model,
    now: Instant,
) -> Result<bool, DbErr> {
    let update = change(row, ResetStatus::Expired)
        .filter(Column::Status.is_in(ResetStatus::OPEN))
        .filter(Column::ExpiresAt.lte(now));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Overdue requests that are still recorded as open, longest overdue first.
pub(super) async fn overdue(db: &impl ConnectionTrait, now: Instant, most: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Status.is_in(ResetStatus::OPEN))
        .filter(Column::ExpiresAt.lte(now))
        .order_by_asc(Column::ExpiresAt)
        .limit(most)
        .all(db)
        .await
}

/// Notes that mail about a request goes out; `false` when it did since `before`.
pub(super) async fn note_mail(
    db: &impl ConnectionTrait,
    row: &Model,
    before: Instant,
    at: Instant,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::NotifiedAt, Expr::value(at))
        .filter(Column::Id.eq(row.id))
        .filter(Column::NotifiedAt.is_null().or(Column::NotifiedAt.lte(before)));
    Ok(update.exec(db).await?.rows_affected > 0)
}
