//! Pages for who comes with a link: an invitation, another password. The token stands behind the `#` of the link, which no server
//! sees: a script takes it out and sends it in a form; without scripts it is pasted.

use poem::http::{HeaderMap, StatusCode};
use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::{
    ACCEPT_INVITATION, DECLINE_INVITATION, Done, Fields, INVITATION, LOGIN, LOGOUT, REQUEST_RESET,
    RESET_PASSWORD, SWITCH_TENANT, State, Visit, see, with,
};
use crate::words::Key;

/// The page of an invitation: what it offers and what to do next, or where to put the code.
async fn offer(
    visit: &Visit<'_>,
    form: &Fields,
    (status, problem): (StatusCode, Option<String>),
) -> Response {
    let token = form.given("token").unwrap_or_default();
    let found = match token {
        "" => None,
        token => Some(visit.run(INVITATION, json!({ "token": token })).await),
    };
    let (seen, unknown) = match found {
        None => (Value::Null, None),
        Some(mut found) => (found.data["invitation"].take(), found.problem.map(|said| (found.status, said))),
    };
    let shown = json!({ "token": token, "seen": seen, "form": { "name": form.given("name") } });
    let (status, problem) = match (problem, unknown) {
        (None, Some((status, said))) => (status, Some(said)),
        (problem, _) => (status, problem),
    };
    visit.page("accept.html", status, problem.as_deref(), shown).await
}

/// `GET /accept`: where the link of an invitation leads.
#[handler]
pub(super) async fn invitation(request: &Request, Data(state): Data<&State>) -> Response {
    match Visit::of(state, request).await {
        Ok(visit) => offer(&visit, &Fields::default(), (StatusCode::OK, None)).await,
        Err(response) => response,
    }
}

/// `POST /accept`: looks at the invitation, or does what the person says: `accept`, `sign-in` (and accept), `switch` to another
/// account, `decline`.
#[handler]
pub(super) async fn decide(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    match form.get("step") {
        Some("accept") => accept(&visit, &form, HeaderMap::new()).await,
        Some("sign-in") => sign_in(&visit, &form).await,
        Some("switch") => {
            let done = visit.run(LOGOUT, json!({})).await;
            match visit.renewed(&done.headers).await {
                Ok(stranger) => with(offer(&stranger, &form, (StatusCode::OK, None)).await, done.headers),
                Err(response) => response,
            }
        }
        Some("decline") => decline(&visit, &form).await,
        _ => offer(&visit, &form, (StatusCode::OK, None)).await,
    }
}

/// Accepts, and lets the session speak for the tenant that was joined.
async fn accept(visit: &Visit<'_>, form: &Fields, mut cookies: HeaderMap) -> Response {
    let mut input = json!({ "token": form.given("token") });
    if visit.actor.principal().is_none() {
        input["name"] = json!(form.given("name"));
        input["password"] = json!(form.get("password"));
    }
    let done = visit.run(ACCEPT_INVITATION, json!({ "input": input })).await;
    if let Some(problem) = done.problem {
        return with(offer(visit, form, (done.status, Some(problem))).await, cookies);
    }
    if visit.actor.principal().is_some() {
        let tenant = &done.data["acceptInvitation"]["membership"]["tenant"]["id"];
        // Whoever stays with another tenant is a member all the same, and can choose at any time.
        visit.run(SWITCH_TENANT, json!({ "input": { "tenantId": tenant } })).await;
    }
    cookies.extend(done.headers);
    with(see("/console?done=joined"), cookies)
}

async fn sign_in(visit: &Visit<'_>, form: &Fields) -> Response {
    let found = visit.run(INVITATION, json!({ "token": form.given("token") })).await;
    if found.problem.is_some() {
        return offer(visit, form, (found.status, None)).await;
    }
    let input = json!({ "email": found.data["invitation"]["email"], "password": form.get("password").unwrap_or_default() });
    let Done { problem, status, headers, .. } = visit.run(LOGIN, json!({ "input": input })).await;
    if problem.is_some() {
        return offer(visit, form, (status, problem)).await;
    }
    match visit.renewed(&headers).await {
        Ok(known) => accept(&known, form, headers).await,
        Err(response) => response,
    }
}

/// Declines. Mail scanners press buttons, and this cannot be undone: it asks for what a scanner does not type.
async fn decline(visit: &Visit<'_>, form: &Fields) -> Response {
    let token = form.given("token");
    let found = visit.run(INVITATION, json!({ "token": token })).await;
    let invited = found.data["invitation"]["email"].as_str().unwrap_or_default();
    let typed = form.given("address").unwrap_or_default();
    if found.problem.is_none() && !typed.eq_ignore_ascii_case(invited) {
        let said = visit.words.say(Key("problem-address"));
        return offer(visit, form, (StatusCode::UNPROCESSABLE_ENTITY, Some(said))).await;
    }
    let done = visit.run(DECLINE_INVITATION, json!({ "input": { "token": token } })).await;
    match done.problem {
        None => see("/accept?done=declined"),
        Some(problem) => offer(visit, form, (done.status, Some(problem))).await,
    }
}

async fn plain(state: &State, request: &Request, page: &str) -> Response {
    match Visit::of(state, request).await {
        Ok(visit) => visit.page(page, StatusCode::OK, None, json!({ "form": {} })).await,
        Err(response) => response,
    }
}

/// `GET /forgot`.
#[handler]
pub(super) async fn forgot(request: &Request, Data(state): Data<&State>) -> Response {
    plain(state, request, "forgot.html").await
}

/// `POST /forgot`: asks for a reset. The answer is the same whether or not there is such an account.
#[handler]
pub(super) async fn ask(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let email = form.given("email").unwrap_or_default();
    let done = visit.run(REQUEST_RESET, json!({ "input": { "email": email } })).await;
    match done.problem {
        None => see("/forgot?done=asked"),
        Some(problem) => {
            let shown = json!({ "form": { "email": email } });
            visit.page("forgot.html", done.status, Some(&problem), shown).await
        }
    }
}

/// `GET /reset`: where the link of an approved request leads.
#[handler]
pub(super) async fn reset(request: &Request, Data(state): Data<&State>) -> Response {
    plain(state, request, "reset.html").await
}

/// `POST /reset`: sets the password.
#[handler]
pub(super) async fn set_password(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let token = form.given("token").unwrap_or_default();
    let input = json!({ "token": token, "newPassword": form.get("password").unwrap_or_default() });
    let done = visit.run(RESET_PASSWORD, json!({ "input": input })).await;
    match done.problem {
        None => see("/login?done=reset"),
        Some(problem) => {
            let shown = json!({ "form": { "token": token } });
            visit.page("reset.html", done.status, Some(&problem), shown).await
        }
    }
}
