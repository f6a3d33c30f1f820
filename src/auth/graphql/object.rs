//! The viewer, their sessions, and tokens.

use async_graphql::{Context, ID, Object, SimpleObject};

use crate::actor::Principal;
use crate::auth::Session;
use crate::auth::service::{self, Tokens};
use crate::graphql::{DateTime, EmailAddress, GqlResult, RequestContext as _, global};
use crate::id::SessionId;
use crate::invitation::graphql::InvitationObject;
use crate::membership::graphql::MembershipObject;
use crate::password_reset::graphql::ResetRequestObject;
use crate::{invitation, membership, password_reset};

/// Tokens of a session.
#[derive(Clone, SimpleObject)]
pub struct AuthTokens {
    /// JWT for the `Authorization: Bearer` header.
    #[graphql(secret)]
    access_token: String,
    /// When the access token ends.
    access_token_expires_at: DateTime,
    /// Single use; null where it went into a cookie.
    #[graphql(secret)]
    refresh_token: Option<String>,
    /// When the refresh token ends.
    refresh_token_expires_at: DateTime,
}

impl AuthTokens {
    /// Hands tokens to the client: both in the answer, or the refresh token in the cookie it asked for.
    pub fn deliver(ctx: &Context<'_>, tokens: Tokens) -> Self {
        let kept = ctx.session_cookie().keep(ctx, &tokens.refresh_token, tokens.refresh_expires_at);
        Self {
            access_token: tokens.access_token,
            access_token_expires_at: DateTime(tokens.access_expires_at),
            refresh_token: (!kept).then_some(tokens.refresh_token),
            refresh_token_expires_at: DateTime(tokens.refresh_expires_at),
        }
    }
}

/// The signed-in user.
#[derive(Clone, Debug)]
pub struct ViewerObject(pub Principal);

/// Own account of the caller.
#[Object(name = "Viewer")]
impl ViewerObject {
    /// Global id of the user.
    async fn id(&self) -> ID {
        global(self.0.user_id)
    }

    /// Address of the account.
    async fn email(&self) -> EmailAddress {
        EmailAddress(self.0.email.typed().to_owned())
    }

    /// Whether the address is known to be the user's: a mailed link was used.
    async fn email_verified(&self) -> bool {
        self.0.email_verified
    }

    /// Name that people see.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether the user administers the platform.
    async fn is_superuser(&self) -> bool {
        self.0.is_superuser
    }

    /// When the account was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// Membership that this session speaks for.
    async fn active_membership(&self, ctx: &Context<'_>) -> Option<GqlResult<MembershipObject>> {
        let tenant_id = self.0.active_tenant?;
        self.0.active_membership?;
        let found =
            Box::pin(membership::service::find(ctx.app().db.reader(), tenant_id, self.0.user_id)).await;
        found.map(|row| row.map(MembershipObject)).map_err(Into::into).transpose()
    }

    /// Memberships in every tenant, suspended ones too.
    async fn memberships(&self, ctx: &Context<'_>) -> GqlResult<Vec<MembershipObject>> {
        let rows = Box::pin(membership::service::of_user(ctx.app().db.reader(), self.0.user_id)).await?;
        Ok(rows.into_iter().map(|(row, _)| MembershipObject(row)).collect())
    }

    /// Sessions that have not ended, latest first.
    async fn sessions(&self, ctx: &Context<'_>) -> GqlResult<Vec<SessionObject>> {
        let rows = Box::pin(service::sessions(ctx.app(), self.0.user_id)).await?;
        let current = self.0.session_id;
        Ok(rows.into_iter().map(|row| SessionObject { row, current }).collect())
    }

    /// Own reset request that is not decided, or whose link is not used, yet.
    async fn open_reset_request(&self, ctx: &Context<'_>) -> Option<GqlResult<ResetRequestObject>> {
        let found = Box::pin(password_reset::service::open_of_viewer(ctx.app(), &self.0)).await;
        found.map(|row| row.map(ResetRequestObject)).map_err(Into::into).transpose()
    }

    /// Pending invitations to this (verified) address, from any tenant.
    async fn invitations(&self, ctx: &Context<'_>) -> GqlResult<Vec<InvitationObject>> {
        let rows = Box::pin(invitation::service::of_viewer(ctx.app(), &self.0)).await?;
        Ok(rows.into_iter().map(InvitationObject::invitee).collect())
    }
}

/// A session as its user sees it.
#[derive(Clone, Debug)]
pub struct SessionObject {
    /// The session.
    pub row: Session,
    /// The session that is asking.
    pub current: SessionId,
}

/// One sign-in.
#[Object(name = "Session")]
impl SessionObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.row.id)
    }

    /// When it began.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }

    /// When it was last refreshed.
    async fn last_seen_at(&self) -> DateTime {
        DateTime(self.row.last_seen_at)
    }

    /// When it ends unless refreshed.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.row.expires_at)
    }

    /// Where it began.
    async fn ip_address(&self) -> Option<&str> {
        self.row.ip_address.as_deref()
    }

    /// Client that it began with, in its own words.
    async fn user_agent(&self) -> Option<&str> {
        self.row.user_agent.as_deref()
    }

    /// Whether it is the one that is asking.
    async fn current(&self) -> bool {
        self.row.id == self.current
    }
}
