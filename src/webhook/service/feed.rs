//! Making a delivery of each event that an endpoint wants.

use serde_json::Value;

use crate::app::App;
use crate::error::Result;
use crate::event::{self, Event};
use crate::id::TenantId;
use crate::webhook::model::{WebhookDelivery, WebhookDeliveryState, WebhookEndpoint, delivery, endpoint};

/// Events that are looked at in one transaction.
const BATCH: u64 = 200;

/// Whether an endpoint with these kinds wants an event of this kind. A family stands for all that begin with it.
pub(super) fn wants(kinds: &Value, kind: &str) -> bool {
    let Some(kinds) = kinds.as_array() else { return false };
    let family = kind.split('.').next();
    kinds.is_empty() || kinds.iter().filter_map(Value::as_str).any(|k| k == kind || Some(k) == family)
}

/// Makes deliveries of what was recorded since the last time, and says how many.
///
/// # Errors
/// Whatever the database says; an endpoint that cannot be fed stops no other one.
pub async fn feed_due(app: &App) -> Result<usize> {
    let endpoints = endpoint::enabled_all_tenants(app.db.reader()).await?;
    if endpoints.is_empty() {
        return Ok(0);
    }
    event::service::seal_due(app).await?;
    let (mut made, mut failure) = (0, None);
    for some in endpoints.chunks(crate::db::ROWS) {
        let mut tenants: Vec<TenantId> = some.iter().map(|endpoint| endpoint.tenant_id).collect();
        tenants.dedup();
        let heads = event::service::heads(app.db.reader(), &tenants).await?;
        for endpoint in some {
            if heads.get(&endpoint.tenant_id).is_some_and(|head| *head > endpoint.position) {
                match feed(app, endpoint).await {
                    Ok(count) => made += count,
                    Err(error) => failure = Some(error),
                }
            }
        }
    }
    if made > 0 {
        app.webhooks_waiting.notify_one();
    }
    failure.map_or(Ok(made), Err)
}

/// Feeds one endpoint up to the end of the chain, or until somebody else does.
async fn feed(app: &App, endpoint: &WebhookEndpoint) -> Result<usize> {
    let (mut position, mut made) = (endpoint.position, 0);
    loop {
        let events = event::service::behind(app, endpoint.tenant_id, position, "", BATCH).await?;
        let Some(end) = events.last().and_then(|event| event.position) else { return Ok(made) };
        let txn = app.db.begin_write().await?;
        if !endpoint::advance(&txn, endpoint.id, position, end).await? {
            return Ok(made);
        }
        // What it wants may have changed since it was read; from here on it is locked.
        let Some(present) = endpoint::by_id_all_tenants(&txn, endpoint.id).await? else { return Ok(made) };
        let rows: Vec<WebhookDelivery> = events
            .iter()
            .filter(|event| wants(&present.event_kinds, &event.kind))
            .map(|event| delivery_of(app, &present, event))
            .collect();
        let count = rows.len();
        delivery::insert_many(&txn, rows).await?;
        txn.commit().await?;
        position = end;
        made += count;
    }
}

fn delivery_of(app: &App, endpoint: &WebhookEndpoint, event: &Event) -> WebhookDelivery {
    let now = app.clock.now();
    WebhookDelivery {
        id: app.fresh_id(),
        endpoint_id: endpoint.id,
        tenant_id: endpoint.tenant_id,
        event_id: event.id,
        state: WebhookDeliveryState::Queued,
        attempts: 0,
        created_at: now,
        next_attempt_at: Some(now),
        last_attempt_at: None,
        last_status: None,
        last_reply: None,
        lease_until: None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_named_is_everything_and_a_family_is_all_of_it() {
        assert!(wants(&json!([]), "user.created"));
        assert!(wants(&json!(["invitation"]), "invitation.created"));
        assert!(wants(&json!(["role.created", "invitation.created"]), "invitation.created"));
        assert!(!wants(&json!(["invitation.accepted"]), "invitation.created"));
        assert!(!wants(&json!(["invit"]), "invitation.created"));
        assert!(!wants(&Value::Null, "invitation.created"));
    }
}
