//! Rows of `event_chain`, one for each tenant and one for events of none, and the one of `event_key`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};

/// How far a chain of events is sealed.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_chain")]
pub struct Model {
    /// The tenant, or the nil UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub chain: Uuid,
    /// Place of the last event.
    pub position: i64,
    /// Seal of the last event.
    pub seal: String,
    /// Place of the last event whose seal was written to the log.
    pub logged_position: i64,
}

impl ActiveModelBehavior for ActiveModel {}

/// The key that signs and seals.
pub mod key {
    use sea_orm::entity::prelude::*;

    /// The one row.
    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "event_key")]
    pub struct Model {
        /// Always 1.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        /// The key, sealed under `SECRET_KEY`.
        pub sealed_key: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The heads of these chains.
pub(in crate::event) async fn of(db: &impl ConnectionTrait, chains: Vec<Uuid>) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Chain.is_in(chains)).all(db).await
}

/// Every head.
pub(in crate::event) async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().order_by_asc(Column::Chain).all(db).await
}

/// Writes where a chain ends.
pub(in crate::event) async fn put(db: &impl ConnectionTrait, head: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        chain: Set(head.chain),
        position: Set(head.position),
        seal: Set(head.seal),
        logged_position: Set(head.logged_position),
    };
    let existing =
        OnConflict::column(Column::Chain).update_columns([Column::Position, Column::Seal]).to_owned();
    Entity::insert(row).on_conflict(existing).exec_without_returning(db).await.map(drop)
}

/// Heads that have moved since they were logged.
pub(in crate::event) async fn unlogged(db: &impl ConnectionTrait, most: u64) -> Result<Vec<Model>, DbErr> {
    let moved = ExprTrait::gt(Expr::col(Column::Position), Expr::col(Column::LoggedPosition));
    Entity::find().filter(moved).order_by_asc(Column::Chain).limit(most).all(db).await
}

/// Remembers that a head was logged.
pub(in crate::event) async fn logged(db: &impl ConnectionTrait, head: &Model) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::LoggedPosition, Expr::value(head.position))
        .filter(Column::Chain.eq(head.chain));
    update.exec(db).await.map(drop)
}

/// The sealed key. Locked until the transaction ends, so that one process seals at a time.
pub(in crate::event) async fn lock_key(db: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    Ok(key::Entity::find().lock_exclusive().one(db).await?.map(|row| row.sealed_key))
}

/// The sealed key, if there is one.
pub(in crate::event) async fn find_key(db: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    Ok(key::Entity::find().one(db).await?.map(|row| row.sealed_key))
}

/// Keeps the key unless there is one.
pub(in crate::event) async fn offer_key(db: &impl ConnectionTrait, sealed: String) -> Result<(), DbErr> {
    let row = key::ActiveModel { id: Set(1), sealed_key: Set(sealed) };
    let existing = OnConflict::column(key::Column::Id).do_nothing().to_owned();
    key::Entity::insert(row).on_conflict(existing).exec_without_returning(db).await.map(drop)
}

/// Replaces the sealed form of the key.
pub(in crate::event) async fn reseal_key(db: &impl ConnectionTrait, sealed: String) -> Result<(), DbErr> {
    key::Entity::update_many().col_expr(key::Column::SealedKey, Expr::value(sealed)).exec(db).await.map(drop)
}
