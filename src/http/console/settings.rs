//! Settings of a tenant: its name and policy, its own roles, and its end.

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::list::tenant_of;
use super::{CREATE_ROLE, DELETE_TENANT, Fields, SETTINGS, State, UPDATE_TENANT, Visit, see};
use crate::permission::Permission;
use crate::words::Key;

async fn shown(visit: &Visit<'_>, form: Value, (status, problem): (StatusCode, Option<String>)) -> Response {
    let Some(tenant) = tenant_of(visit) else { return see("/login/tenant") };
    let found = visit.run(SETTINGS, json!({ "tenant": tenant })).await;
    if let Some(problem) = found.problem {
        return visit.failed(found.status, &problem);
    }
    let permissions: Vec<Value> = Permission::ALL
        .iter()
        .map(|permission| {
            let key = permission.as_str().to_uppercase();
            let title = visit.words.text(Key("permission"), &[("permission", key.to_lowercase().into())]);
            json!({ "key": key, "title": title })
        })
        .collect();
    let values = json!({ "data": found.data, "permissions": permissions, "form": form });
    visit.page("settings.html", status, problem.as_deref(), values).await
}

/// `GET /console/settings`.
#[handler]
pub(super) async fn show(request: &Request, Data(state): Data<&State>) -> Response {
    match Visit::known(state, request).await {
        Ok(visit) => shown(&visit, json!({}), (StatusCode::OK, None)).await,
        Err(response) => response,
    }
}

/// `POST /console/settings`: changes the tenant, or deletes it where its short name was typed.
#[handler]
pub(super) async fn save(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::known_form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let tenant = tenant_of(&visit);
    let deleting = form.get("step") == Some("delete");
    let (operation, input, to) = if deleting {
        let slug = form.given("confirm").unwrap_or_default();
        (DELETE_TENANT, json!({ "tenantId": tenant, "slug": slug }), "/login/tenant?done=deleted")
    } else {
        let (name, slug, policy) = (form.given("name"), form.given("slug"), form.given("policy"));
        let input = json!({ "tenantId": tenant, "name": name, "slug": slug, "resetPolicy": policy });
        (UPDATE_TENANT, input, "/console/settings?done=saved")
    };
    let done = visit.run(operation, json!({ "input": input })).await;
    match done.problem {
        None => see(to),
        Some(problem) => shown(&visit, json!({}), (done.status, Some(problem))).await,
    }
}

/// What a form says about a role.
pub(super) fn role_fields(form: &Fields) -> Value {
    json!({ "name": form.given("name"), "permissions": form.all("permission").collect::<Vec<_>>() })
}

/// `POST /console/roles`.
#[handler]
pub(super) async fn create_role(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::known_form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let mut input = role_fields(&form);
    input["tenantId"] = json!(tenant_of(&visit));
    input["key"] = json!(form.given("key").unwrap_or_default());
    input["name"] = json!(form.given("name").unwrap_or_default());
    let done = visit.run(CREATE_ROLE, json!({ "input": input })).await;
    match done.problem {
        None => see("/console/settings?done=made"),
        Some(problem) => shown(&visit, input, (done.status, Some(problem))).await,
    }
}
