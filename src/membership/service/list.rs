//! Listing members.

use super::authority_now;
use crate::actor::Actor;
use crate::app::App;
use crate::error::Result;
use crate::id::{RoleId, TenantId, TypedId as _};
use crate::membership::model::{self, MembershipStatus, Model, Where};
use crate::page::{Cursor, PageArgs, Slice, SortKey};
use crate::{role, user};

/// Name of the order of a list of members, as cursors carry it.
const ORDER: &str = "JOINED";

/// Which members to list; an absent condition holds for all, lists mean any of.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// With one of these roles.
    pub role_keys: Option<Vec<String>>,
    /// In one of these states.
    pub status: Option<Vec<MembershipStatus>>,
    /// Whose name or address holds this text.
    pub search: Option<String>,
}

/// The place of a member in a list.
#[must_use]
pub fn cursor(row: &Model) -> Cursor {
    Cursor { order: ORDER.into(), key: SortKey::Text(String::new()), id: row.id.uuid() }
}

/// One page of a tenant's members, oldest first; `count` asks for the total as well. Members see each other.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND`, `BAD_USER_INPUT` for paging arguments.
pub async fn list(
    app: &App,
    actor: &Actor,
    tenant: TenantId,
    filter: Filter,
    page: PageArgs,
    count: bool,
) -> Result<Slice<Model>> {
    let db = app.db.reader();
    authority_now(app, actor, tenant).await?;
    let page = page.check(ORDER, false, app.config.max_page)?;
    let roles = match &filter.role_keys {
        None => None,
        Some(keys) => {
            let all = role::service::of_tenants(db, &[tenant]).await?;
            let wanted = all.into_iter().filter(|role| keys.contains(&role.key));
            Some(wanted.map(|role| role.id).collect::<Vec<RoleId>>())
        }
    };
    let users = filter.search.as_deref().map(user::service::ids_matching);
    let conditions = Where { roles, status: filter.status, users };
    let total = if count { model::count(db, tenant, &conditions).await? } else { 0 };
    Ok(Slice::cut(model::list(db, tenant, &conditions, &page).await?, &page, total))
}
