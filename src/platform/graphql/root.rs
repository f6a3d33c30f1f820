//! What administrators of the platform ask and do.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::objects::PlatformObject;
use crate::auth;
use crate::graphql::{Connection, GqlResult, RequestContext as _, UserError, parse_id, settle};
use crate::page::PageArgs;
use crate::platform::service;
use crate::user::Filter;
use crate::user::graphql::UserObject;

/// Which users to list: all conditions hold, an absent one always does.
#[derive(Default, InputObject)]
pub struct UserFilter {
    /// Whose name or address holds this text, without regard to letter case.
    search: Option<String>,
    /// Who administer the platform, or do not.
    is_superuser: Option<bool>,
}

/// Queries of this slice.
#[derive(Debug, Default)]
pub struct PlatformQuery;

#[Object]
impl PlatformQuery {
    /// All users, latest made first; superusers only.
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many rows from the start, or after `after`; 20 by default, 100 at the most.")]
        first: Option<i32>,
        #[graphql(desc = "Rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many rows from the end, or before `before`; 100 at the most.")] last: Option<
            i32,
        >,
        #[graphql(desc = "Rows before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which users; all by default.")] filter: Option<UserFilter>,
    ) -> Option<GqlResult<Connection<UserObject>>> {
        let count = ctx.look_ahead().field("totalCount").exists();
        let page = PageArgs { first, after, last, before };
        let filter = filter.unwrap_or_default();
        let filter = Filter { search: filter.search, is_superuser: filter.is_superuser };
        let listed = Box::pin(service::users(ctx.app(), ctx.actor(), filter, page, count)).await;
        let shown = |slice| Connection::new(slice, service::cursor, UserObject::from);
        Some(listed.map(shown).map_err(Into::into))
    }

    /// Health, jobs and settings of the service; superusers only.
    async fn platform(&self, ctx: &Context<'_>) -> Option<GqlResult<PlatformObject>> {
        Some(ctx.actor().require_platform().map(|()| PlatformObject).map_err(Into::into))
    }
}

/// Whose sessions to end.
#[derive(InputObject)]
pub struct RevokeUserSessionsInput {
    /// Global id of the user.
    user_id: ID,
}

/// Outcome of `revokeUserSessions`.
#[derive(SimpleObject)]
pub struct RevokeUserSessionsPayload {
    /// Whose sessions they were; null when it was refused.
    user: Option<UserObject>,
    /// How many sessions were ended.
    revoked_sessions: i32,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Mutations of this slice.
#[derive(Debug, Default)]
pub struct PlatformMutation;

#[Object]
impl PlatformMutation {
    /// Ends every session of a user; superusers only. Tokens that were given out are of no use at once.
    async fn revoke_user_sessions(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose sessions to end.")] input: RevokeUserSessionsInput,
    ) -> Option<GqlResult<RevokeUserSessionsPayload>> {
        let done = async {
            ctx.actor().require_platform()?;
            let id = parse_id("userId", "user", &input.user_id)?;
            auth::service::revoke_user_sessions(ctx.app(), ctx.actor(), id).await
        };
        Some(settle(Box::pin(done).await, |done, user_errors| {
            let (user, revoked) = done.unzip();
            RevokeUserSessionsPayload {
                user: user.map(UserObject::from),
                revoked_sessions: i32::try_from(revoked.unwrap_or_default()).unwrap_or(i32::MAX),
                user_errors,
            }
        }))
    }
}
