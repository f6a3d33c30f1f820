//! Sessions and the viewer in the schema.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use secrecy::SecretString;

use super::Session;
use super::service::{self, Tokens};
use crate::actor::Principal;
use crate::graphql::{
    DateTime, EmailAddress, GqlResult, RequestContext as _, UserError, global, parse_optional_id, user_errors,
};
use crate::id::SessionId;
use crate::invitation::graphql::InvitationObject;
use crate::membership::graphql::MembershipObject;
use crate::{invitation, membership};

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

impl From<Tokens> for AuthTokens {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            access_token_expires_at: DateTime(tokens.access_expires_at),
            refresh_token: Some(tokens.refresh_token),
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
        let found = membership::service::find(ctx.app().db.reader(), tenant_id, self.0.user_id).await;
        found.map(|row| row.map(MembershipObject)).map_err(Into::into).transpose()
    }

    /// Memberships in every tenant, suspended ones too.
    async fn memberships(&self, ctx: &Context<'_>) -> GqlResult<Vec<MembershipObject>> {
        let rows = membership::service::of_user(ctx.app().db.reader(), self.0.user_id).await?;
        Ok(rows.into_iter().map(|(row, _)| MembershipObject(row)).collect())
    }

    /// Sessions that have not ended, latest first.
    async fn sessions(&self, ctx: &Context<'_>) -> GqlResult<Vec<SessionObject>> {
        let rows = service::sessions(ctx.app(), self.0.user_id).await?;
        let current = self.0.session_id;
        Ok(rows.into_iter().map(|row| SessionObject { row, current }).collect())
    }

    /// Pending invitations to this (verified) address, from any tenant.
    async fn invitations(&self, ctx: &Context<'_>) -> GqlResult<Vec<InvitationObject>> {
        let rows = invitation::service::of_viewer(ctx.app(), &self.0).await?;
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

/// Address and password.
#[derive(InputObject)]
pub struct LoginInput {
    /// Address of the account.
    email: EmailAddress,
    /// Password of the account.
    #[graphql(secret)]
    password: String,
    /// Tenant to speak for; by default the one used last.
    tenant_id: Option<ID>,
}

/// Refresh token to exchange.
#[derive(InputObject)]
pub struct RefreshInput {
    /// Token from the last `login`, `refresh` or `acceptInvitation`.
    #[graphql(secret)]
    refresh_token: Option<String>,
}

/// Session to end, where it is not that of the access token.
#[derive(InputObject)]
pub struct LogoutInput {
    /// Any refresh token of the session.
    #[graphql(secret)]
    refresh_token: Option<String>,
}

/// Outcome of `login`.
#[derive(SimpleObject)]
pub struct LoginPayload {
    /// Tokens of the session; null when it was refused.
    tokens: Option<AuthTokens>,
    /// Who is signed in; null when it was refused.
    viewer: Option<ViewerObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `refresh`.
#[derive(SimpleObject)]
pub struct RefreshPayload {
    /// Next pair of tokens; null when it was refused.
    tokens: Option<AuthTokens>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `logout`.
#[derive(SimpleObject)]
pub struct LogoutPayload {
    /// Always empty: whether there was a session to end is nobody's business.
    user_errors: Vec<UserError>,
}

/// Outcome of `logoutAll`.
#[derive(SimpleObject)]
pub struct LogoutAllPayload {
    /// How many sessions were ended.
    revoked_sessions: i32,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Queries of this slice.
#[derive(Debug, Default)]
pub struct AuthQuery;

#[Object]
impl AuthQuery {
    /// Who is asking; null without a valid access token.
    async fn me(&self, ctx: &Context<'_>) -> Option<ViewerObject> {
        ctx.actor().principal().cloned().map(ViewerObject)
    }
}

/// Mutations of this slice.
#[derive(Debug, Default)]
pub struct AuthMutation;

#[Object]
impl AuthMutation {
    /// Signs in with address and password, and begins a session.
    ///
    /// `INVALID_CREDENTIALS` says nothing about which of the two is wrong. `RATE_LIMITED` after ten attempts
    /// for an address in 15 minutes.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Address and password.")] input: LoginInput,
    ) -> Option<GqlResult<LoginPayload>> {
        let password = SecretString::from(input.password);
        let done = async {
            let tenant_id = parse_optional_id("tenantId", "tenant", input.tenant_id.as_ref())?;
            service::login(ctx.app(), ctx.actor(), &input.email.0, &password, tenant_id).await
        };
        Some(match done.await {
            Ok(login) => Ok(LoginPayload {
                tokens: Some(login.tokens.into()),
                viewer: Some(ViewerObject(login.principal)),
                user_errors: Vec::new(),
            }),
            Err(error) => {
                user_errors(error).map(|user_errors| LoginPayload { tokens: None, viewer: None, user_errors })
            }
        })
    }

    /// Exchanges a refresh token for the next pair. Each token is good once.
    ///
    /// The token before the present one gets the same successor for ten seconds while that is unused, so that
    /// a lost answer can be asked for again; any older one ends the session.
    async fn refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Refresh token to exchange.")] input: RefreshInput,
    ) -> Option<GqlResult<RefreshPayload>> {
        let token = input.refresh_token.unwrap_or_default();
        Some(match service::refresh(ctx.app(), ctx.actor(), &token).await {
            Ok(tokens) => Ok(RefreshPayload { tokens: Some(tokens.into()), user_errors: Vec::new() }),
            Err(error) => user_errors(error).map(|user_errors| RefreshPayload { tokens: None, user_errors }),
        })
    }

    /// Ends the session of the access token, or of the refresh token given. Answers alike in every case.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Session to end, where it is not that of the access token.")] input: Option<
            LogoutInput,
        >,
    ) -> Option<GqlResult<LogoutPayload>> {
        let token = input.and_then(|input| input.refresh_token);
        let done = service::logout(ctx.app(), ctx.actor(), token.as_deref()).await;
        Some(done.map(|()| LogoutPayload { user_errors: Vec::new() }).map_err(Into::into))
    }

    /// Ends every session of the caller, this one too.
    async fn logout_all(&self, ctx: &Context<'_>) -> Option<GqlResult<LogoutAllPayload>> {
        let done = service::logout_all(ctx.app(), ctx.actor()).await;
        let payload = |revoked: usize| LogoutAllPayload {
            revoked_sessions: i32::try_from(revoked).unwrap_or(i32::MAX),
            user_errors: Vec::new(),
        };
        Some(done.map(payload).map_err(Into::into))
    }
}
