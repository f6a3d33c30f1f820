//! What can be done with accounts.

use sea_orm::ConnectionTrait;
use sea_orm::sea_query::SelectStatement;
use secrecy::SecretString;

use super::model::{self, Filter, Model, Person, UserStatus};
use crate::actor::Actor;
use crate::app::App;
use crate::clock::Instant;
use crate::db::Batch;
use crate::email::Email;
use crate::error::{Error, ErrorCode, Result, Unique};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{TenantId, UserId};
use crate::page::{Page, Slice};
use crate::text;

/// A new account, its password already hashed.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Address of the account.
    pub email: Email,
    /// When the address was known to be theirs; `None` while it is not.
    pub verified_at: Option<Instant>,
    /// Checked name.
    pub name: String,
    /// Argon2id hash (PHC string).
    pub password_hash: String,
    /// Whether they administer the platform.
    pub is_superuser: bool,
}

/// Writes an account's row. `None` when the address has an account already.
///
/// # Errors
/// Whatever the database says.
pub async fn insert(app: &App, db: &impl ConnectionTrait, new: NewUser) -> Result<Option<Model>> {
    let now = app.clock.now();
    let user = Model {
        id: app.fresh_id(),
        email: new.email.typed().to_owned(),
        email_norm: new.email.norm().to_owned(),
        email_verified_at: new.verified_at,
        name: new.name,
        password_hash: Some(new.password_hash),
        is_superuser: new.is_superuser,
        status: UserStatus::Active,
        last_tenant_id: None,
        password_changed_at: Some(now),
        created_at: now,
    };
    match model::insert(db, user.clone()).await {
        Ok(()) => Ok(Some(user)),
        Err(error) if Unique::violated(&error) == Some(Unique::UserEmail) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Makes a platform administrator; for the command line on the host.
///
/// # Errors
/// `BAD_USER_INPUT` for address or name, or when the address has an account; `WEAK_PASSWORD`.
pub async fn create_superuser(app: &App, email: &str, name: &str, password: &SecretString) -> Result<Model> {
    let new = new_superuser(app, email, name, password).await?;
    let txn = app.db.begin_write().await?;
    let user = insert_superuser(app, &txn, new).await?;
    txn.commit().await?;
    Ok(user)
}

/// Checks what a platform administrator is to be made of, and hashes the password.
///
/// # Errors
/// As [`create_superuser`], but for an address that has an account.
pub async fn new_superuser(app: &App, email: &str, name: &str, password: &SecretString) -> Result<NewUser> {
    let email = Email::parse(email).map_err(|e| Error::bad_input("email", e.to_string()))?;
    let name = text::name("name", name)?;
    app.hasher.check(password, &[&name, email.norm()])?;
    let password_hash = app.hasher.hash(password).await?;
    Ok(NewUser { email, verified_at: Some(app.clock.now()), name, password_hash, is_superuser: true })
}

/// Writes a platform administrator's row and the event.
///
/// # Errors
/// `BAD_USER_INPUT` when the address has an account.
pub async fn insert_superuser(app: &App, db: &impl ConnectionTrait, new: NewUser) -> Result<Model> {
    let Some(user) = insert(app, db, new).await? else {
        return Err(Error::bad_input("email", "This address has an account already."));
    };
    let created = NewEvent::of(EventKind::UserCreated, None, Subject::User(user.id));
    event::service::record(app, db, &Actor::operator(), created).await?;
    Ok(user)
}

/// Whether any account administers the platform, with nobody else making accounts until the transaction ends.
///
/// # Errors
/// Whatever the database says.
pub async fn any_superuser_locked(db: &impl ConnectionTrait) -> Result<bool> {
    model::lock_all(db).await?;
    Ok(model::any_superuser(db).await?)
}

/// The account with this address.
///
/// # Errors
/// Whatever the database says.
pub async fn by_email(db: &impl ConnectionTrait, email: &Email) -> Result<Option<Model>> {
    Ok(model::by_email(db, email).await?)
}

/// Accounts among canonical addresses.
///
/// # Errors
/// Whatever the database says.
pub async fn by_emails(db: &impl ConnectionTrait, norms: &[&str]) -> Result<Vec<Model>> {
    Ok(model::by_emails(db, norms).await?)
}

/// Accounts by identifier.
///
/// # Errors
/// Whatever the database says.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<Vec<Model>> {
    Ok(model::by_ids(db, ids).await?)
}

/// What others are told of the users with these identifiers, outside of a transaction: what was read in the state that the database is in is not
/// read again.
///
/// # Errors
/// Whatever the database says.
pub async fn by_ids_now(app: &App, ids: &[UserId]) -> Result<Vec<Person>> {
    let read = async |ids: &[UserId]| Ok::<_, Error>(model::persons(app.db.reader(), ids).await?);
    app.users_seen.many(&app.db, ids, |row| row.id, read).await
}

/// A query for the identifiers of users whose name or address holds a text, without regard to letter case.
#[must_use]
pub fn ids_matching(text: &str) -> SelectStatement {
    model::ids_matching(text)
}

/// One page of all accounts, latest made first; the caller administers the platform.
///
/// # Errors
/// Whatever the database says.
pub async fn page_of_all(
    db: &impl ConnectionTrait,
    filter: &Filter,
    page: &Page,
    count: bool,
) -> Result<Slice<Model>> {
    let total = if count { model::count_of_all(db, filter).await? } else { 0 };
    Ok(Slice::cut(model::page_of_all(db, filter, page).await?, page, total))
}

/// The account with this identifier.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn get(db: &impl ConnectionTrait, id: UserId) -> Result<Model> {
    model::by_ids(db, &[id]).await?.pop().ok_or_else(|| Error::not_found("user"))
}

/// The account with this identifier as it stays until the transaction ends: nobody changes its password meanwhile.
///
/// # Errors
/// `NOT_FOUND`.
pub async fn get_locked(db: &impl ConnectionTrait, id: UserId) -> Result<Model> {
    model::locked(db, id).await?.ok_or_else(|| Error::not_found("user"))
}

/// Whether anybody administers the platform yet.
///
/// # Errors
/// Whatever the database says.
pub async fn any_superuser(db: &impl ConnectionTrait) -> Result<bool> {
    Ok(model::any_superuser(db).await?)
}

/// Administrators of the platform whose accounts can be used, first made first.
///
/// # Errors
/// Whatever the database says.
pub async fn superusers(db: &impl ConnectionTrait) -> Result<Vec<Model>> {
    Ok(model::superusers(db).await?)
}

/// A query for the identifiers of administrators of the platform.
#[must_use]
pub fn superuser_ids() -> SelectStatement {
    model::superuser_ids()
}

/// Remembers the tenant that a session speaks for, so that the next sign-in begins there.
///
/// # Errors
/// Whatever the database says.
pub async fn remember_tenant(db: &impl ConnectionTrait, id: UserId, tenant: TenantId) -> Result<()> {
    Ok(model::set_last_tenant(db, id, tenant).await?)
}

/// As [`remember_tenant`], with statements that are sent together.
pub fn remember_tenant_in(batch: &mut Batch, id: UserId, tenant: TenantId) {
    let update = model::last_tenant(id, tenant, batch.backend());
    batch.push(update);
}

/// Marks the address as theirs; `false` when it was already.
///
/// # Errors
/// Whatever the database says.
pub async fn verify_email(app: &App, db: &impl ConnectionTrait, id: UserId) -> Result<bool> {
    Ok(model::set_verified(db, id, app.clock.now()).await?)
}

/// Changes the signed-in user's name.
///
/// # Errors
/// `UNAUTHENTICATED`, `BAD_USER_INPUT` at `name`.
pub async fn update_profile(app: &App, actor: &Actor, name: Option<&str>) -> Result<()> {
    let principal = actor.signed_in()?;
    let Some(name) = name else { return Ok(()) };
    let name = text::name("name", name)?;
    if name == principal.name {
        return Ok(());
    }
    let txn = app.db.begin_write().await?;
    model::set_name(&txn, principal.user_id, name).await?;
    let updated = NewEvent::of(EventKind::UserUpdated, None, Subject::User(principal.user_id));
    event::service::record(app, &txn, actor, updated).await?;
    Ok(txn.commit().await?)
}

/// Replaces the password whose hash is `old`; `false` when it was changed meanwhile.
///
/// # Errors
/// Whatever the database says.
pub async fn replace_password(
    app: &App,
    db: &impl ConnectionTrait,
    id: UserId,
    old: &str,
    new: String,
) -> Result<bool> {
    Ok(model::set_password(db, id, old, new, app.clock.now()).await?)
}

/// Sets a password, whatever the one before was.
///
/// # Errors
/// Whatever the database says.
pub async fn set_password(app: &App, db: &impl ConnectionTrait, id: UserId, hash: String) -> Result<()> {
    Ok(model::overwrite_password(db, id, hash, app.clock.now()).await?)
}

/// Replaces a hash by one of the same password with the present parameters.
///
/// # Errors
/// Whatever the database says.
pub async fn replace_hash(db: &impl ConnectionTrait, id: UserId, old: &str, new: String) -> Result<()> {
    Ok(model::replace_hash(db, id, old, new).await?)
}

/// Refuses an account that is suspended.
///
/// # Errors
/// `ACCOUNT_SUSPENDED`.
pub fn require_active(user: &Model) -> Result<()> {
    match user.status {
        UserStatus::Active => Ok(()),
        UserStatus::Suspended => {
            Err(Error::refused(ErrorCode::AccountSuspended, "This account is suspended."))
        }
    }
}
