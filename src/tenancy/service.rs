//! What can be done with a tenant.

use chrono::TimeDelta;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::app::App;
use crate::error::{Error, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{TenantId, TypedId as _};
use crate::page::{Cursor, PageArgs, Slice, SortKey};
use crate::permission::Permission;
use crate::tenant::{self, Filter, ResetPolicy, Tenant, TenantStatus};
use crate::{auth, invitation, membership, outbox, role, text, webhook};

/// How long a deleted tenant can be reinstated.
const GRACE: TimeDelta = TimeDelta::days(30);
/// Name of the order of a list of tenants, as cursors carry it.
const ORDER: &str = "CREATED";

/// What to change of a tenant; an absent value stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The tenant; the active one by default.
    pub tenant_id: Option<TenantId>,
    /// Name that people see.
    pub name: Option<String>,
    /// Unique short name for URLs.
    pub slug: Option<String>,
    /// How passwords of members are reset.
    pub reset_policy: Option<ResetPolicy>,
}

/// The place of a tenant in a list.
#[must_use]
pub fn cursor(tenant: &Tenant) -> Cursor {
    Cursor { order: ORDER.into(), key: SortKey::Text(String::new()), id: tenant.id.uuid() }
}

/// One page of all tenants, oldest first; `count` asks for the total as well.
///
/// # Errors
/// `UNAUTHENTICATED`; `FORBIDDEN` unless the actor administers the platform; `BAD_USER_INPUT` for paging arguments.
pub async fn tenants(
    app: &App,
    actor: &Actor,
    filter: Filter,
    page: PageArgs,
    count: bool,
) -> Result<Slice<Tenant>> {
    actor.require_platform()?;
    tenant::service::page_of_all_tenants(
        app.db.reader(),
        &filter,
        &page.check(ORDER, false, app.config.max_page)?,
        count,
    )
    .await
}

/// Changes name, slug or policy.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `tenantId`, `FORBIDDEN` without MANAGE_TENANT, `TENANT_UNAVAILABLE`,
/// `BAD_USER_INPUT` at `name` or `slug`, `SLUG_TAKEN`.
pub async fn update_tenant(app: &App, actor: &Actor, change: Change) -> Result<Tenant> {
    actor.known()?;
    let tenant_id = actor.tenant_or_active(change.tenant_id)?;
    let txn = app.db.begin_write().await?;
    tenant::service::lock(&txn, tenant_id).await?;
    let (present, authority) = membership::service::authority(&txn, actor, tenant_id).await?;
    authority.require(Permission::ManageTenant)?;
    tenant::service::require_active(&present)?;
    let changed = Tenant {
        name: change.name.map_or(Ok(present.name.clone()), |name| text::name("name", &name))?,
        slug: change.slug.map_or(Ok(present.slug.clone()), |slug| text::slug("slug", &slug))?,
        reset_policy: change.reset_policy.unwrap_or(present.reset_policy),
        ..present.clone()
    };
    if changed != present {
        write(app, &txn, actor, &changed, EventKind::TenantUpdated, json!({})).await?;
        txn.commit().await?;
    }
    Ok(changed)
}

/// Closes a tenant for the time being. Suspending it again changes nothing.
///
/// # Errors
/// `UNAUTHENTICATED`; `FORBIDDEN` unless the actor administers the platform; `NOT_FOUND` at `tenantId`;
/// `BAD_USER_INPUT` at `reason`; `TENANT_UNAVAILABLE` for a deleted one.
pub async fn suspend_tenant(app: &App, actor: &Actor, id: TenantId, reason: Option<&str>) -> Result<Tenant> {
    actor.require_platform()?;
    let reason = reason.map_or(Ok(None), |reason| text::note("reason", reason))?;
    let txn = app.db.begin_write().await?;
    let present = locked(&txn, id).await?;
    if present.status == TenantStatus::Suspended {
        return Ok(present);
    }
    tenant::service::require_active(&present)?;
    let suspended = Tenant { status: TenantStatus::Suspended, ..present };
    write(app, &txn, actor, &suspended, EventKind::TenantSuspended, json!({ "reason": reason })).await?;
    txn.commit().await?;
    Ok(suspended)
}

/// Opens a suspended or deleted tenant again. What was cancelled stays cancelled.
///
/// # Errors
/// `UNAUTHENTICATED`; `FORBIDDEN` unless the actor administers the platform; `NOT_FOUND` at `tenantId`.
pub async fn reinstate_tenant(app: &App, actor: &Actor, id: TenantId) -> Result<Tenant> {
    actor.require_platform()?;
    let txn = app.db.begin_write().await?;
    let present = locked(&txn, id).await?;
    if present.status == TenantStatus::Active {
        return Ok(present);
    }
    let open = Tenant { status: TenantStatus::Active, deleted_at: None, ..present };
    write(app, &txn, actor, &open, EventKind::TenantReinstated, json!({})).await?;
    txn.commit().await?;
    Ok(open)
}

/// Deletes a tenant: hidden at once, erased after 30 days. Deleting it again changes nothing.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `tenantId`, `FORBIDDEN` unless the actor owns the tenant or administers the
/// platform, `BAD_USER_INPUT` at `slug` when it is not the tenant's.
pub async fn delete_tenant(app: &App, actor: &Actor, id: TenantId, slug: &str) -> Result<Tenant> {
    let txn = app.db.begin_write().await?;
    tenant::service::lock(&txn, id).await?;
    let (present, authority) = membership::service::authority(&txn, actor, id).await?;
    if !authority.is_owner && !authority.is_platform_admin {
        return Err(Error::Forbidden("Only an owner deletes a tenant."));
    }
    if present.slug != slug {
        return Err(Error::bad_input("slug", "Type the tenant's slug to show that you mean it."));
    }
    if present.status == TenantStatus::Deleted {
        return Ok(present);
    }
    let deleted = Tenant { status: TenantStatus::Deleted, deleted_at: Some(app.clock.now()), ..present };
    invitation::service::cancel_all(app, &txn, actor, id).await?;
    write(app, &txn, actor, &deleted, EventKind::TenantDeleted, json!({})).await?;
    txn.commit().await?;
    Ok(deleted)
}

/// Erases tenants that were deleted 30 days ago or more, but for their events, and says how many.
///
/// # Errors
/// Whatever the database says; each tenant is erased whole or not at all.
pub async fn erase_deleted(app: &App) -> Result<usize> {
    let before = app.clock.now() - GRACE;
    let due = tenant::service::deleted_before(app.db.reader(), before).await?;
    let mut erased = 0;
    for tenant in &due {
        let txn = app.db.begin_long_write().await?;
        tenant::service::lock(&txn, tenant.id).await?;
        // It may have been opened again, or erased by another worker, while others were erased.
        let present = tenant::service::find(&txn, tenant.id).await?;
        if present.is_none_or(|tenant| tenant.deleted_at.is_none_or(|at| at > before)) {
            continue;
        }
        invitation::service::erase(&txn, tenant.id).await?;
        outbox::service::erase(&txn, tenant.id).await?;
        webhook::service::erase(&txn, tenant.id).await?;
        auth::service::forget_tenant(&txn, tenant.id).await?;
        membership::service::erase(&txn, tenant.id).await?;
        role::service::erase(&txn, tenant.id).await?;
        tenant::service::erase(&txn, tenant.id).await?;
        let event = NewEvent::of(EventKind::TenantErased, None, Subject::Tenant(tenant.id));
        event::service::record(app, &txn, &Actor::operator(), event).await?;
        txn.commit().await?;
        erased += 1;
    }
    Ok(erased)
}

async fn locked(db: &impl ConnectionTrait, id: TenantId) -> Result<Tenant> {
    tenant::service::lock(db, id).await?;
    tenant::service::find(db, id).await?.ok_or_else(|| Error::not_found("tenant").at("tenantId"))
}

async fn write(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    tenant: &Tenant,
    kind: EventKind,
    data: Value,
) -> Result<()> {
    tenant::service::update(db, tenant).await?;
    let fact = NewEvent::of(kind, Some(tenant.id), Subject::Tenant(tenant.id)).with(data);
    event::service::record(app, db, actor, fact).await
}
