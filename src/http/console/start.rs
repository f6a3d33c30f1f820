//! Before there is a session: setting up, signing in; and signing out.

use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::web::Data;
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::{ACCOUNT, LOGIN, LOGOUT, State, Visit, see, with};
use crate::error::{Error, ErrorCode};
use crate::graphql::SessionCookie;
use crate::onboarding::service::{FirstSteps, set_up as make_first};
use crate::user;

/// `GET /setup`.
#[handler]
pub(super) async fn setup(request: &Request, Data(state): Data<&State>) -> Response {
    let visit = match Visit::of(state, request).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    match user::service::any_superuser(state.app.db.reader()).await {
        Ok(false) => visit.page("setup.html", StatusCode::OK, None, json!({ "form": {} })).await,
        Ok(true) => visit.page("gone.html", StatusCode::GONE, None, json!({})).await,
        Err(error) => visit.failed(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

/// `POST /setup`.
#[handler]
pub(super) async fn set_up(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let field = |name: &str| form.get(name).unwrap_or_default().to_owned();
    let first = FirstSteps {
        token: field("token"),
        email: field("email"),
        name: field("name"),
        password: field("password").into(),
        tenant_name: field("tenant_name"),
        slug: field("slug"),
    };
    match make_first(&state.app, visit.actor.origin.clone(), first).await {
        Ok(signed_in) => {
            let ends_in = signed_in.tokens.refresh_expires_at - state.app.clock.now();
            let mut headers = HeaderMap::new();
            if let Ok(cookie) =
                HeaderValue::from_str(&SessionCookie::header(&signed_in.tokens.refresh_token, ends_in))
            {
                headers.insert(header::SET_COOKIE, cookie);
            }
            with(see("/console"), headers)
        }
        Err(error) if error.code() == ErrorCode::AlreadyAccepted => {
            visit.page("gone.html", StatusCode::GONE, None, json!({})).await
        }
        Err(error) => {
            let shown = json!({ "form": {
                "token": field("token"), "email": field("email"), "name": field("name"),
                "tenant_name": field("tenant_name"), "slug": field("slug"),
            } });
            let status = status_of(&error);
            visit.page("setup.html", status, Some(&error.to_string()), shown).await
        }
    }
}

fn status_of(error: &Error) -> StatusCode {
    match error.code() {
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// `GET /login`.
#[handler]
pub(super) async fn login(request: &Request, Data(state): Data<&State>) -> Response {
    match Visit::of(state, request).await {
        Ok(visit) if visit.actor.principal().is_some() => see(wanted(visit.query.get("next"))),
        Ok(visit) => {
            // Where nobody can sign in yet, the page says what to do first; if even that cannot be read, it is a plain page.
            let unclaimed = matches!(user::service::any_superuser(state.app.db.reader()).await, Ok(false));
            let shown = json!({ "form": { "next": visit.query.get("next") }, "unclaimed": unclaimed });
            visit.page("login.html", StatusCode::OK, None, shown).await
        }
        Err(response) => response,
    }
}

/// `POST /login`.
#[handler]
pub(super) async fn sign_in(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let input = json!({
        "email": form.get("email").unwrap_or_default(), "password": form.get("password").unwrap_or_default(),
    });
    let done = visit.run(LOGIN, json!({ "input": input })).await;
    if let Some(problem) = done.problem {
        let shown = json!({ "form": { "email": form.get("email"), "next": form.get("next") } });
        return visit.page("login.html", done.status, Some(&problem), shown).await;
    }
    let viewer = &done.data["login"]["viewer"];
    let usable = |rows: &Value| {
        rows.as_array().map_or(0, |rows| rows.iter().filter(|row| row["status"] == "ACTIVE").count())
    };
    let open = viewer["invitations"].as_array().is_some_and(|rows| !rows.is_empty());
    let several = open || usable(&viewer["memberships"]) > 1 || viewer["activeMembership"].is_null();
    let to = match form.given("next") {
        None if several => "/login/tenant",
        next => wanted(next),
    };
    with(see(to), done.headers)
}

/// Where somebody who signs in wanted to go, if that is one of our pages.
fn wanted(next: Option<&str>) -> &str {
    let own = |path: &&str| {
        let rest = ["/console", "/account", "/platform", "/graphiql"]
            .iter()
            .find_map(|page| path.strip_prefix(page));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
            && !path.contains(['\\', '\r', '\n'])
    };
    next.filter(own).unwrap_or("/console")
}

/// `GET /login/tenant`: which tenant to speak for, and the invitations that wait.
#[handler]
pub(super) async fn choose(request: &Request, Data(state): Data<&State>) -> Response {
    match Visit::known(state, request).await {
        Ok(visit) => {
            let data = visit.run(ACCOUNT, json!({})).await.data;
            visit.page("choose.html", StatusCode::OK, None, json!({ "data": data })).await
        }
        Err(response) => response,
    }
}

/// `POST /logout`.
#[handler]
pub(super) async fn sign_out(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    match Visit::form(state, request, body).await {
        Ok((visit, _)) => {
            let done = visit.run(LOGOUT, json!({})).await;
            visit.after(done, "/login")
        }
        Err(response) => response,
    }
}
