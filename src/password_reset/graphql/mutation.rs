//! Mutations of this slice.

use async_graphql::{Context, Object};
use secrecy::SecretString;

use super::inputs::{
    ApproveResetInput, ApproveResetPayload, CancelResetPayload, ChangePasswordInput, ChangePasswordPayload,
    RatePasswordInput, RatePasswordPayload, RejectResetInput, RejectResetPayload, RequestResetInput,
    RequestResetPayload, ResetPasswordInput, ResetPasswordPayload,
};
use super::object::ResetRequestObject;
use crate::auth::graphql::AuthTokens;
use crate::graphql::{GqlResult, RequestContext as _, parse_id, settle, settle_with};
use crate::password_reset::service;
use crate::user::graphql::UserObject;

/// Mutations of this slice.
#[derive(Debug, Default)]
pub struct PasswordMutation;

#[Object]
impl PasswordMutation {
    /// Replaces the caller's password. Every other session ends; this one goes on with the tokens returned.
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Present and next password.")] input: ChangePasswordInput,
    ) -> Option<GqlResult<ChangePasswordPayload>> {
        let (current, new) =
            (SecretString::from(input.current_password), SecretString::from(input.new_password));
        let done = Box::pin(service::change_password(ctx.app(), ctx.actor(), &current, &new)).await;
        Some(settle(done, |tokens, user_errors| ChangePasswordPayload {
            tokens: tokens.map(|tokens| AuthTokens::deliver(ctx, tokens)),
            user_errors,
        }))
    }

    /// Says how hard a password is to guess, as the service will judge it. Nothing is kept of it. `RATE_LIMITED` after 120 times in
    /// five minutes from a network.
    async fn rate_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Password that somebody is about to choose.")] input: RatePasswordInput,
    ) -> Option<GqlResult<RatePasswordPayload>> {
        let password = SecretString::from(input.password);
        let done = Box::pin(service::rate_password(ctx.app(), ctx.actor(), &password, &input.context)).await;
        Some(settle(done, |strength, user_errors| RatePasswordPayload {
            score: strength.as_ref().map(|strength| strength.score.into()),
            required: strength.as_ref().map(|strength| strength.required.into()),
            acceptable: strength.as_ref().is_some_and(|strength| strength.hint.is_none()),
            hint: strength.and_then(|strength| strength.hint),
            user_errors,
        }))
    }

    /// Asks for the password of an address to be reset. Answers alike whether or not there is such an account.
    ///
    /// Depending on the policy of the person's tenants somebody approves it first; then a link goes to the mailbox
    /// of the account. `RATE_LIMITED` after three times in an hour for an address.
    async fn request_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Account whose password was forgotten.")] input: RequestResetInput,
    ) -> Option<GqlResult<RequestResetPayload>> {
        let done = Box::pin(service::request_reset(ctx.app(), ctx.actor(), &input.email.0)).await;
        Some(settle(done, |done, user_errors| RequestResetPayload { accepted: done.is_some(), user_errors }))
    }

    /// Approves a reset request; needs APPROVE_RESETS and every permission that the requester has. A link goes to the
    /// mailbox of the account, and to nobody else.
    ///
    /// `NOT_ELIGIBLE` for one's own. The first of two decisions counts, the other one is `ALREADY_DECIDED`.
    async fn approve_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Request to approve.")] input: ApproveResetInput,
    ) -> Option<GqlResult<ApproveResetPayload>> {
        let done = async {
            ctx.actor().known()?;
            let id = parse_id("resetRequestId", "reset request", &input.reset_request_id)?;
            service::approve(ctx.app(), ctx.actor(), id).await
        };
        let shown = settle_with(Box::pin(done).await, ResetRequestObject);
        Some(shown.map(|(reset_request, user_errors)| ApproveResetPayload { reset_request, user_errors }))
    }

    /// Turns a reset request down, or takes an approval back: its link is void then. Needs what approving needs.
    async fn reject_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Request to turn down.")] input: RejectResetInput,
    ) -> Option<GqlResult<RejectResetPayload>> {
        let done = async {
            ctx.actor().known()?;
            let id = parse_id("resetRequestId", "reset request", &input.reset_request_id)?;
            service::reject(ctx.app(), ctx.actor(), id, input.reason.as_deref()).await
        };
        let shown = settle_with(Box::pin(done).await, ResetRequestObject);
        Some(shown.map(|(reset_request, user_errors)| RejectResetPayload { reset_request, user_errors }))
    }

    /// Withdraws the caller's own open request. A success that changes nothing when there is none.
    async fn cancel_reset(&self, ctx: &Context<'_>) -> Option<GqlResult<CancelResetPayload>> {
        let done = Box::pin(service::cancel(ctx.app(), ctx.actor())).await;
        Some(settle(done, |row, user_errors| CancelResetPayload {
            reset_request: row.flatten().map(ResetRequestObject),
            user_errors,
        }))
    }

    /// Sets a new password with the token from the mail, once. Every session of the user ends and none begins.
    ///
    /// A password that is too weak leaves the token good.
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Token from the mail, and the next password.")] input: ResetPasswordInput,
    ) -> Option<GqlResult<ResetPasswordPayload>> {
        let new = SecretString::from(input.new_password);
        let done = Box::pin(service::reset_password(ctx.app(), ctx.actor(), &input.token, &new)).await;
        Some(settle(done, |user, user_errors| ResetPasswordPayload {
            user: user.map(UserObject::from),
            user_errors,
        }))
    }
}
