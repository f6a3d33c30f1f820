//! Looking at reset requests.

use super::eligible::{Standing, standing};
use crate::actor::{Actor, Principal};
use crate::app::App;
use crate::clock::Instant;
use crate::error::Result;
use crate::id::{ResetRequestId, TenantId};
use crate::page::{PageArgs, Slice};
use crate::password_reset::model::{self, Model, ResetStatus, SortBy, Where};
use crate::permission::Permission;
use crate::{membership, role, user};

/// Which requests to list; an absent condition holds for all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states now.
    pub status: Option<Vec<ResetStatus>>,
    /// Made at this time or later.
    pub from: Option<Instant>,
    /// Made at this time or earlier.
    pub to: Option<Instant>,
}

/// One page of the requests that the actor may decide, or might have; `count` asks for the total as well. An
/// administrator of the platform whose session speaks for no tenant gets those of all.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND`, `FORBIDDEN` without APPROVE_RESETS, `BAD_USER_INPUT` for paging arguments.
pub async fn list(
    app: &App,
    actor: &Actor,
    tenant_id: Option<TenantId>,
    filter: Filter,
    (by, descending): (SortBy, bool),
    page: PageArgs,
    count: bool,
) -> Result<Slice<Model>> {
    actor.known()?;
    let db = app.db.reader();
    let active = actor.principal().and_then(|principal| principal.active_tenant);
    let users = if actor.is_platform_admin() && tenant_id.or(active).is_none() {
        None
    } else {
        let tenant_id = actor.tenant_or_active(tenant_id)?;
        let (_, authority) = membership::service::authority_now(app, actor, tenant_id).await?;
        authority.require(Permission::ApproveResets)?;
        let roles = role::service::of_tenants(db, &[tenant_id]).await?.into_iter();
        let below = roles.filter(|role| role.permissions.is_subset(&authority.permissions));
        let below: Vec<_> = below.map(|role| role.id).collect();
        Some(membership::service::users_with_roles(tenant_id, &below))
    };
    let conditions = Where {
        users,
        not_users: (!actor.is_platform_admin()).then(user::service::superuser_ids),
        not_user: actor.user_id(),
        status: filter.status,
        created: (filter.from, filter.to),
    };
    let page = page.check(by.name(), true, app.config.max_page)?;
    let now = app.clock.now();
    let total = if count { model::count(db, &conditions, now).await? } else { 0 };
    Ok(Slice::cut(model::list(db, &conditions, (by, descending), &page, now).await?, &page, total))
}

/// The viewer's own open request.
///
/// # Errors
/// Whatever the database says.
pub async fn open_of_viewer(app: &App, viewer: &Principal) -> Result<Option<Model>> {
    let found = model::open_of_user(app.db.reader(), viewer.user_id).await?;
    Ok(found.filter(|row| row.status_at(app.clock.now()) != ResetStatus::Expired))
}

/// The request with this identifier, when it is the actor's own or theirs to decide.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn visible(app: &App, actor: &Actor, id: ResetRequestId) -> Result<Option<Model>> {
    actor.known()?;
    let db = app.db.reader();
    let Some(row) = model::by_id(db, id).await? else { return Ok(None) };
    let requester = user::service::get(db, row.user_id).await?;
    let standing = standing(db, (actor.user_id(), actor.is_platform_admin()), &requester).await?;
    Ok(matches!(standing, Standing::Own | Standing::Eligible(_)).then_some(row))
}
