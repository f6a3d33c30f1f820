//! Listing invitations.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;

use super::search::Sought;
use crate::actor::{Actor, Principal};
use crate::app::App;
use crate::clock::Instant;
use crate::error::{ErrorCode, Result};
use crate::id::{InvitationId, TenantId, UserId};
use crate::invitation::model::{self, Columns, InvitationStatus, Listed, Model, SortBy, Where};
use crate::outbox::{self, DeliveryState};
use crate::page::{PageArgs, Slice};
use crate::permission::Permission;
use crate::tenant::Tenant;
use crate::{membership, role};

/// Both ends inclusive; an absent end is open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    /// Earliest.
    pub from: Option<Instant>,
    /// Latest.
    pub to: Option<Instant>,
}

/// Which invitations to list; an absent condition holds for all, lists mean any of.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states now.
    pub status: Option<Vec<InvitationStatus>>,
    /// Whose mail is in one of these states; `None` in the list stands for link-only.
    pub delivery: Option<Vec<Option<DeliveryState>>>,
    /// With one of these roles.
    pub role_keys: Option<Vec<String>>,
    /// Whose canonical address holds this text.
    pub email_contains: Option<String>,
    /// Made by this user.
    pub invited_by: Option<UserId>,
    /// Made in this time.
    pub created: Range,
    /// Ending in this time.
    pub expires: Range,
}

/// What a list is to say besides its rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// How many rows there are in all pages.
    pub total: bool,
    /// What is read of the rows.
    pub columns: Columns,
}

/// A page of a list.
#[derive(Debug)]
pub struct Listing {
    /// The rows.
    pub slice: Slice<Listed>,
    /// The tenant that they are of.
    pub tenant: Tenant,
    /// When it was read.
    pub now: Instant,
}

/// One page of a tenant's invitations.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND`, `FORBIDDEN` without INVITE, `BAD_USER_INPUT` for paging arguments.
pub async fn list(
    app: &App,
    actor: &Actor,
    tenant_id: Option<TenantId>,
    filter: Filter,
    (by, descending): (SortBy, bool),
    page: PageArgs,
    wanted: Wanted,
) -> Result<Listing> {
    actor.known()?;
    let db = app.db.reader();
    let tenant_id = actor.tenant_or_active(tenant_id)?;
    let (tenant, authority) = membership::service::authority_now(app, actor, tenant_id).await?;
    authority.require(Permission::Invite)?;
    let page = page.check(by.name(), by != SortBy::Email, app.config.max_page)?;
    let now = app.clock.now();
    let roles = match &filter.role_keys {
        None => None,
        Some(keys) => {
            let roles = role::service::of_tenants(db, &[tenant_id]).await?;
            Some(roles.into_iter().filter(|role| keys.contains(&role.key)).map(|role| role.id).collect())
        }
    };
    let conditions = Where {
        status: filter.status,
        without_mail: filter.delivery.as_ref().is_some_and(|states| states.contains(&None)),
        mails: filter.delivery.map(|states| {
            let states: Vec<DeliveryState> = states.into_iter().flatten().collect();
            outbox::service::ids_in(&states)
        }),
        roles,
        email_contains: filter.email_contains.map(|part| part.trim().to_lowercase()),
        inviter: filter.invited_by,
        created: (filter.created.from, filter.created.to),
        expires: (filter.expires.from, filter.expires.to),
        among: None,
    };
    let sought = Sought {
        tenant: tenant_id,
        conditions: &conditions,
        order: (by, descending),
        page: &page,
        now,
        columns: wanted.columns,
    };
    let (rows, total) = match conditions.email_contains {
        Some(_) => Box::pin(sought.read(db, wanted.total)).await?,
        None => sought.read_in_order(db, wanted.total).await?,
    };
    Ok(Listing { slice: Slice::cut(rows, &page, total), tenant, now })
}

/// Live invitations to the viewer's address from any tenant; none while the address is not verified.
///
/// # Errors
/// Whatever the database says.
pub async fn of_viewer(app: &App, viewer: &Principal) -> Result<Vec<Model>> {
    if !viewer.email_verified {
        return Ok(Vec::new());
    }
    Ok(model::pending_of_address_all_tenants(app.db.reader(), &viewer.email, app.clock.now()).await?)
}

/// The invitation with this identifier and whether the actor manages it; `None` when it is hidden.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn visible(app: &App, actor: &Actor, id: InvitationId) -> Result<Option<(Model, bool)>> {
    actor.known()?;
    match super::manage(app.db.reader(), actor, id).await {
        Ok((row, _, _)) => return Ok(Some((row, true))),
        Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::Forbidden) => {}
        Err(error) => return Err(error),
    }
    let Some(viewer) = actor.principal() else { return Ok(None) };
    let own = of_viewer(app, viewer).await?.into_iter().find(|row| row.id == id);
    Ok(own.map(|row| (row, false)))
}

/// Addresses that some invitations are for. The caller has checked that the actor looks after their mails.
///
/// # Errors
/// Whatever the database says.
pub async fn addresses(
    db: &impl ConnectionTrait,
    ids: &[InvitationId],
) -> Result<HashMap<InvitationId, String>> {
    Ok(model::addresses_all_tenants(db, ids).await?.into_iter().collect())
}
