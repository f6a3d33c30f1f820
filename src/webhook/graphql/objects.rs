//! Endpoints and deliveries as those see them who manage them.

use async_graphql::{Context, ID, Object};

use crate::audit::graphql::EventObject;
use crate::event::Event;
use crate::graphql::{AtHand, Connection, DateTime, GqlResult, RequestContext as _, global};
use crate::page::PageArgs;
use crate::webhook::{
    WebhookDelivery, WebhookDeliveryState, WebhookDisabledReason, WebhookEndpoint, WebhookEndpointStatus,
    service,
};

/// An endpoint; whoever makes one has checked that the viewer may see it.
#[derive(Clone, Debug)]
pub struct WebhookEndpointObject(pub WebhookEndpoint);

/// Where a tenant's events are posted to; for those with MANAGE_TENANT and VIEW_EVENTS.
#[Object(name = "WebhookEndpoint")]
impl WebhookEndpointObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Where events are posted to.
    async fn url(&self) -> &str {
        &self.0.url
    }

    /// What people call it.
    async fn description(&self) -> Option<&str> {
        self.0.description.as_deref()
    }

    /// Kinds of events that are posted, or families such as `invitation`; all for none.
    async fn event_kinds(&self) -> Vec<&str> {
        let named = self.0.event_kinds.as_array();
        named.into_iter().flatten().filter_map(|kind| kind.as_str()).collect()
    }

    /// Whether it is posted to.
    async fn status(&self) -> WebhookEndpointStatus {
        self.0.status
    }

    /// Why it is disabled; null while it is not.
    async fn disabled_reason(&self) -> Option<WebhookDisabledReason> {
        self.0.disabled_reason
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// What was posted in the last 30 days or will be, latest first.
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many rows from the start, or after `after`; 20 by default, 100 at the most.")]
        first: Option<i32>,
        #[graphql(desc = "Rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many rows from the end, or before `before`; 100 at the most.")] last: Option<
            i32,
        >,
        #[graphql(desc = "Rows before this cursor.")] before: Option<String>,
    ) -> Option<GqlResult<Connection<WebhookDeliveryObject>>> {
        let count = ctx.look_ahead().field("totalCount").exists();
        let page = PageArgs { first, after, last, before };
        let listed = Box::pin(service::deliveries(ctx.app(), self.0.id, page, count)).await;
        let shown = |slice| Connection::new(slice, service::cursor, WebhookDeliveryObject);
        Some(listed.map(shown).map_err(Into::into))
    }
}

/// A delivery; whoever makes one has checked that the viewer may see it.
#[derive(Clone, Debug)]
pub struct WebhookDeliveryObject(pub WebhookDelivery);

impl AtHand for WebhookDeliveryObject {}

/// One event on its way to one endpoint. Its id is the `webhook-id` of every attempt.
#[Object(name = "WebhookDelivery")]
impl WebhookDeliveryObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// What is posted.
    async fn event(&self, ctx: &Context<'_>) -> Option<GqlResult<EventObject>> {
        let loaded: Result<Option<Event>, _> = ctx.load(self.0.event_id).await;
        let own = loaded.map(|event| event.filter(|event| event.tenant_id == Some(self.0.tenant_id)));
        own.map(|event| event.map(EventObject)).map_err(Into::into).transpose()
    }

    /// Where it stands.
    async fn state(&self) -> WebhookDeliveryState {
        self.0.state
    }

    /// Attempts made so far.
    async fn attempts(&self) -> i32 {
        i32::try_from(self.0.attempts).unwrap_or(i32::MAX)
    }

    /// Status of the last answer; null when there was none.
    async fn last_status(&self) -> Option<i32> {
        self.0.last_status.and_then(|status| i32::try_from(status).ok())
    }

    /// Beginning of the last answer, or why there was none.
    async fn last_reply(&self) -> Option<&str> {
        self.0.last_reply.as_deref()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When the last attempt was made.
    async fn last_attempt_at(&self) -> Option<DateTime> {
        self.0.last_attempt_at.map(DateTime)
    }

    /// When the next attempt is due; null when none is.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.0.next_attempt_at.map(DateTime)
    }
}
