//! Webhooks: a tenant's events, posted to endpoints of its choice as the Standard Webhooks specification says.
//!
//! ```text
//! endpoint   ENABLED ⇄ DISABLED (by hand | it answered 410 | it failed for five days)
//! delivery   QUEUED ─▶ DELIVERED | FAILED      QUEUED ─▶ RETRYING ─▶ the same      any ─▶ RETRYING (redelivered)
//! ```
//! - An endpoint holds its place in the sealed chain of its tenant. Deliveries are inserted and the place is moved in one
//!   transaction, so that no event is missed and none comes twice, whoever crashes and however many feed.
//! - A delivery is claimed like a mail of the outbox: a conditional update with a lease. Delivery is at least once, with the
//!   same `webhook-id` on every attempt.
//! - Whoever manages endpoints may read events: an endpoint says nothing that its makers could not list.
//! - No connection is made to an address that was not looked at; what was looked at is what is connected to.

pub mod graphql;
mod model;
pub mod service;

pub use model::{
    WebhookDelivery, WebhookDeliveryState, WebhookDisabledReason, WebhookEndpoint, WebhookEndpointStatus,
};
pub use service::Client;
