//! From the parameters of a request to an operation that can be executed, however it came: who asks, which document, whether it
//! may run.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{PathSegment, Pos, Request as GraphQLRequest, Response as GraphQLResponse, Variables};
use poem::http::StatusCode;
use serde_json::Value;
use tracing::Instrument as _;

use super::once;
use super::outcome::{self, Said};
use super::parameters::Parameters;
use crate::actor::{Actor, Origin};
use crate::app::App;
use crate::auth;
use crate::db::once::Mark;
use crate::db::settled;
use crate::error::{Error, ErrorCode};
use crate::event;
use crate::graphql::{Loads, SessionCookie, Writes, loader};
use crate::http::State;
use crate::http::gate::{Checked, Gate, Kind, Passed, Refused};
use crate::telemetry::{metrics, traces};

/// How long finding out who asks may take; a database that is slower than that is as good as away.
const PATIENCE: Duration = Duration::from_secs(3);

/// Who asks.
pub(super) enum Who {
    /// To be found out by the access token, if there is one.
    Bearer(Option<String>, Origin),
    /// Found out already.
    Known(Actor),
}

/// What is known of a request besides its parameters.
pub(super) struct Caller {
    pub(super) who: Who,
    pub(super) cookie: SessionCookie,
    /// Whether the body is larger than is common.
    pub(super) large: bool,
    /// Whether mutations are refused.
    pub(super) reading: bool,
    /// Whether subscriptions can be answered.
    pub(super) streaming: bool,
    /// Whether the answer is sent as JSON, and nobody looks into it.
    pub(super) sent: bool,
    /// The `Idempotency-Key`, if there is one.
    pub(super) key: Option<String>,
}

/// What becomes of a request that is not executed.
pub(super) enum Ended {
    /// The request itself is bad.
    Bad(StatusCode, String),
    /// The document or its variables are refused.
    Refused(Refused),
    /// The body is too large for this operation.
    TooLarge,
    /// Not even the caller could be found out.
    Failed(Error),
    /// A question about the schema, answered.
    Answered(Value),
}

/// An operation that can be executed.
pub(super) struct Prepared {
    request: GraphQLRequest,
    loads: Loads,
    checked: Arc<Checked>,
    name: Option<String>,
    pub(super) kind: Kind,
    mark: Option<Mark>,
    /// What the log says of it.
    pub(super) said: Said,
}

/// Finds out who asks and whether the document may run.
///
/// # Errors
/// What becomes of it instead.
pub(super) async fn prepare(
    state: &State,
    parameters: Parameters,
    caller: Caller,
) -> Result<Prepared, Ended> {
    let checked = document(state, &parameters)?;
    let name = parameters.operation_name.clone();
    let kind = Gate::kind(&checked, name.as_deref());
    if caller.reading && kind == Some(Kind::Mutation) {
        return Err(Ended::Bad(StatusCode::METHOD_NOT_ALLOWED, "Send mutations by POST.".to_owned()));
    }
    if !caller.streaming && kind == Some(Kind::Subscription) {
        let message = "Subscribe over a WebSocket (graphql-transport-ws) or with Accept: text/event-stream.";
        return Err(Ended::Bad(StatusCode::NOT_ACCEPTABLE, message.to_owned()));
    }
    let actor = match caller.who {
        Who::Known(actor) => actor,
        Who::Bearer(token, origin) => {
            let actor = identify(&state.app, token.as_deref(), origin).await.map_err(Ended::Failed)?;
            // One that was known before may be kept for longer than this operation.
            if kind == Some(Kind::Query) { actor.of_query() } else { actor }
        }
    };
    let key = caller.key.filter(|_| kind == Some(Kind::Mutation));
    let mark = key.and_then(|key| once::mark(&state.app, &actor, &parameters, &key));
    let introspection = state.app.config.introspection || actor.principal().is_some();
    let variables = Value::Object(parameters.variables.unwrap_or_default());
    let admitted = state.gate.admit(&checked, name.as_deref(), variables, introspection);
    match admitted.map_err(Ended::Refused)? {
        Passed::Introspection(found) => Err(Ended::Answered(found)),
        Passed::Execute { bulk: false, .. } if caller.large => Err(Ended::TooLarge),
        Passed::Execute { document, variables, kind, .. } => {
            let mut request = GraphQLRequest::new(String::new()).variables(Variables::from_json(variables));
            request.set_parsed_query(document);
            request.operation_name.clone_from(&name);
            if !introspection {
                request = request.disable_introspection();
            }
            let said = Said::of(&actor, Gate::field(&checked, name.as_deref()));
            let loads = Loads::default();
            let rows = match kind {
                Kind::Subscription => loader(&state.app),
                Kind::Query | Kind::Mutation => loads.loader(&state.app),
            };
            let mut request = request.data(actor).data(rows).data(caller.cookie);
            if kind == Kind::Query && caller.sent && !checked.merges() {
                request = request.data(Writes);
            }
            Ok(Prepared { request, loads, checked, name, kind, mark, said })
        }
    }
}

/// Who is behind a bearer token, found out in bounded time.
///
/// # Errors
/// `OVERLOADED` when the database takes too long.
pub(super) async fn identify(app: &App, token: Option<&str>, origin: Origin) -> Result<Actor, Error> {
    let authenticating = auth::service::authenticate(app, token, origin);
    let late = |_| Err(Error::Overloaded(Duration::from_secs(1)));
    tokio::time::timeout(PATIENCE, authenticating).await.unwrap_or_else(late)
}

/// The document of a request, by its text or by the hash of one that passed before.
fn document(state: &State, parameters: &Parameters) -> Result<Arc<Checked>, Ended> {
    let bad = |message: String| Ended::Bad(StatusCode::BAD_REQUEST, message);
    let hash = parameters.persisted().map_err(bad)?;
    match (&parameters.query, hash) {
        (None, None) => Err(bad("The request holds no `query`.".to_owned())),
        (None, Some(hash)) => state.gate.known(&hash).ok_or_else(|| {
            // Apollo's clients look for this very message.
            Ended::Refused(Refused::one("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"))
        }),
        (Some(query), Some(hash)) if Gate::hash(query) != hash => {
            Err(bad("`sha256Hash` is not the SHA-256 of `query`.".to_owned()))
        }
        (Some(query), _) => state.gate.document(query).map_err(Ended::Refused),
    }
}

impl Prepared {
    /// Executes a query or mutation; `None` when it took too long.
    pub(super) async fn execute(mut self, state: &State) -> Option<GraphQLResponse> {
        match self.mark.take() {
            None => self.execute_once(state).await,
            Some(mark) => once::execute(&state.app, mark, self.execute_once(state)).await,
        }
    }

    async fn execute_once(self, state: &State) -> Option<GraphQLResponse> {
        let span = traces::operation(self.kind.name(), self.said.operation.as_deref());
        let response = self.perform(state).instrument(span.clone()).await;
        if !span.is_disabled() {
            traces::ended(&span, response.as_ref().map_or(ErrorCode::Overloaded.as_str(), outcome::of));
        }
        response
    }

    async fn perform(self, state: &State) -> Option<GraphQLResponse> {
        let deadline = state.app.config.request_timeout;
        let executing = self.loads.during(state.schema.execute(self.request));
        let executed = if self.kind == Kind::Mutation {
            let executed = tokio::time::timeout(deadline, settled(Box::pin(executing))).await;
            event::service::recorded(&state.app);
            executed.map(|settled| settled.unwrap_or_else(|error| once::failed(error.into())))
        } else {
            tokio::time::timeout(deadline, executing).await
        };
        outcome::count(self.kind, self.said.operation.as_deref(), executed.as_ref().ok());
        match executed {
            Ok(mut response) => {
                relocate(&mut response, &self.checked, self.name.as_deref());
                Some(response)
            }
            Err(_) => {
                tracing::warn!("an operation took too long and was given up");
                None
            }
        }
    }

    /// Executes a subscription.
    pub(super) fn stream(
        self,
        state: &State,
    ) -> impl futures_util::Stream<Item = GraphQLResponse> + Send + use<> {
        use futures_util::StreamExt as _;
        let (checked, name, open) = (self.checked, self.name, metrics::Open::subscription());
        state.schema.execute_stream(self.request).map(move |mut response| {
            let _ = &open;
            relocate(&mut response, &checked, name.as_deref());
            response
        })
    }
}

/// Names the places of errors in the text that the client sent: what was executed is the compiler's own wording of it.
fn relocate(response: &mut GraphQLResponse, checked: &Checked, operation_name: Option<&str>) {
    for error in &mut response.errors {
        let key = |segment: &PathSegment| match segment {
            PathSegment::Field(key) => Some(key.clone()),
            PathSegment::Index(_) => None,
        };
        let keys: Vec<String> = error.path.iter().filter_map(key).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let place = Gate::locate(checked, operation_name, &keys);
        error.locations = place.map(|(line, column)| Pos { line, column }).into_iter().collect();
    }
}
