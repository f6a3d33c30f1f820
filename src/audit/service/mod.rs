//! Reading events.

mod follow;

use crate::actor::Actor;
use crate::app::App;
use crate::error::{ErrorCode, Result};
use crate::event::service::Filter;
use crate::event::{self, Event};
use crate::id::{EventId, TenantId};
use crate::membership;
use crate::page::{PageArgs, Slice};
use crate::permission::Permission;

pub use follow::follow;

/// One page of a tenant's events, latest first; `count` asks for the total as well.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND`, `FORBIDDEN` without VIEW_EVENTS, `BAD_USER_INPUT` for paging arguments.
pub async fn events(
    app: &App,
    actor: &Actor,
    tenant_id: Option<TenantId>,
    filter: Filter,
    page: PageArgs,
    count: bool,
) -> Result<Slice<Event>> {
    actor.known()?;
    let db = app.db.reader();
    let tenant_id = actor.tenant_or_active(tenant_id)?;
    let (_, authority) = membership::service::authority_now(app, actor, tenant_id).await?;
    authority.require(Permission::ViewEvents)?;
    event::service::list(db, tenant_id, &filter, &page.check(event::ORDER, true, app.config.max_page)?, count)
        .await
}

/// The event with this identifier; `None` when it is hidden. Events of no tenant are for platform administrators.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn visible(app: &App, actor: &Actor, id: EventId) -> Result<Option<Event>> {
    actor.known()?;
    let db = app.db.reader();
    let Some(found) = event::service::find_all_tenants(db, id).await? else { return Ok(None) };
    let Some(tenant_id) = found.tenant_id else { return Ok(actor.is_platform_admin().then_some(found)) };
    match membership::service::authority(db, actor, tenant_id).await {
        Ok((_, authority)) => Ok(authority.require(Permission::ViewEvents).is_ok().then_some(found)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
