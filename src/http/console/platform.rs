//! The platform, for its administrators: tenants, users, health, settings.

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::list::place;
use super::{
    CANCEL_MAIL, CREATE_TENANT, DELETE_TENANT, PLATFORM, PLATFORM_SETTINGS, REINSTATE_TENANT, RETRY_MAIL,
    REVOKE_USER_SESSIONS, SUSPEND_TENANT, State, TENANTS, USERS, Visit, see,
};
use crate::words::Key;

/// The pages of the platform.
const PAGES: [(&str, Key); 4] = [
    ("/platform", Key("platform-tenants")),
    ("/platform/users", Key("platform-users")),
    ("/platform/health", Key("platform-health")),
    ("/platform/settings", Key("platform-settings")),
];

/// A page of the platform with what an operation found.
async fn page(
    visit: &Visit<'_>,
    (name, operation): (&str, &str),
    variables: Value,
    mut values: Value,
    (status, problem): (StatusCode, Option<String>),
) -> Response {
    let found = visit.run(operation, variables).await;
    if let Some(problem) = found.problem {
        return visit.failed(found.status, &problem);
    }
    values["data"] = found.data;
    let title = |title: &Key| visit.words.say(*title);
    values["pages"] =
        PAGES.iter().map(|(href, name)| json!({ "href": href, "title": title(name) })).collect();
    visit.page(name, status, problem.as_deref(), values).await
}

async fn shown(visit: &Visit<'_>, form: Value, said: (StatusCode, Option<String>)) -> Response {
    let query = &visit.query;
    let mut variables = place(query);
    variables["filter"] = json!({ "nameContains": query.given("q") });
    let values = json!({ "form": form, "q": query.given("q"), "kept": query.kept(&["q"]) });
    page(visit, ("platform.html", TENANTS), variables, values, said).await
}

/// `GET /platform/users`.
#[handler]
pub(super) async fn users(request: &Request, Data(state): Data<&State>) -> Response {
    let visit = match Visit::known(state, request).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let query = &visit.query;
    let admins = query.get("admins") == Some("yes");
    let mut variables = place(query);
    variables["filter"] = json!({ "search": query.given("q"), "isSuperuser": admins.then_some(true) });
    let values = json!({ "q": query.given("q"), "admins": admins, "kept": query.kept(&["q", "admins"]) });
    page(&visit, ("users.html", USERS), variables, values, (StatusCode::OK, None)).await
}

/// `POST /platform/users/:id/end`: ends every session of somebody.
#[handler]
pub(super) async fn end_sessions(
    request: &Request,
    body: poem::Body,
    Data(state): Data<&State>,
    Path(id): Path<String>,
) -> Response {
    let (visit, _) = match Visit::known_form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let done = visit.run(REVOKE_USER_SESSIONS, json!({ "input": { "userId": id } })).await;
    visit.after(done, "/platform/users?done=sessions")
}

/// `POST /platform/mail/:id/:action`: tries a mail again, or stops it.
#[handler]
pub(super) async fn mail(
    request: &Request,
    body: poem::Body,
    Data(state): Data<&State>,
    Path((id, action)): Path<(String, String)>,
) -> Response {
    let (visit, _) = match Visit::known_form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let (operation, word) = match action.as_str() {
        "retry" => (RETRY_MAIL, "retried"),
        "cancel" => (CANCEL_MAIL, "stopped"),
        _ => return visit.refused(StatusCode::NOT_FOUND, Key("problem-no-action")),
    };
    let done = visit.run(operation, json!({ "input": { "mailId": id } })).await;
    visit.after(done, &format!("/platform/health?done={word}"))
}

/// `GET /platform/health`.
#[handler]
pub(super) async fn health(request: &Request, Data(state): Data<&State>) -> Response {
    match Visit::known(state, request).await {
        Ok(visit) => {
            let said = (StatusCode::OK, None);
            page(&visit, ("health.html", PLATFORM), json!({}), json!({}), said).await
        }
        Err(response) => response,
    }
}

/// `GET /platform/settings`.
#[handler]
pub(super) async fn settings(request: &Request, Data(state): Data<&State>) -> Response {
    match Visit::known(state, request).await {
        Ok(visit) => {
            let said = (StatusCode::OK, None);
            page(&visit, ("options.html", PLATFORM_SETTINGS), json!({}), json!({}), said).await
        }
        Err(response) => response,
    }
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
        _ => return visit.refused(StatusCode::NOT_FOUND, Key("problem-no-action")),
    };
    let done = visit.run(operation, json!({ "input": input })).await;
    visit.after(done, &format!("/platform?done={word}"))
}
