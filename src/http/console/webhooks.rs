//! Webhooks of a tenant: its endpoints, and what was posted to each. A secret is shown on the page that answers its making,
//! and never again.

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::list::{place, tenant_of};
use super::{
    CREATE_WEBHOOK, DELETE_WEBHOOK, Fields, REDELIVER_WEBHOOK, ROTATE_WEBHOOK, State, UPDATE_WEBHOOK, Visit,
    WEBHOOK, WEBHOOKS, see,
};
use crate::event::EventKind;
use crate::words::Key;

/// Status and problem of a page.
type Said = (StatusCode, Option<String>);

const WELL: Said = (StatusCode::OK, None);

/// Families of events, each with its kinds.
fn families() -> Vec<Value> {
    let mut families: Vec<(&str, Vec<&str>)> = Vec::new();
    for (_, kind) in EventKind::ALL {
        let family = kind.split('.').next().unwrap_or(kind);
        match families.last_mut() {
            Some((known, kinds)) if *known == family => kinds.push(kind),
            _ => families.push((family, vec![kind])),
        }
    }
    families.into_iter().map(|(name, kinds)| json!({ "name": name, "kinds": kinds })).collect()
}

/// What a form says about an endpoint.
fn fields(form: &Fields) -> Value {
    json!({
        "url": form.given("url").unwrap_or_default(),
        "description": form.given("description").unwrap_or_default(),
        "eventKinds": form.all("kind").collect::<Vec<_>>(),
    })
}

async fn listed(visit: &Visit<'_>, form: Value, (status, problem): Said) -> Response {
    let Some(tenant) = tenant_of(visit) else { return see("/login/tenant") };
    let found = visit.run(WEBHOOKS, json!({ "tenant": tenant })).await;
    if let Some(problem) = found.problem {
        return visit.failed(found.status, &problem);
    }
    let values = json!({ "data": found.data, "families": families(), "form": form });
    visit.page("webhooks.html", status, problem.as_deref(), values).await
}

/// The page of one endpoint; `more` is what only this answer shows.
async fn one(visit: &Visit<'_>, id: &str, more: Value, (status, problem): Said) -> Response {
    let mut variables = place(&visit.query);
    variables["id"] = json!(id);
    let mut found = visit.run(WEBHOOK, variables).await;
    if let Some(problem) = found.problem {
        return visit.failed(found.status, &problem);
    }
    let row = found.data["node"].take();
    if !row["id"].is_string() {
        return visit.refused(StatusCode::NOT_FOUND, Key("problem-no-endpoint"));
    }
    let mut values = json!({ "row": row, "families": families() });
    if let (Some(values), Value::Object(more)) = (values.as_object_mut(), more) {
        values.extend(more);
    }
    visit.page("webhook.html", status, problem.as_deref(), values).await
}

/// `GET /console/webhooks`.
#[handler]
pub(super) async fn list(request: &Request, Data(state): Data<&State>) -> Response {
    match Visit::known(state, request).await {
        Ok(visit) => listed(&visit, json!({}), WELL).await,
        Err(response) => response,
    }
}

/// `GET /console/webhooks/:id`.
#[handler]
pub(super) async fn show(request: &Request, Data(state): Data<&State>, Path(id): Path<String>) -> Response {
    match Visit::known(state, request).await {
        Ok(visit) => one(&visit, &id, json!({}), WELL).await,
        Err(response) => response,
    }
}

/// `POST /console/webhooks`: makes an endpoint.
#[handler]
pub(super) async fn create(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::known_form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let mut input = fields(&form);
    input["tenantId"] = json!(tenant_of(&visit));
    let done = visit.run(CREATE_WEBHOOK, json!({ "input": input })).await;
    let made = &done.data["createWebhookEndpoint"];
    match (done.problem, made["webhookEndpoint"]["id"].as_str()) {
        (None, Some(id)) => one(&visit, id, json!({ "secret": made["secret"] }), WELL).await,
        (problem, _) => listed(&visit, input, (done.status, problem)).await,
    }
}

/// `POST /console/webhooks/:id/:action`.
#[handler]
pub(super) async fn act(
    request: &Request,
    body: poem::Body,
    Data(state): Data<&State>,
    Path((id, action)): Path<(String, String)>,
) -> Response {
    let (visit, form) = match Visit::known_form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let (operation, rest, word) = match action.as_str() {
        "update" => (UPDATE_WEBHOOK, fields(&form), "saved"),
        "enable" => (UPDATE_WEBHOOK, json!({ "status": "ENABLED" }), "enabled"),
        "disable" => (UPDATE_WEBHOOK, json!({ "status": "DISABLED" }), "disabled"),
        "rotate" => (ROTATE_WEBHOOK, json!({}), ""),
        "delete" => (DELETE_WEBHOOK, json!({}), "deleted"),
        "redeliver" => (REDELIVER_WEBHOOK, json!({}), "redelivered"),
        _ => return visit.refused(StatusCode::NOT_FOUND, Key("problem-no-action")),
    };
    let mut input = rest.clone();
    if action == "redeliver" {
        input["webhookDeliveryId"] = json!(form.given("delivery").unwrap_or_default());
    } else {
        input["webhookEndpointId"] = json!(id);
    }
    let mut done = visit.run(operation, json!({ "input": input })).await;
    match (done.problem, action.as_str()) {
        (Some(problem), "update") => {
            one(&visit, &id, json!({ "form": rest }), (done.status, Some(problem))).await
        }
        (Some(problem), _) => visit.failed(done.status, &problem),
        (None, "rotate") => {
            let secret = done.data["rotateWebhookSecret"]["secret"].take();
            one(&visit, &id, json!({ "secret": secret, "rotated": true }), WELL).await
        }
        (None, "delete") => see("/console/webhooks?done=deleted"),
        (None, _) => see(&format!("/console/webhooks/{id}?done={word}")),
    }
}
