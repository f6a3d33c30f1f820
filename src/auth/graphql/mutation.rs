//! Mutations of this slice.

use async_graphql::{Context, Object};
use secrecy::SecretString;

use super::inputs::{
    LoginInput, LoginPayload, LogoutAllPayload, LogoutInput, LogoutPayload, RefreshInput, RefreshPayload,
    RevokeSessionInput, RevokeSessionPayload, SwitchTenantInput, SwitchTenantPayload, UpdateProfileInput,
    UpdateProfilePayload,
};
use super::object::{AuthTokens, SessionObject, ViewerObject};
use crate::auth::service;
use crate::error::ErrorCode;
use crate::graphql::{DateTime, GqlResult, RequestContext as _, parse_id, parse_optional_id, settle};
use crate::membership::graphql::MembershipObject;
use crate::user;

/// Mutations of this slice.
#[derive(Debug, Default)]
pub struct AuthMutation;

#[Object]
impl AuthMutation {
    /// Signs in with address and password, and begins a session.
    ///
    /// A browser that sends `X-Guestlist-Session: cookie` gets the refresh token in a cookie that scripts cannot
    /// read; so do `acceptInvitation`, `refresh` and `changePassword`.
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
        Some(settle(Box::pin(done).await, |login, user_errors| {
            let (tokens, principal) = login.map(|login| (login.tokens, login.principal)).unzip();
            let tokens = tokens.map(|tokens| AuthTokens::deliver(ctx, tokens));
            LoginPayload { tokens, viewer: principal.map(ViewerObject), user_errors }
        }))
    }

    /// Exchanges a refresh token for the next pair. Each token is good once. It may be left out where it is in
    /// a cookie (`X-Guestlist-Session: cookie`).
    ///
    /// The token before the present one gets the same successor for ten seconds while that is unused, so that
    /// a lost answer can be asked for again; any older one ends the session.
    async fn refresh(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Refresh token to exchange.")] input: RefreshInput,
    ) -> Option<GqlResult<RefreshPayload>> {
        let cookie = ctx.session_cookie();
        let token = input.refresh_token.or_else(|| cookie.token()).unwrap_or_default();
        let done = Box::pin(service::refresh(ctx.app(), ctx.actor(), &token)).await;
        if done.as_ref().is_err_and(|e| matches!(e.code(), ErrorCode::TokenInvalid | ErrorCode::TokenExpired))
        {
            cookie.clear(ctx);
        }
        Some(settle(done, |tokens, user_errors| RefreshPayload {
            tokens: tokens.map(|tokens| AuthTokens::deliver(ctx, tokens)),
            user_errors,
        }))
    }

    /// Ends the session of the access token, or of the refresh token given. Answers alike in every case.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Session to end, where it is not that of the access token.")] input: Option<
            LogoutInput,
        >,
    ) -> Option<GqlResult<LogoutPayload>> {
        let cookie = ctx.session_cookie();
        let token = input.and_then(|input| input.refresh_token).or_else(|| cookie.token());
        let done = Box::pin(service::logout(ctx.app(), ctx.actor(), token.as_deref())).await;
        if done.is_ok() {
            cookie.clear(ctx);
        }
        Some(done.map(|()| LogoutPayload { user_errors: Vec::new() }).map_err(Into::into))
    }

    /// Ends every session of the caller, this one too.
    async fn logout_all(&self, ctx: &Context<'_>) -> Option<GqlResult<LogoutAllPayload>> {
        let done = Box::pin(service::logout_all(ctx.app(), ctx.actor())).await;
        if done.is_ok() {
            ctx.session_cookie().clear(ctx);
        }
        let payload = |revoked: usize| LogoutAllPayload {
            revoked_sessions: i32::try_from(revoked).unwrap_or(i32::MAX),
            user_errors: Vec::new(),
        };
        Some(done.map(payload).map_err(Into::into))
    }

    /// Ends one of the caller's sessions, as `me { sessions }` lists them. Its access token is refused at once.
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Session to end.")] input: RevokeSessionInput,
    ) -> Option<GqlResult<RevokeSessionPayload>> {
        let done = async {
            let current = ctx.actor().signed_in()?.session_id;
            let id = parse_id("sessionId", "session", &input.session_id)?;
            let row = service::revoke_session(ctx.app(), ctx.actor(), id).await?;
            Ok(SessionObject { row, current })
        };
        Some(settle(Box::pin(done).await, |session, user_errors| RevokeSessionPayload {
            session,
            user_errors,
        }))
    }

    /// Lets this session speak for another tenant of the caller's.
    async fn switch_tenant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Tenant to speak for.")] input: SwitchTenantInput,
    ) -> Option<GqlResult<SwitchTenantPayload>> {
        let done = async {
            ctx.actor().known()?;
            let id = parse_id("tenantId", "tenant", &input.tenant_id)?;
            service::switch_tenant(ctx.app(), ctx.actor(), id).await
        };
        Some(settle(Box::pin(done).await, |switched, user_errors| match switched {
            Some(switched) => SwitchTenantPayload {
                access_token: Some(switched.access_token),
                access_token_expires_at: Some(DateTime(switched.access_expires_at)),
                membership: switched.membership.map(MembershipObject),
                user_errors,
            },
            None => SwitchTenantPayload { user_errors, ..SwitchTenantPayload::default() },
        }))
    }

    /// Changes the caller's own account.
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateProfileInput,
    ) -> Option<GqlResult<UpdateProfilePayload>> {
        let done = async {
            let id = ctx.actor().signed_in()?.session_id;
            user::service::update_profile(ctx.app(), ctx.actor(), input.name.as_deref()).await?;
            service::principal_of(ctx.app(), ctx.app().db.reader(), id).await
        };
        Some(settle(Box::pin(done).await, |viewer, user_errors| UpdateProfilePayload {
            viewer: viewer.flatten().map(ViewerObject),
            user_errors,
        }))
    }
}
