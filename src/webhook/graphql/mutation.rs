//! What people do with endpoints.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use secrecy::ExposeSecret as _;

use super::objects::{WebhookDeliveryObject, WebhookEndpointObject};
use crate::error::Result;
use crate::graphql::{
    GqlResult, RequestContext as _, UserError, global, parse_id, parse_optional_id, settle,
};
use crate::id::WebhookEndpointId;
use crate::webhook::WebhookEndpointStatus;
use crate::webhook::service::{self, Change, NewEndpoint};

/// Endpoint to make.
#[derive(InputObject)]
pub(super) struct CreateWebhookEndpointInput {
    /// Tenant whose events are posted; the active one by default.
    tenant_id: Option<ID>,
    /// Where they are posted to: https, a public host, any port, no name and password.
    url: String,
    /// What people call it, at most 500 characters.
    description: Option<String>,
    /// Kinds of events, or families such as `invitation`; all for none.
    #[graphql(default)]
    event_kinds: Vec<String>,
}

/// What to change of an endpoint; an absent value stays as it is.
#[derive(InputObject)]
pub(super) struct UpdateWebhookEndpointInput {
    /// Global id of the endpoint.
    webhook_endpoint_id: ID,
    /// Where events are posted to.
    url: Option<String>,
    /// What people call it; blank for nothing.
    description: Option<String>,
    /// Kinds of events, or families such as `invitation`; all for none.
    event_kinds: Option<Vec<String>>,
    /// Whether it is posted to. Once enabled again it goes on with what happens from then on.
    status: Option<WebhookEndpointStatus>,
}

/// Endpoint to delete.
#[derive(InputObject)]
pub(super) struct DeleteWebhookEndpointInput {
    /// Global id of the endpoint.
    webhook_endpoint_id: ID,
}

/// Endpoint that gets another secret.
#[derive(InputObject)]
pub(super) struct RotateWebhookSecretInput {
    /// Global id of the endpoint.
    webhook_endpoint_id: ID,
}

/// Delivery to make once more.
#[derive(InputObject)]
pub(super) struct RedeliverWebhookInput {
    /// Global id of the delivery.
    webhook_delivery_id: ID,
}

/// Outcome of `createWebhookEndpoint`.
#[derive(SimpleObject)]
pub(super) struct CreateWebhookEndpointPayload {
    /// Endpoint that was made; null when it was refused.
    webhook_endpoint: Option<WebhookEndpointObject>,
    /// Secret that signs what is posted, shown this once; null when it was refused.
    secret: Option<String>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `updateWebhookEndpoint`.
#[derive(SimpleObject)]
pub(super) struct UpdateWebhookEndpointPayload {
    /// Endpoint as it is now; null when it was refused.
    webhook_endpoint: Option<WebhookEndpointObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `deleteWebhookEndpoint`.
#[derive(SimpleObject)]
pub(super) struct DeleteWebhookEndpointPayload {
    /// Global id that the endpoint had; null when it was refused.
    deleted_webhook_endpoint_id: Option<ID>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `rotateWebhookSecret`.
#[derive(SimpleObject)]
pub(super) struct RotateWebhookSecretPayload {
    /// Endpoint as it is now; null when it was refused.
    webhook_endpoint: Option<WebhookEndpointObject>,
    /// Secret that signs from now on, shown this once; null when it was refused.
    secret: Option<String>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `redeliverWebhook`.
#[derive(SimpleObject)]
pub(super) struct RedeliverWebhookPayload {
    /// Delivery as it is now; null when it was refused.
    webhook_delivery: Option<WebhookDeliveryObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Mutations of this slice.
#[derive(Debug, Default)]
pub struct WebhookMutation;

#[Object]
impl WebhookMutation {
    /// Posts a tenant's events to a URL from now on; needs MANAGE_TENANT and VIEW_EVENTS.
    async fn create_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Endpoint to make.")] input: CreateWebhookEndpointInput,
    ) -> Option<GqlResult<CreateWebhookEndpointPayload>> {
        let done = async {
            ctx.actor().known()?;
            let new = NewEndpoint {
                tenant_id: parse_optional_id("tenantId", "tenant", input.tenant_id.as_ref())?,
                url: input.url,
                description: input.description,
                event_kinds: input.event_kinds,
            };
            service::create_webhook_endpoint(ctx.app(), ctx.actor(), new).await
        };
        Some(settle(Box::pin(done).await, |made, user_errors| {
            let (row, secret) = made.unzip();
            CreateWebhookEndpointPayload {
                webhook_endpoint: row.map(WebhookEndpointObject),
                secret: secret.map(|secret| secret.expose_secret().to_owned()),
                user_errors,
            }
        }))
    }

    /// Changes an endpoint, disables or enables it; needs MANAGE_TENANT and VIEW_EVENTS.
    async fn update_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateWebhookEndpointInput,
    ) -> Option<GqlResult<UpdateWebhookEndpointPayload>> {
        let done = async {
            let id = endpoint(ctx, &input.webhook_endpoint_id)?;
            let change = Change {
                url: input.url,
                description: input.description,
                event_kinds: input.event_kinds,
                status: input.status,
            };
            service::update_webhook_endpoint(ctx.app(), ctx.actor(), id, change).await
        };
        Some(settle(Box::pin(done).await, |row, user_errors| UpdateWebhookEndpointPayload {
            webhook_endpoint: row.map(WebhookEndpointObject),
            user_errors,
        }))
    }

    /// Deletes an endpoint and what waits for it; needs MANAGE_TENANT and VIEW_EVENTS.
    async fn delete_webhook_endpoint(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Endpoint to delete.")] input: DeleteWebhookEndpointInput,
    ) -> Option<GqlResult<DeleteWebhookEndpointPayload>> {
        let done = async {
            let id = endpoint(ctx, &input.webhook_endpoint_id)?;
            service::delete_webhook_endpoint(ctx.app(), ctx.actor(), id).await?;
            Ok(global(id))
        };
        Some(settle(Box::pin(done).await, |deleted_webhook_endpoint_id, user_errors| {
            DeleteWebhookEndpointPayload { deleted_webhook_endpoint_id, user_errors }
        }))
    }

    /// Gives an endpoint another secret; needs MANAGE_TENANT and VIEW_EVENTS. The one before it signs as well for 24 hours.
    async fn rotate_webhook_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Endpoint that gets another secret.")] input: RotateWebhookSecretInput,
    ) -> Option<GqlResult<RotateWebhookSecretPayload>> {
        let done = async {
            let id = endpoint(ctx, &input.webhook_endpoint_id)?;
            service::rotate_webhook_secret(ctx.app(), ctx.actor(), id).await
        };
        Some(settle(Box::pin(done).await, |rotated, user_errors| {
            let (row, secret) = rotated.unzip();
            RotateWebhookSecretPayload {
                webhook_endpoint: row.map(WebhookEndpointObject),
                secret: secret.map(|secret| secret.expose_secret().to_owned()),
                user_errors,
            }
        }))
    }

    /// Posts an event once more at once, also one that failed; needs MANAGE_TENANT and VIEW_EVENTS.
    async fn redeliver_webhook(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Delivery to make once more.")] input: RedeliverWebhookInput,
    ) -> Option<GqlResult<RedeliverWebhookPayload>> {
        let done = async {
            ctx.actor().known()?;
            let id = parse_id("webhookDeliveryId", "delivery", &input.webhook_delivery_id)?;
            service::redeliver_webhook(ctx.app(), ctx.actor(), id).await
        };
        Some(settle(Box::pin(done).await, |row, user_errors| RedeliverWebhookPayload {
            webhook_delivery: row.map(WebhookDeliveryObject),
            user_errors,
        }))
    }
}

fn endpoint(ctx: &Context<'_>, id: &ID) -> Result<WebhookEndpointId> {
    ctx.actor().known()?;
    parse_id("webhookEndpointId", "webhook endpoint", id)
}
