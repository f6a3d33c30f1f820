//! Roles of a tenant's own.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use crate::graphql::{
    GqlResult, RequestContext as _, UserError, global, parse_id, parse_optional_id, settle,
};
use crate::permission::Permission;
use crate::role::graphql::RoleObject;
use crate::roster::service::{self, NewRole};

/// Role to make.
#[derive(InputObject)]
pub(super) struct CreateRoleInput {
    /// Tenant it is for; the active one by default.
    tenant_id: Option<ID>,
    /// Key, unique in the tenant: 2 to 63 lower-case letters, digits and hyphens.
    key: String,
    /// Name that people see.
    name: String,
    /// What its members may do; nothing that the caller may not.
    permissions: Vec<Permission>,
}

/// What to change of a role; an absent value stays as it is.
#[derive(InputObject)]
pub(super) struct UpdateRoleInput {
    /// Global id of the role.
    role_id: ID,
    /// Name that people see.
    name: Option<String>,
    /// What its members may do; nothing that the caller may not.
    permissions: Option<Vec<Permission>>,
}

/// Role to delete.
#[derive(InputObject)]
pub(super) struct DeleteRoleInput {
    /// Global id of the role.
    role_id: ID,
}

/// Outcome of `createRole`.
#[derive(SimpleObject)]
pub(super) struct CreateRolePayload {
    /// Role that was made; null when it was refused.
    role: Option<RoleObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `updateRole`.
#[derive(SimpleObject)]
pub(super) struct UpdateRolePayload {
    /// Role as it is now; null when it was refused.
    role: Option<RoleObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `deleteRole`.
#[derive(SimpleObject)]
pub(super) struct DeleteRolePayload {
    /// Global id that the role had; null when it was refused.
    deleted_role_id: Option<ID>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Mutations about roles.
#[derive(Debug, Default)]
pub struct RoleMutation;

#[Object]
impl RoleMutation {
    /// Makes a role of the tenant's own; needs MANAGE_ROLES, and permits nothing that the caller may not do.
    async fn create_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Role to make.")] input: CreateRoleInput,
    ) -> Option<GqlResult<CreateRolePayload>> {
        let done = async {
            ctx.actor().known()?;
            let new = NewRole {
                tenant_id: parse_optional_id("tenantId", "tenant", input.tenant_id.as_ref())?,
                key: input.key,
                name: input.name,
                permissions: input.permissions.into_iter().collect(),
            };
            service::create_role(ctx.app(), ctx.actor(), new).await
        };
        let payload =
            |role: Option<_>, user_errors| CreateRolePayload { role: role.map(RoleObject), user_errors };
        Some(settle(Box::pin(done).await, payload))
    }

    /// Renames a role of the tenant's own, or sets what it permits; needs MANAGE_ROLES.
    async fn update_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateRoleInput,
    ) -> Option<GqlResult<UpdateRolePayload>> {
        let done = async {
            ctx.actor().known()?;
            let id = parse_id("roleId", "role", &input.role_id)?;
            let permissions = input.permissions.map(|permissions| permissions.into_iter().collect());
            service::update_role(ctx.app(), ctx.actor(), id, input.name.as_deref(), permissions).await
        };
        let payload =
            |role: Option<_>, user_errors| UpdateRolePayload { role: role.map(RoleObject), user_errors };
        Some(settle(Box::pin(done).await, payload))
    }

    /// Deletes a role of the tenant's own that nobody has or is invited to; needs MANAGE_ROLES.
    async fn delete_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Role to delete.")] input: DeleteRoleInput,
    ) -> Option<GqlResult<DeleteRolePayload>> {
        let done = async {
            ctx.actor().known()?;
            let id = parse_id("roleId", "role", &input.role_id)?;
            service::delete_role(ctx.app(), ctx.actor(), id).await?;
            Ok(global(id))
        };
        let payload = |deleted_role_id, user_errors| DeleteRolePayload { deleted_role_id, user_errors };
        Some(settle(Box::pin(done).await, payload))
    }
}
