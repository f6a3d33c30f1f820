//! Which invitations a list holds, in which order, from where.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, Query, SelectStatement, SimpleExpr};
use sea_orm::{Condition, DbBackend, Order, QuerySelect};

use super::first::{self, Shape};
use super::{Brief, Column, Columns, Entity, InvitationStatus, Listed, listed, search};
use crate::clock::Instant;
use crate::db;
use crate::id::{InvitationId, RoleId, TenantId, TypedId as _, UserId};
use crate::page::{Cursor, Page, SortKey};

/// What a list of invitations is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortBy {
    /// When they were made.
    CreatedAt,
    /// When they end.
    ExpiresAt,
    /// Address.
    Email,
}

impl SortBy {
    /// Name of the order, as cursors carry it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CreatedAt => "CREATED_AT",
            Self::ExpiresAt => "EXPIRES_AT",
            Self::Email => "EMAIL",
        }
    }

    pub(super) fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::CreatedAt,
            Self::ExpiresAt => Column::ExpiresAt,
            Self::Email => Column::EmailNorm,
        }
    }

    /// The place of a row in a list of this order.
    #[must_use]
    pub fn cursor(self, row: &Brief) -> Cursor {
        let key = match self {
            Self::CreatedAt => SortKey::Time(row.created_at.timestamp_millis()),
            Self::ExpiresAt => SortKey::Time(row.expires_at.timestamp_millis()),
            Self::Email => SortKey::Text(row.email_norm.clone().unwrap_or_default()),
        };
        Cursor { order: self.name().into(), key, id: row.id.uuid() }
    }
}

/// Which rows are in a list; an absent condition holds for every row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::invitation) struct Where {
    pub(in crate::invitation) status: Option<Vec<InvitationStatus>>,
    pub(in crate::invitation) without_mail: bool,
    pub(in crate::invitation) mails: Option<SelectStatement>,
    pub(in crate::invitation) roles: Option<Vec<RoleId>>,
    pub(in crate::invitation) email_contains: Option<String>,
    pub(in crate::invitation) inviter: Option<UserId>,
    pub(in crate::invitation) created: (Option<Instant>, Option<Instant>),
    pub(in crate::invitation) expires: (Option<Instant>, Option<Instant>),
    pub(in crate::invitation) among: Option<Vec<InvitationId>>,
}

impl Where {
    fn condition(&self, backend: DbBackend, now: Instant, ends: &SimpleExpr) -> Condition {
        let mut all = Condition::all();
        if let Some(states) = &self.status {
            let any =
                states.iter().fold(Condition::any(), |any, status| any.add(has_status(*status, now, ends)));
            all = all.add(any);
        }
        if self.mails.is_some() || self.without_mail {
            let mut any = Condition::any();
            if self.without_mail {
                any = any.add(Column::OutboxId.is_null());
            }
            if let Some(ids) = &self.mails {
                any = any.add(Column::OutboxId.in_subquery(ids.clone()));
            }
            all = all.add(any);
        }
        if let Some(roles) = &self.roles {
            all = all.add(Column::RoleId.is_in(roles.iter().copied()));
        }
        if let Some(part) = &self.email_contains {
            all = all.add(holds(backend, part));
        }
        if let Some(ids) = &self.among {
            all = all.add(Column::Id.is_in(search::padded(ids)));
        }
        all.add_option(self.inviter.map(|id| Column::InviterId.eq(id)))
            .add_option(self.created.0.map(|at| Column::CreatedAt.gte(at)))
            .add_option(self.created.1.map(|at| Column::CreatedAt.lte(at)))
            .add_option(self.expires.0.map(|at| Column::ExpiresAt.gte(at)))
            .add_option(self.expires.1.map(|at| Column::ExpiresAt.lte(at)))
    }
}

/// When an invitation ends, as a condition names it beside an order. SQLite keeps no statistics, and would read every invitation that
/// has not ended by the index of their ends, and sort them, rather than the few of a page in their order: it is not shown the index.
fn ends(backend: DbBackend, by: Option<SortBy>) -> SimpleExpr {
    if backend == DbBackend::Sqlite && by != Some(SortBy::ExpiresAt) {
        without_index(Column::ExpiresAt)
    } else {
        Expr::col((Entity, Column::ExpiresAt))
    }
}

/// The value of a column, for a condition that SQLite is to look for no index for.
fn without_index(column: Column) -> SimpleExpr {
    let value = || SimpleExpr::from(Expr::col((Entity, column)));
    Func::coalesce([value(), value()]).into()
}

/// Whether a row is of a tenant and the conditions hold for it. SQLite would read all rows of the tenant in the order of the list rather than
/// those that are named, and sort them: it is not shown the index.
fn matching(
    backend: DbBackend,
    tenant: TenantId,
    filter: &Where,
    now: Instant,
    by: Option<SortBy>,
) -> Condition {
    let own = match filter.among {
        Some(_) if backend == DbBackend::Sqlite => without_index(Column::TenantId).eq(tenant),
        _ => Column::TenantId.eq(tenant),
    };
    Condition::all().add(own).add(filter.condition(backend, now, &ends(backend, by)))
}

/// The stored form of a status at a moment.
fn has_status(status: InvitationStatus, now: Instant, ends: &SimpleExpr) -> Condition {
    let pending = is(InvitationStatus::Pending);
    match status {
        InvitationStatus::Pending => Condition::all().add(pending).add(ends.clone().gt(now)),
        InvitationStatus::Expired => Condition::any()
            .add(is(InvitationStatus::Expired))
            .add(Condition::all().add(pending).add(ends.clone().lte(now))),
        recorded => Condition::all().add(is(recorded)),
    }
}

/// Whether a status is recorded. It stands in the statement, for SQLite compiles one anew that has a parameter where an index has a
/// condition.
fn is(status: InvitationStatus) -> SimpleExpr {
    Expr::col((Entity, Column::Status)).eq(SimpleExpr::Constant(status.to_value().into()))
}

/// The function that says where a text holds another, from 1 on; 0 where it does not.
pub(super) fn place_in(backend: DbBackend) -> &'static str {
    if backend == DbBackend::Sqlite { "instr" } else { "strpos" }
}

/// Whether an address holds a text. LIKE would have SQLite compile the statement anew for each text.
pub(super) fn holds(backend: DbBackend, text: &str) -> SimpleExpr {
    let place = Func::cust(place_in(backend)).arg(Expr::col((Entity, Column::EmailNorm))).arg(text);
    SimpleExpr::from(place).gt(SimpleExpr::Constant(0.into()))
}

/// One page of a tenant's invitations and one row more, in the order of reading; each with what `columns` asks for.
pub(in crate::invitation) async fn list(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    filter: &Where,
    (by, descending): (SortBy, bool),
    page: &Page,
    now: Instant,
    columns: Columns,
) -> Result<Vec<Listed>, DbErr> {
    let (backend, norm) = (db.get_database_backend(), by == SortBy::Email);
    let ascending = descending == page.backward;
    let make = || {
        let place = ((Entity, by.column()), (Entity, Column::Id));
        let mut matching = matching(backend, tenant, filter, now, Some(by));
        if let Some(after) = page.after.as_ref().and_then(|c| db::beside(c, place, !descending)) {
            matching = matching.add(after);
        }
        if let Some(before) = page.before.as_ref().and_then(|c| db::beside(c, place, descending)) {
            matching = matching.add(before);
        }
        let reading = if ascending { Order::Asc } else { Order::Desc };
        let mut rows = Query::select();
        rows.from(Entity).cond_where(matching).limit(page.size + 1);
        listed::statement(backend, rows, columns, (by, reading))
    };
    let statement = if page.after.is_none() && page.before.is_none() && *filter == Where::default() {
        let postgres = backend == DbBackend::Postgres;
        let shape = Shape { postgres, by, ascending, limit: page.size + 1, columns };
        first::statement(shape, tenant, make)
    } else {
        make()
    };
    listed::read(db, statement, columns, norm).await
}

pub(in crate::invitation) async fn count(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    filter: &Where,
    now: Instant,
) -> Result<u64, DbErr> {
    Entity::find().filter(matching(db.get_database_backend(), tenant, filter, now, None)).count(db).await
}

/// Addresses that some invitations are for, in whatever tenant; whoever asks has checked that they may know.
pub(in crate::invitation) async fn addresses_all_tenants(
    db: &impl ConnectionTrait,
    ids: &[InvitationId],
) -> Result<Vec<(InvitationId, String)>, DbErr> {
    let named = Entity::find().select_only().column(Column::Id).column(Column::Email);
    named.filter(Column::Id.is_in(ids.iter().copied())).into_tuple().all(db).await
}
