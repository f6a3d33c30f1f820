//! Members' administration in the schema.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use crate::error::Result;
use crate::graphql::{GqlResult, RequestContext as _, UserError, global, parse_id, settle};
use crate::id::MembershipId;
use crate::invitation::Invitation;
use crate::invitation::graphql::InvitationObject;
use crate::membership::graphql::MembershipObject;
use crate::roster::service::{self, Changed};

/// Member and their role to be.
#[derive(InputObject)]
pub(super) struct ChangeMemberRoleInput {
    /// Global id of the membership.
    membership_id: ID,
    /// Key of the role to be.
    role_key: String,
}

/// Member to suspend.
#[derive(InputObject)]
pub(super) struct SuspendMemberInput {
    /// Global id of the membership.
    membership_id: ID,
}

/// Member to reinstate.
#[derive(InputObject)]
pub(super) struct ReinstateMemberInput {
    /// Global id of the membership.
    membership_id: ID,
}

/// Member to remove.
#[derive(InputObject)]
pub(super) struct RemoveMemberInput {
    /// Global id of the membership.
    membership_id: ID,
}

/// Tenant to leave.
#[derive(InputObject)]
pub(super) struct LeaveTenantInput {
    /// Global id of the tenant.
    tenant_id: ID,
}

/// Member who is to own the tenant.
#[derive(InputObject)]
pub(super) struct TransferOwnershipInput {
    /// Global id of the membership.
    membership_id: ID,
}

/// Outcome of `changeMemberRole`.
///
/// `cancelledInvitations` are those that the member had sent and may no longer stand for.
#[derive(Default, SimpleObject)]
pub(super) struct ChangeMemberRolePayload {
    /// Membership as it is now; null when it was refused.
    membership: Option<MembershipObject>,
    /// Invitations that went with the right to make them.
    cancelled_invitations: Vec<InvitationObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `suspendMember`.
#[derive(Default, SimpleObject)]
pub(super) struct SuspendMemberPayload {
    /// Membership as it is now; null when it was refused.
    membership: Option<MembershipObject>,
    /// Invitations that went with the right to make them.
    cancelled_invitations: Vec<InvitationObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `reinstateMember`.
#[derive(Default, SimpleObject)]
pub(super) struct ReinstateMemberPayload {
    /// Membership as it is now; null when it was refused.
    membership: Option<MembershipObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `removeMember`.
#[derive(Default, SimpleObject)]
pub(super) struct RemoveMemberPayload {
    /// Global id that the membership had; null when it was refused.
    removed_membership_id: Option<ID>,
    /// Invitations that went with the right to make them.
    cancelled_invitations: Vec<InvitationObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `leaveTenant`.
#[derive(Default, SimpleObject)]
pub(super) struct LeaveTenantPayload {
    /// Global id of the tenant that was left; null when it was refused.
    left_tenant_id: Option<ID>,
    /// Invitations that went with the right to make them.
    cancelled_invitations: Vec<InvitationObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `transferOwnership`.
#[derive(Default, SimpleObject)]
pub(super) struct TransferOwnershipPayload {
    /// Membership of the owner; null when it was refused.
    membership: Option<MembershipObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Mutations of this slice.
#[derive(Debug, Default)]
pub struct RosterMutation;

#[Object]
impl RosterMutation {
    /// Gives a member another role; needs MANAGE_MEMBERS, and a role that the caller may grant.
    async fn change_member_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Member and their role to be.")] input: ChangeMemberRoleInput,
    ) -> Option<GqlResult<ChangeMemberRolePayload>> {
        let done = async {
            let id = member(ctx, &input.membership_id)?;
            service::change_member_role(ctx.app(), ctx.actor(), id, &input.role_key).await
        };
        Some(settle(Box::pin(done).await, |changed, user_errors| ChangeMemberRolePayload {
            cancelled_invitations: cancelled(changed.as_ref()),
            membership: changed.map(|c| MembershipObject(c.membership)),
            user_errors,
        }))
    }

    /// Suspends a member; needs MANAGE_MEMBERS. The membership is kept, and worth nothing until it is reinstated.
    async fn suspend_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Member to suspend.")] input: SuspendMemberInput,
    ) -> Option<GqlResult<SuspendMemberPayload>> {
        let done = async {
            service::suspend_member(ctx.app(), ctx.actor(), member(ctx, &input.membership_id)?).await
        };
        Some(settle(Box::pin(done).await, |changed, user_errors| SuspendMemberPayload {
            cancelled_invitations: cancelled(changed.as_ref()),
            membership: changed.map(|c| MembershipObject(c.membership)),
            user_errors,
        }))
    }

    /// Lets a suspended membership count again; needs MANAGE_MEMBERS.
    async fn reinstate_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Member to reinstate.")] input: ReinstateMemberInput,
    ) -> Option<GqlResult<ReinstateMemberPayload>> {
        let done = async {
            service::reinstate_member(ctx.app(), ctx.actor(), member(ctx, &input.membership_id)?).await
        };
        Some(settle(Box::pin(done).await, |changed, user_errors| ReinstateMemberPayload {
            membership: changed.map(|c| MembershipObject(c.membership)),
            user_errors,
        }))
    }

    /// Removes a member; needs MANAGE_MEMBERS. It takes effect with their next request.
    async fn remove_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Member to remove.")] input: RemoveMemberInput,
    ) -> Option<GqlResult<RemoveMemberPayload>> {
        let done = async {
            service::remove_member(ctx.app(), ctx.actor(), member(ctx, &input.membership_id)?).await
        };
        Some(settle(Box::pin(done).await, |changed, user_errors| RemoveMemberPayload {
            cancelled_invitations: cancelled(changed.as_ref()),
            removed_membership_id: changed.map(|c| global(c.membership.id)),
            user_errors,
        }))
    }

    /// Ends the caller's own membership in a tenant.
    async fn leave_tenant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Tenant to leave.")] input: LeaveTenantInput,
    ) -> Option<GqlResult<LeaveTenantPayload>> {
        let done = async {
            ctx.actor().known()?;
            let id = parse_id("tenantId", "tenant", &input.tenant_id)?;
            service::leave_tenant(ctx.app(), ctx.actor(), id).await
        };
        Some(settle(Box::pin(done).await, |changed, user_errors| LeaveTenantPayload {
            cancelled_invitations: cancelled(changed.as_ref()),
            left_tenant_id: changed.map(|c| global(c.membership.tenant_id)),
            user_errors,
        }))
    }

    /// Makes a member an owner and the calling owner an admin, in one step; for owners.
    async fn transfer_ownership(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Member who is to own the tenant.")] input: TransferOwnershipInput,
    ) -> Option<GqlResult<TransferOwnershipPayload>> {
        let done = async {
            service::transfer_ownership(ctx.app(), ctx.actor(), member(ctx, &input.membership_id)?).await
        };
        Some(settle(Box::pin(done).await, |membership, user_errors| TransferOwnershipPayload {
            membership: membership.map(MembershipObject),
            user_errors,
        }))
    }
}

fn member(ctx: &Context<'_>, id: &ID) -> Result<MembershipId> {
    ctx.actor().known()?;
    parse_id("membershipId", "membership", id)
}

fn cancelled(changed: Option<&Changed>) -> Vec<InvitationObject> {
    let rows = changed.map(|changed| changed.cancelled.clone()).unwrap_or_default();
    rows.into_iter().map(|row: Invitation| InvitationObject::managed(row)).collect()
}
