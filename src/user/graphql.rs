//! Users in the schema.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::parser::types::Field;
use async_graphql::{Context, ID, Object, Positioned};

use super::{Person, User, service};
use crate::auth;
use crate::clock::Instant;
use crate::error::Error;
use crate::graphql::{
    AtHand, DateTime, EmailAddress, GqlResult, RequestContext as _, Rows, global, write_value,
};
use crate::id::{TypedId as _, UserId};
use crate::membership::graphql::MembershipObject;
use crate::membership::{self, Membership};

/// A user as other members of a tenant see them; whoever makes one has checked that the viewer may.
#[derive(Clone, Debug)]
pub struct UserObject(pub Person);

impl From<User> for UserObject {
    fn from(user: User) -> Self {
        Self(user.into())
    }
}

impl AtHand for UserObject {
    fn write(&self, field: &Positioned<Field>, text: &mut Vec<u8>) -> Option<()> {
        match field.node.name.node.as_str() {
            "id" => write_value(&self.0.id.global(), text),
            "name" => write_value(&self.0.name, text),
            _ => None,
        }
    }
}

/// Person, as other members of a tenant see them.
#[Object(name = "User")]
impl UserObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Name that people see.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Address of the account.
    async fn email(&self) -> Option<EmailAddress> {
        Some(EmailAddress(self.0.email.clone()))
    }

    /// Whether the user administers the platform; null for all but superusers.
    async fn is_superuser(&self, ctx: &Context<'_>) -> Option<bool> {
        ctx.actor().is_platform_admin().then_some(self.0.is_superuser)
    }

    /// When the account was made; null for all but superusers.
    async fn created_at(&self, ctx: &Context<'_>) -> Option<DateTime> {
        ctx.actor().is_platform_admin().then_some(DateTime(self.0.created_at))
    }

    /// When the user last signed in, if ever; null for all but superusers.
    async fn last_signed_in_at(&self, ctx: &Context<'_>) -> Option<GqlResult<DateTime>> {
        let found = self.signed_in(ctx).await.transpose()?;
        Some(found.map(|(at, _)| DateTime(at)))
    }

    /// How many sessions of the user have not ended; null for all but superusers.
    async fn session_count(&self, ctx: &Context<'_>) -> Option<GqlResult<i32>> {
        if !ctx.actor().is_platform_admin() {
            return None;
        }
        let count = |found: Option<(_, i64)>| found.map_or(0, |(_, live)| live);
        Some(self.signed_in(ctx).await.map(|found| i32::try_from(count(found)).unwrap_or(i32::MAX)))
    }

    /// Memberships in every tenant, suspended ones too; null for all but superusers.
    async fn memberships(&self, ctx: &Context<'_>) -> Option<GqlResult<Vec<MembershipObject>>> {
        if !ctx.actor().is_platform_admin() {
            return None;
        }
        let loaded = ctx.load(MembershipsOf(self.0.id)).await;
        let shown = |rows: Option<Vec<Membership>>| {
            rows.unwrap_or_default().into_iter().map(MembershipObject).collect()
        };
        Some(loaded.map(shown).map_err(Into::into))
    }
}

impl UserObject {
    /// When the user last signed in and how many sessions live, for administrators of the platform.
    async fn signed_in(&self, ctx: &Context<'_>) -> GqlResult<Option<(Instant, i64)>> {
        if !ctx.actor().is_platform_admin() {
            return Ok(None);
        }
        Ok(ctx.load(SessionsOf(self.0.id)).await?)
    }
}

/// When a user last signed in, and how many sessions live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct SessionsOf(UserId);

impl Loader<SessionsOf> for Rows {
    type Value = (Instant, i64);
    type Error = Arc<Error>;

    async fn load(&self, keys: &[SessionsOf]) -> Result<HashMap<SessionsOf, Self::Value>, Arc<Error>> {
        let ids: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let found = auth::service::summaries(&self.0, &ids).await.map_err(Arc::new)?;
        Ok(found.into_iter().map(|(id, last, live)| (SessionsOf(id), (last, live))).collect())
    }
}

/// Memberships of a user in every tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct MembershipsOf(UserId);

impl Loader<MembershipsOf> for Rows {
    type Value = Vec<Membership>;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[MembershipsOf]) -> Result<HashMap<MembershipsOf, Self::Value>, Arc<Error>> {
        let ids: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let found = membership::service::of_users_all_tenants(self.0.db.reader(), &ids).await;
        let mut rows: HashMap<MembershipsOf, Self::Value> = HashMap::new();
        for row in found.map_err(Arc::new)? {
            rows.entry(MembershipsOf(row.user_id)).or_default().push(row);
        }
        Ok(rows)
    }
}

impl Loader<UserId> for Rows {
    type Value = Person;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[UserId]) -> Result<HashMap<UserId, Person>, Arc<Error>> {
        let rows = service::by_ids_now(&self.0, keys).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
