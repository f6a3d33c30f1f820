//! HTTP: routes and what wraps them.
//!
//! `server` accepts connections, `wrap` is around every request, `gate` decides which documents are executed,
//! `graphql` speaks GraphQL over HTTP, `session_cookie` is how browsers keep a refresh token, `pages` are what a
//! person opens in a browser, `health` is for load balancers.

mod cors;
pub mod gate;
mod graphql;
mod health;
mod pages;
mod server;
mod session_cookie;
mod wrap;

use std::sync::Arc;

use poem::{EndpointExt as _, IntoEndpoint as _, Route, get, post};

use crate::app::App;
use crate::config::{Environment, MailTarget};
use crate::schema;

pub use health::Readiness;
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
}

/// Every route of the service with the methods it takes, for `guestlist routes`.
pub const ROUTES: &[(&str, &str, &str)] = &[
    ("GET, POST", "/graphql", "GraphQL over HTTP"),
    ("GET", "/schema.graphql", "the schema in its definition language"),
    ("GET", "/graphiql", "explorer (development, or GUESTLIST_GRAPHIQL=true)"),
    ("GET", "/accept", "where the link of an invitation leads"),
    ("GET", "/reset", "where the link of an approved reset leads, and where one is asked for"),
    ("GET", "/resets", "where reset requests are decided"),
    ("GET", "/dev/mail", "captured mail (development)"),
    ("GET", "/dev/mail.json", "captured mail as JSON, ?to= and ?after= (development)"),
    ("GET", "/.well-known/jwks.json", "public keys of access tokens"),
    ("GET", "/livez", "the process runs"),
    ("GET", "/readyz", "the service can do its work"),
];

/// The whole service as one endpoint.
///
/// # Errors
/// When the schema does not parse, which a test rules out.
pub fn endpoint(app: &App, readiness: Readiness) -> Result<BoxEndpoint<'static>, gate::UnsoundSchema> {
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
) -> Result<BoxEndpoint<'static>, gate::UnsoundSchema> {
    let sdl = schema::sdl();
    let state = State {
        app: app.clone(),
        schema,
        gate: Arc::new(gate::Gate::new(&sdl, &app.config)?),
        sdl: sdl.into(),
        readiness,
    };
    let mut routes = pages::mount(Route::new())
        .at("/", get(pages::index))
        .at("/graphql", post(graphql::post).get(graphql::get))
        .at("/schema.graphql", get(pages::schema))
        .at("/.well-known/jwks.json", get(pages::jwks))
        .at("/livez", get(health::livez))
        .at("/readyz", get(health::readyz));
    if app.config.graphiql {
        routes = routes.at("/graphiql", get(pages::graphiql));
    }
    let kept = matches!(app.config.mail, MailTarget::Captured(_) | MailTarget::Memory);
    if kept && app.config.environment == Environment::Development {
        routes = routes.at("/dev/mail", get(pages::dev_mail)).at("/dev/mail.json", get(pages::dev_mail_json));
    }
    Ok(wrap::Wrap::new(app.clone(), routes.data(state).into_endpoint().boxed()).boxed())
}
