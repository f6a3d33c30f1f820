//! Which reset requests a list holds, in which order, from where.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::SelectStatement;
use sea_orm::{Condition, Order, QueryOrder, QuerySelect};

use super::{Column, Entity, Model, ResetStatus};
use crate::clock::Instant;
use crate::db;
use crate::id::{TypedId as _, UserId};
use crate::page::{Cursor, Page, SortKey};

/// What a list of reset requests is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// When they were made.
    CreatedAt,
    /// When they end.
    ExpiresAt,
}

impl SortBy {
    /// Name of the order, as cursors carry it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CreatedAt => "CREATED_AT",
            Self::ExpiresAt => "EXPIRES_AT",
        }
    }

    fn column(self) -> Column {
        match self {
            Self::CreatedAt => Column::CreatedAt,
            Self::ExpiresAt => Column::ExpiresAt,
        }
    }

    /// The place of a row in a list of this order.
    #[must_use]
    pub fn cursor(self, row: &Model) -> Cursor {
        let at = match self {
            Self::CreatedAt => row.created_at,
            Self::ExpiresAt => row.expires_at,
        };
        Cursor { order: self.name().into(), key: SortKey::Time(at.timestamp_millis()), id: row.id.uuid() }
    }
}

/// Which rows are in a list; an absent condition holds for every row.
#[derive(Clone, Debug, Default)]
pub(in crate::password_reset) struct Where {
    pub(in crate::password_reset) users: Option<SelectStatement>,
    pub(in crate::password_reset) not_users: Option<SelectStatement>,
    pub(in crate::password_reset) not_user: Option<UserId>,
    pub(in crate::password_reset) status: Option<Vec<ResetStatus>>,
    pub(in crate::password_reset) created: (Option<Instant>, Option<Instant>),
}

impl Where {
    fn condition(&self, now: Instant) -> Condition {
        let mut all = Condition::all();
        if let Some(states) = &self.status {
            let any = states.iter().fold(Condition::any(), |any, status| any.add(has_status(*status, now)));
            all = all.add(any);
        }
        all.add_option(self.users.clone().map(|users| Column::UserId.in_subquery(users)))
            .add_option(self.not_users.clone().map(|users| Column::UserId.not_in_subquery(users)))
            .add_option(self.not_user.map(|user| Column::UserId.ne(user)))
            .add_option(self.created.0.map(|at| Column::CreatedAt.gte(at)))
            .add_option(self.created.1.map(|at| Column::CreatedAt.lte(at)))
    }
}

/// The stored form of a status at a moment.
fn has_status(status: ResetStatus, now: Instant) -> Condition {
    let recorded = Condition::all().add(Column::Status.eq(status));
    if ResetStatus::OPEN.contains(&status) {
        return recorded.add(Column::ExpiresAt.gt(now));
    }
    if status != ResetStatus::Expired {
        return recorded;
    }
    let overdue =
        Condition::all().add(Column::Status.is_in(ResetStatus::OPEN)).add(Column::ExpiresAt.lte(now));
    Condition::any().add(recorded).add(overdue)
}

/// One page of requests and one row more, in the order of reading.
pub(in crate::password_reset) async fn list(
    db: &impl ConnectionTrait,
    filter: &Where,
    (by, descending): (SortBy, bool),
    page: &Page,
    now: Instant,
) -> Result<Vec<Model>, DbErr> {
    let place = (by.column(), Column::Id);
    let mut query = Entity::find().filter(filter.condition(now));
    if let Some(after) = page.after.as_ref().and_then(|c| db::beside(c, place, !descending)) {
        query = query.filter(after);
    }
    if let Some(before) = page.before.as_ref().and_then(|c| db::beside(c, place, descending)) {
        query = query.filter(before);
    }
    let reading = if descending != page.backward { Order::Desc } else { Order::Asc };
    query
        .order_by(by.column(), reading.clone())
        .order_by(Column::Id, reading)
        .limit(page.size + 1)
        .all(db)
        .await
}

pub(in crate::password_reset) async fn count(
    db: &impl ConnectionTrait,
    filter: &Where,
    now: Instant,
) -> Result<u64, DbErr> {
    Entity::find().filter(filter.condition(now)).count(db).await
}
