//! Operations over server-sent events, each on a connection of its own (the "distinct connections" mode of the
//! GraphQL-over-SSE protocol): `next` for each result, `complete` at the end.

use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt as _};
use poem::http::{HeaderName, HeaderValue, header};
use poem::{Body, Response};
use serde_json::Value;

use super::answer::Answer;
use super::prepare::Prepared;
use crate::http::State;
use crate::http::gate::{Kind, Refused};
use crate::http::server::Lasting;

/// A comment goes out this often while nothing happens, so that nobody on the way takes the connection for dead.
const PULSE: Duration = Duration::from_secs(12);
const COMPLETE: &str = "event: complete\ndata:\n\n";
/// Tells a proxy to hand on each event as it comes.
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

fn next(result: &Value) -> String {
    format!("event: next\ndata: {result}\n\n")
}

/// Executes an operation and sends what it yields. The stream ends when the service stops, without `complete`, so that
/// clients connect again.
pub(super) fn stream(state: &State, prepared: Prepared, answer: &Answer) -> Response {
    let (state, answer) = (state.clone(), answer.clone());
    if prepared.kind != Kind::Subscription {
        let once = stream::once(async move {
            match prepared.execute(&state).await {
                Some(mut response) => {
                    answer.complete(&mut response);
                    next(&serde_json::to_value(response).unwrap_or_default())
                }
                None => next(&answer.body(Refused::one("OVERLOADED", "The operation took too long."))),
            }
        });
        return respond(once.chain(stream::once(async { COMPLETE.to_owned() })));
    }
    let stopping = state.readiness.clone();
    let results = prepared.stream(&state).map(move |mut response| {
        answer.complete(&mut response);
        next(&serde_json::to_value(response).unwrap_or_default())
    });
    let whole = results.chain(stream::once(async { COMPLETE.to_owned() }));
    let mut response = respond(whole.take_until(async move { stopping.withdrawn().await }));
    response.extensions_mut().insert(Lasting);
    response
}

/// A document that is not executed: the errors are the one result.
pub(super) fn refused(refused: Refused, answer: &Answer) -> Response {
    one(&answer.body(refused))
}

/// A single result.
pub(super) fn one(result: &Value) -> Response {
    let text = format!("{}{COMPLETE}", next(result));
    respond(stream::once(async move { text }))
}

fn respond(events: impl Stream<Item = String> + Send + 'static) -> Response {
    let events = stream::unfold(Box::pin(events), |mut events| async move {
        match tokio::time::timeout(PULSE, events.next()).await {
            Ok(event) => event.map(|event| (event, events)),
            Err(_) => Some((":\n\n".to_owned(), events)),
        }
    });
    let body = Body::from_bytes_stream(events.map(|event| Ok::<_, std::io::Error>(event.into_bytes())));
    let mut response = Response::builder().body(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    response
}
