//! Rows of `invitation`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

mod block;
mod bound;
mod brief;
mod first;
mod listed;
mod listing;
mod prospect;
pub(super) mod search;
mod trigram;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, LockType};
use sea_orm::{ActiveValue::Set, DbBackend, QueryOrder, QuerySelect, Statement};

use crate::clock::Instant;
use crate::email::Email;
use crate::id::{InvitationId, OutboxId, RoleId, TenantId, UserId};

pub(super) use bound::{AT_MOST, raise, raised, raising, recount, room};
pub use brief::{Brief, Columns};
pub use listed::Listed;
pub use listing::SortBy;
pub(super) use listing::{Where, addresses_all_tenants, count, list};
pub(super) use prospect::{Prospect, seen};

/// Where an invitation stands. Values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum InvitationStatus {
    /// Can be accepted.
    #[sea_orm(string_value = "pending")]
    Pending,
    /// Made somebody a member.
    #[sea_orm(string_value = "accepted")]
    Accepted,
    /// Turned down by the invitee.
    #[sea_orm(string_value = "declined")]
    Declined,
    /// Withdrawn; `cancelReason` says why.
    #[sea_orm(string_value = "cancelled")]
    Cancelled,
    /// Ran out; it can be sent again.
    #[sea_orm(string_value = "expired")]
    Expired,
}

impl InvitationStatus {
    /// The status at a moment of an invitation that ends at another, where this one is recorded.
    fn at(self, now: Instant, ends: Instant) -> Self {
        match self {
            Self::Pending if now >= ends => Self::Expired,
            recorded => recorded,
        }
    }
}

/// Why an invitation was cancelled. Values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, async_graphql::Enum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum CancelReason {
    /// Somebody with the right to invite withdrew it.
    #[sea_orm(string_value = "requested")]
    Requested,
    /// An invitation with another role took its place.
    #[sea_orm(string_value = "superseded")]
    Superseded,
    /// The inviter may not grant this role any more.
    #[sea_orm(string_value = "inviter_lost_rights")]
    InviterLostRights,
    /// The tenant was deleted.
    #[sea_orm(string_value = "tenant_deleted")]
    TenantDeleted,
}

/// One offer to one address.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "invitation")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: InvitationId,
    /// The tenant to join.
    pub tenant_id: TenantId,
    /// Address as it was typed.
    pub email: String,
    /// Canonical address.
    pub email_norm: String,
    /// Name the inviter gave.
    pub name: Option<String>,
    /// The role on offer.
    pub role_id: RoleId,
    /// Who invited; `None` for the command line.
    pub inviter_id: Option<UserId>,
    /// Name of the inviter at the time.
    pub inviter_name: String,
    /// Note to the invitee.
    pub note: Option<String>,
    /// JSON object of the inviting application.
    pub metadata: Option<Json>,
    /// Language of the mail.
    pub locale: String,
    /// Where the request came from.
    pub ip_address: Option<String>,
    /// With which client.
    pub user_agent: Option<String>,
    /// Status as recorded; see [`Model::status_at`].
    pub status: InvitationStatus,
    /// Why it was cancelled.
    pub cancel_reason: Option<CancelReason>,
    /// Which link is good.
    pub generation: i64,
    /// How often it was sent again.
    pub resends: i64,
    /// Seconds that each link is good for.
    pub lifetime_seconds: i64,
    /// The latest mail; `None` for link-only.
    pub outbox_id: Option<OutboxId>,
    /// When it was made.
    pub created_at: Instant,
    /// When the present link was made.
    pub issued_at: Instant,
    /// From when on it cannot be accepted.
    pub expires_at: Instant,
    /// When it reached a final state; `None` where, and only where, it is recorded as pending.
    pub decided_at: Option<Instant>,
    /// Who accepted.
    pub accepted_by: Option<UserId>,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The status at a moment: an overdue invitation is expired, whether or not that has been recorded.
    #[must_use]
    pub fn status_at(&self, now: Instant) -> InvitationStatus {
        self.status.at(now, self.expires_at)
    }
}

fn scoped(tenant: TenantId) -> Select<Entity> {
    Entity::find().filter(Column::TenantId.eq(tenant))
}

fn active(row: Model) -> ActiveModel {
    ActiveModel {
        id: Set(row.id),
        tenant_id: Set(row.tenant_id),
        email: Set(row.email),
        email_norm: Set(row.email_norm),
        name: Set(row.name),
        role_id: Set(row.role_id),
        inviter_id: Set(row.inviter_id),
        inviter_name: Set(row.inviter_name),
        note: Set(row.note),
        metadata: Set(row.metadata),
        locale: Set(row.locale),
        ip_address: Set(row.ip_address),
        user_agent: Set(row.user_agent),
        status: Set(row.status),
        cancel_reason: Set(row.cancel_reason),
        generation: Set(row.generation),
        resends: Set(row.resends),
        lifetime_seconds: Set(row.lifetime_seconds),
        outbox_id: Set(row.outbox_id),
        created_at: Set(row.created_at),
        issued_at: Set(row.issued_at),
        expires_at: Set(row.expires_at),
        decided_at: Set(row.decided_at),
        accepted_by: Set(row.accepted_by),
    }
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

/// The invitation with this identifier in whatever tenant; whoever asks checks the tenant, token or address.
pub(super) async fn by_id_all_tenants(
    db: &impl ConnectionTrait,
    id: InvitationId,
) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Id.eq(id)).one(db).await
}

/// Locks an invitation's row until the transaction ends, so that what is read beside it belongs to the state it is in.
/// SQLite needs none: its writers come one after another.
pub(super) async fn lock(db: &impl ConnectionTrait, id: InvitationId) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Sqlite {
        return Ok(());
    }
    Entity::find().filter(Column::Id.eq(id)).lock(LockType::Update).one(db).await.map(drop)
}

/// That an invitation is recorded as pending, where its tenant and address are known: said so that nothing but the index of addresses comes
/// into question. While PostgreSQL has statistics of a time without pending ones, it takes an index of them for as good as empty, reads all of
/// it for each address, and keeps that plan.
const UNDECIDED: &str = "invitation.decided_at IS NULL";

/// The invitation of this tenant and address that is recorded as pending, overdue or not.
pub(super) async fn pending(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    email: &Email,
) -> Result<Option<Model>, DbErr> {
    scoped(tenant).filter(Column::EmailNorm.eq(email.norm())).filter(Expr::cust(UNDECIDED)).one(db).await
}

/// Invitations of a tenant to some canonical addresses that are recorded as pending, overdue or not.
pub(super) async fn pending_among(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    norms: &[&str],
) -> Result<Vec<Model>, DbErr> {
    let mut found = Vec::new();
    for norms in norms.chunks(crate::db::ROWS) {
        let pending = scoped(tenant).filter(Expr::cust(UNDECIDED));
        found.extend(pending.filter(Column::EmailNorm.is_in(norms.iter().copied())).all(db).await?);
    }
    Ok(found)
}

/// Live invitations to an address from every tenant: its owner's to see.
pub(super) async fn pending_of_address_all_tenants(
    db: &impl ConnectionTrait,
    email: &Email,
    now: Instant,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::EmailNorm.eq(email.norm()))
        .filter(Column::Status.eq(InvitationStatus::Pending))
        .filter(Column::ExpiresAt.gt(now))
        .order_by_desc(Column::Id)
        .all(db)
        .await
}

/// Pending invitations that a user made in a tenant.
pub(super) async fn pending_of_inviter(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    inviter: UserId,
) -> Result<Vec<Model>, DbErr> {
    scoped(tenant)
        .filter(Column::InviterId.eq(inviter))
        .filter(Column::Status.eq(InvitationStatus::Pending))
        .order_by_asc(Column::Id)
        .all(db)
        .await
}

/// Every pending invitation of a tenant.
pub(super) async fn pending_of_tenant(
    db: &impl ConnectionTrait,
    tenant: TenantId,
) -> Result<Vec<Model>, DbErr> {
    scoped(tenant).filter(Column::Status.eq(InvitationStatus::Pending)).all(db).await
}

pub(super) async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<(), DbErr> {
    // A task that lays blocks holds the bound meanwhile, and finds none afterwards.
    bound::erase(db, tenant).await?;
    search::erase(db, tenant).await?;
    Entity::delete_many().filter(Column::TenantId.eq(tenant)).exec(db).await.map(drop)
}

/// Whether a live invitation offers a role.
pub(super) async fn is_offered(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    role: RoleId,
    now: Instant,
) -> Result<bool, DbErr> {
    let pending = scoped(tenant).filter(Column::RoleId.eq(role)).filter(Column::ExpiresAt.gt(now));
    Ok(pending.filter(Column::Status.eq(InvitationStatus::Pending)).one(db).await?.is_some())
}

/// A final state, and what goes with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decision {
    pub(super) status: InvitationStatus,
    pub(super) cancel_reason: Option<CancelReason>,
    pub(super) accepted_by: Option<UserId>,
    pub(super) at: Instant,
}

/// Moves a pending invitation that is not overdue into a final state; `false` when it is not pending any more,
/// or its link was replaced meanwhile.
pub(super) async fn decide(
    db: &impl ConnectionTrait,
    row: &Model,
    decision: Decision,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Status, Expr::value(decision.status))
        .col_expr(Column::CancelReason, Expr::value(decision.cancel_reason))
        .col_expr(Column::AcceptedBy, Expr::value(decision.accepted_by))
        .col_expr(Column::DecidedAt, Expr::value(decision.at))
        .filter(Column::Id.eq(row.id))
        .filter(Column::Generation.eq(row.generation))
        .filter(Column::Status.eq(InvitationStatus::Pending))
        .filter(Column::ExpiresAt.gt(decision.at));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Records that an overdue invitation has expired; `false` when that, or something else, was recorded before.
pub(super) async fn record_expired(
    db: &impl ConnectionTrait,
    row: &Model,
    now: Instant,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Status, Expr::value(InvitationStatus::Expired))
        .col_expr(Column::DecidedAt, Expr::value(row.expires_at))
        .filter(Column::Id.eq(row.id))
        .filter(Column::Status.eq(InvitationStatus::Pending))
        .filter(Column::ExpiresAt.lte(now));
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Overdue invitations of every tenant that are still recorded as pending, longest overdue first.
pub(super) async fn overdue_all_tenants(
    db: &impl ConnectionTrait,
    now: Instant,
    most: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::Status.eq(InvitationStatus::Pending))
        .filter(Column::ExpiresAt.lte(now))
        .order_by_asc(Column::ExpiresAt)
        .limit(most)
        .all(db)
        .await
}

/// Makes a pending or expired invitation pending anew with the next generation; `false` when it is in another
/// state, or was sent again meanwhile.
pub(super) async fn reissue(
    db: &impl ConnectionTrait,
    row: &Model,
    outbox_id: OutboxId,
    now: Instant,
    expires_at: Instant,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Status, Expr::value(InvitationStatus::Pending))
        .col_expr(Column::Generation, Expr::value(row.generation + 1))
        .col_expr(Column::Resends, Expr::value(row.resends + 1))
        .col_expr(Column::OutboxId, Expr::value(outbox_id))
        .col_expr(Column::IssuedAt, Expr::value(now))
        .col_expr(Column::ExpiresAt, Expr::value(expires_at))
        .col_expr(Column::DecidedAt, Expr::value(Option::<Instant>::None))
        .filter(Column::Id.eq(row.id))
        .filter(Column::Generation.eq(row.generation))
        .filter(Column::Status.is_in([InvitationStatus::Pending, InvitationStatus::Expired]));
    Ok(update.exec(db).await?.rows_affected > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_usable_until_the_moment_it_ends() {
        let end = Instant::from_timestamp_millis(604_800_000).unwrap();
        let row = Model {
            id: uuid::Uuid::nil().into(),
            tenant_id: uuid::Uuid::nil().into(),
            email: String::new(),
            email_norm: String::new(),
            name: None,
            role_id: uuid::Uuid::nil().into(),
            inviter_id: None,
            inviter_name: String::new(),
            note: None,
            metadata: None,
            locale: "en".to_owned(),
            ip_address: None,
            user_agent: None,
            status: InvitationStatus::Pending,
            cancel_reason: None,
            generation: 0,
            resends: 0,
            lifetime_seconds: 604_800,
            outbox_id: None,
            created_at: Instant::default(),
            issued_at: Instant::default(),
            expires_at: end,
            decided_at: None,
            accepted_by: None,
        };
        let just_before = end - chrono::TimeDelta::milliseconds(1);
        assert_eq!(row.status_at(just_before), InvitationStatus::Pending);
        assert_eq!(row.status_at(end), InvitationStatus::Expired);
        let accepted = Model { status: InvitationStatus::Accepted, ..row };
        assert_eq!(accepted.status_at(end), InvitationStatus::Accepted);
    }
}
