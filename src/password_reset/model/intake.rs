//! Rows of `reset_intake`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect};

use crate::clock::Instant;
use crate::id::ResetIntakeId;

/// A stranger's wish for a reset, not looked at yet.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reset_intake")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ResetIntakeId,
    /// Canonical address, of an account or of none.
    pub email_norm: String,
    /// Where it came from.
    pub ip_address: Option<String>,
    /// With which client.
    pub user_agent: Option<String>,
    /// Finds the request in the logs.
    pub request_id: Option<String>,
    /// When it was made.
    pub created_at: Instant,
}

impl ActiveModelBehavior for ActiveModel {}

pub(in crate::password_reset) async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(row.id),
        email_norm: Set(row.email_norm),
        ip_address: Set(row.ip_address),
        user_agent: Set(row.user_agent),
        request_id: Set(row.request_id),
        created_at: Set(row.created_at),
    };
    Entity::insert(row).exec_without_returning(db).await.map(drop)
}

/// Wishes that came after `after`, in their order.
pub(in crate::password_reset) async fn waiting(
    db: &impl ConnectionTrait,
    after: Option<ResetIntakeId>,
    most: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find();
    if let Some(after) = after {
        query = query.filter(Column::Id.gt(after));
    }
    query.order_by_asc(Column::Id).limit(most).all(db).await
}

/// Takes a wish; `false` when somebody else has.
pub(in crate::password_reset) async fn take(
    db: &impl ConnectionTrait,
    id: ResetIntakeId,
) -> Result<bool, DbErr> {
    Ok(Entity::delete_many().filter(Column::Id.eq(id)).exec(db).await?.rows_affected > 0)
}
