//! Rows of `job`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, OnConflict, SimpleExpr};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};

use crate::clock::Instant;

/// One kind of work.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job")]
pub struct Model {
    /// Its name in the logs.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// How often it is looked for.
    pub period_seconds: i64,
    /// When a worker that does it was last heard of.
    pub seen_at: Instant,
    /// When it last went well.
    pub succeeded_at: Option<Instant>,
    /// When it last failed.
    pub failed_at: Option<Instant>,
}

impl ActiveModelBehavior for ActiveModel {}

/// The later of what is there and what is to be written.
fn later(column: &str) -> SimpleExpr {
    Expr::cust(format!(
        "CASE WHEN job.{column} IS NULL OR excluded.{column} > job.{column} THEN excluded.{column} ELSE job.{column} END"
    ))
}

/// Writes down what became of some kinds of work.
pub(super) async fn record(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<(), DbErr> {
    let rows = rows.into_iter().map(|row| ActiveModel {
        name: Set(row.name),
        period_seconds: Set(row.period_seconds),
        seen_at: Set(row.seen_at),
        succeeded_at: Set(row.succeeded_at),
        failed_at: Set(row.failed_at),
    });
    let known = OnConflict::column(Column::Name)
        .update_column(Column::PeriodSeconds)
        .value(Column::SeenAt, later("seen_at"))
        .value(Column::SucceededAt, later("succeeded_at"))
        .value(Column::FailedAt, later("failed_at"))
        .to_owned();
    Entity::insert_many(rows).on_conflict(known).exec_without_returning(db).await.map(drop)
}

/// Forgets work that no worker has done since `before`.
pub(super) async fn forget(db: &impl ConnectionTrait, before: Instant) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::SeenAt.lt(before)).exec(db).await.map(drop)
}

/// Every kind of work, by its name.
pub(super) async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().order_by_asc(Column::Name).all(db).await
}

/// When a worker was last heard of.
pub(super) async fn last_seen(db: &impl ConnectionTrait) -> Result<Option<Instant>, DbErr> {
    let select = Entity::find().select_only().column_as(Column::SeenAt.max(), "last");
    Ok(select.into_tuple::<Option<Instant>>().one(db).await?.flatten())
}
