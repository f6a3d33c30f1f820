//! Mutations of this slice.

use async_graphql::{Context, Object};
use secrecy::SecretString;

use super::inputs::{
    AcceptInvitationInput, AcceptInvitationPayload, CancelInvitationInput, CancelInvitationPayload,
    DeclineInvitationInput, DeclineInvitationPayload, InviteInput, InviteManyInput, InviteManyPayload,
    InvitePayload, ResendInvitationInput, ResendInvitationPayload,
};
use super::object::InvitationObject;
use crate::auth::graphql::{AuthTokens, ViewerObject};
use crate::graphql::{
    GqlResult, RequestContext as _, parse_id, parse_optional_id, settle, settle_with, show_refused,
};
use crate::invitation::service::{self, Accept, Accepted, Invite, Outcome};
use crate::membership::graphql::MembershipObject;

/// Mutations of this slice.
#[derive(Debug, Default)]
pub struct InvitationMutation;

#[Object]
impl InvitationMutation {
    /// Invites an address into a tenant; needs INVITE, and a role that the caller may grant.
    ///
    /// The same address with the same role again is a success that changes nothing. Answers alike whether or
    /// not the address has an account on the platform.
    async fn invite(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to invite, and how.")] input: InviteInput,
    ) -> Option<GqlResult<InvitePayload>> {
        let done = async {
            let tenant_id = parse_optional_id("tenantId", "tenant", input.tenant_id.as_ref())?;
            let input = Invite {
                tenant_id,
                email: input.email.0,
                name: input.name,
                role_key: input.role_key,
                note: input.note,
                metadata: input.metadata.map(|json| json.0),
                locale: input.locale,
                expires_in_seconds: input.expires_in_seconds,
                delivery: input.delivery.into(),
                on_conflict: input.on_conflict.into(),
            };
            service::invite(ctx.app(), ctx.actor(), input).await
        };
        Some(match Box::pin(done).await {
            Ok(invited) => Ok(InvitePayload {
                invitation: Some(InvitationObject::managed(invited.invitation)),
                created: invited.created,
                link: invited.link,
                user_errors: Vec::new(),
            }),
            Err(refused) => {
                show_refused(refused, InvitationObject::managed).map(|(invitation, user_errors)| {
                    InvitePayload { invitation, user_errors, ..InvitePayload::default() }
                })
            }
        })
    }

    /// Invites up to 1000 people by mail; needs INVITE. Each row has an outcome, and one bad row blocks no other.
    ///
    /// With `dryRun` nothing is changed. The call counts once against the caller's quota, its rows count against
    /// those of the tenant and of each address. The same rows again are PENDING, so that it is safe to repeat.
    async fn invite_many(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to invite.")] input: InviteManyInput,
    ) -> Option<GqlResult<InviteManyPayload>> {
        let done = async {
            let tenant_id = parse_optional_id("tenantId", "tenant", input.tenant_id.as_ref())?;
            let rows: Vec<service::Row> = input.rows.into_iter().map(Into::into).collect();
            service::invite_many(ctx.app(), ctx.actor(), tenant_id, &rows, input.dry_run).await
        };
        Some(settle(Box::pin(done).await, |results, user_errors| {
            let results = results.unwrap_or_default();
            let counts =
                |r: &&service::RowResult| matches!(r.outcome, Outcome::Invited | Outcome::WillInvite);
            let invited = i32::try_from(results.iter().filter(counts).count()).unwrap_or(i32::MAX);
            let results = results.into_iter().map(Into::into).collect();
            InviteManyPayload { results, invited, user_errors }
        }))
    }

    /// Sends a pending or expired invitation again, with a new link and a new expiry; needs INVITE.
    ///
    /// The link before answers `SUPERSEDED` from then on. At most once a minute, and five times in all.
    async fn resend_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Invitation to send again.")] input: ResendInvitationInput,
    ) -> Option<GqlResult<ResendInvitationPayload>> {
        let done = async {
            let id = parse_id("invitationId", "invitation", &input.invitation_id)?;
            service::resend(ctx.app(), ctx.actor(), id).await
        };
        let shown = settle_with(Box::pin(done).await, InvitationObject::managed);
        Some(shown.map(|(invitation, user_errors)| ResendInvitationPayload { invitation, user_errors }))
    }

    /// Withdraws a pending invitation; needs INVITE. A queued mail is not sent.
    ///
    /// Cancelling a cancelled one is a success that changes nothing; any other final state stays as it is.
    async fn cancel_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Invitation to withdraw.")] input: CancelInvitationInput,
    ) -> Option<GqlResult<CancelInvitationPayload>> {
        let done = async {
            let id = parse_id("invitationId", "invitation", &input.invitation_id)?;
            service::cancel(ctx.app(), ctx.actor(), id).await
        };
        let shown = settle_with(Box::pin(done).await, InvitationObject::managed);
        Some(shown.map(|(invitation, user_errors)| CancelInvitationPayload { invitation, user_errors }))
    }

    /// Accepts an invitation: a new person with token, name and password, who is signed in then; or the
    /// signed-in invitee with the token or the `invitationId`.
    ///
    /// Nothing that is refused uses the invitation up. Accepting again as the same user gets the same answer.
    async fn accept_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Invitation to accept, and the account to make where there is none.")]
        input: AcceptInvitationInput,
    ) -> Option<GqlResult<AcceptInvitationPayload>> {
        let done = async {
            let input = Accept {
                invitation_id: parse_optional_id("invitationId", "invitation", input.invitation_id.as_ref())?,
                token: input.token,
                name: input.name,
                password: input.password.map(SecretString::from),
            };
            service::accept(ctx.app(), ctx.actor(), input).await
        };
        Some(match Box::pin(done).await {
            Ok(accepted) => Ok(accepted_payload(ctx, accepted)),
            Err(refused) => {
                show_refused(refused, InvitationObject::invitee).map(|(invitation, user_errors)| {
                    AcceptInvitationPayload { invitation, user_errors, ..AcceptInvitationPayload::default() }
                })
            }
        })
    }

    /// Turns an invitation down, with the token from the mail or as the signed-in invitee.
    ///
    /// Where the address has an account, it takes its session.
    async fn decline_invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Invitation to turn down.")] input: DeclineInvitationInput,
    ) -> Option<GqlResult<DeclineInvitationPayload>> {
        let done = async {
            let id = parse_optional_id("invitationId", "invitation", input.invitation_id.as_ref())?;
            service::decline(ctx.app(), ctx.actor(), input.token.as_deref(), id).await
        };
        let shown = settle_with(Box::pin(done).await, InvitationObject::invitee);
        Some(shown.map(|(invitation, user_errors)| DeclineInvitationPayload { invitation, user_errors }))
    }
}

fn accepted_payload(ctx: &Context<'_>, accepted: Accepted) -> AcceptInvitationPayload {
    AcceptInvitationPayload {
        invitation: Some(InvitationObject::accepted(accepted.invitation, accepted.viewer.user_id)),
        membership: Some(MembershipObject(accepted.membership)),
        viewer: Some(ViewerObject(accepted.viewer)),
        tokens: accepted.tokens.map(|tokens| AuthTokens::deliver(ctx, tokens)),
        user_errors: Vec::new(),
    }
}
