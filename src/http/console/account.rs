//! One's own account.

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::{
    ACCOUNT, CHANGE_PASSWORD, FORM_MAX, REVOKE_SESSION, SWITCH_TENANT, State, UPDATE_PROFILE, Visit, see,
    with,
};

async fn shown(visit: &Visit<'_>, status: StatusCode, problem: Option<&str>) -> Response {
    let data = visit.run(ACCOUNT, json!({})).await.data;
    visit.page("account.html", status, problem, json!({ "data": data })).await
}

/// `GET /account`.
#[handler]
pub(super) async fn show(request: &Request, Data(state): Data<&State>) -> Response {
    match Visit::known(state, request).await {
        Ok(visit) => shown(&visit, StatusCode::OK, None).await,
        Err(response) => response,
    }
}

/// Does what a form of the account asks for, and shows the account again.
async fn act(
    state: &State,
    request: &Request,
    body: poem::Body,
    operation: &str,
    input: impl FnOnce(&super::Fields) -> Value,
    word: &str,
) -> Response {
    let (visit, form) = match Visit::known_form(state, request, body, FORM_MAX).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let done = visit.run(operation, json!({ "input": input(&form) })).await;
    match done.problem {
        None => with(see(&format!("/account?done={word}")), done.headers),
        Some(problem) => shown(&visit, StatusCode::UNPROCESSABLE_ENTITY, Some(&problem)).await,
    }
}

/// `POST /account/name`.
#[handler]
pub(super) async fn rename(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    act(state, request, body, UPDATE_PROFILE, |form| json!({ "name": form.get("name") }), "saved").await
}

/// `POST /account/password`.
#[handler]
pub(super) async fn change_password(
    request: &Request,
    body: poem::Body,
    Data(state): Data<&State>,
) -> Response {
    let input = |form: &super::Fields| {
        let field = |name: &str| form.get(name).cloned().unwrap_or_default();
        json!({ "currentPassword": field("current"), "newPassword": field("new") })
    };
    act(state, request, body, CHANGE_PASSWORD, input, "password").await
}

/// `POST /account/tenant`.
#[handler]
pub(super) async fn switch(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let input = |form: &super::Fields| json!({ "tenantId": form.get("tenant") });
    act(state, request, body, SWITCH_TENANT, input, "switched").await
}

/// `POST /account/sessions/:id/end`.
#[handler]
pub(super) async fn end_session(
    request: &Request,
    body: poem::Body,
    Data(state): Data<&State>,
    Path(id): Path<String>,
) -> Response {
    act(state, request, body, REVOKE_SESSION, |_| json!({ "sessionId": id }), "ended").await
}
