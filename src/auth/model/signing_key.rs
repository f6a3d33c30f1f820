//! Rows of `signing_key`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, QueryOrder};

use crate::clock::Instant;

/// One Ed25519 key.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_key")]
pub struct Model {
    /// Name of the key in the header of a token.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    /// Public part, base64url.
    pub public_key: String,
    /// Private part (PKCS #8), sealed under `SECRET_KEY`.
    pub sealed_private_key: String,
    /// When it was made.
    pub created_at: Instant,
    /// From when on it signs nothing.
    pub retired_at: Option<Instant>,
}

impl ActiveModelBehavior for ActiveModel {}

pub(in crate::auth) async fn insert(db: &impl ConnectionTrait, row: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        kid: Set(row.kid),
        public_key: Set(row.public_key),
        sealed_private_key: Set(row.sealed_private_key),
        created_at: Set(row.created_at),
        retired_at: Set(row.retired_at),
    };
    Entity::insert(row).exec_without_returning(db).await.map(drop)
}

pub(in crate::auth) async fn reseal(
    db: &impl ConnectionTrait,
    kid: &str,
    sealed: String,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::SealedPrivateKey, Expr::value(sealed))
        .filter(Column::Kid.eq(kid));
    update.exec(db).await.map(drop)
}

/// Retires every key that signs.
pub(in crate::auth) async fn retire_all(db: &impl ConnectionTrait, at: Instant) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::RetiredAt, Expr::value(at))
        .filter(Column::RetiredAt.is_null());
    update.exec(db).await.map(drop)
}

/// Every key, latest first.
pub(in crate::auth) async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().order_by_desc(Column::CreatedAt).order_by_desc(Column::Kid).all(db).await
}
