//! Answers: what was executed, what was refused and what failed, each with the request's id.

use std::time::Duration;

use async_graphql::Response as GraphQLResponse;
use async_graphql_poem::GraphQLResponse as PoemResponse;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::Json;
use poem::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::media::Media;
use super::outcome;
use super::prepare::Ended;
use crate::error::Error;
use crate::graphql::GqlError;
use crate::http::gate::Refused;
use crate::telemetry::metrics;

/// How one request is answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) media: Media,
    pub(super) request_id: Option<String>,
}

impl Answer {
    /// Sends what was executed.
    pub(super) fn executed(&self, mut response: GraphQLResponse) -> Response {
        let wait = self.complete(&mut response);
        let mut text = Vec::with_capacity(1_024);
        if let Err(failure) = crate::graphql::append(&mut text, &response) {
            tracing::error!(%failure, "an answer could not be written");
            return self.broken();
        }
        // Cookies and their kin come with the answer; what was written of it is text by now.
        response.data = async_graphql::Value::Null;
        let mut response = self.send(StatusCode::OK, PoemResponse(response).into_response());
        response.set_body(text);
        if let Some(wait) = wait {
            retry_after(&mut response, Duration::from_secs(wait));
        }
        response
    }

    /// Gives every error a code and the request's id; says how many seconds the client should wait, if any error says so.
    pub(super) fn complete(&self, response: &mut GraphQLResponse) -> Option<u64> {
        let mut wait = None;
        for error in &mut response.errors {
            outcome::count_error(error);
            if let Some(async_graphql::Value::Number(seconds)) =
                error.extensions.as_ref().and_then(|all| all.get("retryAfterSeconds"))
            {
                wait = wait.max(seconds.as_u64());
            }
            let extensions = error.extensions.get_or_insert_default();
            if extensions.get("code").is_none() {
                extensions.set("code", "BAD_USER_INPUT");
            }
            if let Some(id) = &self.request_id {
                extensions.set("requestId", id.as_str());
            }
        }
        wait
    }

    /// Answers what is not executed; `most` is the common limit on a body.
    pub(super) fn ended(&self, ended: Ended, most: usize) -> Response {
        match ended {
            Ended::Bad(status, message) => {
                let mut response = self.bad(status, &message);
                if status == StatusCode::METHOD_NOT_ALLOWED {
                    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
                }
                response
            }
            Ended::Refused(refused) => self.errors(self.media.request_error(), refused),
            Ended::TooLarge => self.too_large(most),
            Ended::Failed(failure) => self.failed(failure),
            Ended::Answered(found) => self.send(StatusCode::OK, Json(found).into_response()),
        }
    }

    /// Refuses a request with a status of its own.
    pub(super) fn bad(&self, status: StatusCode, message: &str) -> Response {
        self.errors(status, Refused::one("BAD_REQUEST", message))
    }

    /// Refuses what is not read to its end. The connection ends with the answer: the rest of the body is not waited for.
    pub(super) fn too_large(&self, most: usize) -> Response {
        let message = format!("A body has at most {most} bytes.");
        let mut refused = Refused::one("BAD_REQUEST", &message);
        refused.0[0]["extensions"]["limit"] = json!("body");
        refused.0[0]["extensions"]["most"] = json!(most);
        self.errors(StatusCode::PAYLOAD_TOO_LARGE, refused)
    }

    /// The operation took too long.
    pub(super) fn late(&self) -> Response {
        let message = "The operation took too long and was given up; try again in a moment.";
        let mut refused = Refused::one("OVERLOADED", message);
        refused.0[0]["extensions"]["limit"] = json!("time");
        self.errors(StatusCode::SERVICE_UNAVAILABLE, refused)
    }

    /// The work on the request ended unexpectedly.
    pub(super) fn broken(&self) -> Response {
        self.errors(StatusCode::INTERNAL_SERVER_ERROR, Refused::broken())
    }

    /// Not even the caller could be found out.
    pub(super) fn failed(&self, failure: Error) -> Response {
        let overloaded = matches!(failure, Error::Overloaded(_));
        let error = async_graphql::Error::from(GqlError::from(failure));
        let mut error = error.into_server_error(async_graphql::Pos::default());
        error.locations.clear();
        let mut response = self.executed(GraphQLResponse::from_errors(vec![error]));
        if overloaded {
            response.set_status(StatusCode::SERVICE_UNAVAILABLE);
        }
        response
    }

    /// Errors as a body, each with the request's id.
    pub(super) fn body(&self, mut refused: Refused) -> Value {
        for error in &refused.0 {
            metrics::error(error["extensions"]["code"].as_str().unwrap_or("none").to_owned());
        }
        if let Some(id) = &self.request_id {
            for error in &mut refused.0 {
                error["extensions"]["requestId"] = json!(id);
            }
        }
        json!({ "errors": refused.0 })
    }

    pub(super) fn errors(&self, status: StatusCode, refused: Refused) -> Response {
        let mut response = self.send(status, Json(self.body(refused)).into_response());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            retry_after(&mut response, Duration::from_secs(1));
        }
        response
    }

    fn send(&self, status: StatusCode, mut response: Response) -> Response {
        response.set_status(status);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.media.content_type());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.append(header::VARY, HeaderValue::from_static("Accept"));
        response
    }
}

fn retry_after(response: &mut Response, wait: Duration) {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
}
