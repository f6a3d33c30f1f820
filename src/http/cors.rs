//! Which pages of other origins may read the answers: those that are configured, by their exact origin, and no other.

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

use crate::config::Network;

/// What other origins may use at all.
const PATHS: [&str; 3] = ["/graphql", "/schema.graphql", "/.well-known/jwks.json"];
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, x-guestlist-session, graphql-require-preflight, apollo-require-preflight, \
     x-apollo-operation-name, apollographql-client-name, apollographql-client-version, idempotency-key, traceparent, tracestate",
);
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, retry-after, idempotent-replayed");
/// How long a browser may remember the answer to its question, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// The origin of a request that may read the answer.
pub(super) fn allowed(network: &Network, request: &Request) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    let known = PATHS.contains(&request.uri().path()) && network.origins.contains(origin.to_str().ok()?);
    known.then(|| origin.clone())
}

/// The answer to a browser that asks whether it may send a request.
pub(super) fn preflight(request: &Request, origin: Option<&HeaderValue>) -> Option<Response> {
    let asks = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks || origin.is_none() {
        return None;
    }
    let mut response = Response::from(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    Some(response)
}

/// Lets a page read the answer. Caches are told that the answer differs by origin, whoever asked.
pub(super) fn mark(network: &Network, headers: &mut HeaderMap, origin: Option<HeaderValue>) {
    if !network.origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}
