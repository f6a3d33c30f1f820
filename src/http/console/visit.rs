//! A request for a page: who makes it, what they typed, what an operation came to, and the page that answers.

use minijinja::context;
use minijinja::value::Serde;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::web::Html;
use poem::{IntoResponse as _, Request, Response};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{DONE, POLICY, VIEWER, see, with};
use crate::actor::Actor;
use crate::auth;
use crate::graphql::SessionCookie;
use crate::http::wrap::RequestId;
use crate::http::{State, graphql, pages, session_cookie};
use crate::words::{Key, Language};

/// Largest form in bytes.
const FORM_MAX: usize = 64 * 1024;

/// The fields of a form, or of the query of an address, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    /// A field as it was typed, as passwords are read.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A field without blanks around it; `None` where nothing is left.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.get(name).map(str::trim).filter(|text| !text.is_empty())
    }

    /// Every value of a field that may be there more than once.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The fields of those names as the query of an address, each followed by `&`.
    pub(super) fn kept(&self, names: &[&str]) -> String {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(
            self.0.iter().filter(|(name, value)| names.contains(&name.as_str()) && !value.is_empty()),
        );
        let text = text.finish();
        if text.is_empty() { text } else { text + "&" }
    }
}

/// What an operation of a page came to.
pub(super) struct Done {
    pub(super) data: Value,
    /// The first thing that was refused, for a person to read.
    pub(super) problem: Option<String>,
    /// The status of a page that says so.
    pub(super) status: StatusCode,
    /// Cookies that go with the answer.
    pub(super) headers: HeaderMap,
}

/// A request for a page, and who makes it.
pub(super) struct Visit<'r> {
    pub(super) state: &'r State,
    pub(super) request: &'r Request,
    pub(super) actor: Actor,
    pub(super) token: Option<String>,
    pub(super) query: Fields,
    /// The language of the page.
    pub(super) words: &'r Language,
    /// The pages in that language.
    templates: &'r minijinja::Environment<'static>,
    viewer: OnceCell<Value>,
}

impl<'r> Visit<'r> {
    pub(super) async fn of(state: &'r State, request: &'r Request) -> Result<Self, Response> {
        let query = Fields::of(request.uri().query().unwrap_or_default().as_bytes());
        Self::with_token(state, request, session_cookie::token(request), query).await
    }

    async fn with_token(
        state: &'r State,
        request: &'r Request,
        token: Option<String>,
        query: Fields,
    ) -> Result<Self, Response> {
        let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
        let origin = graphql::origin(state, request, request_id);
        let actor = auth::service::authenticate_page(&state.app, token.as_deref(), origin).await;
        let known = &state.app.config.words;
        let spoken = known.accepted(request.header(header::ACCEPT_LANGUAGE).unwrap_or_default());
        let words = &known.languages()[spoken];
        let actor = actor.map_err(|error| {
            tracing::error!(cause = ?error, "who opens a page cannot be found out");
            let said = words.say(Key("problem-overloaded")) + "\n";
            (StatusCode::SERVICE_UNAVAILABLE, said).into_response()
        })?;
        let templates = &state.templates[spoken];
        Ok(Self { state, request, actor, token, query, words, templates, viewer: OnceCell::new() })
    }

    /// The same visit as whoever the cookies of an answer stand for: somebody who has just signed in, or out.
    pub(super) async fn renewed(&self, cookies: &HeaderMap) -> Result<Self, Response> {
        let prefix = format!("{}=", SessionCookie::NAME);
        let lines = cookies.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
        let token = lines.filter_map(|line| line.split(';').next()?.strip_prefix(&prefix)).next_back();
        let token = token.filter(|token| !token.is_empty()).map(str::to_owned);
        Self::with_token(self.state, self.request, token, self.query.clone()).await
    }

    /// As [`Visit::of`], for a form of one of our pages, and what was typed into it.
    pub(super) async fn form(
        state: &'r State,
        request: &'r Request,
        body: poem::Body,
    ) -> Result<(Self, Fields), Response> {
        Self::form_of(state, request, body, FORM_MAX).await
    }

    /// As [`Visit::form`], for who is signed in; anybody else is asked to.
    pub(super) async fn known_form(
        state: &'r State,
        request: &'r Request,
        body: poem::Body,
    ) -> Result<(Self, Fields), Response> {
        Self::known_form_of(state, request, body, FORM_MAX).await
    }

    /// As [`Visit::known_form`], for a form of at most so many bytes.
    pub(super) async fn known_form_of(
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
            return Err(visit.refused(StatusCode::FORBIDDEN, Key("problem-foreign-form")));
        }
        let reading = body.into_bytes_limit(most);
        match tokio::time::timeout(state.app.config.client_timeout, reading).await {
            Ok(Ok(bytes)) => Ok((visit, Fields::of(&bytes))),
            _ => Err(visit.refused(StatusCode::BAD_REQUEST, Key("problem-form"))),
        }
    }

    /// As [`Visit::of`], for who is signed in; anybody else is asked to.
    pub(super) async fn known(state: &'r State, request: &'r Request) -> Result<Self, Response> {
        Self::of(state, request).await?.or_login()
    }

    /// Whoever is not signed in is asked to, and comes back to the page that was wanted.
    fn or_login(self) -> Result<Self, Response> {
        if self.actor.principal().is_some() {
            return Ok(self);
        }
        let wanted = self.request.uri().path_and_query().map_or("", |wanted| wanted.as_str());
        if *self.request.method() != poem::http::Method::GET || wanted == "/console" {
            return Err(see("/login"));
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        Err(see(&format!("/login?{}", query.append_pair("next", wanted).finish())))
    }

    pub(super) fn path(&self) -> &str {
        self.request.uri().path()
    }

    /// Executes an operation as the viewer.
    pub(super) async fn run(&self, operation: &str, variables: Value) -> Done {
        let cookie = SessionCookie::asked(self.token.clone());
        let ran = graphql::inside(self.state, self.actor.clone(), cookie, operation, variables).await;
        let Some(response) = ran else {
            let problem = Some(self.words.say(Key("problem-late")));
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Done { data: Value::Null, problem, status, headers: HeaderMap::new() };
        };
        let failed = response.errors.first().map(|error| error.message.clone());
        let data = serde_json::to_value(&response.data).unwrap_or_default();
        let payload = data.as_object().and_then(|data| data.values().next()).unwrap_or(&Value::Null);
        let refused = payload["userErrors"][0]["message"].as_str().map(str::to_owned);
        let status = status_of(&response);
        Done { problem: failed.or(refused), data, status, headers: response.http_headers }
    }

    /// Who looks at the page, as every page shows them; null for a stranger. Asked once.
    pub(super) async fn viewer(&self) -> &Value {
        let ask = async || match self.actor.principal() {
            Some(_) => self.run(VIEWER, json!({})).await.data["me"].take(),
            None => Value::Null,
        };
        self.viewer.get_or_init(ask).await
    }

    /// A page, with what every page shows.
    pub(super) async fn page(
        &self,
        name: &str,
        status: StatusCode,
        problem: Option<&str>,
        more: Value,
    ) -> Response {
        let viewer = self.viewer().await;
        let tenant = viewer["activeMembership"]["tenant"].clone();
        let may = |right: &str| tenant["viewerCan"][right] == true;
        let nav: Vec<Value> = [
            ("/console", Key("nav-overview"), !tenant.is_null()),
            ("/console/invitations", Key("nav-invitations"), may("invite")),
            ("/console/mail", Key("nav-mail"), may("invite") || may("manageTenant")),
            ("/console/members", Key("nav-members"), !tenant.is_null()),
            ("/console/resets", Key("nav-resets"), may("approveResets")),
            ("/console/events", Key("nav-events"), may("viewEvents")),
            ("/console/webhooks", Key("nav-webhooks"), may("manageTenant") && may("viewEvents")),
            ("/console/settings", Key("nav-settings"), may("manageTenant") || may("manageRoles")),
            ("/platform", Key("nav-platform"), viewer["isSuperuser"] == true),
        ]
        .into_iter()
        .filter(|(_, _, shown)| *shown)
        .map(|(href, title, _)| {
            let below = self.path().strip_prefix(href);
            let here =
                below.is_some_and(|rest| rest.is_empty() || (rest.starts_with('/') && href != "/console"));
            json!({ "href": href, "title": self.words.say(title), "here": here })
        })
        .collect();
        let word = self.query.get("done").unwrap_or_default();
        let done = DONE.iter().find(|(known, _)| *known == word && problem.is_none());
        let done = done.map(|(_, said)| self.words.say(*said));
        let shared = json!({
            "viewer": viewer, "tenant": tenant, "nav": nav, "here": self.path(),
            "done": done, "problem": problem,
        });
        let (shared, more) = (minijinja::Value::from(Serde(&shared)), minijinja::Value::from(Serde(&more)));
        let rendered =
            self.templates.get_template(name).and_then(|page| page.render(context! { ..more, ..shared }));
        match rendered {
            Ok(html) => self.answer(status, html),
            Err(error) => {
                tracing::error!(%error, name, "a page cannot be rendered");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    /// A page that says what went wrong, and nothing else.
    pub(super) fn failed(&self, status: StatusCode, problem: &str) -> Response {
        let request_id = self.actor.origin.request_id.as_deref();
        let back = if self.path().starts_with("/account") { "/account" } else { "/console" };
        let values = context! { problem, request_id, back };
        let rendered = self.templates.get_template("failed.html").and_then(|page| page.render(values));
        self.answer(status, rendered.unwrap_or_default())
    }

    /// As [`Visit::failed`], in words of ours.
    pub(super) fn refused(&self, status: StatusCode, problem: Key) -> Response {
        self.failed(status, &self.words.say(problem))
    }

    fn answer(&self, status: StatusCode, html: String) -> Response {
        let mut response = pages::with_policy(POLICY, Html(html));
        response.set_status(status);
        if let Ok(tag) = HeaderValue::from_str(self.words.tag()) {
            response.headers_mut().insert(header::CONTENT_LANGUAGE, tag);
        }
        response
    }

    /// Back to a list after an action, or what went wrong with it.
    pub(super) fn after(&self, done: Done, to: &str) -> Response {
        match done.problem {
            None => with(see(to), done.headers),
            Some(problem) => self.failed(done.status, &problem),
        }
    }
}

/// The status of a page that says what an operation refused.
pub(super) fn status_of(response: &async_graphql::Response) -> StatusCode {
    let extensions = response.errors.first().and_then(|error| error.extensions.as_ref());
    match extensions.and_then(|extensions| extensions.get("code")) {
        Some(async_graphql::Value::String(code)) => match code.as_str() {
            "UNAUTHENTICATED" | "FORBIDDEN" => StatusCode::FORBIDDEN,
            "RATE_LIMITED" => StatusCode::TOO_MANY_REQUESTS,
            "OVERLOADED" => StatusCode::SERVICE_UNAVAILABLE,
            "INTERNAL" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        },
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
