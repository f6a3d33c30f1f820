//! Lists as CSV, row by row as they are read, so that their length does not matter.

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::Data;
use poem::{Body, Request, Response, handler};
use serde_json::{Value, json};

use super::list::{EVENT_LIST, INVITATION_LIST, List, MEMBER_LIST, tenant_of};
use super::visit::status_of;
use super::{State, Visit, see};
use crate::actor::Actor;
use crate::auth;
use crate::graphql::SessionCookie;
use crate::http::graphql;
use crate::words::Key;

/// Rows that are read at a time.
const ROWS: u32 = 100;

/// A column: its title, and where its value stands in a row.
type Column = (&'static str, &'static str);

/// What is read next.
struct Reading {
    state: State,
    actor: Actor,
    operation: &'static str,
    connection: &'static str,
    columns: &'static [Column],
    variables: Value,
    titles: bool,
    done: bool,
    /// What is said when the list takes too long.
    too_late: String,
}

/// `GET /console/invitations.csv`.
#[handler]
pub(super) async fn invitations(request: &Request, Data(state): Data<&State>) -> Response {
    let columns = &[
        ("email", "/email"),
        ("name", "/name"),
        ("role", "/role/name"),
        ("status", "/status"),
        ("invited by", "/invitedByName"),
        ("created", "/createdAt"),
        ("expires", "/expiresAt"),
        ("mail", "/delivery/state"),
    ];
    export(state, request, &INVITATION_LIST, ("/invitations", "invitations.csv"), columns).await
}

/// `GET /console/members.csv`.
#[handler]
pub(super) async fn members(request: &Request, Data(state): Data<&State>) -> Response {
    let columns = &[
        ("email", "/user/email"),
        ("name", "/user/name"),
        ("role", "/role/name"),
        ("status", "/status"),
        ("joined", "/joinedAt"),
        ("last seen", "/lastSeenAt"),
    ];
    export(state, request, &MEMBER_LIST, ("/tenant/members", "members.csv"), columns).await
}

/// `GET /console/events.csv`.
#[handler]
pub(super) async fn events(request: &Request, Data(state): Data<&State>) -> Response {
    let columns = &[
        ("at", "/at"),
        ("kind", "/kind"),
        ("by", "/actor/name"),
        ("about", "/subject/__typename"),
        ("address", "/subject/email"),
        ("name", "/subject/name"),
        ("from", "/ipAddress"),
        ("request", "/requestId"),
    ];
    export(state, request, &EVENT_LIST, ("/events", "events.csv"), columns).await
}

async fn export(
    state: &State,
    request: &Request,
    list: &List,
    (connection, file): (&'static str, &str),
    columns: &'static [Column],
) -> Response {
    let visit = match Visit::known(state, request).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let Some(tenant) = tenant_of(&visit) else { return see("/login/tenant") };
    let filter = (list.filter)(&visit.query, state.app.clock.now());
    let reading = Reading {
        state: state.clone(),
        actor: visit.actor.clone(),
        operation: list.operation,
        connection,
        columns,
        variables: json!({ "tenant": tenant, "filter": filter, "first": ROWS }),
        titles: true,
        done: false,
        too_late: visit.words.say(Key("problem-list-late")),
    };
    // The first rows are read before anything is answered, so that who may not see them is told so.
    let mut rows = Box::pin(rows(reading));
    let first = match rows.try_next().await {
        Ok(first) => first.unwrap_or_default(),
        Err(Problem(status, message)) => return visit.failed(status, &message),
    };
    let text = stream::iter([Ok(first)]).chain(rows);
    let mut response =
        Response::builder().content_type("text/csv; charset=utf-8").body(Body::from_bytes_stream(text));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{file}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

/// Why a list cannot be read, and the status of a page that says so.
struct Problem(StatusCode, String);

impl From<Problem> for std::io::Error {
    fn from(Problem(_, message): Problem) -> Self {
        Self::other(message)
    }
}

impl From<csv::Error> for Problem {
    fn from(error: csv::Error) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

/// Lines of CSV, a page of the list at a time.
fn rows(reading: Reading) -> impl Stream<Item = Result<Vec<u8>, Problem>> + Send {
    stream::try_unfold(reading, async |mut reading| {
        if reading.done {
            return Ok(None);
        }
        reading.actor = again(&reading).await?;
        let (actor, cookie) = (reading.actor.clone(), SessionCookie::default());
        let ran =
            graphql::inside(&reading.state, actor, cookie, reading.operation, reading.variables.clone());
        let late = || Problem(StatusCode::SERVICE_UNAVAILABLE, reading.too_late.clone());
        let response = ran.await.ok_or_else(late)?;
        if let Some(error) = response.errors.first() {
            return Err(Problem(status_of(&response), error.message.clone()));
        }
        let data = serde_json::to_value(&response.data).unwrap_or_default();
        let page = data.pointer(reading.connection).unwrap_or(&Value::Null);
        let mut writer = csv::Writer::from_writer(Vec::new());
        if reading.titles {
            writer.write_record(reading.columns.iter().map(|(title, _)| title))?;
            reading.titles = false;
        }
        for row in page["nodes"].as_array().into_iter().flatten() {
            let cell = |(_, place): &Column| row.pointer(place).and_then(Value::as_str).map(harmless);
            writer.write_record(reading.columns.iter().map(|column| cell(column).unwrap_or_default()))?;
        }
        reading.done = page["pageInfo"]["hasNextPage"] != true;
        reading.variables["after"] = page["pageInfo"]["endCursor"].clone();
        let text = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
        Ok(Some((text, reading)))
    })
}

/// Whoever reads, as they are at this moment: a download takes as long as its client likes.
async fn again(reading: &Reading) -> Result<Actor, Problem> {
    let Some(principal) = reading.actor.principal() else { return Ok(reading.actor.clone()) };
    let origin = reading.actor.origin.clone();
    let again = auth::service::of_session(&reading.state.app, principal.session_id, origin).await;
    again.map_err(|_| Problem(StatusCode::SERVICE_UNAVAILABLE, reading.too_late.clone()))
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection).
pub(super) fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
