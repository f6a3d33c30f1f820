//! What the figures and the log say of an operation: its kind, its field, how it ended, who asked. Nothing that a client wrote
//! gets into them.

use async_graphql::resolver_utils::EnumType as _;
use async_graphql::{Response, ServerError, Value};

use crate::actor::Actor;
use crate::error::ErrorCode;
use crate::http::gate::Kind;
use crate::id::TypedId as _;
use crate::telemetry::metrics;

/// What the log line of a request says of the operation in it.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Said {
    /// Name in the schema of its first root field.
    pub(in crate::http) operation: Option<String>,
    /// `ok`, or a code.
    pub(in crate::http) outcome: Option<&'static str>,
    /// Who asked.
    pub(in crate::http) user: Option<String>,
    /// The session that they asked with.
    pub(in crate::http) session: Option<String>,
    /// The tenant that it speaks for.
    pub(in crate::http) tenant: Option<String>,
}

impl Said {
    /// What is known before the operation is executed.
    pub(super) fn of(actor: &Actor, field: Option<&str>) -> Self {
        let viewer = actor.principal();
        Self {
            operation: field.map(str::to_owned),
            outcome: None,
            user: viewer.map(|viewer| viewer.user_id.global()),
            session: viewer.map(|viewer| viewer.session_id.global()),
            tenant: viewer.and_then(|viewer| viewer.active_tenant).map(|tenant| tenant.global()),
        }
    }
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }
}

/// Counts an operation that was executed; `None` for one that took too long.
pub(super) fn count(kind: Kind, field: Option<&str>, response: Option<&Response>) {
    let outcome = match response {
        Some(response) => of(response),
        None => ErrorCode::Overloaded.as_str(),
    };
    metrics::operation(kind.name(), field.unwrap_or("none").to_owned(), outcome);
}

/// Counts an error at the top of an answer.
pub(super) fn count_error(error: &ServerError) {
    metrics::error(code(error));
}

/// `ok`, or the code of the first error: at the top, or in the payload of the first root field.
pub(super) fn of(response: &Response) -> &'static str {
    if let Some(error) = response.errors.first() {
        return code(error);
    }
    let Value::Object(data) = &response.data else { return "ok" };
    let Some(Value::Object(payload)) = data.values().next() else { return "ok" };
    let Some(Value::List(refusals)) = payload.get("userErrors") else { return "ok" };
    match refusals.first() {
        None => "ok",
        Some(Value::Object(refusal)) => refusal.get("code").and_then(known).unwrap_or("refused"),
        Some(_) => "refused",
    }
}

fn code(error: &ServerError) -> &'static str {
    let given = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    given.and_then(known).unwrap_or(ErrorCode::BadUserInput.as_str())
}

/// A value as the code that it names: clients choose under which names they are answered.
fn known(value: &Value) -> Option<&'static str> {
    let name = match value {
        Value::Enum(name) => name.as_str(),
        Value::String(name) => name,
        _ => return None,
    };
    let codes = ErrorCode::items().iter();
    codes.map(|item| item.name).find(|code| *code == name)
}
