//! What can be done with tenants.

use sea_orm::ConnectionTrait;

use super::model::{self, Model, ResetPolicy, TenantStatus};
use crate::app::App;
use crate::error::{Error, ErrorCode, Result, Unique};
use crate::id::TenantId;
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
        reset_policy: ResetPolicy::Approval,
        created_at: app.clock.now(),
        deleted_at: None,
    };
    model::insert(db, tenant.clone()).await.map_err(|error| match Unique::violated(&error) {
        Some(Unique::TenantSlug) => {
            Error::refused(ErrorCode::SlugTaken, "Another tenant has this slug; choose another one.")
                .at("slug")
        }
        _ => error.into(),
    })?;
    Ok(tenant)
}

/// The tenant with this identifier, in whatever state.
///
/// # Errors
/// Whatever the database says.
pub async fn find(db: &impl ConnectionTrait, id: TenantId) -> Result<Option<Model>> {
    Ok(model::by_ids(db, &[id]).await?.pop())
}

/// Locks a tenant until the transaction ends, so that two who change its members see each other's change.
///
/// # Errors
/// Whatever the database says.
pub async fn lock(db: &impl ConnectionTrait, id: TenantId) -> Result<()> {
    Ok(model::lock(db, id).await?)
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
    Err(Error::refused(ErrorCode::TenantUnavailable, "This tenant is not available at the moment."))
}
