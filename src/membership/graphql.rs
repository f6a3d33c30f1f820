//! Memberships in the schema.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::{Context, ID, Object};

use super::{Membership, MembershipStatus, service};
use crate::error::Error;
use crate::graphql::{AtHand, DateTime, GqlResult, RequestContext as _, Rows, global};
use crate::id::UserId;
use crate::role::graphql::RoleObject;
use crate::tenant::graphql::TenantObject;
use crate::user::graphql::UserObject;

/// A membership as its user and the tenant's members see it.
#[derive(Clone, Debug)]
pub struct MembershipObject(pub Membership);

impl AtHand for MembershipObject {}

/// One person in one tenant, with a role.
#[Object(name = "Membership")]
impl MembershipObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Tenant that the person is in.
    async fn tenant(&self, ctx: &Context<'_>) -> GqlResult<TenantObject> {
        Ok(TenantObject(present(ctx.load(self.0.tenant_id).await?)?))
    }

    /// Person who is in it.
    async fn user(&self, ctx: &Context<'_>) -> GqlResult<UserObject> {
        Ok(UserObject(present(ctx.load(self.0.user_id).await?)?))
    }

    /// Role of the person in the tenant.
    async fn role(&self, ctx: &Context<'_>) -> GqlResult<RoleObject> {
        Ok(RoleObject(present(ctx.load(self.0.role_id).await?)?))
    }

    /// Whether it counts.
    async fn status(&self) -> MembershipStatus {
        self.0.status
    }

    /// When the person joined.
    async fn joined_at(&self) -> DateTime {
        DateTime(self.0.joined_at)
    }

    /// When a session of theirs last began or went on in this tenant.
    async fn last_seen_at(&self) -> Option<DateTime> {
        self.0.last_seen_at.map(DateTime)
    }
}

/// Somebody who is in a tenant of the viewer's: what members may know of each other, they may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Colleague {
    /// Who looks.
    pub viewer: UserId,
    /// At whom.
    pub other: UserId,
}

impl Loader<Colleague> for Rows {
    type Value = ();
    type Error = Arc<Error>;

    async fn load(&self, keys: &[Colleague]) -> Result<HashMap<Colleague, ()>, Arc<Error>> {
        let Some(viewer) = keys.first().map(|key| key.viewer) else { return Ok(HashMap::new()) };
        let others: Vec<UserId> = keys.iter().map(|key| key.other).collect();
        let found = service::colleagues(self.0.db.reader(), viewer, &others).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|other| (Colleague { viewer, other }, ())).collect())
    }
}

/// A row that foreign keys promise.
fn present<T>(row: Option<T>) -> GqlResult<T> {
    row.ok_or_else(|| Error::internal("a membership refers to a row that does not exist").into())
}
