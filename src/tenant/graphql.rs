//! Tenants in the schema.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::parser::types::Field;
use async_graphql::{Context, ID, InputObject, Object, OneofObject, Positioned, SimpleObject};

use super::{ResetPolicy, Tenant, TenantStatus, service};
use crate::error::Error;
use crate::graphql::{
    AtHand, Connection, DateTime, GqlResult, RequestContext as _, Rows, global, write_value,
};
use crate::id::{TenantId, TypedId as _};
use crate::membership::graphql::MembershipObject;
use crate::membership::{self, MembershipStatus};
use crate::page::PageArgs;
use crate::permission::Permission;
use crate::post;
use crate::post::graphql::{MailFilter, MailObject};
use crate::role::graphql::RoleObject;
use crate::webhook;
use crate::webhook::graphql::WebhookEndpointObject;

/// Which tenant: by one of its names.
#[derive(Clone, Debug, OneofObject)]
pub enum TenantBy {
    /// Global id.
    Id(ID),
    /// Slug.
    Slug(String),
}

/// Which members to list: all conditions hold, an absent one always does.
#[derive(Default, InputObject)]
pub struct MemberFilter {
    /// With any of these roles.
    role_key: Option<Vec<String>>,
    /// In any of these states.
    status: Option<Vec<MembershipStatus>>,
    /// Whose name or address holds this text, without regard to letter case.
    search: Option<String>,
}

/// What the caller may do in a tenant.
#[derive(Clone, Debug, SimpleObject)]
pub struct TenantAbilities {
    /// Invite people; false also while the tenant is suspended.
    invite: bool,
    /// Roles the caller may grant.
    grant_roles: Vec<RoleObject>,
    /// Change roles of members, suspend and remove them.
    manage_members: bool,
    /// Make, change and delete roles.
    manage_roles: bool,
    /// Approve and reject password resets.
    approve_resets: bool,
    /// Read the tenant's events.
    view_events: bool,
    /// Change name, slug and policies.
    manage_tenant: bool,
}

/// A tenant as its members see it; whoever makes one has checked that the viewer may.
#[derive(Clone, Debug)]
pub struct TenantObject(pub Tenant);

impl AtHand for TenantObject {
    fn write(&self, field: &Positioned<Field>, text: &mut Vec<u8>) -> Option<()> {
        match field.node.name.node.as_str() {
            "id" => write_value(&self.0.id.global(), text),
            "slug" => write_value(&self.0.slug, text),
            "name" => write_value(&self.0.name, text),
            _ => None,
        }
    }
}

/// Organisation that people are invited to.
#[Object(name = "Tenant")]
impl TenantObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Unique short name for URLs.
    async fn slug(&self) -> &str {
        &self.0.slug
    }

    /// Name that people see.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether it can be used.
    async fn status(&self) -> TenantStatus {
        self.0.status
    }

    /// How passwords of members are reset.
    async fn reset_policy(&self) -> ResetPolicy {
        self.0.reset_policy
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// People in it, in the order of joining; members see each other.
    async fn members(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many rows from the start, or after `after`; 20 by default, 100 at the most.")]
        first: Option<i32>,
        #[graphql(desc = "Rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many rows from the end, or before `before`; 100 at the most.")] last: Option<
            i32,
        >,
        #[graphql(desc = "Rows before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which members; all by default.")] filter: Option<MemberFilter>,
    ) -> Option<GqlResult<Connection<MembershipObject>>> {
        let count = ctx.look_ahead().field("totalCount").exists();
        let page = PageArgs { first, after, last, before };
        let filter = filter.unwrap_or_default();
        let filter = membership::service::Filter {
            role_keys: filter.role_key,
            status: filter.status,
            search: filter.search,
        };
        let listed =
            Box::pin(membership::service::list(ctx.app(), ctx.actor(), self.0.id, filter, page, count)).await;
        let shown = |slice| Connection::new(slice, membership::service::cursor, MembershipObject);
        Some(listed.map(shown).map_err(Into::into))
    }

    /// What the caller may do here, answered by the rules that enforce it.
    async fn viewer_can(&self, ctx: &Context<'_>) -> GqlResult<TenantAbilities> {
        let (tenant, authority) =
            Box::pin(membership::service::authority_now(ctx.app(), ctx.actor(), self.0.id)).await?;
        let may = |permission| authority.require(permission).is_ok();
        let roles = ctx.load(crate::role::graphql::RolesOf(self.0.id)).await?.unwrap_or_default();
        let grantable = roles.into_iter().filter(|role| crate::role::service::can_grant(&authority, role));
        Ok(TenantAbilities {
            invite: may(Permission::Invite) && service::require_active(&tenant).is_ok(),
            grant_roles: grantable.map(RoleObject).collect(),
            manage_members: may(Permission::ManageMembers),
            manage_roles: may(Permission::ManageRoles),
            approve_resets: may(Permission::ApproveResets),
            view_events: may(Permission::ViewEvents),
            manage_tenant: may(Permission::ManageTenant),
        })
    }

    /// Where its events are posted to, oldest first; for those with MANAGE_TENANT and VIEW_EVENTS.
    async fn webhook_endpoints(&self, ctx: &Context<'_>) -> Option<GqlResult<Vec<WebhookEndpointObject>>> {
        let listed = Box::pin(webhook::service::of_tenant(ctx.app(), ctx.actor(), self.0.id)).await;
        let shown = |rows: Vec<_>| rows.into_iter().map(WebhookEndpointObject).collect();
        Some(listed.map(shown).map_err(Into::into))
    }

    /// Mails that it owes or owed, latest first; needs MANAGE_TENANT. Those about passwords belong to no tenant.
    async fn mails(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many rows from the start, or after `after`; 20 by default, 100 at the most.")]
        first: Option<i32>,
        #[graphql(desc = "Rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many rows from the end, or before `before`; 100 at the most.")] last: Option<
            i32,
        >,
        #[graphql(desc = "Rows before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which mails; all by default.")] filter: Option<MailFilter>,
    ) -> Option<GqlResult<Connection<MailObject>>> {
        post::graphql::listed(ctx, Some(self.0.id), PageArgs { first, after, last, before }, filter).await
    }

    /// Roles that members can have, built-in ones first.
    async fn roles(&self, ctx: &Context<'_>) -> GqlResult<Vec<RoleObject>> {
        let roles = ctx.load(crate::role::graphql::RolesOf(self.0.id)).await?;
        Ok(roles.unwrap_or_default().into_iter().map(RoleObject).collect())
    }
}

impl Loader<TenantId> for Rows {
    type Value = Tenant;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[TenantId]) -> Result<HashMap<TenantId, Tenant>, Arc<Error>> {
        let rows = service::by_ids(self.0.db.reader(), keys).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
