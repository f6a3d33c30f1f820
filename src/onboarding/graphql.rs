//! Making a tenant, and looking one up.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::service;
use crate::graphql::{EmailAddress, GqlResult, RequestContext as _, UserError, settle};
use crate::id::{TenantId, TypedId as _};
use crate::invitation::graphql::InvitationObject;
use crate::tenant::graphql::{TenantBy, TenantObject};
use crate::{membership, tenant};

/// Name and slug of a tenant, and who is to own it.
#[derive(InputObject)]
pub struct CreateTenantInput {
    /// Name that people see.
    name: String,
    /// Unique short name for URLs: 2 to 63 lower-case letters, digits and hyphens.
    slug: String,
    /// Address of the owner, who is invited; the caller by default.
    owner_email: Option<EmailAddress>,
}

/// Outcome of `createTenant`.
#[derive(SimpleObject)]
pub struct CreateTenantPayload {
    /// Tenant that was made; null when it was refused.
    tenant: Option<TenantObject>,
    /// Invitation to its owner, where one was named.
    invitation: Option<InvitationObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Queries of this slice.
#[derive(Debug, Default)]
pub struct OnboardingQuery;

#[Object]
impl OnboardingQuery {
    /// Tenant by id or slug; null when absent or hidden.
    async fn tenant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which tenant.")] by: TenantBy,
    ) -> Option<GqlResult<TenantObject>> {
        let db = ctx.app().db.reader();
        let found = async {
            ctx.actor().known()?;
            let id = match by {
                TenantBy::Id(id) => TenantId::from_global(&id),
                TenantBy::Slug(slug) => tenant::service::by_slug(db, &slug).await?.map(|tenant| tenant.id),
            };
            match id {
                Some(id) => membership::service::visible_tenant(db, ctx.actor(), id).await,
                None => Ok(None),
            }
        };
        Box::pin(found).await.map(|tenant| tenant.map(TenantObject)).map_err(Into::into).transpose()
    }
}

/// Mutations of this slice.
#[derive(Debug, Default)]
pub struct OnboardingMutation;

#[Object]
impl OnboardingMutation {
    /// Makes a tenant with its built-in roles. The caller becomes its owner, or names one to be invited.
    ///
    /// For platform administrators, and for everybody where `GUESTLIST_ALLOW_TENANT_CREATION` is on.
    async fn create_tenant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Name and slug, and who is to own it.")] input: CreateTenantInput,
    ) -> Option<GqlResult<CreateTenantPayload>> {
        let owner = input.owner_email.as_ref().map(|email| email.0.as_str());
        let done =
            Box::pin(service::create_tenant(ctx.app(), ctx.actor(), &input.name, &input.slug, owner)).await;
        Some(settle(done, |created, user_errors| {
            let (tenant, invitation) = created.map(|created| (created.tenant, created.invitation)).unzip();
            CreateTenantPayload {
                tenant: tenant.map(TenantObject),
                invitation: invitation.flatten().map(InvitationObject::managed),
                user_errors,
            }
        }))
    }
}
