//! Rows of `pending_bound`: how many pending invitations a tenant has at the most, and how far its invitations are in blocks that parts of
//! addresses are looked for in ([`super::search`]).
//!
//! Whoever makes an invitation pending, or sends one again, raises the bound in the same transaction; nobody lowers it but who counts. So
//! it is never less than what is pending and not overdue, and where it leaves room nobody needs to count.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ActiveValue::Set, DbBackend, QueryResult, QueryTrait as _, Statement, Value};

use crate::clock::Instant;
use crate::id::{InvitationId, TenantId};
use crate::invitation::model::search::ROWS;
use crate::invitation::model::{self, InvitationStatus};

/// The bound of one tenant; a tenant without one has none that are pending.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pending_bound")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: TenantId,
    /// Invitations that are pending and not overdue, at the most.
    pub at_most: i64,
    /// Invitations that are in no block yet, at the most.
    pub unindexed: i64,
    /// The number that the next block gets.
    pub blocks: i32,
    /// When the last invitation that is in a block was made; `None` where blocks are not to be relied on.
    pub indexed_until: Option<Instant>,
    /// The last invitation that is in a block.
    pub indexed_id: Option<InvitationId>,
}

impl ActiveModelBehavior for ActiveModel {}

/// A statement that raises the bound of a tenant by so many invitations. Those that are new were made at `made` or later: where one may have
/// its place among those that are in blocks, these are not to be relied on any more, and are to be laid anew.
pub(in crate::invitation) fn raising(
    tenant: TenantId,
    by: u32,
    made: Option<Instant>,
    backend: DbBackend,
) -> Statement {
    let by = i64::from(by);
    let known = |column| Expr::col((Entity, column));
    let mut raised = OnConflict::column(Column::TenantId);
    raised.value(Column::AtMost, known(Column::AtMost).add(by));
    let mut fresh = ActiveModel { tenant_id: Set(tenant), at_most: Set(by), ..Default::default() };
    if let Some(made) = made {
        let misplaced = || known(Column::IndexedUntil).gte(made);
        let until = Expr::case(misplaced(), Option::<Instant>::None).finally(known(Column::IndexedUntil));
        let in_blocks = known(Column::Blocks).mul(i64::try_from(ROWS).unwrap_or(i64::MAX));
        let unindexed = Expr::case(misplaced(), in_blocks).finally(0_i64);
        raised.value(Column::Unindexed, known(Column::Unindexed).add(by).add(unindexed));
        raised.value(Column::IndexedUntil, until);
        fresh.unindexed = Set(by);
    }
    Entity::insert(fresh).on_conflict(raised).build(backend)
}

/// Column of what [`raising`] can answer.
pub(in crate::invitation) const AT_MOST: &str = "at_most";

/// The bound of a tenant after it was raised, among the rows that a batch answered with.
pub(in crate::invitation) fn raised(rows: &[QueryResult]) -> Result<u64, DbErr> {
    for row in rows {
        if let Some(at_most) = row.try_get::<Option<i64>>("", AT_MOST)? {
            return Ok(at_most.unsigned_abs());
        }
    }
    Err(DbErr::RecordNotFound("the bound that was raised".to_owned()))
}

/// Raises the bound of a tenant, as [`raising`] says.
pub(in crate::invitation) async fn raise(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    by: u32,
    made: Option<Instant>,
) -> Result<(), DbErr> {
    db.execute_raw(raising(tenant, by, made, db.get_database_backend())).await.map(drop)
}

/// Counts what is pending of a tenant and makes that its bound, for who has raised it in the same transaction: nobody else has then
/// raised it without having committed. What is overdue counts as long as there are no more than `most` with it.
pub(in crate::invitation) async fn recount(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    most: u64,
    now: Instant,
) -> Result<u64, DbErr> {
    let found = counted(db, tenant, most, now).await?;
    let at_most = i64::try_from(found).unwrap_or(i64::MAX);
    let counted = ActiveModel { tenant_id: Set(tenant), at_most: Set(at_most), ..Default::default() };
    Entity::update(counted).exec(db).await?;
    Ok(found)
}

/// How many of `wanted` invitations there is room for where a tenant may have `most` that are pending.
pub(in crate::invitation) async fn room(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    (most, wanted): (u64, u64),
    now: Instant,
) -> Result<u64, DbErr> {
    let found = counted(db, tenant, most.saturating_sub(wanted), now).await?;
    Ok(Ord::min(most.saturating_sub(found), wanted))
}

/// Pending invitations of a tenant. Those recorded as pending are counted first, in their index alone; only where they are more than
/// `enough` does it matter which of them are overdue.
async fn counted(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    enough: u64,
    now: Instant,
) -> Result<u64, DbErr> {
    let recorded = Statement::from_sql_and_values(
        db.get_database_backend(),
        "SELECT COUNT(*) AS found FROM invitation WHERE tenant_id = $1 AND status = 'pending'",
        [Value::from(tenant)],
    );
    let row = db.query_one_raw(recorded).await?;
    let found = row.map(|row| row.try_get::<i64>("", "found")).transpose()?.unwrap_or_default();
    if found.unsigned_abs() <= enough {
        return Ok(found.unsigned_abs());
    }
    let pending = model::scoped(tenant).filter(model::Column::Status.eq(InvitationStatus::Pending));
    pending.filter(model::Column::ExpiresAt.gt(now)).count(db).await
}

/// Deletes the bound of a tenant that is erased.
pub(super) async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<(), DbErr> {
    Entity::delete_by_id(tenant).exec(db).await.map(drop)
}
