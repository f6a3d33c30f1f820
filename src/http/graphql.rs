//! GraphQL over HTTP: `POST` with `application/json`, one operation a request.
//!
//! Stock integrations execute mutations by `GET`, read any content type as JSON and run arrays in parallel, all
//! of which let other sites or one request do too much. Here a request is `POST`, exactly `application/json`, a
//! single object, and at most `GUESTLIST_BODY_LIMIT` bytes.

use std::time::Duration;

use async_graphql::{Request as GraphQLRequest, Response as GraphQLResponse, Variables};
use async_graphql_poem::GraphQLResponse as PoemResponse;
use poem::error::ReadBodyError;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::{Data, Json};
use poem::{IntoResponse as _, Request, Response, handler};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::Instrument as _;

use super::State;
use super::gate::{Passed, Refused};
use super::wrap::RequestId;
use crate::actor::{Actor, Origin};
use crate::auth;
use crate::error::Error;
use crate::graphql::{GqlError, loader};

/// Longest time that one operation may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long finding out who asks may take; a database that is slower than that is as good as away.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest user agent that is kept, in bytes.
const USER_AGENT_MAX: usize = 255;

/// The parameters of a request, nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    query: String,
    #[serde(default)]
    operation_name: Option<String>,
    #[serde(default)]
    variables: Option<serde_json::Map<String, Value>>,
    #[serde(default, rename = "extensions")]
    _extensions: Option<serde_json::Map<String, Value>>,
}

/// Which of the two media types the client wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    GraphQL,
}

impl Media {
    fn of(request: &Request) -> Option<Self> {
        let accept = request.header(header::ACCEPT).unwrap_or("*/*");
        for range in accept.split(',') {
            match range.split(';').next().unwrap_or_default().trim() {
                "application/graphql-response+json" => return Some(Self::GraphQL),
                "application/json" | "application/*" | "*/*" | "" => return Some(Self::Json),
                _ => {}
            }
        }
        None
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::GraphQL => "application/graphql-response+json; charset=utf-8",
        })
    }

    /// The status of a request that was understood and not executed.
    fn request_error(self) -> StatusCode {
        match self {
            Self::Json => StatusCode::OK,
            Self::GraphQL => StatusCode::BAD_REQUEST,
        }
    }
}

/// `GET /graphql`: people are sent to the explorer, programs are told to use `POST`.
#[handler]
pub(super) fn get(request: &Request, Data(state): Data<&State>) -> Response {
    let wants_page = request.header(header::ACCEPT).is_some_and(|accept| accept.contains("text/html"));
    if wants_page && state.app.config.graphiql {
        return poem::web::Redirect::see_other("/graphiql").into_response();
    }
    let mut response = refuse(
        StatusCode::METHOD_NOT_ALLOWED,
        Media::Json,
        &Refused(vec![error("BAD_REQUEST", "Send operations by POST with Content-Type: application/json.")]),
    );
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// `POST /graphql`.
#[handler]
pub(super) async fn post(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let Some(media) = Media::of(request) else {
        let message = "Accept application/graphql-response+json or application/json.";
        return refuse(
            StatusCode::NOT_ACCEPTABLE,
            Media::Json,
            &Refused(vec![error("BAD_REQUEST", message)]),
        );
    };
    let bad = |status, message: &str| refuse(status, media, &Refused(vec![error("BAD_REQUEST", message)]));
    if !is_json(request.content_type()) {
        return bad(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.");
    }
    let config = &state.app.config;
    // Whoever is signed in may send a long list of people; the document itself is held to the common limit.
    let known =
        bearer(request).is_some_and(|token| state.app.access_keys.verify(&state.app, token).is_some());
    let most = if known { config.bulk_body_limit } else { config.body_limit };
    let bytes = match body.into_bytes_limit(most).await {
        Ok(bytes) => bytes,
        Err(ReadBodyError::PayloadTooLarge) => return too_large(media, most),
        Err(_) => return bad(StatusCode::BAD_REQUEST, "The body could not be read."),
    };
    let parameters: Parameters = match read_parameters(&bytes) {
        Ok(parameters) => parameters,
        Err(message) => return bad(StatusCode::BAD_REQUEST, &message),
    };
    if parameters.query.len() > config.body_limit {
        return too_large(media, config.body_limit);
    }
    let large = bytes.len() > config.body_limit;
    let origin = origin(request);
    let bearer = bearer(request).map(str::to_owned);
    let state = state.clone();
    let span = tracing::info_span!("graphql", request_id = origin.request_id);
    // A client that goes away drops this handler, not what it has begun: the work runs in a task of its own.
    let work = tokio::spawn(
        async move { respond(&state, parameters, large, bearer, origin, media).await }.instrument(span),
    );
    match work.await {
        Ok(response) => response,
        Err(failure) => {
            tracing::error!(%failure, "a request ended unexpectedly");
            let internal =
                error("INTERNAL", "Something went wrong on the server; the request id finds it in the logs.");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, media, &Refused(vec![internal]))
        }
    }
}

/// Reads the parameters, refusing arrays, which a struct would be read from as well.
fn read_parameters(bytes: &[u8]) -> Result<Parameters, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|e| format!("The body is not JSON: {e}."))?;
    match value {
        Value::Object(_) => serde_json::from_value(value).map_err(|e| {
            format!("The body holds `query`, and may hold `variables` and `operationName`: {e}.")
        }),
        Value::Array(_) => Err("Send one operation a request; arrays are not taken.".to_owned()),
        _ => Err("The body is a JSON object with `query`.".to_owned()),
    }
}

fn is_json(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else { return false };
    let mut parts = content_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let json = parts.next().as_deref() == Some("application/json");
    json && parts.all(|p| p.is_empty() || p == "charset=utf-8" || p == "charset=\"utf-8\"")
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header(header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Where a request came from: the peer itself. Headers are not believed.
fn origin(request: &Request) -> Origin {
    Origin {
        ip_address: request.remote_addr().as_socket_addr().map(|addr| addr.ip().to_canonical().to_string()),
        user_agent: request.header(header::USER_AGENT).map(|agent| crate::text::clip(agent, USER_AGENT_MAX)),
        request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()),
    }
}

async fn respond(
    state: &State,
    parameters: Parameters,
    large: bool,
    bearer: Option<String>,
    origin: Origin,
    media: Media,
) -> Response {
    let request_id = origin.request_id.clone();
    let known = auth::service::authenticate(&state.app, bearer.as_deref(), origin);
    let late = |_| Err(Error::Overloaded(Duration::from_secs(1)));
    let actor = match tokio::time::timeout(PATIENCE, known).await.unwrap_or_else(late) {
        Ok(actor) => actor,
        Err(failure) => {
            let wait = match &failure {
                Error::Overloaded(wait) => Some(wait.as_secs()),
                _ => None,
            };
            let failure = async_graphql::Error::from(GqlError::from(failure));
            let failure = failure.into_server_error(async_graphql::Pos::default());
            let failed = GraphQLResponse::from_errors(vec![failure]);
            let mut response = execute_failed(media, failed, request_id.as_deref());
            if let Some(wait) = wait {
                response.set_status(StatusCode::SERVICE_UNAVAILABLE);
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
            }
            return response;
        }
    };
    let introspection = state.app.config.introspection || actor.principal().is_some();
    let variables = Value::Object(parameters.variables.unwrap_or_default());
    let name = parameters.operation_name.as_deref();
    match state.gate.check(&parameters.query, name, &variables, introspection) {
        Err(refused) => refuse(media.request_error(), media, &refused),
        Ok(Passed::Introspection(answer)) => answer_with(StatusCode::OK, media, Json(answer).into_response()),
        Ok(Passed::Execute { bulk: false, .. }) if large => too_large(media, state.app.config.body_limit),
        Ok(Passed::Execute { query, variables, .. }) => {
            let request = GraphQLRequest::new(query).variables(Variables::from_json(variables));
            let request = match parameters.operation_name {
                Some(name) => request.operation_name(name),
                None => request,
            };
            execute(state, request, actor, media, request_id.as_deref()).await
        }
    }
}

async fn execute(
    state: &State,
    request: GraphQLRequest,
    actor: Actor,
    media: Media,
    request_id: Option<&str>,
) -> Response {
    let request = request.data(actor).data(loader(&state.app));
    match tokio::time::timeout(DEADLINE, state.schema.execute(request)).await {
        Ok(response) => execute_failed(media, response, request_id),
        Err(_) => {
            let late =
                error("OVERLOADED", "The operation took too long and was given up; try again in a moment.");
            refuse(StatusCode::SERVICE_UNAVAILABLE, media, &Refused(vec![late]))
        }
    }
}

/// Sends what was executed; each error carries the request id.
fn execute_failed(media: Media, mut response: GraphQLResponse, request_id: Option<&str>) -> Response {
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", "BAD_USER_INPUT");
        }
        if let Some(id) = request_id {
            extensions.set("requestId", id);
        }
    }
    answer_with(StatusCode::OK, media, PoemResponse(response).into_response())
}

fn answer_with(status: StatusCode, media: Media, mut response: Response) -> Response {
    response.set_status(status);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media.content_type());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

fn refuse(status: StatusCode, media: Media, refused: &Refused) -> Response {
    answer_with(status, media, Json(json!({ "errors": refused.0 })).into_response())
}

fn too_large(media: Media, most: usize) -> Response {
    let message = format!("A body has at most {most} bytes.");
    refuse(StatusCode::PAYLOAD_TOO_LARGE, media, &Refused(vec![error("BAD_REQUEST", &message)]))
}

fn error(code: &str, message: &str) -> Value {
    json!({ "message": message, "extensions": { "code": code } })
}
