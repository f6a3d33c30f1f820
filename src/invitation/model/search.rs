//! Where parts of addresses can be: in which blocks of a tenant's older invitations, and behind them, among those that are in none yet.
//!
//! A task lays invitations in blocks once there are enough of them, oldest first; nothing is written for it where one is made but two numbers
//! beside the bound on what is pending. An invitation that is made by a clock that is behind, so that its place is in the midst of blocks,
//! takes the index back in its own transaction: everything is read until the blocks are laid anew.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, LockType};
use sea_orm::{
    ActiveValue::Set, Condition, DbBackend, FromQueryResult, Order, QueryOrder, QuerySelect, Statement, Value,
};

use super::{block, bound, listing, scoped, trigram};
use crate::clock::Instant;
use crate::db::Values;
use crate::id::{InvitationId, TenantId, TypedId as _};

pub(in crate::invitation) use super::block::{ROWS, numbered};

/// Blocks that are laid together at the most: a trigram is written once, and the disk waited for once, for all of them.
const TOGETHER: u16 = 16;

/// The last invitation that is in a block, in the order in which they are made.
pub(in crate::invitation) type Edge = (Instant, InvitationId);

/// What a block has of an invitation.
#[derive(Clone, Debug, FromQueryResult)]
pub(in crate::invitation) struct Made {
    pub(super) id: InvitationId,
    pub(super) email_norm: String,
    pub(in crate::invitation) created_at: Instant,
}

/// Values with the last repeated, so that a statement has one of few lengths and is compiled once for each.
pub(super) fn padded<T: Copy>(values: &[T]) -> Vec<T> {
    let mut padded = values.to_vec();
    if let Some(last) = values.last() {
        padded.resize(values.len().next_power_of_two().max(4), *last);
    }
    padded
}

/// Where a text can be.
#[derive(Debug)]
pub(in crate::invitation) struct Candidates {
    /// The last invitation that is in a block.
    pub(in crate::invitation) edge: Edge,
    /// Numbers of the blocks that may hold it, in order.
    pub(in crate::invitation) blocks: Vec<i32>,
    /// Invitations behind the edge that hold it, as many and in the order as they were asked for.
    pub(in crate::invitation) behind: Vec<InvitationId>,
}

/// Where a text can be in addresses of a tenant's invitations that were made in a time, and what holds it behind the blocks, so much of it at the
/// most; `None` where only reading all addresses tells. One statement says it, so that it is of one moment.
pub(in crate::invitation) async fn candidates(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    text: &str,
    (from, to): (Option<Instant>, Option<Instant>),
    (descending, most): (bool, usize),
) -> Result<Option<Candidates>, DbErr> {
    let sought = trigram::sought(text);
    if sought.is_empty() {
        return Ok(None);
    }
    let backend = db.get_database_backend();
    let padded = padded(&sought.iter().copied().collect::<Vec<_>>());
    let places: Vec<String> = (5..padded.len() + 5).map(|place| format!("${place}")).collect();
    // SQLite begins to look by one bound, which is to be the edge.
    let made = if backend == DbBackend::Sqlite { "+created_at" } else { "created_at" };
    let sql = format!(
        "SELECT 0, p.indexed_until, p.indexed_id, t.span, t.blocks,
                (SELECT number FROM search_block WHERE tenant_id = $1 AND last_created_at >= $2
                  ORDER BY last_created_at, number LIMIT 1),
                (SELECT number FROM search_block WHERE tenant_id = $1 AND last_created_at > $3
                  ORDER BY last_created_at, number LIMIT 1)
           FROM pending_bound p
           LEFT JOIN search_trigram t ON t.tenant_id = p.tenant_id AND t.trigram IN ({trigrams})
          WHERE p.tenant_id = $1 AND p.indexed_until IS NOT NULL
          UNION ALL
         SELECT 1, b.created_at, b.id, NULL, NULL, NULL, NULL
           FROM (SELECT created_at, id FROM invitation
                  WHERE tenant_id = $1 AND {made} >= $2{until} AND {place}(email_norm, $4) > 0
                    AND (created_at, id) > ((SELECT indexed_until FROM pending_bound WHERE tenant_id = $1),
                                            (SELECT indexed_id FROM pending_bound WHERE tenant_id = $1))
                  ORDER BY created_at {order}, id {order} LIMIT {most}) b",
        trigrams = places.join(", "),
        until = if to.is_some() { " AND created_at <= $3" } else { "" },
        place = listing::place_in(backend),
        order = if descending { "DESC" } else { "ASC" },
    );
    let values = [tenant.into(), from.unwrap_or_default().into(), to.into(), text.into()];
    let values = values.into_iter().chain(padded.into_iter().map(Value::from));
    let rows = db.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    let mut found = Found::default();
    for row in &rows {
        found.read(Values::from(row, 0)?)?;
    }
    Ok(found.candidates(sought.len(), descending))
}

/// What a statement says about where a text can be.
#[derive(Default)]
struct Found {
    edge: Option<Edge>,
    common: trigram::Common,
    /// No block before it ends after the time has begun.
    earliest: Option<i32>,
    /// Every block after it begins after the time has ended.
    latest: Option<i32>,
    behind: Vec<Edge>,
}

impl Found {
    fn read(&mut self, mut row: Values<'_>) -> Result<(), DbErr> {
        let (kind, at, id) = (row.value::<i32>()?, row.instant()?, row.value::<Uuid>()?.into());
        if kind == 1 {
            self.behind.push((at, id));
            return Ok(());
        }
        self.edge = Some((at, id));
        if let (Some(span), Some(blocks)) = (row.optional()?, row.optional()?) {
            self.common.add(span, blocks);
        }
        self.earliest = row.optional()?;
        self.latest = row.optional()?;
        Ok(())
    }

    fn candidates(mut self, trigrams: usize, descending: bool) -> Option<Candidates> {
        let edge = self.edge?;
        let mut blocks = self.common.numbers(trigrams);
        blocks.retain(|number| self.earliest.is_some_and(|earliest| earliest <= *number));
        blocks.retain(|number| self.latest.is_none_or(|latest| *number <= latest));
        self.behind.sort_unstable();
        if descending {
            self.behind.reverse();
        }
        Some(Candidates { edge, blocks, behind: self.behind.into_iter().map(|(_, id)| id).collect() })
    }
}

/// Invitations behind an edge whose addresses hold a text and that were made in a time, so many at the most.
pub(in crate::invitation) async fn behind(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    edge: Edge,
    text: &str,
    (from, to): (Option<Instant>, Option<Instant>),
    (descending, most): (bool, u64),
) -> Result<Vec<InvitationId>, DbErr> {
    let order = if descending { Order::Desc } else { Order::Asc };
    let made = Condition::all()
        .add_option(from.map(|at| super::Column::CreatedAt.gte(at)))
        .add_option(to.map(|at| super::Column::CreatedAt.lte(at)));
    later(tenant, Some(edge))
        .select_only()
        .column(super::Column::Id)
        .filter(made)
        .filter(listing::holds(db.get_database_backend(), text))
        .order_by(super::Column::CreatedAt, order.clone())
        .order_by(super::Column::Id, order)
        .limit(most)
        .into_tuple()
        .all(db)
        .await
}

fn later(tenant: TenantId, edge: Option<Edge>) -> Select<super::Entity> {
    let rows = scoped(tenant);
    let Some((until, id)) = edge else { return rows };
    let here = Expr::tuple([Expr::col(super::Column::CreatedAt), Expr::col(super::Column::Id)]);
    rows.filter(here.gt(Expr::tuple([Expr::value(until), Expr::value(id.uuid())])))
}

/// Tenants with so many invitations, or more, that are in no block yet, as far as has been counted, and those whose blocks are to be laid anew.
pub(in crate::invitation) async fn unindexed_all_tenants(
    db: &impl ConnectionTrait,
    least: usize,
) -> Result<Vec<TenantId>, DbErr> {
    let least = i64::try_from(least).unwrap_or(i64::MAX);
    let tenants = bound::Entity::find().select_only().column(bound::Column::TenantId);
    let anew = bound::Column::IndexedUntil.is_null().and(bound::Column::Blocks.gt(0));
    tenants.filter(bound::Column::Unindexed.gte(least).or(anew)).into_tuple().all(db).await
}

/// How far a tenant's invitations are in blocks; nobody else lays any, or makes an invitation, until the transaction ends. `None` for a tenant
/// that never had an invitation.
pub(in crate::invitation) async fn progress(
    db: &impl ConnectionTrait,
    tenant: TenantId,
) -> Result<Option<Progress>, DbErr> {
    let row = bound::Entity::find().filter(bound::Column::TenantId.eq(tenant));
    let row = match db.get_database_backend() {
        DbBackend::Sqlite => row,
        _ => row.lock(LockType::Update),
    };
    let known = row.one(db).await?;
    Ok(known.map(|known| Progress { edge: known.indexed_until.zip(known.indexed_id), known }))
}

/// How far a tenant's invitations are in blocks.
#[derive(Debug)]
pub(in crate::invitation) struct Progress {
    known: bound::Model,
    edge: Option<Edge>,
}

impl Progress {
    /// Deletes blocks that are not to be relied on, a span of them at a time; `false` where there are none.
    pub(in crate::invitation) async fn forget(&self, db: &impl ConnectionTrait) -> Result<bool, DbErr> {
        let tenant = self.known.tenant_id;
        if self.edge.is_some() {
            return Ok(false);
        }
        let Some(lowest) = block::lowest(db, tenant).await? else { return Ok(false) };
        let span = lowest / trigram::SPAN;
        trigram::forget(db, tenant, span).await?;
        block::forget(db, tenant, (span + 1) * trigram::SPAN).await?;
        Ok(true)
    }

    /// The invitations that follow, as many as some blocks have, or fewer.
    pub(in crate::invitation) async fn next(&self, db: &impl ConnectionTrait) -> Result<Vec<Made>, DbErr> {
        let most = u64::from(Ord::min(trigram::left(self.known.blocks), TOGETHER)) * ROWS as u64;
        let rows = later(self.known.tenant_id, self.edge).select_only().columns([
            super::Column::Id,
            super::Column::EmailNorm,
            super::Column::CreatedAt,
        ]);
        let rows = rows.order_by_asc(super::Column::CreatedAt).order_by_asc(super::Column::Id).limit(most);
        rows.into_model().all(db).await
    }

    /// Records how many invitations are in no block.
    pub(in crate::invitation) async fn counted(
        self,
        db: &impl ConnectionTrait,
        unindexed: usize,
    ) -> Result<(), DbErr> {
        let unindexed = Set(i64::try_from(unindexed).unwrap_or(i64::MAX));
        let tenant_id = Set(self.known.tenant_id);
        let counted = bound::ActiveModel { tenant_id, unindexed, ..Default::default() };
        bound::Entity::update(counted).exec(db).await.map(drop)
    }

    /// Lays the invitations that follow in blocks; they are whole ones.
    pub(in crate::invitation) async fn lay(
        self,
        db: &impl ConnectionTrait,
        rows: &[Made],
    ) -> Result<(), DbErr> {
        let Some(last) = rows.last() else { return Ok(()) };
        let (tenant, mut number) = (self.known.tenant_id, self.known.blocks);
        let mut trigrams = trigram::Held::default();
        for rows in rows.chunks(ROWS) {
            let Some(last) = rows.last() else { continue };
            block::insert(db, block::Model::of(tenant, number, rows, last.created_at)).await?;
            trigrams.add(number, rows.iter().map(|row| row.email_norm.as_str()));
            number += 1;
        }
        trigrams.record(db, tenant).await?;
        let laid = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let progressed = bound::ActiveModel {
            tenant_id: Set(tenant),
            blocks: Set(number),
            unindexed: Set(Ord::max(self.known.unindexed - laid, 0)),
            indexed_until: Set(Some(last.created_at)),
            indexed_id: Set(Some(last.id)),
            ..Default::default()
        };
        bound::Entity::update(progressed).exec(db).await.map(drop)
    }
}

/// Deletes the blocks of a tenant.
pub(super) async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<(), DbErr> {
    trigram::erase(db, tenant).await?;
    block::erase(db, tenant).await
}
