//! Rows of `session`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{ActiveValue::Set, Condition, DbBackend, QueryOrder, QuerySelect, QueryTrait as _, Statement};

use crate::clock::Instant;
use crate::id::{SessionId, TenantId, UserId};

/// One sign-in.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "session")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The tenant it speaks for.
    pub tenant_id: Option<TenantId>,
    /// Which refresh token is good.
    pub refresh_counter: i64,
    /// When the counter last moved.
    pub rotated_at: Option<Instant>,
    /// When it began.
    pub created_at: Instant,
    /// When it was last refreshed.
    pub last_seen_at: Instant,
    /// When it ends unless refreshed.
    pub expires_at: Instant,
    /// When it ends in any case.
    pub ends_at: Instant,
    /// When it was ended.
    pub revoked_at: Option<Instant>,
    /// Where it began.
    pub ip_address: Option<String>,
    /// With which client.
    pub user_agent: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

/// The statement that inserts a row.
pub(in crate::auth) fn insertion(row: Model, backend: DbBackend) -> Statement {
    let row = ActiveModel {
        id: Set(row.id),
        user_id: Set(row.user_id),
        tenant_id: Set(row.tenant_id),
        refresh_counter: Set(row.refresh_counter),
        rotated_at: Set(row.rotated_at),
        created_at: Set(row.created_at),
        last_seen_at: Set(row.last_seen_at),
        expires_at: Set(row.expires_at),
        ends_at: Set(row.ends_at),
        revoked_at: Set(row.revoked_at),
        ip_address: Set(row.ip_address),
        user_agent: Set(row.user_agent),
    };
    Entity::insert(row).build(backend)
}

pub(in crate::auth) async fn find(db: &impl ConnectionTrait, id: SessionId) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Id.eq(id)).one(db).await
}

/// Sessions of a user that have not ended, latest first.
pub(in crate::auth) async fn live_of_user(
    db: &impl ConnectionTrait,
    user: UserId,
    now: Instant,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::UserId.eq(user))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .filter(Column::EndsAt.gt(now))
        .order_by_desc(Column::Id)
        .all(db)
        .await
}

/// Of each of some users that ever signed in: when they last did, and how many of their sessions live.
pub(in crate::auth) async fn summaries(
    db: &impl ConnectionTrait,
    users: &[UserId],
    now: Instant,
) -> Result<Vec<(UserId, Instant, i64)>, DbErr> {
    let lives = Condition::all()
        .add(Column::RevokedAt.is_null())
        .add(Column::ExpiresAt.gt(now))
        .add(Column::EndsAt.gt(now));
    let live = Expr::case(lives, 1_i64);
    Entity::find()
        .select_only()
        .column(Column::UserId)
        .column_as(Column::CreatedAt.max(), "last")
        .column_as(Expr::expr(Func::count(live)), "live")
        .filter(Column::UserId.is_in(users.iter().copied()))
        .group_by(Column::UserId)
        .into_tuple()
        .all(db)
        .await
}

/// Forgets at most so many sessions that ended before a moment, but for the latest of each user, and says how many.
pub(in crate::auth) async fn forget_ended(
    db: &impl ConnectionTrait,
    before: Instant,
    most: u32,
) -> Result<u64, DbErr> {
    let forget = Statement::from_sql_and_values(
        db.get_database_backend(),
        "DELETE FROM session WHERE id IN (SELECT ended.id FROM session ended WHERE ended.ends_at <= $1 \
         AND EXISTS (SELECT 1 FROM session later WHERE later.user_id = ended.user_id AND later.id > ended.id) LIMIT $2)",
        [Value::from(before), Value::from(i64::from(most))],
    );
    Ok(db.execute_raw(forget).await?.rows_affected())
}

/// Moves the counter from `counter` to the next one, if the session lives and that is where it stands; the session as it is
/// then.
pub(in crate::auth) async fn rotate(
    db: &impl ConnectionTrait,
    id: SessionId,
    counter: i64,
    now: Instant,
    expires_at: Instant,
) -> Result<Option<Model>, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::RefreshCounter, Expr::value(counter + 1))
        .col_expr(Column::RotatedAt, Expr::value(now))
        .col_expr(Column::LastSeenAt, Expr::value(now))
        .col_expr(Column::ExpiresAt, Expr::value(expires_at))
        .filter(Column::Id.eq(id))
        .filter(Column::RefreshCounter.eq(counter))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .filter(Column::EndsAt.gt(now));
    Ok(update.exec_with_returning(db).await?.pop())
}

/// Ends a session; `false` when it had been ended before.
pub(in crate::auth) async fn revoke(
    db: &impl ConnectionTrait,
    id: SessionId,
    now: Instant,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::RevokedAt.is_null());
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Lets sessions that speak for a tenant speak for none.
pub(in crate::auth) async fn forget_tenant(db: &impl ConnectionTrait, tenant: TenantId) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::TenantId, Expr::value(Option::<TenantId>::None));
    update.filter(Column::TenantId.eq(tenant)).exec(db).await.map(drop)
}

pub(in crate::auth) async fn set_tenant(
    db: &impl ConnectionTrait,
    id: SessionId,
    tenant: TenantId,
) -> Result<(), DbErr> {
    let update =
        Entity::update_many().col_expr(Column::TenantId, Expr::value(tenant)).filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}
