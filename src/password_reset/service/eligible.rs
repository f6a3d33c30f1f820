//! Whose reset may be asked for, by which policy, and who may decide it.

use sea_orm::ConnectionTrait;

use crate::actor::Actor;
use crate::app::App;
use crate::error::{Error, ErrorCode, Result};
use crate::id::{TenantId, UserId};
use crate::permission::{Permission, Permissions};
use crate::tenant::{ResetPolicy, Tenant, TenantStatus};
use crate::user::{User, UserStatus};
use crate::{membership, role, user};

/// Most people who are told of one request.
const TOLD_MAX: usize = 50;

/// Whether a reset can be asked for: the account is in use, and a link would reach its owner and nobody else.
pub(super) fn usable(user: &User) -> bool {
    user.status == UserStatus::Active && user.email_verified_at.is_some()
}

/// Tenants in which somebody can decide about a member's reset: those in use, first joined first.
pub(super) async fn tenants(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<Tenant>> {
    let mut tenants = membership::service::tenants_of(db, user).await?;
    tenants.retain(|tenant| tenant.status == TenantStatus::Active);
    Ok(tenants)
}

/// The strictest policy of the tenants: OFF only if all say so, APPROVAL before SELF_SERVICE. Administrators of the
/// platform are never their own approvers.
pub(super) fn policy(app: &App, user: &User, tenants: &[Tenant]) -> ResetPolicy {
    if user.is_superuser {
        return ResetPolicy::Approval;
    }
    let any = |policy| tenants.iter().any(|tenant| tenant.reset_policy == policy);
    if tenants.is_empty() {
        app.config.reset_policy
    } else if any(ResetPolicy::Approval) {
        ResetPolicy::Approval
    } else if any(ResetPolicy::SelfService) {
        ResetPolicy::SelfService
    } else {
        ResetPolicy::Off
    }
}

/// How somebody stands to another one's reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// They do not see it.
    Hidden,
    /// It is their own.
    Own,
    /// They share a tenant, and lack APPROVE_RESETS in it.
    Lacks,
    /// They lack something that the requester has.
    Below,
    /// They may decide, in this tenant's name or the platform's.
    Eligible(Option<TenantId>),
}

/// How a user, or the operator for `None`, stands to the reset of `requester`.
pub(super) async fn standing(
    db: &impl ConnectionTrait,
    (decider, is_platform_admin): (Option<UserId>, bool),
    requester: &User,
) -> Result<Standing> {
    if decider == Some(requester.id) {
        return Ok(Standing::Own);
    }
    if is_platform_admin {
        return Ok(Standing::Eligible(None));
    }
    let Some(decider) = decider else { return Ok(Standing::Hidden) };
    let mut standing = Standing::Hidden;
    for tenant in tenants(db, requester.id).await? {
        let Some(theirs) = membership::service::of_member(db, tenant.id, requester.id).await? else {
            continue;
        };
        let Some(mine) = membership::service::of_member(db, tenant.id, decider).await? else { continue };
        if !mine.permissions.contains(Permission::ApproveResets) {
            standing = if standing == Standing::Hidden { Standing::Lacks } else { standing };
        } else if requester.is_superuser || !theirs.permissions.is_subset(&mine.permissions) {
            standing = Standing::Below;
        } else {
            return Ok(Standing::Eligible(Some(tenant.id)));
        }
    }
    Ok(standing)
}

/// The tenant in whose name an actor decides; `None` for the platform's.
///
/// # Errors
/// `NOT_FOUND` at `resetRequestId` for whoever does not see the request, `FORBIDDEN` without APPROVE_RESETS,
/// `NOT_ELIGIBLE` for one's own and for people with permissions that the actor lacks.
pub(super) async fn entitled(
    db: &impl ConnectionTrait,
    actor: &Actor,
    requester: &User,
) -> Result<Option<TenantId>> {
    let refuse = |message| Err(Error::refused(ErrorCode::NotEligible, message));
    match standing(db, (actor.user_id(), actor.is_platform_admin()), requester).await? {
        Standing::Eligible(tenant) => Ok(tenant),
        Standing::Hidden => Err(hidden()),
        Standing::Lacks => Err(Error::Lacks(Permission::ApproveResets)),
        Standing::Own => refuse("Nobody decides about their own reset; somebody else has to."),
        Standing::Below => {
            refuse("This person has permissions that you lack; somebody who has them all has to decide.")
        }
    }
}

pub(super) fn hidden() -> Error {
    Error::not_found("reset request").at("resetRequestId")
}

/// Who is told of a request: members who may decide it, and where there are none the administrators of the
/// platform. Only mailboxes that are known to be theirs.
pub(super) async fn deciders(
    db: &impl ConnectionTrait,
    requester: &User,
    tenants: &[Tenant],
) -> Result<Vec<UserId>> {
    let mut members: Vec<UserId> = Vec::new();
    for tenant in tenants.iter().filter(|_| !requester.is_superuser) {
        let Some(theirs) = membership::service::of_member(db, tenant.id, requester.id).await? else {
            continue;
        };
        let roles = role::service::of_tenants(db, &[tenant.id]).await?;
        let enough = |permissions: &Permissions| {
            permissions.contains(Permission::ApproveResets) && theirs.permissions.is_subset(permissions)
        };
        let roles: Vec<_> =
            roles.into_iter().filter(|role| enough(&role.permissions)).map(|role| role.id).collect();
        let most = TOLD_MAX as u64 + 1;
        let found = membership::service::active_with_roles(db, tenant.id, &roles, most).await?;
        members.extend(found.into_iter().map(|member| member.user_id).filter(|id| *id != requester.id));
    }
    members.sort_unstable();
    members.dedup();
    let mut told = user::service::by_ids(db, &members).await?;
    told.retain(usable);
    if told.is_empty() {
        told = user::service::superusers(db).await?;
        told.retain(|user| usable(user) && user.id != requester.id);
    }
    told.sort_unstable_by_key(|user| user.id);
    Ok(told.into_iter().map(|user| user.id).take(TOLD_MAX).collect())
}
