//! Pages that have a session: rendered here, and fed by the public schema executed in-process as the viewer. There is no second
//! way to read or write. Forms are posted, answered with 303, and work without scripts.

#![expect(clippy::result_large_err, reason = "the error is the answer, made once and sent")]

mod account;
mod import;
mod start;
mod tenant;

use std::collections::HashMap;

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::web::{Html, Redirect};
use poem::{IntoResponse as _, Request, Response, Route, get, post};
use serde_json::{Value, json};

use super::wrap::RequestId;
use super::{State, graphql, pages, session_cookie};
use crate::actor::Actor;
use crate::auth;
use crate::graphql::SessionCookie;

/// Our pages run our scripts, send forms to us, and do nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Largest form in bytes.
const FORM_MAX: usize = 16 * 1024;

macro_rules! operations {
    ($($name:ident = $file:literal,)*) => {
        $(const $name: &str = include_str!(concat!("../../../web/operations/", $file, ".graphql"));)*
        /// Every operation of the pages.
        #[cfg(test)]
        const OPERATIONS: &[&str] = &[$($name),*];
    };
}

operations! {
    VIEWER = "viewer",
    LOGIN = "login",
    LOGOUT = "logout",
    ACCOUNT = "account",
    UPDATE_PROFILE = "updateProfile",
    CHANGE_PASSWORD = "changePassword",
    REVOKE_SESSION = "revokeSession",
    SWITCH_TENANT = "switchTenant",
    INVITATIONS = "invitations",
    INVITE = "invite",
    INVITE_MANY = "inviteMany",
    RESEND_INVITATION = "resendInvitation",
    CANCEL_INVITATION = "cancelInvitation",
    MEMBERS = "members",
    CHANGE_MEMBER_ROLE = "changeMemberRole",
    SUSPEND_MEMBER = "suspendMember",
    REINSTATE_MEMBER = "reinstateMember",
    REMOVE_MEMBER = "removeMember",
    RESETS = "resets",
    APPROVE_RESET = "approveReset",
    REJECT_RESET = "rejectReset",
    EVENTS = "events",
}

/// What a page says after something was done, by the word in its address.
const DONE: [(&str, &str); 14] = [
    ("invited", "The invitation is on its way."),
    ("standing", "This invitation stands already; no second mail was sent."),
    ("resent", "Sent again, with a new link. The one before is of no use any more."),
    ("cancelled", "Cancelled. The link is of no use any more."),
    ("role", "The role is changed; it counts from the next request."),
    ("suspended", "Suspended; it counts from the next request."),
    ("reinstated", "Reinstated."),
    ("removed", "Removed, with the invitations that went with the right to make them."),
    ("approved", "Approved. A link goes to the person's own mailbox."),
    ("rejected", "Rejected. The person is told by mail."),
    ("saved", "Saved."),
    ("password", "The password is changed, and your other sessions have ended."),
    ("ended", "That session has ended."),
    ("switched", "This session speaks for another tenant from here on."),
];

/// The pages, compiled.
///
/// # Errors
/// When one does not parse.
pub(super) fn templates() -> Result<Environment<'static>, minijinja::Error> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Chainable);
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    for (name, source) in [
        ("layout.html", include_str!("../../../web/console/layout.html")),
        ("macros.html", include_str!("../../../web/console/macros.html")),
        ("setup.html", include_str!("../../../web/console/setup.html")),
        ("gone.html", include_str!("../../../web/console/gone.html")),
        ("login.html", include_str!("../../../web/console/login.html")),
        ("nowhere.html", include_str!("../../../web/console/nowhere.html")),
        ("failed.html", include_str!("../../../web/console/failed.html")),
        ("invitations.html", include_str!("../../../web/console/invitations.html")),
        ("import.html", include_str!("../../../web/console/import.html")),
        ("members.html", include_str!("../../../web/console/members.html")),
        ("resets.html", include_str!("../../../web/console/resets.html")),
        ("events.html", include_str!("../../../web/console/events.html")),
        ("account.html", include_str!("../../../web/console/account.html")),
    ] {
        env.add_template(name, source)?;
    }
    Ok(env)
}

/// Adds the pages.
pub(super) fn mount(routes: Route) -> Route {
    routes
        .at("/setup", get(start::setup).post(start::set_up))
        .at("/login", get(start::login).post(start::sign_in))
        .at("/logout", post(start::sign_out))
        .at("/console", get(tenant::index))
        .at("/console/invitations", get(tenant::invitations).post(tenant::invite))
        .at("/console/import", get(import::show).post(import::import))
        .at("/console/members", get(tenant::members))
        .at("/console/resets", get(tenant::resets))
        .at("/console/events", get(tenant::events))
        .at("/console/:list/:id/:action", post(tenant::act))
        .at("/account", get(account::show))
        .at("/account/name", post(account::rename))
        .at("/account/password", post(account::change_password))
        .at("/account/tenant", post(account::switch))
        .at("/account/sessions/:id/end", post(account::end_session))
}

/// The fields of a form, and of the query of an address.
type Fields = HashMap<String, String>;

fn fields(text: &[u8]) -> Fields {
    url::form_urlencoded::parse(text).into_owned().collect()
}

/// What an operation of a page came to.
struct Done {
    data: Value,
    /// The first thing that was refused, for a person to read.
    problem: Option<String>,
    /// Cookies that go with the answer.
    headers: HeaderMap,
}

/// A request for a page, and who makes it.
struct Visit<'r> {
    state: &'r State,
    request: &'r Request,
    actor: Actor,
    token: Option<String>,
    query: Fields,
}

impl<'r> Visit<'r> {
    async fn of(state: &'r State, request: &'r Request) -> Result<Self, Response> {
        let token = session_cookie::token(request);
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
        let origin = graphql::origin(state, request, request_id);
        let actor = auth::service::authenticate_page(&state.app, token.as_deref(), origin).await;
        let actor = actor.map_err(|error| {
            tracing::error!(cause = ?error, "who opens a page cannot be found out");
            (StatusCode::SERVICE_UNAVAILABLE, "The service is overloaded; try again in a moment.\n")
                .into_response()
        })?;
        let query = fields(request.uri().query().unwrap_or_default().as_bytes());
        Ok(Self { state, request, actor, token, query })
    }

    /// As [`Visit::of`], for a form of one of our pages, and what was typed into it.
    async fn form(
        state: &'r State,
        request: &'r Request,
        body: poem::Body,
    ) -> Result<(Self, Fields), Response> {
        Self::form_of(state, request, body, FORM_MAX).await
    }

    /// As [`Visit::form_of`], for who is signed in; anybody else is asked to.
    async fn known_form(
        state: &'r State,
        request: &'r Request,
        body: poem::Body,
        most: usize,
    ) -> Result<(Self, Fields), Response> {
        let (visit, form) = Self::form_of(state, request, body, most).await?;
        Ok((visit.or_login()?, form))
    }

    /// As [`Visit::form`], for a form of at most so many bytes.
    async fn form_of(
        state: &'r State,
        request: &'r Request,
        body: poem::Body,
        most: usize,
    ) -> Result<(Self, Fields), Response> {
        let visit = Self::of(state, request).await?;
        if !session_cookie::from_own_page(&state.app.config.network, request) {
            return Err(
                visit.failed(StatusCode::FORBIDDEN, "This form was not sent by a page of this service.")
            );
        }
        let reading = body.into_bytes_limit(most);
        match tokio::time::timeout(state.app.config.client_timeout, reading).await {
            Ok(Ok(bytes)) => Ok((visit, fields(&bytes))),
            _ => Err(visit.failed(StatusCode::BAD_REQUEST, "The form could not be read.")),
        }
    }

    /// As [`Visit::of`], for who is signed in; anybody else is asked to.
    async fn known(state: &'r State, request: &'r Request) -> Result<Self, Response> {
        Self::of(state, request).await?.or_login()
    }

    fn or_login(self) -> Result<Self, Response> {
        if self.actor.principal().is_some() { Ok(self) } else { Err(see("/login")) }
    }

    fn path(&self) -> &str {
        self.request.uri().path()
    }

    /// Executes an operation as the viewer.
    async fn run(&self, operation: &str, variables: Value) -> Done {
        let cookie = SessionCookie::asked(self.token.clone());
        let ran = graphql::inside(self.state, self.actor.clone(), cookie, operation, variables).await;
        let Some(response) = ran else {
            let problem = Some("The service did not answer in time; try again in a moment.".to_owned());
            return Done { data: Value::Null, problem, headers: HeaderMap::new() };
        };
        let failed = response.errors.first().map(|error| error.message.clone());
        let data = serde_json::to_value(&response.data).unwrap_or_default();
        let payload = data.as_object().and_then(|data| data.values().next()).unwrap_or(&Value::Null);
        let refused = payload["userErrors"][0]["message"].as_str().map(str::to_owned);
        Done { problem: failed.or(refused), data, headers: response.http_headers }
    }

    /// A page, with what every page shows.
    async fn page(&self, name: &str, status: StatusCode, problem: Option<&str>, more: Value) -> Response {
        let viewer = match self.actor.principal() {
            Some(_) => self.run(VIEWER, json!({})).await.data["me"].take(),
            None => Value::Null,
        };
        let tenant = viewer["activeMembership"]["tenant"].clone();
        let may = |right: &str| tenant["viewerCan"][right] == true;
        let nav: Vec<Value> = [
            ("/console/invitations", "Invitations", may("invite")),
            ("/console/import", "Import", may("invite")),
            ("/console/members", "Members", !tenant.is_null()),
            ("/console/resets", "Reset requests", may("approveResets")),
            ("/console/events", "Events", may("viewEvents")),
        ]
        .into_iter()
        .filter(|(_, _, shown)| *shown)
        .map(|(href, title, _)| json!({ "href": href, "title": title }))
        .collect();
        let word = self.query.get("done").map(String::as_str).unwrap_or_default();
        let done = DONE.into_iter().find(|(known, _)| *known == word).map(|(_, text)| text);
        let shared = json!({
            "viewer": viewer, "tenant": tenant, "nav": nav, "here": self.path(),
            "done": done.filter(|_| problem.is_none()), "problem": problem,
        });
        let (shared, more) = (minijinja::Value::from(Serde(&shared)), minijinja::Value::from(Serde(&more)));
        let rendered = self
            .state
            .templates
            .get_template(name)
            .and_then(|page| page.render(context! { ..more, ..shared }));
        match rendered {
            Ok(html) => {
                let mut response = pages::with_policy(POLICY, Html(html));
                response.set_status(status);
                response
            }
            Err(error) => {
                tracing::error!(%error, name, "a page cannot be rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    /// A page that says what went wrong, and nothing else.
    fn failed(&self, status: StatusCode, problem: &str) -> Response {
        let request_id = self.actor.origin.request_id.as_deref();
        let back = if self.path().starts_with("/account") { "/account" } else { "/console" };
        let values = context! { problem, request_id, back };
        let rendered = self.state.templates.get_template("failed.html").and_then(|page| page.render(values));
        let mut response = pages::with_policy(POLICY, Html(rendered.unwrap_or_default()));
        response.set_status(status);
        response
    }

    /// Back to a list after an action, or what went wrong with it.
    fn after(&self, done: Done, to: &str) -> Response {
        match done.problem {
            None => with(see(to), done.headers),
            Some(problem) => self.failed(StatusCode::UNPROCESSABLE_ENTITY, &problem),
        }
    }
}

fn see(path: &str) -> Response {
    Redirect::see_other(path).into_response()
}

/// Adds the cookies of an operation to an answer.
fn with(mut response: Response, headers: HeaderMap) -> Response {
    for cookie in headers.get_all(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::config::Options;
    use crate::http::gate::Gate;

    #[derive(clap::Parser)]
    struct Settings {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn every_operation_of_the_pages_passes_the_gate() {
        let folder = tempfile::tempdir().unwrap();
        let data = format!("--data-dir={}", folder.path().display());
        let config = Settings::parse_from(["guestlist", &data]).options.check().unwrap();
        let gate = Gate::new(&crate::schema::sdl(), &config).unwrap();
        for operation in super::OPERATIONS {
            gate.document(operation).unwrap_or_else(|refused| panic!("{operation}: {refused:?}"));
        }
    }

    #[test]
    fn every_page_parses() {
        super::templates().unwrap();
    }
}
