//! What the meters of the pages ask: how hard a new password is to guess. The pages work without an answer.

use poem::http::{HeaderValue, header};
use poem::web::{Data, Json};
use poem::{IntoResponse as _, Request, Response, handler};
use serde_json::json;

use super::{RATE_PASSWORD, State, Visit};

/// `POST /password/strength`: rates what was typed, held against what the form and the session know of the person.
#[handler]
pub(super) async fn rate(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let mut context: Vec<&str> = form.all("context").filter(|word| !word.is_empty()).collect();
    if let Some(principal) = visit.actor.principal() {
        context.extend([principal.name.as_str(), principal.email.typed()]);
    }
    let input = json!({ "password": form.get("password").unwrap_or_default(), "context": context });
    let mut done = visit.run(RATE_PASSWORD, json!({ "input": input })).await;
    let mut response = match done.problem {
        None => Json(done.data["ratePassword"].take()).into_response(),
        Some(_) => done.status.into_response(),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
