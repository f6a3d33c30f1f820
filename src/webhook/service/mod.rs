//! Managing endpoints, feeding them, and delivering.

mod deliver;
mod feed;
mod manage;
mod send;
mod sign;
mod target;
mod tend;

use sea_orm::ConnectionTrait;

use super::model::{WebhookDelivery, WebhookEndpoint, delivery, endpoint};
use crate::actor::{Actor, Authority};
use crate::app::App;
use crate::error::{Error, ErrorCode, Result};
use crate::id::{TenantId, TypedId as _, WebhookDeliveryId, WebhookEndpointId};
use crate::membership;
use crate::page::{Cursor, PageArgs, Slice, SortKey};
use crate::permission::Permission;
use crate::tenant::Tenant;

pub use deliver::deliver_due;
pub use feed::feed_due;
pub use manage::{
    Change, NewEndpoint, create_webhook_endpoint, delete_webhook_endpoint, redeliver_webhook,
    rotate_webhook_secret, update_webhook_endpoint,
};
pub use send::Client;
pub use tend::tend;

/// Name of the order of a list of deliveries, as cursors carry it.
const ORDER: &str = "WEBHOOK";

/// The place of a delivery in a list.
#[must_use]
pub fn cursor(row: &WebhookDelivery) -> Cursor {
    Cursor { order: ORDER.into(), key: SortKey::Text(String::new()), id: row.id.uuid() }
}

/// What somebody may do with the endpoints of a tenant: everything, or nothing. An endpoint is sent what happens, so that
/// managing one takes the right to read that as well.
async fn may(db: &impl ConnectionTrait, actor: &Actor, tenant: TenantId) -> Result<(Tenant, Authority)> {
    let (tenant, authority) = membership::service::authority(db, actor, tenant).await?;
    authority.require(Permission::ManageTenant)?;
    authority.require(Permission::ViewEvents)?;
    Ok((tenant, authority))
}

/// Whether [`may`] lets the actor; a tenant that is hidden from them is a no.
async fn may_see(db: &impl ConnectionTrait, actor: &Actor, tenant: TenantId) -> Result<bool> {
    match may(db, actor, tenant).await {
        Ok(_) => Ok(true),
        Err(error) if [ErrorCode::NotFound, ErrorCode::Forbidden].contains(&error.code()) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Endpoints of a tenant, oldest first.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND`, `FORBIDDEN` without MANAGE_TENANT and VIEW_EVENTS.
pub async fn of_tenant(app: &App, actor: &Actor, tenant: TenantId) -> Result<Vec<WebhookEndpoint>> {
    let db = app.db.reader();
    may(db, actor, tenant).await?;
    Ok(endpoint::of_tenant(db, tenant).await?)
}

/// One page of what was or will be posted to an endpoint that the caller may see, latest first; `count` asks for the total
/// as well.
///
/// # Errors
/// `BAD_USER_INPUT` for paging arguments.
pub async fn deliveries(
    app: &App,
    endpoint: WebhookEndpointId,
    page: PageArgs,
    count: bool,
) -> Result<Slice<WebhookDelivery>> {
    let page = page.check(ORDER, false, app.config.max_page)?;
    let db = app.db.reader();
    let total = if count { delivery::count(db, endpoint).await? } else { 0 };
    Ok(Slice::cut(delivery::list(db, endpoint, &page).await?, &page, total))
}

/// The endpoint with this identifier; `None` when it is hidden.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn visible(app: &App, actor: &Actor, id: WebhookEndpointId) -> Result<Option<WebhookEndpoint>> {
    actor.known()?;
    let db = app.db.reader();
    let Some(found) = endpoint::by_id_all_tenants(db, id).await? else { return Ok(None) };
    Ok(may_see(db, actor, found.tenant_id).await?.then_some(found))
}

/// The delivery with this identifier; `None` when it is hidden.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn visible_delivery(
    app: &App,
    actor: &Actor,
    id: WebhookDeliveryId,
) -> Result<Option<WebhookDelivery>> {
    actor.known()?;
    let db = app.db.reader();
    let Some(found) = delivery::by_id_all_tenants(db, id).await? else { return Ok(None) };
    Ok(may_see(db, actor, found.tenant_id).await?.then_some(found))
}

/// Deletes every endpoint and delivery of a tenant that is erased.
///
/// # Errors
/// Whatever the database says.
pub async fn erase(db: &impl ConnectionTrait, tenant: TenantId) -> Result<()> {
    Ok(endpoint::erase(db, tenant).await?)
}

/// Gives back every lease. Only for the one process that may serve a SQLite file: what held them is dead.
///
/// # Errors
/// Whatever the database says.
pub async fn release_leases(app: &App) -> Result<()> {
    Ok(delivery::release_leases(app.db.writer()).await?)
}

/// The error of a fault that people cannot do anything about.
fn fault(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal(cause)
}
