//! What can be done with tenants.

use sea_orm::{ConnectionTrait, DbErr};

use super::model::{self, Filter, Model, TenantStatus};
use crate::app::App;
use crate::clock::Instant;
use crate::db::Opening;
use crate::error::{Error, ErrorCode, Result, Unique};
use crate::id::TenantId;
use crate::page::{Page, Slice};
use crate::text;

/// Writes a tenant's row; its roles and first owner are the caller's to add in the same transaction.
///
/// # Errors
/// `BAD_USER_INPUT` for a name or slug out of shape, `SLUG_TAKEN`.
pub async fn insert(app: &App, db: &impl ConnectionTrait, name: &str, slug: &str) -> Result<Model> {
    let tenant = Model {
        id: app.fresh_id(),
        slug: text::slug("slug", slug)?,
        name: text::name("name", name)?,
        status: TenantStatus::Active,
        reset_policy: app.config.reset_policy,
        created_at: app.clock.now(),
        deleted_at: None,
    };
    model::insert(db, tenant.clone()).await.map_err(slug_taken)?;
    Ok(tenant)
}

fn slug_taken(error: DbErr) -> Error {
    match Unique::violated(&error) {
        Some(Unique::TenantSlug) => {
            Error::refused(ErrorCode::SlugTaken, "Another tenant has this slug; choose another one.")
                .at("slug")
        }
        _ => error.into(),
    }
}

/// Writes what can change of a tenant; the caller has checked who may and what.
///
/// # Errors
/// `SLUG_TAKEN` at `slug`.
pub async fn update(db: &impl ConnectionTrait, tenant: &Model) -> Result<()> {
    model::update(db, tenant).await.map_err(slug_taken)
}

/// Tenants that were deleted before a moment.
///
/// # Errors
/// Whatever the database says.
pub async fn deleted_before(db: &impl ConnectionTrait, at: Instant) -> Result<Vec<Model>> {
    Ok(model::deleted_before(db, at).await?)
}

/// Deletes a tenant's row for good, after everything that refers to it.
///
/// # Errors
/// Whatever the database says.
pub async fn erase(db: &impl ConnectionTrait, id: TenantId) -> Result<()> {
    Ok(model::erase(db, id).await?)
}

/// One page of all tenants, oldest first; the caller administers the platform.
///
/// # Errors
/// Whatever the database says.
pub async fn page_of_all_tenants(
    db: &impl ConnectionTrait,
    filter: &Filter,
    page: &Page,
    count: bool,
) -> Result<Slice<Model>> {
    let total = if count { model::count_of_all(db, filter).await? } else { 0 };
    Ok(Slice::cut(model::page_of_all(db, filter, page).await?, page, total))
}

/// The tenant with this identifier, in whatever state.
///
/// # Errors
/// Whatever the database says.
pub async fn find(db: &impl ConnectionTrait, id: TenantId) -> Result<Option<Model>> {
    Ok(model::by_ids(db, &[id]).await?.pop())
}

/// Locks a tenant until the transaction ends, so that two who change it or its members see each other's change. Rows
/// that refer to it can be inserted meanwhile.
///
/// # Errors
/// Whatever the database says.
pub async fn lock(db: &impl ConnectionTrait, id: TenantId) -> Result<()> {
    Ok(model::lock(db, id).await?)
}

/// What holds a tenant and its members as they are until the transaction ends that begins with it; many may hold it at once.
#[must_use]
pub fn held(id: TenantId) -> Opening {
    model::held(id)
}

/// The tenants with these identifiers.
///
/// # Errors
/// Whatever the database says.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[TenantId]) -> Result<Vec<Model>> {
    Ok(model::by_ids(db, ids).await?)
}

/// The tenant with this slug.
///
/// # Errors
/// Whatever the database says.
pub async fn by_slug(db: &impl ConnectionTrait, slug: &str) -> Result<Option<Model>> {
    Ok(model::by_slug(db, slug).await?)
}

/// Every tenant on the platform by slug; for the operator.
///
/// # Errors
/// Whatever the database says.
pub async fn list_all_tenants(db: &impl ConnectionTrait) -> Result<Vec<Model>> {
    Ok(model::all_tenants(db).await?)
}

/// Refuses a tenant that is suspended or deleted.
///
/// # Errors
/// `TENANT_UNAVAILABLE`.
pub fn require_active(tenant: &Model) -> Result<()> {
    if tenant.status == TenantStatus::Active {
        return Ok(());
    }
    Err(unavailable())
}

/// What is said about a tenant that is suspended or deleted.
#[must_use]
pub fn unavailable() -> Error {
    Error::refused(ErrorCode::TenantUnavailable, "This tenant is not available at the moment.")
}
