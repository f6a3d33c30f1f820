//! Rows of `user`.

#![expect(clippy::disallowed_methods, reason = "queries live here, behind the functions of this file")]

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func, IntoColumnRef, LockType, Query, SelectStatement};
use sea_orm::{
    Condition, DbBackend, FromQueryResult, Order, QueryOrder, QueryResult, QuerySelect, QueryTrait, Statement,
};

use crate::clock::Instant;
use crate::db;
use crate::db::record::{self, Record};
use crate::email::Email;
use crate::id::{TenantId, UserId};
use crate::page::Page;

/// Whether an account can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum UserStatus {
    /// In use.
    #[sea_orm(string_value = "active")]
    Active,
    /// Cannot sign in.
    #[sea_orm(string_value = "suspended")]
    Suspended,
}

/// One account.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// Identifier.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// Address as it was typed.
    pub email: String,
    /// Canonical address, unique.
    pub email_norm: String,
    /// When the address was known to be theirs.
    pub email_verified_at: Option<Instant>,
    /// Name that people see.
    pub name: String,
    /// Argon2id hash (PHC string).
    pub password_hash: Option<String>,
    /// Whether they administer the platform.
    pub is_superuser: bool,
    /// Whether the account can be used.
    pub status: UserStatus,
    /// Tenant that the last session spoke for.
    pub last_tenant_id: Option<TenantId>,
    /// When the password was set.
    pub password_changed_at: Option<Instant>,
    /// When the account was made.
    pub created_at: Instant,
}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn insert(db: &impl ConnectionTrait, user: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(user.id),
        email: Set(user.email),
        email_norm: Set(user.email_norm),
        email_verified_at: Set(user.email_verified_at),
        name: Set(user.name),
        password_hash: Set(user.password_hash),
        is_superuser: Set(user.is_superuser),
        status: Set(user.status),
        last_tenant_id: Set(user.last_tenant_id),
        password_changed_at: Set(user.password_changed_at),
        created_at: Set(user.created_at),
    };
    Entity::insert(row).exec_without_returning(db).await.map(drop)
}

pub(super) async fn by_email(db: &impl ConnectionTrait, email: &Email) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::EmailNorm.eq(email.norm())).one(db).await
}

/// Accounts among canonical addresses.
pub(super) async fn by_emails(db: &impl ConnectionTrait, norms: &[&str]) -> Result<Vec<Model>, DbErr> {
    let mut found = Vec::new();
    for norms in norms.chunks(db::ROWS) {
        found.extend(Entity::find().filter(Column::EmailNorm.is_in(norms.iter().copied())).all(db).await?);
    }
    Ok(found)
}

/// The account with this identifier, its row locked until the transaction ends. SQLite needs no lock: its writers come
/// one after another.
pub(super) async fn locked(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::Id.eq(id)).lock(LockType::NoKeyUpdate).one(db).await
}

pub(super) async fn by_ids(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.is_in(ids.iter().copied())).all(db).await
}

/// What others are told of a user.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Person {
    /// Identifier.
    pub id: UserId,
    /// Address as it was typed.
    pub email: String,
    /// Name that people see.
    pub name: String,
    /// Whether they administer the platform.
    pub is_superuser: bool,
    /// When the account was made.
    pub created_at: Instant,
}

impl From<Model> for Person {
    fn from(user: Model) -> Self {
        Self {
            id: user.id,
            email: user.email,
            name: user.name,
            is_superuser: user.is_superuser,
            created_at: user.created_at,
        }
    }
}

/// The columns of a [`Person`].
const PERSON: [Column; 5] = [Column::Id, Column::Email, Column::Name, Column::IsSuperuser, Column::CreatedAt];
pub(super) async fn persons(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<Person>, DbErr> {
    let named = Entity::find().filter(Column::Id.is_in(ids.iter().copied()));
    named.select_only().columns(PERSON).into_model().all(db).await
}

/// Has a statement of PostgreSQL read the person that a column of its names, for [`Person::named`]; with the first of rows in succession that
/// name the same one.
pub fn select_named(rows: &mut SelectStatement, user: impl IntoColumnRef + Copy) {
    let mut named = Query::select();
    named.from(Entity).and_where(Expr::col((Entity, Column::Id)).equals(user));
    record::select(rows, user, named, PERSON.map(|column| (Entity, column)));
}

impl Person {
    /// Reads it from a row of [`select_named`] that has so many columns behind it; `None` where it is not there.
    ///
    /// # Errors
    /// Where the row was selected otherwise.
    pub fn named(row: &QueryResult, behind: usize) -> Result<Option<Self>, DbErr> {
        let Some(mut record) = Record::of(row, behind)? else { return Ok(None) };
        Ok(Some(Self {
            id: record.value::<Uuid>()?.into(),
            email: record.value()?,
            name: record.value()?,
            is_superuser: record.value()?,
            created_at: record.value()?,
        }))
    }
}

pub(super) async fn any_superuser(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(Column::IsSuperuser.eq(true)).one(db).await?.is_some())
}

/// Lets nobody else make an account until the transaction ends.
pub(super) async fn lock_all(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    // SQLite has one writer as it is.
    if db.get_database_backend() == DbBackend::Postgres {
        db.execute_unprepared("LOCK TABLE \"user\" IN SHARE ROW EXCLUSIVE MODE").await?;
    }
    Ok(())
}

/// Administrators of the platform whose accounts can be used, first made first.
pub(super) async fn superusers(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    let active = Entity::find().filter(Column::IsSuperuser.eq(true));
    active.filter(Column::Status.eq(UserStatus::Active)).order_by_asc(Column::Id).all(db).await
}

/// Identifiers of administrators of the platform, for use inside a larger query.
pub(super) fn superuser_ids() -> SelectStatement {
    Entity::find().select_only().column(Column::Id).filter(Column::IsSuperuser.eq(true)).into_query()
}

pub(super) async fn set_last_tenant(
    db: &impl ConnectionTrait,
    id: UserId,
    tenant: TenantId,
) -> Result<(), DbErr> {
    db.execute_raw(last_tenant(id, tenant, db.get_database_backend())).await.map(drop)
}

/// The statement that remembers a tenant.
pub(super) fn last_tenant(id: UserId, tenant: TenantId, backend: DbBackend) -> Statement {
    let update = Entity::update_many().col_expr(Column::LastTenantId, Expr::value(tenant));
    update.filter(Column::Id.eq(id)).build(backend)
}

pub(super) async fn set_verified(db: &impl ConnectionTrait, id: UserId, at: Instant) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::EmailVerifiedAt, Expr::value(at))
        .filter(Column::Id.eq(id))
        .filter(Column::EmailVerifiedAt.is_null());
    Ok(update.exec(db).await?.rows_affected > 0)
}

/// Whose name or address holds a text.
fn matching(text: &str) -> Condition {
    let pattern = || db::containing(&text.trim().to_lowercase());
    Condition::any()
        .add(Expr::expr(Func::lower(Expr::col(Column::Name))).like(pattern()))
        .add(Expr::col(Column::EmailNorm).like(pattern()))
}

/// Identifiers of users whose name or address holds a text, for use inside a larger query.
pub(super) fn ids_matching(text: &str) -> SelectStatement {
    Entity::find().select_only().column(Column::Id).filter(matching(text)).into_query()
}

/// Which accounts are in a list; an absent condition holds for all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Whose name or address holds this text.
    pub search: Option<String>,
    /// Who administer the platform, or do not.
    pub is_superuser: Option<bool>,
}

impl Filter {
    fn select(&self) -> Select<Entity> {
        let all = Condition::all()
            .add_option(self.search.as_deref().map(matching))
            .add_option(self.is_superuser.map(|it| Column::IsSuperuser.eq(it)));
        Entity::find().filter(all)
    }
}

/// One page of all accounts by identifier, latest made first, and one row more.
pub(super) async fn page_of_all(
    db: &impl ConnectionTrait,
    filter: &Filter,
    page: &Page,
) -> Result<Vec<Model>, DbErr> {
    let mut query = filter.select();
    if let Some(after) = &page.after {
        query = query.filter(Column::Id.lt(UserId::from(after.id)));
    }
    if let Some(before) = &page.before {
        query = query.filter(Column::Id.gt(UserId::from(before.id)));
    }
    let reading = if page.backward { Order::Asc } else { Order::Desc };
    query.order_by(Column::Id, reading).limit(page.size + 1).all(db).await
}

pub(super) async fn count_of_all(db: &impl ConnectionTrait, filter: &Filter) -> Result<u64, DbErr> {
    filter.select().count(db).await
}

pub(super) async fn set_name(db: &impl ConnectionTrait, id: UserId, name: String) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::Name, Expr::value(name)).filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Puts the hash of a new password in place of `old`; `false` when that is not the present one any more.
pub(super) async fn set_password(
    db: &impl ConnectionTrait,
    id: UserId,
    old: &str,
    new: String,
    at: Instant,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(new))
        .col_expr(Column::PasswordChangedAt, Expr::value(at))
        .filter(Column::Id.eq(id))
        .filter(Column::PasswordHash.eq(old));
    Ok(update.exec(db).await?.rows_affected > 0)
}

pub(super) async fn overwrite_password(
    db: &impl ConnectionTrait,
    id: UserId,
    new: String,
    at: Instant,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(new))
        .col_expr(Column::PasswordChangedAt, Expr::value(at))
        .filter(Column::Id.eq(id));
    update.exec(db).await.map(drop)
}

/// Puts a hash of the same password in place of `old`; leaves a password that was changed meanwhile alone.
pub(super) async fn replace_hash(
    db: &impl ConnectionTrait,
    id: UserId,
    old: &str,
    new: String,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(new))
        .filter(Column::Id.eq(id))
        .filter(Column::PasswordHash.eq(old));
    update.exec(db).await.map(drop)
}
