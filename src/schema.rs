//! The schema, merged from the slices.

use async_graphql::{
    Context, ID, Interface, MergedObject, MergedSubscription, Object, SDLExportOptions, ValidationMode,
};

use crate::actor::Actor;
use crate::app::App;
use crate::audit::graphql::{AuditQuery, AuditSubscription, EventObject};
use crate::auth::graphql::{AuthMutation, AuthQuery, SessionObject};
use crate::error::Result;
use crate::graphql::{GqlResult, RequestContext as _};
use crate::id::{
    EventId, InvitationId, MembershipId, OutboxId, ResetRequestId, RoleId, SessionId, TenantId, TypedId as _,
    UserId, WebhookDeliveryId, WebhookEndpointId,
};
use crate::invitation::graphql::{InvitationMutation, InvitationObject, InvitationQuery};
use crate::membership::graphql::MembershipObject;
use crate::onboarding::graphql::{OnboardingMutation, OnboardingQuery};
use crate::password_reset::graphql::{PasswordMutation, PasswordQuery, ResetRequestObject};
use crate::platform::graphql::{PlatformMutation, PlatformQuery};
use crate::post::graphql::{MailMutation, MailObject};
use crate::role::graphql::RoleObject;
use crate::roster::graphql::{RoleMutation, RosterMutation};
use crate::tenancy::graphql::{TenancyMutation, TenancyQuery};
use crate::tenant::graphql::TenantObject;
use crate::user::graphql::UserObject;
use crate::webhook::graphql::{WebhookDeliveryObject, WebhookEndpointObject, WebhookMutation};
use crate::{audit, auth, invitation, membership, password_reset, post, role, user, webhook};

/// Most ids in one `nodes` query.
const NODES_MAX: usize = 100;

/// Everything that can be asked.
///
/// Top-level errors carry `extensions.code`; a field that fails is null and leaves its neighbours alone.
#[derive(Debug, Default, MergedObject)]
pub struct Query(
    AuthQuery,
    NodeQuery,
    OnboardingQuery,
    InvitationQuery,
    PasswordQuery,
    AuditQuery,
    TenancyQuery,
    PlatformQuery,
);

/// Everything that can be done.
///
/// Refusals a person can act on are `userErrors`; UNAUTHENTICATED, FORBIDDEN, RATE_LIMITED, OVERLOADED and
/// INTERNAL are top-level errors with `extensions.code`. A payload shows the object in its present state also
/// beside an error, where the caller may see it.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(
    AuthMutation,
    OnboardingMutation,
    InvitationMutation,
    PasswordMutation,
    RosterMutation,
    RoleMutation,
    TenancyMutation,
    WebhookMutation,
    MailMutation,
    PlatformMutation,
);

/// Everything that can be followed, over `graphql-transport-ws` or server-sent events.
#[derive(Debug, Default, MergedSubscription)]
pub struct Subscription(AuditSubscription);

/// The executable schema.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// Object that can be fetched again by its global id.
#[derive(Clone, Debug, Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Global id: opaque, unique across all types."))]
pub enum Node {
    /// A person.
    User(UserObject),
    /// A tenant.
    Tenant(TenantObject),
    /// A role.
    Role(RoleObject),
    /// A membership.
    Membership(MembershipObject),
    /// An invitation.
    Invitation(InvitationObject),
    /// A reset request.
    ResetRequest(ResetRequestObject),
    /// A session.
    Session(SessionObject),
    /// An event.
    Event(EventObject),
    /// An endpoint that events are posted to.
    WebhookEndpoint(WebhookEndpointObject),
    /// A delivery of an event to an endpoint.
    WebhookDelivery(WebhookDeliveryObject),
    /// A mail.
    Mail(MailObject),
}

/// Objects by their global id.
#[derive(Debug, Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Object behind a global id; null when absent or hidden.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the object.")] id: ID,
    ) -> Option<GqlResult<Node>> {
        Box::pin(find(ctx.app(), ctx.actor(), &id)).await.map_err(Into::into).transpose()
    }

    /// Objects behind global ids, in their order; null for each that is absent or hidden. At most 100.
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids of the objects.")] ids: Vec<ID>,
    ) -> Option<GqlResult<Vec<Option<Node>>>> {
        let found = async {
            if ids.len() > NODES_MAX {
                return Err(crate::error::Error::bad_input("ids", "Ask for at most 100 objects at once."));
            }
            let mut nodes = Vec::with_capacity(ids.len());
            for id in &ids {
                nodes.push(Box::pin(find(ctx.app(), ctx.actor(), id)).await?);
            }
            Ok(nodes)
        };
        Some(found.await.map_err(Into::into))
    }
}

/// The object behind a global id; `None` when it is absent or hidden.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn find(app: &App, actor: &Actor, id: &str) -> Result<Option<Node>> {
    actor.known()?;
    let db = app.db.reader();
    if let Some(id) = InvitationId::from_global(id) {
        let show = |(row, managed)| match managed {
            true => InvitationObject::managed(row),
            false => InvitationObject::invitee(row),
        };
        return Ok(invitation::service::visible(app, actor, id).await?.map(show).map(Node::Invitation));
    }
    if let Some(id) = ResetRequestId::from_global(id) {
        let seen = password_reset::service::visible(app, actor, id).await?;
        return Ok(seen.map(ResetRequestObject).map(Node::ResetRequest));
    }
    if let Some(id) = TenantId::from_global(id) {
        let seen = membership::service::visible_tenant(db, actor, id).await?;
        return Ok(seen.map(TenantObject).map(Node::Tenant));
    }
    if let Some(id) = RoleId::from_global(id) {
        let Some(role) = role::service::by_ids(db, &[id]).await?.pop() else { return Ok(None) };
        let seen = membership::service::visible_tenant(db, actor, role.tenant_id).await?;
        return Ok(seen.map(|_| Node::Role(RoleObject(role))));
    }
    if let Some(id) = MembershipId::from_global(id) {
        let seen = membership::service::visible(db, actor, id).await?;
        return Ok(seen.map(MembershipObject).map(Node::Membership));
    }
    if let Some(id) = SessionId::from_global(id) {
        let current = actor.signed_in()?.session_id;
        let own = auth::service::own_session(app, actor, id).await?;
        return Ok(own.map(|row| Node::Session(SessionObject { row, current })));
    }
    if let Some(id) = EventId::from_global(id) {
        let seen = audit::service::visible(app, actor, id).await?;
        return Ok(seen.map(EventObject).map(Node::Event));
    }
    if let Some(id) = WebhookEndpointId::from_global(id) {
        let seen = webhook::service::visible(app, actor, id).await?;
        return Ok(seen.map(WebhookEndpointObject).map(Node::WebhookEndpoint));
    }
    if let Some(id) = WebhookDeliveryId::from_global(id) {
        let seen = webhook::service::visible_delivery(app, actor, id).await?;
        return Ok(seen.map(WebhookDeliveryObject).map(Node::WebhookDelivery));
    }
    if let Some(id) = OutboxId::from_global(id) {
        let seen = post::service::visible(app, actor, id).await?;
        return Ok(seen.map(MailObject).map(Node::Mail));
    }
    if let Some(id) = UserId::from_global(id) {
        let viewer = actor.signed_in()?.user_id;
        let seen = actor.is_platform_admin()
            || viewer == id
            || membership::service::share_a_tenant(db, viewer, id).await?;
        let user = if seen { user::service::by_ids(db, &[id]).await?.pop() } else { None };
        return Ok(user.map(UserObject::from).map(Node::User));
    }
    Ok(None)
}

/// A schema that can be added to.
pub type Builder = async_graphql::SchemaBuilder<Query, Mutation, Subscription>;

/// The schema over a running service. Documents are validated before they come here (`http/gate`).
#[must_use]
pub fn over(app: &App) -> Builder {
    builder().data(app.clone())
}

fn builder() -> Builder {
    Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .register_output_type::<Node>()
        .validation_mode(ValidationMode::Fast)
        .disable_suggestions()
}

/// The schema in its definition language, as clients get it and as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    let options = SDLExportOptions::new().include_specified_by().use_space_ident();
    let text = builder().finish().sdl_with_options(options);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n").trim())
}
