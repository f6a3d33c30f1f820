//! Reset requests as the schema shows them.

use async_graphql::{Context, ID, Object};

use crate::graphql::{AtHand, DateTime, GqlResult, RequestContext as _, global};
use crate::membership::graphql::Colleague;
use crate::password_reset::{ResetRequest, ResetStatus};
use crate::user::Person;
use crate::user::graphql::UserObject;

/// A reset request as its requester sees it, and those who may decide it.
#[derive(Clone, Debug)]
pub struct ResetRequestObject(pub ResetRequest);

impl AtHand for ResetRequestObject {}

/// Somebody's wish for another password.
#[Object(name = "ResetRequest")]
impl ResetRequestObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Whose password it is about.
    async fn user(&self, ctx: &Context<'_>) -> Option<GqlResult<UserObject>> {
        let loaded: Result<Option<Person>, _> = ctx.load(self.0.user_id).await;
        loaded.map(|user| user.map(UserObject)).map_err(Into::into).transpose()
    }

    /// Where it stands now; an overdue one is EXPIRED from the moment it ends.
    async fn status(&self, ctx: &Context<'_>) -> ResetStatus {
        self.0.status_at(ctx.app().clock.now())
    }

    /// Who approved or rejected; null for a self-service policy and the command line, and for who shares no tenant
    /// with that person.
    async fn decided_by(&self, ctx: &Context<'_>) -> Option<GqlResult<UserObject>> {
        let decider = self.0.decided_by?;
        let viewer = ctx.actor().user_id()?;
        if !ctx.actor().is_platform_admin() && viewer != decider {
            match ctx.load(Colleague { viewer, other: decider }).await {
                Ok(Some(())) => {}
                Ok(None) => return None,
                Err(error) => return Some(Err(error.into())),
            }
        }
        let loaded: Result<Option<Person>, _> = ctx.load(decider).await;
        loaded.map(|user| user.map(UserObject)).map_err(Into::into).transpose()
    }

    /// Why it was rejected, plain text.
    async fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Where it was asked for.
    async fn ip_address(&self) -> Option<&str> {
        self.0.ip_address.as_deref()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Until when it can be approved, or its link be used.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at)
    }

    /// When it was approved, rejected or cancelled.
    async fn decided_at(&self) -> Option<DateTime> {
        self.0.decided_at.map(DateTime)
    }
}
