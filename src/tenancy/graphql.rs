//! The tenant itself in the schema.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::service::{self, Change};
use crate::graphql::{
    Connection, GqlResult, RequestContext as _, UserError, parse_id, parse_optional_id, settle,
};
use crate::page::PageArgs;
use crate::tenant::graphql::TenantObject;
use crate::tenant::{Filter, ResetPolicy, TenantStatus};

/// Which tenants to list: all conditions hold, an absent one always does.
#[derive(Default, InputObject)]
pub struct TenantFilter {
    /// In any of these states.
    status: Option<Vec<TenantStatus>>,
    /// Whose name or slug holds this text, without regard to letter case.
    name_contains: Option<String>,
}

/// What to change of a tenant; an absent value stays as it is.
#[derive(InputObject)]
pub struct UpdateTenantInput {
    /// Tenant to change; the active one by default.
    tenant_id: Option<ID>,
    /// Name that people see.
    name: Option<String>,
    /// Unique short name for URLs: 2 to 63 lower-case letters, digits and hyphens.
    slug: Option<String>,
    /// How passwords of members are reset.
    reset_policy: Option<ResetPolicy>,
}

/// Tenant to suspend, and why.
#[derive(InputObject)]
pub struct SuspendTenantInput {
    /// Global id of the tenant.
    tenant_id: ID,
    /// Reason for the record, at most 500 characters.
    reason: Option<String>,
}

/// Tenant to reinstate.
#[derive(InputObject)]
pub struct ReinstateTenantInput {
    /// Global id of the tenant.
    tenant_id: ID,
}

/// Tenant to delete.
#[derive(InputObject)]
pub struct DeleteTenantInput {
    /// Global id of the tenant.
    tenant_id: ID,
    /// Its slug, to show that it is meant.
    slug: String,
}

/// Outcome of `updateTenant`.
#[derive(SimpleObject)]
pub struct UpdateTenantPayload {
    /// Tenant as it is now; null when it was refused.
    tenant: Option<TenantObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `suspendTenant`.
#[derive(SimpleObject)]
pub struct SuspendTenantPayload {
    /// Tenant as it is now; null when it was refused.
    tenant: Option<TenantObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `reinstateTenant`.
#[derive(SimpleObject)]
pub struct ReinstateTenantPayload {
    /// Tenant as it is now; null when it was refused.
    tenant: Option<TenantObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `deleteTenant`.
#[derive(SimpleObject)]
pub struct DeleteTenantPayload {
    /// Tenant as it is now; null when it was refused.
    tenant: Option<TenantObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Queries of this slice.
#[derive(Debug, Default)]
pub struct TenancyQuery;

#[Object]
impl TenancyQuery {
    /// All tenants, oldest first; superusers only.
    async fn tenants(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many rows from the start, or after `after`; 20 by default, 100 at the most.")]
        first: Option<i32>,
        #[graphql(desc = "Rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many rows from the end, or before `before`; 100 at the most.")] last: Option<
            i32,
        >,
        #[graphql(desc = "Rows before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which tenants; all by default.")] filter: Option<TenantFilter>,
    ) -> Option<GqlResult<Connection<TenantObject>>> {
        let count = ctx.look_ahead().field("totalCount").exists();
        let page = PageArgs { first, after, last, before };
        let filter = filter.unwrap_or_default();
        let filter = Filter { status: filter.status, name_contains: filter.name_contains };
        let listed = Box::pin(service::tenants(ctx.app(), ctx.actor(), filter, page, count)).await;
        let shown = |slice| Connection::new(slice, service::cursor, TenantObject);
        Some(listed.map(shown).map_err(Into::into))
    }
}

/// Mutations of this slice.
#[derive(Debug, Default)]
pub struct TenancyMutation;

#[Object]
impl TenancyMutation {
    /// Changes a tenant's name, slug or policy; needs MANAGE_TENANT.
    async fn update_tenant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateTenantInput,
    ) -> Option<GqlResult<UpdateTenantPayload>> {
        let done = async {
            ctx.actor().known()?;
            let change = Change {
                tenant_id: parse_optional_id("tenantId", "tenant", input.tenant_id.as_ref())?,
                name: input.name,
                slug: input.slug,
                reset_policy: input.reset_policy,
            };
            service::update_tenant(ctx.app(), ctx.actor(), change).await
        };
        Some(settle(Box::pin(done).await, |tenant, user_errors| UpdateTenantPayload {
            tenant: tenant.map(TenantObject),
            user_errors,
        }))
    }

    /// Closes a tenant for the time being; for administrators of the platform. Nothing is lost.
    async fn suspend_tenant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Tenant to suspend, and why.")] input: SuspendTenantInput,
    ) -> Option<GqlResult<SuspendTenantPayload>> {
        let done = async {
            ctx.actor().known()?;
            let id = parse_id("tenantId", "tenant", &input.tenant_id)?;
            service::suspend_tenant(ctx.app(), ctx.actor(), id, input.reason.as_deref()).await
        };
        Some(settle(Box::pin(done).await, |tenant, user_errors| SuspendTenantPayload {
            tenant: tenant.map(TenantObject),
            user_errors,
        }))
    }

    /// Opens a suspended or deleted tenant again; for administrators of the platform.
    async fn reinstate_tenant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Tenant to reinstate.")] input: ReinstateTenantInput,
    ) -> Option<GqlResult<ReinstateTenantPayload>> {
        let done = async {
            ctx.actor().known()?;
            let id = parse_id("tenantId", "tenant", &input.tenant_id)?;
            service::reinstate_tenant(ctx.app(), ctx.actor(), id).await
        };
        Some(settle(Box::pin(done).await, |tenant, user_errors| ReinstateTenantPayload {
            tenant: tenant.map(TenantObject),
            user_errors,
        }))
    }

    /// Deletes a tenant; for its owners. It is hidden at once and erased after 30 days.
    async fn delete_tenant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Tenant to delete.")] input: DeleteTenantInput,
    ) -> Option<GqlResult<DeleteTenantPayload>> {
        let done = async {
            ctx.actor().known()?;
            let id = parse_id("tenantId", "tenant", &input.tenant_id)?;
            service::delete_tenant(ctx.app(), ctx.actor(), id, &input.slug).await
        };
        Some(settle(Box::pin(done).await, |tenant, user_errors| DeleteTenantPayload {
            tenant: tenant.map(TenantObject),
            user_errors,
        }))
    }
}
