//! GraphQL over HTTP: `POST` with `application/json`, or a query by `GET`; one operation a request. Subscriptions go over
//! server-sent events (`events`) and WebSockets (`socket`).
//!
//! Stock integrations execute mutations by `GET`, read any content type as JSON and run arrays in parallel, all
//! of which let other sites or one request do too much. Here a `POST` is exactly `application/json`, a single
//! object, and at most `GUESTLIST_BODY_LIMIT` bytes; a `GET` executes queries only, and only with a header that a
//! browser does not send for another site without asking first.

mod answer;
mod events;
mod media;
mod once;
mod outcome;
mod parameters;
mod prepare;
mod socket;

use async_graphql::ServerError;
use poem::error::ReadBodyError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::{Data, Redirect};
use poem::{IntoResponse as _, Request, Response, handler};
use serde_json::Value;
use tracing::Instrument as _;

use self::answer::Answer;
use self::media::{Media, is_json};
pub(super) use self::outcome::Said;
use self::parameters::Parameters;
use self::prepare::{Caller, Ended, Who, prepare};
use super::State;
use super::gate::Refused;
use super::session_cookie;
use super::wrap::{RequestId, client};
use crate::actor::{Actor, Origin};
use crate::error::ErrorCode;
use crate::graphql::SessionCookie;

/// Longest user agent that is kept, in bytes.
const USER_AGENT_MAX: usize = 255;
/// One of these must be there for a query by `GET`: a browser sends them to another site only after asking it.
const PREFLIGHT: [&str; 4] =
    ["authorization", "graphql-require-preflight", "apollo-require-preflight", "x-apollo-operation-name"];

/// `GET /graphql`: a query. People are sent to the explorer.
#[handler]
pub(super) async fn get(request: &Request, Data(state): Data<&State>) -> Response {
    if request.headers().contains_key(header::UPGRADE) {
        return socket::upgrade(state, request).await;
    }
    let wants_page = request.header(header::ACCEPT).is_some_and(|accept| accept.contains("text/html"));
    let query = request.uri().query().unwrap_or_default();
    if wants_page && query.is_empty() && state.app.config.graphiql {
        return Redirect::see_other("/graphiql").into_response();
    }
    let answer = match answer_of(request) {
        Ok(answer) => answer,
        Err(response) => return *response,
    };
    if !PREFLIGHT.iter().any(|name| request.headers().contains_key(*name)) {
        let message =
            "A query by GET has an Authorization or GraphQL-Require-Preflight header; or send it by POST.";
        return answer.bad(StatusCode::BAD_REQUEST, message);
    }
    if query.len() > state.app.config.body_limit {
        return answer.too_large(state.app.config.body_limit);
    }
    match Parameters::of_url(query) {
        Ok(parameters) => perform(state, request, parameters, false, answer, true).await,
        Err(message) => answer.bad(StatusCode::BAD_REQUEST, &message),
    }
}

/// `POST /graphql`.
#[handler]
pub(super) async fn post(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let answer = match answer_of(request) {
        Ok(answer) => answer,
        Err(response) => return *response,
    };
    if !is_json(request.content_type()) {
        return answer.bad(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.");
    }
    let config = &state.app.config;
    // Whoever is signed in may send a long list of people; the document itself is held to the common limit.
    let known =
        bearer(request).is_some_and(|token| state.app.access_keys.verify(&state.app, token).is_some());
    let most = if known { config.bulk_body_limit } else { config.body_limit };
    let announced = request.header(header::CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return ended(answer.too_large(most));
    }
    let bytes = match tokio::time::timeout(config.client_timeout, body.into_bytes_limit(most)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(ReadBodyError::PayloadTooLarge)) => return ended(answer.too_large(most)),
        Ok(Err(_)) => return answer.bad(StatusCode::BAD_REQUEST, "The body could not be read."),
        Err(_) => return ended(answer.bad(StatusCode::REQUEST_TIMEOUT, "The body took too long to arrive.")),
    };
    let parameters = match Parameters::of_body(&bytes) {
        Ok(parameters) => parameters,
        Err(message) => return answer.bad(StatusCode::BAD_REQUEST, &message),
    };
    if parameters.query.as_ref().is_some_and(|query| query.len() > config.body_limit) {
        return answer.too_large(config.body_limit);
    }
    perform(state, request, parameters, bytes.len() > config.body_limit, answer, false).await
}

/// Executes an operation of a page that the service renders itself, through the schema like any other. A value that is not of its
/// type, which an address can hold, is an error of the answer; `None` when the operation took too long.
pub(in crate::http) async fn inside(
    state: &State,
    actor: Actor,
    cookie: SessionCookie,
    query: &str,
    variables: Value,
) -> Option<async_graphql::Response> {
    let parameters = Parameters::inside(query, variables);
    let who = Who::Known(actor);
    let caller =
        Caller { who, cookie, large: false, reading: false, streaming: false, sent: false, key: None };
    match prepare(state, parameters, caller).await {
        Ok(prepared) => prepared.execute(state).await,
        Err(Ended::Refused(refused)) => {
            let message = |error: &Value| error["message"].as_str().unwrap_or_default().to_owned();
            let errors = refused.0.iter().map(|error| ServerError::new(message(error), None));
            Some(async_graphql::Response::from_errors(errors.collect()))
        }
        Err(_) => None,
    }
}

fn answer_of(request: &Request) -> Result<Answer, Box<Response>> {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let Some(media) = Media::of(request) else {
        let message = "Accept application/graphql-response+json, application/json or text/event-stream.";
        let answer = Answer { media: Media::Json, request_id };
        return Err(Box::new(answer.bad(StatusCode::NOT_ACCEPTABLE, message)));
    };
    Ok(Answer { media, request_id })
}

/// An answer after which the connection ends, for what the client still sends is not read.
fn ended(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Executes in a task of its own: a client that goes away drops its handler, not what it has begun.
async fn perform(
    state: &State,
    request: &Request,
    parameters: Parameters,
    large: bool,
    answer: Answer,
    reading: bool,
) -> Response {
    let cookie = match session_cookie::read(&state.app.config.network, request) {
        Ok(cookie) => cookie,
        Err(message) => return answer.errors(StatusCode::FORBIDDEN, Refused::one("FORBIDDEN", message)),
    };
    let key = match once::key(request) {
        Ok(key) => key,
        Err(message) => return answer.bad(StatusCode::BAD_REQUEST, message),
    };
    let origin = origin(state, request, answer.request_id.clone());
    let who = Who::Bearer(bearer(request).map(str::to_owned), origin);
    let streaming = answer.media == Media::Events;
    let caller = Caller { who, cookie, large, reading, streaming, sent: !streaming, key };
    let span = tracing::info_span!("graphql", request_id = answer.request_id);
    let task = {
        let (state, answer) = (state.clone(), answer.clone());
        async move { respond(&state, parameters, caller, &answer).await }
    };
    // Both spans are entered: the one of a trace is not an ancestor of another in the eyes of who collects traces alone.
    tokio::spawn(task.instrument(span).instrument(tracing::Span::current())).await.unwrap_or_else(|failure| {
        tracing::error!(%failure, request_id = answer.request_id, "a request ended unexpectedly");
        answer.broken()
    })
}

pub(in crate::http) fn origin(state: &State, request: &Request, request_id: Option<String>) -> Origin {
    let user_agent = request.header(header::USER_AGENT);
    Origin {
        ip_address: client(&state.app.config.network, request).map(|ip| ip.to_string()),
        user_agent: user_agent.map(|agent| crate::text::clip(agent, USER_AGENT_MAX)),
        request_id,
    }
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

async fn respond(state: &State, parameters: Parameters, caller: Caller, answer: &Answer) -> Response {
    match prepare(state, parameters, caller).await {
        Ok(prepared) if answer.media == Media::Events => events::stream(state, prepared, answer),
        Ok(prepared) => {
            let mut said = prepared.said.clone();
            let executed = prepared.execute(state).await;
            said.outcome = Some(executed.as_ref().map_or(ErrorCode::Overloaded.as_str(), outcome::of));
            let mut response = executed.map_or_else(|| answer.late(), |response| answer.executed(response));
            response.extensions_mut().insert(said);
            response
        }
        Err(Ended::Refused(refused)) if answer.media == Media::Events => events::refused(refused, answer),
        Err(Ended::Answered(found)) if answer.media == Media::Events => events::one(&found),
        Err(ended) => answer.ended(ended, state.app.config.body_limit),
    }
}
