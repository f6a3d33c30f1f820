//! Making, changing and deleting endpoints, and posting once more.

use chrono::TimeDelta;
use sea_orm::ConnectionTrait;
use secrecy::SecretString;
use serde_json::{Value, json};
use url::Url;

use super::{fault, may, sign};
use crate::actor::{Actor, Authority};
use crate::app::App;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{TenantId, TypedId as _, WebhookDeliveryId, WebhookEndpointId};
use crate::tenant::{self, Tenant};
use crate::text;
use crate::webhook::model::{
    WebhookDelivery, WebhookDisabledReason, WebhookEndpoint, WebhookEndpointStatus, delivery, endpoint,
};

/// Most endpoints of a tenant.
const ENDPOINTS_MAX: usize = 10;
/// For how long the secret before the present one signs as well.
const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// An endpoint to be made.
#[derive(Clone, Debug)]
pub struct NewEndpoint {
    /// The tenant; the active one by default.
    pub tenant_id: Option<TenantId>,
    /// Where events are posted to.
    pub url: String,
    /// What people call it.
    pub description: Option<String>,
    /// Kinds and families of events; all for none.
    pub event_kinds: Vec<String>,
}

/// What to change of an endpoint; an absent value stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Where events are posted to.
    pub url: Option<String>,
    /// What people call it; blank for nothing.
    pub description: Option<String>,
    /// Kinds and families of events; all for none.
    pub event_kinds: Option<Vec<String>>,
    /// Whether it is posted to.
    pub status: Option<WebhookEndpointStatus>,
}

/// Makes an endpoint and returns it with its secret, which is shown this once. What is recorded from then on is posted to
/// it, its own making first.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `tenantId`, `FORBIDDEN` without MANAGE_TENANT and VIEW_EVENTS, `TENANT_UNAVAILABLE`,
/// `BAD_USER_INPUT` at `url`, `description` or `eventKinds`, `QUOTA_EXCEEDED`.
pub async fn create_webhook_endpoint(
    app: &App,
    actor: &Actor,
    new: NewEndpoint,
) -> Result<(WebhookEndpoint, SecretString)> {
    actor.known()?;
    let tenant_id = actor.tenant_or_active(new.tenant_id)?;
    may(app.db.reader(), actor, tenant_id).await?;
    let url = reachable(app, &new.url).await?;
    seal(app).await?;
    let txn = app.db.begin_write().await?;
    tenant::service::lock(&txn, tenant_id).await?;
    let (tenant, _) = may(&txn, actor, tenant_id).await?;
    tenant::service::require_active(&tenant)?;
    let id: WebhookEndpointId = app.fresh_id();
    let (secret, sealed_secret) = sign::fresh(app, id)?;
    let made = WebhookEndpoint {
        id,
        tenant_id,
        url: url.into(),
        description: new.description.as_deref().map_or(Ok(None), |it| text::note("description", it))?,
        event_kinds: kinds(new.event_kinds)?,
        status: WebhookEndpointStatus::Enabled,
        disabled_reason: None,
        sealed_secret,
        sealed_previous: None,
        previous_until: None,
        position: end_of_chain(&txn, tenant_id).await?,
        failing_since: None,
        created_at: app.clock.now(),
        created_by: actor.user_id(),
    };
    if endpoint::of_tenant(&txn, tenant_id).await?.len() >= ENDPOINTS_MAX {
        let message = "A tenant has at most 10 endpoints; delete one that is not used any more.";
        return Err(Error::refused(ErrorCode::QuotaExceeded, message));
    }
    endpoint::insert(&txn, made.clone()).await?;
    record(app, &txn, actor, EventKind::WebhookCreated, &made, shown(&made)).await?;
    txn.commit().await?;
    Ok((made, secret))
}

/// Changes an endpoint. One that is enabled again goes on with what happens from then on.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `webhookEndpointId`, `FORBIDDEN` without MANAGE_TENANT and VIEW_EVENTS,
/// `TENANT_UNAVAILABLE`, `BAD_USER_INPUT` at `url`, `description` or `eventKinds`.
pub async fn update_webhook_endpoint(
    app: &App,
    actor: &Actor,
    id: WebhookEndpointId,
    change: Change,
) -> Result<WebhookEndpoint> {
    own(app.db.reader(), actor, id).await?;
    let url = match &change.url {
        Some(url) => Some(reachable(app, url).await?),
        None => None,
    };
    seal(app).await?;
    let txn = app.db.begin_write().await?;
    let (present, tenant) = locked(&txn, actor, id).await?;
    tenant::service::require_active(&tenant)?;
    let mut changed = present.clone();
    if let Some(url) = url {
        changed.url = url.into();
    }
    if let Some(description) = &change.description {
        changed.description = text::note("description", description)?;
    }
    if let Some(named) = change.event_kinds {
        changed.event_kinds = kinds(named)?;
    }
    changed.status = change.status.unwrap_or(present.status);
    if changed == present {
        return Ok(present);
    }
    endpoint::revise(&txn, &changed).await?;
    if changed.url != present.url {
        endpoint::recovered(&txn, id).await?;
    }
    if changed.status != present.status {
        match changed.status {
            WebhookEndpointStatus::Enabled => {
                endpoint::enable(&txn, id, end_of_chain(&txn, present.tenant_id).await?).await?;
            }
            WebhookEndpointStatus::Disabled => {
                endpoint::disable(&txn, id, WebhookDisabledReason::Manual).await?;
                delivery::give_up(&txn, id).await?;
            }
        }
    }
    record(app, &txn, actor, EventKind::WebhookUpdated, &changed, shown(&changed)).await?;
    let written = endpoint::by_id_all_tenants(&txn, id).await?.ok_or_else(hidden)?;
    txn.commit().await?;
    Ok(written)
}

/// Deletes an endpoint and what waits for it.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `webhookEndpointId`, `FORBIDDEN` without MANAGE_TENANT and VIEW_EVENTS.
pub async fn delete_webhook_endpoint(app: &App, actor: &Actor, id: WebhookEndpointId) -> Result<()> {
    let txn = app.db.begin_write().await?;
    let (present, _) = locked(&txn, actor, id).await?;
    record(app, &txn, actor, EventKind::WebhookDeleted, &present, json!({ "host": host(&present.url) }))
        .await?;
    endpoint::delete(&txn, id).await?;
    Ok(txn.commit().await?)
}

/// Gives an endpoint another secret and returns it with that, which is shown this once. The one before it signs as well for
/// 24 hours.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `webhookEndpointId`, `FORBIDDEN` without MANAGE_TENANT and VIEW_EVENTS,
/// `TENANT_UNAVAILABLE`.
pub async fn rotate_webhook_secret(
    app: &App,
    actor: &Actor,
    id: WebhookEndpointId,
) -> Result<(WebhookEndpoint, SecretString)> {
    let txn = app.db.begin_write().await?;
    let (present, tenant) = locked(&txn, actor, id).await?;
    tenant::service::require_active(&tenant)?;
    let (secret, sealed) = sign::fresh(app, id)?;
    if !endpoint::rotate(&txn, &present, sealed, app.clock.now() + OVERLAP).await? {
        return Err(Error::refused(
            ErrorCode::TooSoon,
            "The secret was sealed anew at this moment; try again.",
        ));
    }
    record(app, &txn, actor, EventKind::WebhookSecretRotated, &present, json!({})).await?;
    let written = endpoint::by_id_all_tenants(&txn, id).await?.ok_or_else(hidden)?;
    txn.commit().await?;
    Ok((written, secret))
}

/// Makes a delivery due once more, whatever came of it. When that fails, the schedule goes on where it stood.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND` at `webhookDeliveryId`, `FORBIDDEN` without MANAGE_TENANT and VIEW_EVENTS,
/// `TENANT_UNAVAILABLE`, `BAD_USER_INPUT` while its endpoint is disabled.
pub async fn redeliver_webhook(app: &App, actor: &Actor, id: WebhookDeliveryId) -> Result<WebhookDelivery> {
    actor.known()?;
    let hidden = || Error::not_found("delivery").at("webhookDeliveryId");
    let txn = app.db.begin_write().await?;
    let found = delivery::by_id_all_tenants(&txn, id).await?.ok_or_else(hidden)?;
    let locked = locked(&txn, actor, found.endpoint_id).await;
    let (endpoint, tenant) =
        locked.map_err(|error| if error.code() == ErrorCode::NotFound { hidden() } else { error })?;
    tenant::service::require_active(&tenant)?;
    if endpoint.status == WebhookEndpointStatus::Disabled {
        return Err(Error::bad_input("webhookDeliveryId", "Its endpoint is disabled; enable that first."));
    }
    delivery::again(&txn, id, app.clock.now()).await?;
    let data = json!({ "deliveryId": id.global() });
    record(app, &txn, actor, EventKind::WebhookRedelivered, &endpoint, data).await?;
    let written = delivery::by_id_all_tenants(&txn, id).await?.ok_or_else(hidden)?;
    txn.commit().await?;
    app.webhooks_waiting.notify_one();
    Ok(written)
}

fn hidden() -> Error {
    Error::not_found("webhook endpoint").at("webhookEndpointId")
}

/// An endpoint of a tenant whose endpoints the actor manages.
async fn own(
    db: &impl ConnectionTrait,
    actor: &Actor,
    id: WebhookEndpointId,
) -> Result<(WebhookEndpoint, Tenant, Authority)> {
    actor.known()?;
    let found = endpoint::by_id_all_tenants(db, id).await?.ok_or_else(hidden)?;
    match may(db, actor, found.tenant_id).await {
        Err(error) if error.code() == ErrorCode::NotFound => Err(hidden()),
        other => other.map(|(tenant, authority)| (found, tenant, authority)),
    }
}

/// The same with the tenant locked, as it is under the lock.
async fn locked(
    db: &impl ConnectionTrait,
    actor: &Actor,
    id: WebhookEndpointId,
) -> Result<(WebhookEndpoint, Tenant)> {
    let (found, ..) = own(db, actor, id).await?;
    tenant::service::lock(db, found.tenant_id).await?;
    own(db, actor, id).await.map(|(endpoint, tenant, _)| (endpoint, tenant))
}

/// A URL that can be posted to now: its host resolves to an address that may be reached.
async fn reachable(app: &App, url: &str) -> Result<Url> {
    let url = app.webhooks.parse(url)?;
    if app.webhooks.resolves(&url).await {
        return Ok(url);
    }
    Err(Error::bad_input("url", "This host does not resolve to a public address."))
}

/// Kinds and families as they are kept: each there is, and named once.
fn kinds(named: Vec<String>) -> Result<Value> {
    let known = |name: &str| {
        EventKind::ALL.iter().any(|(_, kind)| *kind == name || kind.split('.').next() == Some(name))
    };
    let mut kept: Vec<String> = Vec::new();
    for (place, name) in named.into_iter().enumerate() {
        if !known(&name) {
            let message = "There is no such kind of event, and no such family; docs/API.md lists them.";
            return Err(Error::bad_input(&place.to_string(), message).at("eventKinds"));
        }
        if !kept.contains(&name) {
            kept.push(name);
        }
    }
    Ok(json!(kept))
}

/// Seals what was recorded, so that an endpoint begins behind it. In a task of its own: what that commits belongs to no
/// operation, and takes no key of one.
async fn seal(app: &App) -> Result<()> {
    let app = app.clone();
    let sealing = tokio::spawn(async move { event::service::seal_due(&app).await });
    sealing.await.map_err(fault)?.map(drop)
}

async fn end_of_chain(db: &impl ConnectionTrait, tenant: TenantId) -> Result<i64> {
    let heads = event::service::heads(db, &[tenant]).await?;
    Ok(heads.get(&tenant).copied().unwrap_or_default())
}

fn host(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

/// What an event says of an endpoint: of its URL the host alone, since the rest may be known to few.
fn shown(row: &WebhookEndpoint) -> Value {
    let status = match row.status {
        WebhookEndpointStatus::Enabled => "ENABLED",
        WebhookEndpointStatus::Disabled => "DISABLED",
    };
    json!({ "host": host(&row.url), "eventKinds": row.event_kinds, "status": status })
}

async fn record(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    kind: EventKind,
    row: &WebhookEndpoint,
    data: Value,
) -> Result<()> {
    let fact = NewEvent::of(kind, Some(row.tenant_id), Subject::Webhook(row.id)).with(data);
    event::service::record(app, db, actor, fact).await
}
