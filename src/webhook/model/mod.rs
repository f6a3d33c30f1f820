//! Rows of `webhook_endpoint` and `webhook_delivery`.

pub(super) mod delivery;
pub(super) mod endpoint;

pub use delivery::{Model as WebhookDelivery, State as WebhookDeliveryState};
pub use endpoint::{
    DisabledReason as WebhookDisabledReason, Model as WebhookEndpoint, Status as WebhookEndpointStatus,
};
