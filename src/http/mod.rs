//! HTTP: routes and what wraps them.
//!
//! `server` accepts connections, `wrap` is around every request, `gate` decides which documents are executed,
//! `graphql` speaks GraphQL over HTTP, `session_cookie` is how browsers keep a refresh token, `pages` are what a
//! person opens in a browser, `console` renders those that have a session, `health` is for load balancers.

mod console;
mod cors;
mod explorer;
pub mod gate;
mod graphql;
mod health;
mod metrics;
mod page_session;
mod pages;
mod server;
mod session_cookie;
mod trace;
mod wrap;

use std::sync::Arc;

use poem::{EndpointExt as _, IntoEndpoint as _, Route, get, post};

use crate::app::App;
use crate::config::{Config, Environment, MailTarget};
use crate::schema;

pub(crate) use explorer::holds_explorer;
pub use health::Readiness;
pub use metrics::serve as serve_metrics;
pub use poem::endpoint::BoxEndpoint;
pub use server::{Connections, serve};

/// What every handler needs.
#[derive(Clone)]
pub struct State {
    app: App,
    schema: schema::Schema,
    gate: Arc<gate::Gate>,
    sdl: Arc<str>,
    readiness: Readiness,
    /// The pages, in the order of the languages.
    templates: Arc<[minijinja::Environment<'static>]>,
}

/// Whether mail is captured, to be looked at in a browser.
fn captures_mail(config: &Config) -> bool {
    let kept = matches!(config.mail, MailTarget::Captured(_) | MailTarget::Memory);
    kept && config.environment == Environment::Development
}

/// What the service cannot be put together of, which tests rule out.
#[derive(Debug, thiserror::Error)]
pub enum Unsound {
    /// The schema does not validate.
    #[error(transparent)]
    Schema(#[from] gate::UnsoundSchema),
    /// A page does not parse.
    #[error("a page does not parse: {0}")]
    Template(#[from] minijinja::Error),
}

/// Every route of the service with the methods it takes, for `guestlist routes`.
pub const ROUTES: &[(&str, &str, &str)] = &[
    ("GET, POST", "/graphql", "GraphQL over HTTP"),
    ("GET", "/schema.graphql", "the schema in its definition language"),
    ("GET", "/graphiql", "explorer (development, or GUESTLIST_GRAPHIQL=true)"),
    ("GET, POST", "/setup", "makes the first administrator, with the link that the service prints"),
    ("GET, POST", "/login", "signing in to the console"),
    ("GET", "/login/tenant", "which tenant to speak for"),
    ("GET", "/console", "a tenant: invitations, mail, members, reset requests, events, webhooks, settings"),
    ("GET, POST", "/platform", "tenants, users, health and settings, for administrators of the platform"),
    ("GET, POST", "/account", "one's own name, password, tenants and sessions"),
    ("GET, POST", "/accept", "where the link of an invitation leads"),
    ("GET, POST", "/forgot", "asking for another password"),
    ("GET, POST", "/reset", "where the link of an approved reset leads"),
    ("POST", "/password/strength", "how hard a new password is to guess, for the meters of the pages"),
    ("GET", "/dev/mail", "captured mail (development)"),
    ("GET", "/dev/mail.json", "captured mail as JSON, ?to= and ?after= (development)"),
    ("GET", "/.well-known/jwks.json", "public keys of access tokens"),
    ("GET", "/livez", "the process runs"),
    ("GET", "/readyz", "the service can do its work"),
];

/// The whole service as one endpoint.
///
/// # Errors
/// When the schema or a page does not parse, which tests rule out.
pub fn endpoint(app: &App, readiness: Readiness) -> Result<BoxEndpoint<'static>, Unsound> {
    endpoint_over(app, schema::over(app).finish(), readiness)
}

/// As [`endpoint`], over a schema with extensions of the caller's.
///
/// # Errors
/// As [`endpoint`].
pub fn endpoint_over(
    app: &App,
    schema: schema::Schema,
    readiness: Readiness,
) -> Result<BoxEndpoint<'static>, Unsound> {
    let sdl = schema::sdl();
    let state = State {
        app: app.clone(),
        schema,
        gate: Arc::new(gate::Gate::new(&sdl, &app.config)?),
        sdl: sdl.into(),
        readiness,
        templates: console::templates(&app.config.words)?.into(),
    };
    let mut routes = console::mount(pages::mount(Route::new()))
        .at("/", get(pages::index))
        .at("/graphql", post(graphql::post).get(graphql::get))
        .at("/schema.graphql", get(pages::schema))
        .at("/.well-known/jwks.json", get(pages::jwks))
        .at("/livez", get(health::livez))
        .at("/readyz", get(health::readyz));
    if app.config.graphiql {
        routes = explorer::mount(routes, app.config.environment);
    }
    if captures_mail(&app.config) {
        routes = routes.at("/dev/mail", get(pages::dev_mail)).at("/dev/mail.json", get(pages::dev_mail_json));
    }
    let pages = page_session::PageSession::new(state.clone(), routes.data(state).into_endpoint());
    Ok(wrap::Wrap::new(app.clone(), pages.boxed()).boxed())
}
