//! Rows of `event`. They are inserted and read, never changed.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

use crate::clock::Instant;
use crate::id::{EventId, TenantId, UserId};

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
}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn insert(db: &impl ConnectionTrait, event: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
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
    };
    Entity::insert(row).exec_without_returning(db).await.map(drop)
}

pub(super) async fn of_subject(db: &impl ConnectionTrait, subject: Uuid) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::SubjectId.eq(subject)).order_by_asc(Column::Id).all(db).await
}
