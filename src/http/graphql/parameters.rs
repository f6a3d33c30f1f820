//! The parameters of a request: from a JSON body, or from the query of a URL.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::http::gate::Hash;

/// What a request may hold, nothing else.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Parameters {
    pub(super) query: Option<String>,
    #[serde(default)]
    pub(super) operation_name: Option<String>,
    #[serde(default)]
    pub(super) variables: Option<Map<String, Value>>,
    #[serde(default)]
    extensions: Option<Map<String, Value>>,
}

impl Parameters {
    /// Those of an operation of our own.
    pub(super) fn inside(query: &str, variables: Value) -> Self {
        let variables = match variables {
            Value::Object(variables) => Some(variables),
            _ => None,
        };
        Self { query: Some(query.to_owned()), variables, ..Self::default() }
    }

    /// Reads a body, refusing arrays, which a struct would be read from as well.
    ///
    /// # Errors
    /// A sentence for the client.
    pub(super) fn of_body(bytes: &[u8]) -> Result<Self, String> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|e| format!("The body is not JSON: {e}."))?;
        match value {
            Value::Object(_) => serde_json::from_value(value).map_err(|e| {
                format!(
                    "The body holds `query`, and may hold `variables`, `operationName` and `extensions`: {e}."
                )
            }),
            Value::Array(_) => Err("Send one operation a request; arrays are not taken.".to_owned()),
            _ => Err("The body is a JSON object with `query`.".to_owned()),
        }
    }

    /// Reads the query of a URL: `variables` and `extensions` are JSON there.
    ///
    /// # Errors
    /// A sentence for the client.
    pub(super) fn of_url(query: &str) -> Result<Self, String> {
        let mut read = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let object = |value: &str| match value {
                "" | "null" => Ok(None),
                value => serde_json::from_str(value)
                    .map(Some)
                    .map_err(|_| format!("`{name}` is a JSON object, percent-encoded.")),
            };
            let given_before = match &*name {
                "query" => read.query.replace(value.into_owned()).is_some(),
                "operationName" if value.is_empty() => false,
                "operationName" => read.operation_name.replace(value.into_owned()).is_some(),
                "variables" => std::mem::replace(&mut read.variables, object(&value)?).is_some(),
                "extensions" => std::mem::replace(&mut read.extensions, object(&value)?).is_some(),
                _ => {
                    return Err(
                        "A URL holds `query`, `variables`, `operationName` and `extensions`.".to_owned()
                    );
                }
            };
            if given_before {
                return Err(format!("`{name}` is given twice."));
            }
        }
        Ok(read)
    }

    /// The hash of an automatic persisted query (Apollo's protocol, version 1).
    ///
    /// # Errors
    /// A sentence for the client.
    pub(super) fn persisted(&self) -> Result<Option<Hash>, String> {
        let Some(persisted) = self.extensions.as_ref().and_then(|all| all.get("persistedQuery")) else {
            return Ok(None);
        };
        if persisted["version"].as_i64() != Some(1) {
            return Err("Persisted queries are version 1.".to_owned());
        }
        let hash = persisted["sha256Hash"].as_str().and_then(unhex);
        hash.map(Some)
            .ok_or_else(|| "`sha256Hash` is the SHA-256 of the query in hexadecimal digits.".to_owned())
    }
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(hash)
}
