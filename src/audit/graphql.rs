//! Events in the schema.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::{Context, ID, InputObject, Object, Subscription};
use futures_util::{Stream, StreamExt as _};

use super::service;
use crate::error::Error;
use crate::event::service::Filter;
use crate::event::{self, Event};
use crate::graphql::{
    AtHand, Connection, DateTime, DateTimeRange, Edge, GqlError, GqlResult, JsonValue, RequestContext as _,
    Rows, global, parse_optional_id,
};
use crate::id::{self, EventId};
use crate::page::PageArgs;
use crate::schema::{self, Node};
use crate::user::Person;
use crate::user::graphql::UserObject;

/// An event as those see it who may.
#[derive(Clone, Debug)]
pub struct EventObject(pub Event);

impl AtHand for EventObject {}

/// Fact that was recorded when it became true; it is never changed.
#[Object(name = "Event")]
impl EventObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Dotted name, such as `invitation.created`.
    async fn kind(&self) -> &str {
        &self.0.kind
    }

    /// When it happened.
    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// User who did it; null for the command line, the service itself, and accounts that are gone.
    async fn actor(&self, ctx: &Context<'_>) -> Option<GqlResult<UserObject>> {
        let loaded: Result<Option<Person>, _> = ctx.load(self.0.actor_id?).await;
        loaded.map(|user| user.map(UserObject)).map_err(Into::into).transpose()
    }

    /// What it is about; null when that is gone, or hidden from the caller.
    async fn subject(&self, ctx: &Context<'_>) -> Option<GqlResult<Node>> {
        let id = id::global_of_type(&self.0.subject_type, self.0.subject_id)?;
        Box::pin(schema::find(ctx.app(), ctx.actor(), &id)).await.map_err(Into::into).transpose()
    }

    /// More about it, depending on its kind; never a token, password or address.
    async fn data(&self) -> JsonValue {
        JsonValue(self.0.data.clone())
    }

    /// Where the request came from.
    async fn ip_address(&self) -> Option<&str> {
        self.0.ip_address.as_deref()
    }

    /// Finds the request in the logs.
    async fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }
}

impl Loader<EventId> for Rows {
    type Value = Event;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[EventId]) -> Result<HashMap<EventId, Event>, Arc<Error>> {
        let rows = event::service::by_ids_all_tenants(self.0.db.reader(), keys).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}

/// Which events to list: all conditions hold, an absent one always does.
#[derive(Default, InputObject)]
pub struct EventFilter {
    /// Of any of these kinds.
    kind: Option<Vec<String>>,
    /// Done by this user.
    actor_id: Option<ID>,
    /// About this object, of whatever type.
    subject_id: Option<ID>,
    /// In this time.
    at: Option<DateTimeRange>,
}

/// Queries of this slice.
#[derive(Debug, Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// What happened in a tenant, newest first; needs VIEW_EVENTS.
    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Tenant to list; the active one by default.")] tenant_id: Option<ID>,
        #[graphql(desc = "So many rows from the start, or after `after`; 20 by default, 100 at the most.")]
        first: Option<i32>,
        #[graphql(desc = "Rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many rows from the end, or before `before`; 100 at the most.")] last: Option<
            i32,
        >,
        #[graphql(desc = "Rows before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which events; all by default.")] filter: Option<EventFilter>,
    ) -> Option<GqlResult<Connection<EventObject>>> {
        let count = ctx.look_ahead().field("totalCount").exists();
        let page = PageArgs { first, after, last, before };
        let filter = filter.unwrap_or_default();
        let listed = async {
            ctx.actor().known()?;
            let ends = filter.at.map(|range| (range.from, range.to)).unwrap_or_default();
            let filter = Filter {
                kinds: filter.kind,
                actor: parse_optional_id("filter.actorId", "user", filter.actor_id.as_ref())?,
                subject: filter.subject_id.map(|id| id::uuid_of_any(&id).unwrap_or_default()),
                from: ends.0.map(|at| at.0),
                to: ends.1.map(|at| at.0),
            };
            let tenant_id = parse_optional_id("tenantId", "tenant", tenant_id.as_ref())?;
            service::events(ctx.app(), ctx.actor(), tenant_id, filter, page, count).await
        };
        let shown = |slice| Connection::new(slice, event::cursor, EventObject);
        Some(Box::pin(listed).await.map(shown).map_err(Into::into))
    }
}

/// Subscriptions of this slice.
#[derive(Debug, Default)]
pub struct AuditSubscription;

#[Subscription]
impl AuditSubscription {
    /// Events of invitations in a tenant, first those after the cursor, then live; needs INVITE.
    ///
    /// They come in the order in which they were committed. Ask again with the cursor of the last one after a lost
    /// connection: nothing is missed and nothing comes twice. Ends with the session.
    async fn invitation_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Tenant to follow; the active one by default.")] tenant_id: Option<ID>,
        #[graphql(desc = "Cursor of an event, from here or from `events`; without one only what follows.")]
        after: Option<String>,
    ) -> Result<impl Stream<Item = GqlResult<Option<Edge<EventObject>>>>, GqlError> {
        ctx.actor().known()?;
        let tenant_id = parse_optional_id("tenantId", "tenant", tenant_id.as_ref())?;
        let events = Box::pin(service::follow(ctx.app(), ctx.actor(), tenant_id, after)).await?;
        let shown = events.map(|event| {
            let event = event?;
            Ok(Some(Edge { cursor: event::cursor(&event), node: EventObject(event) }))
        });
        // Boxed: what the executor makes of it has room for it more than once.
        Ok(shown.boxed())
    }
}
