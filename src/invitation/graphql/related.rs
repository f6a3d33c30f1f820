//! What belongs to the rows of a list, read at once: with the rows, or by a statement for each kind that was asked for, and no waiting of row for
//! row.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_graphql::Context;

use super::delivery::ATTEMPTS;
use super::object::DETAILS;
use crate::clock::Instant;
use crate::error::Result;
use crate::graphql::{Repeated, RequestContext as _};
use crate::id::{RoleId, UserId};
use crate::invitation::service::Listing;
use crate::invitation::{Columns, Listed};
use crate::role::{self, graphql::RoleObject};
use crate::tenant::graphql::TenantObject;
use crate::user::{self, graphql::UserObject};

/// What the rows of a list are asked for, of what is not read in any case.
pub(super) fn asked(ctx: &Context<'_>) -> Columns {
    let look = ctx.look_ahead();
    let rows = [look.field("nodes"), look.field("edges").field("node")];
    let wants = |name: &&str| rows.iter().any(|row| row.field(name).exists());
    let of_mail = |name: &&str| rows.iter().any(|row| row.field("delivery").field(name).exists());
    Columns {
        details: DETAILS.iter().any(wants),
        names: wants(&"name"),
        roles: wants(&"role"),
        inviters: wants(&"invitedBy"),
        mails: wants(&"delivery"),
        attempts: ATTEMPTS.iter().any(of_mail),
    }
}

/// What belongs to the rows of a list.
#[derive(Debug)]
pub struct Related {
    pub(super) tenant: Repeated<TenantObject>,
    pub(super) users: HashMap<UserId, Repeated<UserObject>>,
    pub(super) roles: HashMap<RoleId, Repeated<RoleObject>>,
    /// When the list was read.
    pub(super) now: Instant,
}

impl Related {
    /// Reads what the selection asks for of the rows of a tenant.
    ///
    /// # Errors
    /// Whatever the database says.
    pub(super) async fn read(ctx: &Context<'_>, asked: Columns, listing: &Listing) -> Result<Self> {
        let app = ctx.app();
        let rows = &listing.slice.rows;
        let tenant = Repeated::new(TenantObject(listing.tenant.clone()));
        let mut related = Self { tenant, users: HashMap::new(), roles: HashMap::new(), now: listing.now };
        if rows.is_empty() {
            return Ok(related);
        }
        if asked.inviters {
            let (known, ids) =
                each_once(rows, |row| row.inviter.clone(), |row| row.brief.inviter_id.flatten());
            let users = user::service::by_ids_now(app, &ids).await?;
            let users = users.into_iter().chain(known.into_values().map(Arc::unwrap_or_clone));
            related.users = users.map(|user| (user.id, Repeated::new(UserObject(user)))).collect();
        }
        if asked.roles {
            let (known, ids) = each_once(rows, |row| row.role.clone(), |row| row.brief.role_id);
            let roles = role::service::by_ids_now(app, &ids).await?;
            let roles = roles.into_iter().chain(known.into_values().map(Arc::unwrap_or_clone));
            related.roles = roles.map(|role| (role.id, Repeated::new(RoleObject(role)))).collect();
        }
        Ok(related)
    }
}

/// What was read with the rows, and what is to be read; each once.
fn each_once<K: Ord + Copy, V>(
    rows: &[Listed],
    known: impl Fn(&Listed) -> Option<V>,
    key: impl Fn(&Listed) -> Option<K>,
) -> (BTreeMap<K, V>, Vec<K>) {
    let (mut of_rows, mut others) = (BTreeMap::new(), BTreeSet::new());
    for row in rows {
        let Some(key) = key(row) else { continue };
        match known(row) {
            Some(known) => drop(of_rows.insert(key, known)),
            None => drop(others.insert(key)),
        }
    }
    (of_rows, others.into_iter().collect())
}
