//! GraphQL over HTTP: `POST` with `application/json`, or a query by `GET`; one operation a request.
//!
//! Stock integrations execute mutations by `GET`, read any content type as JSON and run arrays in parallel, all
//! of which let other sites or one request do too much. Here a `POST` is exactly `application/json`, a single
//! object, and at most `GUESTLIST_BODY_LIMIT` bytes; a `GET` executes queries only, and only with a header that a
//! browser does not send for another site without asking first.

mod answer;
mod media;
mod parameters;

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{PathSegment, Pos, Request as GraphQLRequest, Response as GraphQLResponse, Variables};
use poem::error::ReadBodyError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::{Data, Redirect};
use poem::{IntoResponse as _, Request, Response, handler};
use serde_json::Value;
use tracing::Instrument as _;

use self::answer::Answer;
use self::media::{Media, is_json};
use self::parameters::Parameters;
use super::State;
use super::gate::{Checked, Gate, Passed, Refused};
use super::session_cookie;
use super::wrap::{RequestId, client};
use crate::actor::{Actor, Origin};
use crate::auth;
use crate::error::Error;
use crate::graphql::{SessionCookie, loader};

/// How long finding out who asks may take; a database that is slower than that is as good as away.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest user agent that is kept, in bytes.
const USER_AGENT_MAX: usize = 255;
/// One of these must be there for a query by `GET`: a browser sends them to another site only after asking it.
const PREFLIGHT: [&str; 4] =
    ["authorization", "graphql-require-preflight", "apollo-require-preflight", "x-apollo-operation-name"];

/// What is known of a request besides its parameters.
struct Caller {
    bearer: Option<String>,
    origin: Origin,
    cookie: SessionCookie,
    /// Whether the body is larger than is common.
    large: bool,
    /// Whether mutations are refused.
    reading: bool,
}

/// `GET /graphql`: a query. People are sent to the explorer.
#[handler]
pub(super) async fn get(request: &Request, Data(state): Data<&State>) -> Response {
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

fn answer_of(request: &Request) -> Result<Answer, Box<Response>> {
    let request_id = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    let Some(media) = Media::of(request) else {
        let message = "Accept application/graphql-response+json or application/json.";
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
    let caller = Caller {
        bearer: bearer(request).map(str::to_owned),
        origin: Origin {
            ip_address: client(&state.app.config.network, request).map(|ip| ip.to_string()),
            user_agent: request
                .header(header::USER_AGENT)
                .map(|agent| crate::text::clip(agent, USER_AGENT_MAX)),
            request_id: answer.request_id.clone(),
        },
        cookie,
        large,
        reading,
    };
    let span = tracing::info_span!("graphql", request_id = answer.request_id);
    let task = {
        let (state, answer) = (state.clone(), answer.clone());
        async move { respond(&state, parameters, caller, &answer).await }
    };
    tokio::spawn(task.instrument(span)).await.unwrap_or_else(|failure| {
        tracing::error!(%failure, request_id = answer.request_id, "a request ended unexpectedly");
        answer.broken()
    })
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

async fn respond(state: &State, parameters: Parameters, caller: Caller, answer: &Answer) -> Response {
    let checked = match document(state, &parameters) {
        Ok(checked) => checked,
        Err(Unread::Bad(message)) => return answer.bad(StatusCode::BAD_REQUEST, &message),
        Err(Unread::Refused(refused)) => return answer.refused(refused),
    };
    let name = parameters.operation_name.as_deref();
    if caller.reading && Gate::is_mutation(&checked, name) == Some(true) {
        let mut response = answer.bad(StatusCode::METHOD_NOT_ALLOWED, "Send mutations by POST.");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let authenticating = auth::service::authenticate(&state.app, caller.bearer.as_deref(), caller.origin);
    let late = |_| Err(Error::Overloaded(Duration::from_secs(1)));
    let actor = match tokio::time::timeout(PATIENCE, authenticating).await.unwrap_or_else(late) {
        Ok(actor) => actor,
        Err(failure) => return answer.failed(failure),
    };
    let introspection = state.app.config.introspection || actor.principal().is_some();
    let variables = Value::Object(parameters.variables.unwrap_or_default());
    match state.gate.admit(&checked, name, variables, introspection) {
        Err(refused) => answer.refused(refused),
        Ok(Passed::Introspection(found)) => answer.introspected(found),
        Ok(Passed::Execute { bulk: false, .. }) if caller.large => {
            answer.too_large(state.app.config.body_limit)
        }
        Ok(Passed::Execute { document, variables, .. }) => {
            let mut request = GraphQLRequest::new(String::new()).variables(Variables::from_json(variables));
            request.set_parsed_query(document);
            request.operation_name.clone_from(&parameters.operation_name);
            if !introspection {
                request = request.disable_introspection();
            }
            match execute(state, request, actor, caller.cookie).await {
                Some(mut response) => {
                    relocate(&mut response, &checked, name);
                    answer.executed(response)
                }
                None => answer.late(),
            }
        }
    }
}

/// Why there is no document to execute.
enum Unread {
    Bad(String),
    Refused(Refused),
}

/// The document of a request, by its text or by the hash of one that passed before.
fn document(state: &State, parameters: &Parameters) -> Result<Arc<Checked>, Unread> {
    let hash = parameters.persisted().map_err(Unread::Bad)?;
    match (&parameters.query, hash) {
        (None, None) => Err(Unread::Bad("The request holds no `query`.".to_owned())),
        (None, Some(hash)) => state.gate.known(&hash).ok_or_else(|| {
            // Apollo's clients look for this very message.
            Unread::Refused(Refused::one("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"))
        }),
        (Some(query), Some(hash)) if Gate::hash(query) != hash => {
            Err(Unread::Bad("`sha256Hash` is not the SHA-256 of `query`.".to_owned()))
        }
        (Some(query), _) => state.gate.document(query).map_err(Unread::Refused),
    }
}

/// Executes an operation; `None` when it took too long.
async fn execute(
    state: &State,
    request: GraphQLRequest,
    actor: Actor,
    cookie: SessionCookie,
) -> Option<GraphQLResponse> {
    let request = request.data(actor).data(loader(&state.app)).data(cookie);
    let executed =
        tokio::time::timeout(state.app.config.request_timeout, state.schema.execute(request)).await;
    executed.inspect_err(|_| tracing::warn!("an operation took too long and was given up")).ok()
}

/// Names the places of errors in the text that the client sent: what was executed is the compiler's own wording of it.
fn relocate(response: &mut GraphQLResponse, checked: &Checked, operation_name: Option<&str>) {
    for error in &mut response.errors {
        let keys: Vec<&str> = error
            .path
            .iter()
            .filter_map(|segment| match segment {
                PathSegment::Field(key) => Some(key.as_str()),
                PathSegment::Index(_) => None,
            })
            .collect();
        let place = Gate::locate(checked, operation_name, &keys);
        error.locations = place.map(|(line, column)| Pos { line, column }).into_iter().collect();
    }
}
