//! What a person, or a program looking around, opens: schema, captured mail; and what pages load.

use poem::endpoint::make_sync;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::{Data, Html, Json, Query, Redirect};
use poem::{IntoResponse as _, Response, Route, get, handler};
use serde::Deserialize;

use super::State;
use crate::clock::Instant;
use crate::mail::capture::CapturedMail;

/// Captured mail is shown as text; nothing runs and nothing is loaded.
const MAIL_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn with_policy(policy: &'static str, body: impl poem::IntoResponse) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `GET /`: to the console.
#[handler]
pub(super) fn index() -> Response {
    Redirect::see_other("/console").into_response()
}

/// `GET /schema.graphql`.
#[handler]
pub(super) fn schema(Data(state): Data<&State>) -> Response {
    state.sdl.to_string().with_content_type("application/graphql; charset=utf-8").into_response()
}

/// `GET /.well-known/jwks.json` (RFC 7517).
#[handler]
pub(super) fn jwks(Data(state): Data<&State>) -> Response {
    let mut response = Json(state.app.access_keys.jwks()).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// What the pages load.
const ASSETS: [(&str, &str, &str); 3] = [
    ("/assets/console.css", "text/css; charset=utf-8", include_str!("../../web/console.css")),
    ("/assets/favicon.svg", "image/svg+xml", include_str!("../../web/favicon.svg")),
    ("/assets/console.js", "text/javascript; charset=utf-8", include_str!("../../web/console.js")),
];

/// Adds what the pages load.
pub(super) fn mount(mut routes: Route) -> Route {
    for (path, content_type, text) in ASSETS {
        routes =
            routes.at(path, get(make_sync(move |_| text.with_content_type(content_type).into_response())));
    }
    routes
}

/// Which captured mails.
#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    to: Option<String>,
    after: Option<Instant>,
}

async fn captured(state: &State, wanted: &Wanted) -> Result<Vec<CapturedMail>, Response> {
    let mails = state.app.mailer.captured().await.map_err(|error| {
        tracing::error!(%error, "captured mail cannot be read");
        (StatusCode::INTERNAL_SERVER_ERROR, "The folder with captured mail cannot be read.\n").into_response()
    })?;
    let to = wanted.to.as_ref().map(|to| to.to_lowercase());
    let is_wanted = |mail: &CapturedMail| {
        to.as_ref().is_none_or(|to| mail.to.to_lowercase() == *to)
            && wanted.after.is_none_or(|after| mail.at > after)
    };
    Ok(mails.into_iter().filter(is_wanted).collect())
}

/// `GET /dev/mail.json?to=&after=`: oldest first.
#[handler]
pub(super) async fn dev_mail_json(Data(state): Data<&State>, Query(wanted): Query<Wanted>) -> Response {
    match captured(state, &wanted).await {
        Ok(mails) => with_policy(MAIL_POLICY, Json(mails)),
        Err(response) => response,
    }
}

/// `GET /dev/mail`: latest first. It is for development, and English.
#[handler]
pub(super) async fn dev_mail(Data(state): Data<&State>, Query(wanted): Query<Wanted>) -> Response {
    let mails = match captured(state, &wanted).await {
        Ok(mails) => mails,
        Err(response) => return response,
    };
    let mut env = minijinja::Environment::new();
    env.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    let mails: Vec<_> =
        mails.iter().rev().map(|mail| minijinja::Value::from(minijinja::value::Serde(mail))).collect();
    match env.render_str(include_str!("../../web/dev-mail.html"), minijinja::context! { mails }) {
        Ok(page) => with_policy(MAIL_POLICY, Html(page)),
        Err(error) => {
            tracing::error!(%error, "captured mail cannot be shown");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
