//! Why a document is not executed.

use apollo_compiler::ExecutableDocument;
use apollo_compiler::request::RequestError;
use apollo_compiler::validation::DiagnosticList;
use serde_json::{Value, json};

/// Most errors that one answer lists.
const ERRORS_MAX: usize = 5;

/// Why a document is not executed, as GraphQL errors.
#[derive(Debug)]
pub struct Refused(pub Vec<Value>);

impl Refused {
    /// A single error.
    #[must_use]
    pub fn one(code: &str, message: &str) -> Self {
        Self(vec![json!({ "message": message, "extensions": { "code": code } })])
    }

    /// The work on it ended unexpectedly.
    #[must_use]
    pub fn broken() -> Self {
        Self::one("INTERNAL", "Something went wrong on the server; the request id finds it in the logs.")
    }

    /// A limit that the document is beyond, by name and value.
    #[must_use]
    pub fn limit(limit: &str, most: usize, message: &str) -> Self {
        let extensions = json!({ "code": "QUERY_TOO_COMPLEX", "limit": limit, "most": most });
        Self(vec![json!({ "message": message, "extensions": extensions })])
    }
}

/// What the parser or the validator found, as errors; `tokens` is the most that the parser reads.
pub(super) fn diagnostics(list: &DiagnosticList, tokens: usize) -> Refused {
    let errors = list.iter().take(ERRORS_MAX).map(|diagnostic| {
        let mut error = serde_json::to_value(diagnostic.unstable_to_json_compat()).unwrap_or_default();
        let extensions = match diagnostic.error.unstable_error_name() {
            None | Some("ParserLimit") if is_limit(&error) => {
                error["message"] =
                    format!("A document has at most {tokens} tokens, nested at most 64 deep.").into();
                json!({ "code": "QUERY_TOO_COMPLEX", "limit": "tokens", "most": tokens })
            }
            Some("RecursionLimitError" | "RecursionError") => {
                json!({ "code": "QUERY_TOO_COMPLEX", "limit": "recursion" })
            }
            None | Some("SyntaxError" | "ParserLimit") => json!({ "code": "GRAPHQL_PARSE_FAILED" }),
            Some(_) => json!({ "code": "GRAPHQL_VALIDATION_FAILED" }),
        };
        if let Some(error) = error.as_object_mut() {
            error.insert("extensions".to_owned(), extensions);
        }
        error
    });
    Refused(errors.collect())
}

fn is_limit(error: &Value) -> bool {
    error["message"].as_str().is_some_and(|message| message.contains("limit"))
}

/// What was wrong with a request whose document is sound.
pub(super) fn request_error(code: &str, error: &RequestError, document: &ExecutableDocument) -> Refused {
    let mut error = serde_json::to_value(error.to_graphql_error(&document.sources)).unwrap_or_default();
    if let Some(error) = error.as_object_mut() {
        error.insert("extensions".to_owned(), json!({ "code": code }));
    }
    Refused(vec![error])
}
