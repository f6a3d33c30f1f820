//! The tenants of the platform, for its administrators.

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::list::place;
use super::{CREATE_TENANT, DELETE_TENANT, REINSTATE_TENANT, SUSPEND_TENANT, State, TENANTS, Visit, see};

async fn shown(visit: &Visit<'_>, form: Value, (status, problem): (StatusCode, Option<String>)) -> Response {
    let query = &visit.query;
    let mut variables = place(query);
    variables["filter"] = json!({ "nameContains": query.given("q") });
    let found = visit.run(TENANTS, variables).await;
    if let Some(problem) = found.problem {
        return visit.failed(found.status, &problem);
    }
    let values =
        json!({ "data": found.data, "form": form, "q": query.given("q"), "kept": query.kept(&["q"]) });
    visit.page("platform.html", status, problem.as_deref(), values).await
}

/// `GET /platform`.
#[handler]
pub(super) async fn show(request: &Request, Data(state): Data<&State>) -> Response {
    match Visit::known(state, request).await {
        Ok(visit) => shown(&visit, json!({}), (StatusCode::OK, None)).await,
        Err(response) => response,
    }
}

/// `POST /platform`: makes a tenant.
#[handler]
pub(super) async fn create(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::known_form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let input = json!({
        "name": form.given("name").unwrap_or_default(), "slug": form.given("slug").unwrap_or_default(),
        "ownerEmail": form.given("owner"),
    });
    let done = visit.run(CREATE_TENANT, json!({ "input": input })).await;
    match done.problem {
        None => see("/platform?done=made"),
        Some(problem) => shown(&visit, input, (done.status, Some(problem))).await,
    }
}

/// `POST /platform/:id/:action`.
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
    let (operation, input, word) = match action.as_str() {
        "suspend" => (SUSPEND_TENANT, json!({ "tenantId": id, "reason": form.given("reason") }), "suspended"),
        "reinstate" => (REINSTATE_TENANT, json!({ "tenantId": id }), "reinstated"),
        "delete" => {
            let slug = form.given("confirm").unwrap_or_default();
            (DELETE_TENANT, json!({ "tenantId": id, "slug": slug }), "deleted")
        }
        _ => return visit.failed(StatusCode::NOT_FOUND, "There is no such action."),
    };
    let done = visit.run(operation, json!({ "input": input })).await;
    visit.after(done, &format!("/platform?done={word}"))
}
