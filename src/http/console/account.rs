//! One's own account.

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::{
    ACCEPT_INVITATION, ACCOUNT, CANCEL_RESET, CHANGE_PASSWORD, DECLINE_INVITATION, Fields, LEAVE_TENANT,
    LOGOUT_ALL, REVOKE_SESSION, SWITCH_TENANT, State, UPDATE_PROFILE, Visit, see, with,
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

/// Does what a form of the account asks for, and goes on to a page; what is refused is said on the account's.
async fn act(
    state: &State,
    request: &Request,
    body: poem::Body,
    operation: &str,
    input: impl FnOnce(&Fields) -> Value,
    to: &str,
) -> Response {
    let (visit, form) = match Visit::known_form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let variables = match input(&form) {
        Value::Null => json!({}),
        input => json!({ "input": input }),
    };
    let done = visit.run(operation, variables).await;
    match done.problem {
        None => with(see(to), done.headers),
        Some(problem) => shown(&visit, done.status, Some(&problem)).await,
    }
}

/// `POST /account/name`.
#[handler]
pub(super) async fn rename(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let input = |form: &Fields| json!({ "name": form.get("name") });
    act(state, request, body, UPDATE_PROFILE, input, "/account?done=saved").await
}

/// `POST /account/password`.
#[handler]
pub(super) async fn change_password(
    request: &Request,
    body: poem::Body,
    Data(state): Data<&State>,
) -> Response {
    let input = |form: &Fields| {
        let field = |name: &str| form.get(name).unwrap_or_default().to_owned();
        json!({ "currentPassword": field("current"), "newPassword": field("new") })
    };
    act(state, request, body, CHANGE_PASSWORD, input, "/account?done=password").await
}

fn tenant(form: &Fields) -> Value {
    json!({ "tenantId": form.get("tenant").unwrap_or_default() })
}

/// `POST /account/tenant`.
#[handler]
pub(super) async fn switch(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    act(state, request, body, SWITCH_TENANT, tenant, "/console?done=switched").await
}

/// `POST /account/leave`.
#[handler]
pub(super) async fn leave(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    act(state, request, body, LEAVE_TENANT, tenant, "/account?done=left").await
}

/// `POST /account/reset/withdraw`.
#[handler]
pub(super) async fn withdraw_reset(
    request: &Request,
    body: poem::Body,
    Data(state): Data<&State>,
) -> Response {
    act(state, request, body, CANCEL_RESET, |_| Value::Null, "/account?done=withdrawn").await
}

/// `POST /account/invitations/:id/:action`: accepts or declines an invitation to one's own address.
#[handler]
pub(super) async fn answer(
    request: &Request,
    body: poem::Body,
    Data(state): Data<&State>,
    Path((id, action)): Path<(String, String)>,
) -> Response {
    let input = |_: &Fields| json!({ "invitationId": id });
    match action.as_str() {
        "accept" => act(state, request, body, ACCEPT_INVITATION, input, "/login/tenant?done=joined").await,
        _ => act(state, request, body, DECLINE_INVITATION, input, "/login/tenant?done=declined").await,
    }
}

/// `POST /account/sessions/end`: ends all of them, this one too.
#[handler]
pub(super) async fn end_sessions(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    act(state, request, body, LOGOUT_ALL, |_| Value::Null, "/login").await
}

/// `POST /account/sessions/:id/end`.
#[handler]
pub(super) async fn end_session(
    request: &Request,
    body: poem::Body,
    Data(state): Data<&State>,
    Path(id): Path<String>,
) -> Response {
    act(state, request, body, REVOKE_SESSION, |_| json!({ "sessionId": id }), "/account?done=ended").await
}
