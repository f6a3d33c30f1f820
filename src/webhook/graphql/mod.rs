//! Webhooks in the schema.

mod mutation;
mod objects;

pub use mutation::WebhookMutation;
pub use objects::{WebhookDeliveryObject, WebhookEndpointObject};
