//! Around every request: an id, a panic that stays one request's, headers, a log line.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse as _, Request, Response, Result};
use tracing::Instrument as _;

use super::graphql::Said;
use super::{ROUTES, cors, trace};
use crate::app::App;
use crate::config::Network;
use crate::id::{EventId, TypedId as _};
use crate::telemetry::{metrics, traces};

/// Name of the header that carries the request id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Answered whatever host they name.
const PROBES: [&str; 2] = ["/livez", "/readyz"];
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// What a page may do unless it says otherwise: nothing.
const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Identifier of one request, in the answer's headers, in errors and in the logs.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

/// The wrapping.
pub(super) struct Wrap {
    app: App,
    inner: BoxEndpoint<'static>,
}

impl Wrap {
    pub(super) fn new(app: App, inner: BoxEndpoint<'static>) -> Self {
        Self { app, inner }
    }
}

impl Endpoint for Wrap {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let id = self.app.fresh_id::<EventId>().uuid().simple().to_string();
        request.extensions_mut().insert(RequestId(id.clone()));
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let (name, route) = (method_name(&method), route(&path));
        let span = traces::request(name, route, &id, request.headers());
        let trace_id = traces::id(&span).or_else(|| trace::id(&request));
        let network = &self.app.config.network;
        let origin = cors::allowed(network, &request);
        #[expect(clippy::disallowed_methods, reason = "measures how long a request took; decides nothing")]
        let begun = Instant::now();
        let mut response = if !names_us(network, &request) {
            plain(StatusCode::MISDIRECTED_REQUEST)
        } else if let Some(answer) = cors::preflight(&request, origin.as_ref()) {
            answer
        } else {
            match futures_catch(self.inner.call(request)).instrument(span.clone()).await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => plain(error.status()),
                Err(()) => plain(StatusCode::INTERNAL_SERVER_ERROR),
            }
        };
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert(REQUEST_ID, id);
        }
        cors::mark(network, headers, origin);
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(OPENER, HeaderValue::from_static("same-origin"));
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
        if self.app.config.public_url.starts_with("https://") {
            let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
            headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
        }
        let status = response.status().as_u16();
        let took = begun.elapsed();
        traces::answered(&span, Some(status));
        metrics::request(name, route, status, took);
        let millis = took.as_millis() as u64;
        let said = response.extensions_mut().remove::<Said>().unwrap_or_default();
        let Said { operation, outcome, user, session, tenant } = said;
        tracing::info!(request_id = id, trace_id, %method, path, status, millis, operation, outcome, user, session, tenant, "request");
        Ok(response)
    }
}

/// The route that a path belongs to, for the figures: one of those that are listed, whatever a client asks for.
fn route(path: &str) -> &'static str {
    let below =
        |route: &str| path.strip_prefix(route).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let found = ROUTES.iter().map(|(_, route, _)| *route).filter(|route| below(route));
    found.max_by_key(|route| route.len()).unwrap_or("other")
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Whether the host that a request names is ours. Load balancers probe by address; nothing is told to them that a
/// host could change.
fn names_us(network: &Network, request: &Request) -> bool {
    if PROBES.contains(&request.uri().path()) {
        return true;
    }
    let header = request.header(header::HOST);
    let target = request.uri().authority().map(|authority| authority.as_str());
    [header, target].into_iter().flatten().all(|host| network.knows_host(host))
}

/// The client that a request comes from, as far as proxies that are trusted say.
pub(super) fn client(network: &Network, request: &Request) -> Option<IpAddr> {
    let peer = request.remote_addr().as_socket_addr()?.ip();
    let forwarded = request.headers().get_all("x-forwarded-for").iter();
    let lines = forwarded.map(|line| line.to_str().unwrap_or("?")).collect::<Vec<_>>();
    Some(network.client(peer, lines.into_iter()))
}

/// Answers of the router itself: not found, method not allowed and their like.
fn plain(status: StatusCode) -> Response {
    let text = status.canonical_reason().unwrap_or("Error");
    (status, format!("{} {text}\n", status.as_u16())).into_response()
}

/// Runs a future in a way that a panic in it ends it and nothing else.
async fn futures_catch<F: Future>(future: F) -> Result<F::Output, ()> {
    let mut future = Box::pin(future);
    std::future::poll_fn(move |context| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
            Ok(std::task::Poll::Ready(output)) => std::task::Poll::Ready(Ok(output)),
            Err(_) => std::task::Poll::Ready(Err(())),
        }
    })
    .await
}
