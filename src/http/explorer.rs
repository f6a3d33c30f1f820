//! GraphiQL, where the build found it in `web/graphiql/dist` (`just graphiql`): it is served from here and signed in with the
//! console's session. In development, without it, a page that loads itself from a CDN.

use async_graphql::http::GraphiQLSource;
use poem::endpoint::make_sync;
use poem::http::StatusCode;
use poem::web::Html;
use poem::{IntoResponse as _, Response, Route, get};

use super::pages::with_policy;
use crate::config::Environment;

/// GraphiQL styles itself inline and holds its fonts; nothing comes from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The page that loads itself from a CDN.
const CDN_POLICY: &str = "default-src 'self' 'unsafe-inline' https://esm.sh data: blob:; worker-src 'self' blob:; \
    connect-src 'self' https://esm.sh; base-uri 'none'; frame-ancestors 'none'";

/// GraphiQL as its authors publish it. A debug build reads the folder when it is asked.
#[derive(rust_embed::RustEmbed)]
#[folder = "web/graphiql/dist"]
#[allow_missing = true]
struct Published;

const FILES: [(&str, &str); 4] = [
    ("react.production.min.js", "text/javascript; charset=utf-8"),
    ("react-dom.production.min.js", "text/javascript; charset=utf-8"),
    ("graphiql.min.js", "text/javascript; charset=utf-8"),
    ("graphiql.min.css", "text/css; charset=utf-8"),
];

fn published(name: &str, content_type: &str) -> Response {
    match Published::get(name) {
        Some(file) => file.data.into_owned().with_content_type(content_type).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Whether the build found GraphiQL.
pub(crate) fn holds_explorer() -> bool {
    FILES.iter().all(|(name, _)| Published::get(name).is_some())
}

fn page(environment: Environment) -> Response {
    if holds_explorer() {
        return with_policy(POLICY, Html(include_str!("../../web/graphiql/index.html")));
    }
    if environment == Environment::Production {
        let said = "This build holds no explorer: run `just graphiql` before building it.\n";
        return (StatusCode::NOT_FOUND, said).into_response();
    }
    let title = "Guestlist (from a CDN; `just graphiql` makes it part of the service)";
    with_policy(CDN_POLICY, Html(GraphiQLSource::build().endpoint("/graphql").title(title).finish()))
}

/// Adds the explorer and what it loads.
pub(super) fn mount(mut routes: Route, environment: Environment) -> Route {
    let own = include_str!("../../web/graphiql/explorer.js");
    routes = routes.at("/graphiql", get(make_sync(move |_| page(environment)))).at(
        "/graphiql/explorer.js",
        get(make_sync(move |_| own.with_content_type("text/javascript; charset=utf-8").into_response())),
    );
    for (name, content_type) in FILES {
        routes =
            routes.at(format!("/graphiql/{name}"), get(make_sync(move |_| published(name, content_type))));
    }
    routes
}
