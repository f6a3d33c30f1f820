//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a mutation that is sent again under the same key is executed once.
//!
//! The key is taken in the transaction that changes something, so that neither a crash nor two requests at once execute an operation
//! twice; an operation that changed nothing, refused or failed, can be sent again. Answers are kept for 24 hours without
//! their secrets: who lost one asks for another.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{ErrorExtensions as _, Response, Value};
use chrono::TimeDelta;
use poem::Request;
use poem::http::{HeaderName, HeaderValue};

use super::parameters::Parameters;
use crate::actor::Actor;
use crate::app::App;
use crate::db::once::{self, Kept, Mark};
use crate::error::{Error, Result};
use crate::http::gate::Gate;
use crate::id::{EventId, TypedId as _};

const HEADER: &str = "idempotency-key";
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// How long a key is taken.
const KEPT: TimeDelta = TimeDelta::hours(24);
/// Longest key in bytes.
const KEY_MAX: usize = 255;
/// How other secrets than tokens of a session begin: they are left out.
const SECRETS: [&str; 4] = ["gl_inv_", "gl_rst_", "gl_set_", "whsec_"];
/// How many characters such a secret has at least: what begins like one and is shorter was typed by somebody.
const SECRET_MIN: usize = 32;

/// The key that a request names, if it names one.
///
/// # Errors
/// A sentence for the client.
pub(super) fn key(request: &Request) -> Result<Option<String>, &'static str> {
    let advice = "An Idempotency-Key has 1 to 255 printable ASCII characters; a UUID does well.";
    let mut given = request.headers().get_all(HEADER).iter();
    let Some(key) = given.next() else { return Ok(None) };
    let key = key.to_str().map_err(|_| advice)?.trim();
    let fine = !key.is_empty() && key.len() <= KEY_MAX && given.next().is_none();
    if fine { Ok(Some(key.to_owned())) } else { Err(advice) }
}

/// The mark of a mutation that somebody sends under a key of theirs. What strangers send has none: signing in is not to be
/// repeated by whoever knows a key.
pub(super) fn mark(app: &App, actor: &Actor, parameters: &Parameters, key: &str) -> Option<Mark> {
    let viewer = actor.principal()?;
    let text = parameters.query.as_deref().map(Gate::hash).or(parameters.persisted().ok()?)?;
    // Not the tenant that the session speaks for: making one changes that.
    let request = serde_json::json!([text, parameters.operation_name, parameters.variables]);
    let key = format!("{} {key}", viewer.user_id.global());
    let now = app.clock.now();
    Some(Mark {
        key: app.keys.limiter_key("once", &key),
        request: app.keys.limiter_key("request", &request.to_string()),
        owner: app.fresh_id::<EventId>().uuid().simple().to_string(),
        now,
        ends_at: now + KEPT,
    })
}

/// Executes a marked operation, or gives the answer that it got before.
pub(super) async fn execute(
    app: &App,
    mark: Mark,
    operation: impl Future<Output = Option<Response>>,
) -> Option<Response> {
    let mark = Arc::new(mark);
    let found = || once::find(app.db.reader(), &mark.key, mark.now);
    match found().await {
        Ok(None) => {}
        Ok(Some(kept)) => return Some(again(app, &mark, kept)),
        Err(error) => return Some(failed(error.into())),
    }
    let response = once::marked(Arc::clone(&mark), operation).await?;
    match found().await {
        // Another execution was quicker, and whatever this one met is its doing.
        Ok(Some(kept)) if kept.owner != mark.owner => Some(again(app, &mark, kept)),
        Ok(Some(_)) if response.errors.is_empty() => {
            let answer = serde_json::to_string(&without_secrets(&response.data)).unwrap_or_default();
            if let Err(error) = once::keep(app.db.writer(), &mark, &answer).await {
                tracing::warn!(%error, "an answer was not kept for its key");
            }
            Some(response)
        }
        _ => Some(response),
    }
}

/// What is answered where a key is taken.
fn again(app: &App, mark: &Mark, kept: Kept) -> Response {
    let refuse = |code: &str, message: &str| {
        let error = async_graphql::Error::new(message).extend_with(|_, e| e.set("code", code));
        let mut error = error.into_server_error(async_graphql::Pos::default());
        error.locations.clear();
        Response::from_errors(vec![error])
    };
    if kept.request != mark.request {
        let message = "This Idempotency-Key was used for another request; take another key.";
        return refuse("IDEMPOTENCY_KEY_REUSED", message);
    }
    match kept.answer.as_deref().map(serde_json::from_str::<Value>) {
        Some(Ok(data)) => {
            let mut response = Response::new(data);
            response.http_headers.insert(REPLAYED, HeaderValue::from_static("true"));
            response
        }
        // Between its commit and the keeping of its answer an operation is under way.
        _ if mark.now < kept.ends_at - KEPT + app.config.request_timeout => {
            failed(Error::Overloaded(Duration::from_secs(1)))
        }
        _ => {
            let message = "This request was executed, and its answer is not known: look at what it changed.";
            refuse("ALREADY_EXECUTED", message)
        }
    }
}

/// The answer of an operation of which nothing lasts.
pub(super) fn failed(error: Error) -> Response {
    let error = async_graphql::Error::from(crate::graphql::GqlError::from(error));
    Response::from_errors(vec![error.into_server_error(async_graphql::Pos::default())])
}

/// Whether a text holds a secret that begins like this.
fn holds(text: &str, prefix: &str) -> bool {
    let is_part = |c: &char| c.is_ascii_alphanumeric() || "-_+/=".contains(*c);
    text.match_indices(prefix)
        .any(|(at, _)| text[at + prefix.len()..].chars().take_while(is_part).count() >= SECRET_MIN)
}

/// Whether a text is a token that is good by itself: a refresh token, or a JWT (RFC 7519).
fn is_bearer(text: &str) -> bool {
    let is_jwt = || text.matches('.').count() == 2 && jsonwebtoken::decode_header(text).is_ok();
    (text.starts_with("gl_ref_") && holds(text, "gl_ref_")) || is_jwt()
}

/// An answer as it may be kept: links and secrets are null, as they are to whoever asks later. Of a token that is good by itself the
/// object that holds it is null; a payload, whose fields can all be, loses the field alone.
fn without_secrets(answer: &Value) -> Value {
    let Value::Object(payloads) = answer else { return censored(answer) };
    let payload = |value: &Value| match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), if bears(value) { Value::Null } else { censored(value) }))
                .collect(),
        ),
        other => censored(other),
    };
    Value::Object(payloads.iter().map(|(name, value)| (name.clone(), payload(value))).collect())
}

fn bears(value: &Value) -> bool {
    matches!(value, Value::String(text) if is_bearer(text))
}

fn censored(value: &Value) -> Value {
    match value {
        Value::Object(fields) if fields.values().any(bears) => Value::Null,
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), censored(value))).collect())
        }
        Value::List(values) => Value::List(values.iter().map(censored).collect()),
        Value::String(text) if SECRETS.iter().any(|secret| holds(text, secret)) => Value::Null,
        other => other.clone(),
    }
}
