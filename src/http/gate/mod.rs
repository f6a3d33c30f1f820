//! The gate in front of execution: which documents are executed at all.
//!
//! apollo-compiler parses, validates and coerces each document against the served schema; async-graphql
//! executes what passed. A document that passed once is kept by the SHA-256 of its text, so that it is parsed
//! and validated once; automatic persisted queries name it by that hash.

mod merged;
mod refused;
mod weight;

use std::sync::Arc;

use apollo_compiler::collections::HashMap as ApolloMap;
use apollo_compiler::executable::{Operation, OperationType};
use apollo_compiler::introspection;
use apollo_compiler::parser::Parser;
use apollo_compiler::request::{RequestError, coerce_variable_values};
use apollo_compiler::response::JsonMap;
use apollo_compiler::schema::Implementers;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Name, Schema};
use async_graphql::parser::types::ExecutableDocument as Executable;
use aws_lc_rs::digest;
use serde_json::Value;

use crate::config::{Config, DocumentLimits};

pub use refused::Refused;
use refused::{diagnostics, request_error};

/// Deepest recursion of the parser.
const RECURSION_MAX: usize = 64;
/// Documents that are kept, and how many bytes of text they may have together.
const KEPT: usize = 1_000;
const KEPT_BYTES: u64 = 4 * 1024 * 1024;
/// Root fields whose request body may be large.
const BULK: [&str; 1] = ["inviteMany"];

/// SHA-256 of a document's text.
pub type Hash = [u8; 32];

/// A document that is valid and within the limits.
#[derive(Debug)]
pub struct Checked {
    document: Valid<ExecutableDocument>,
    executable: Executable,
    merges: bool,
    bytes: u64,
}

impl Checked {
    /// Whether fields of one name are merged somewhere.
    #[must_use]
    pub fn merges(&self) -> bool {
        self.merges
    }
}

/// Kind of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Reads.
    Query,
    /// Changes something.
    Mutation,
    /// Goes on until it is ended.
    Subscription,
}

impl From<OperationType> for Kind {
    fn from(kind: OperationType) -> Self {
        match kind {
            OperationType::Query => Self::Query,
            OperationType::Mutation => Self::Mutation,
            OperationType::Subscription => Self::Subscription,
        }
    }
}

/// What becomes of a request whose document is sound.
#[derive(Debug)]
pub enum Passed {
    /// Only asks about the schema; this is the answer.
    Introspection(Value),
    /// To be executed.
    Execute {
        /// The document.
        document: Executable,
        /// Variables with defaults filled in.
        variables: Value,
        /// What kind of operation it is.
        kind: Kind,
        /// Whether it is a bulk operation and nothing else, whose body may be large.
        bulk: bool,
    },
}

/// The schema text does not parse.
#[derive(Debug, thiserror::Error)]
#[error("the schema does not validate: {0}")]
pub struct UnsoundSchema(String);

#[derive(Clone)]
struct ByText;

impl quick_cache::Weighter<Hash, Arc<Checked>> for ByText {
    fn weight(&self, _: &Hash, checked: &Arc<Checked>) -> u64 {
        checked.bytes
    }
}

/// Checks documents against the schema and the limits.
pub struct Gate {
    schema: Valid<Schema>,
    implementers: ApolloMap<Name, Implementers>,
    limits: DocumentLimits,
    kept: quick_cache::sync::Cache<Hash, Arc<Checked>, ByText>,
}

impl Gate {
    /// A gate for the given schema text.
    ///
    /// # Errors
    /// When the text does not validate.
    pub fn new(sdl: &str, config: &Config) -> Result<Self, UnsoundSchema> {
        let schema = Schema::parse_and_validate(sdl, "schema.graphql")
            .map_err(|e| UnsoundSchema(e.errors.to_string()))?;
        let implementers = schema.implementers_map();
        let kept = quick_cache::sync::Cache::with_weighter(KEPT, KEPT_BYTES, ByText);
        Ok(Self { schema, implementers, limits: config.documents, kept })
    }

    /// The hash that a document is kept under.
    #[must_use]
    pub fn hash(text: &str) -> Hash {
        let mut hash = Hash::default();
        hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        hash
    }

    /// A document that passed before.
    #[must_use]
    pub fn known(&self, hash: &Hash) -> Option<Arc<Checked>> {
        self.kept.get(hash)
    }

    /// Parses and validates a document and holds it against the limits, once for each text.
    ///
    /// # Errors
    /// The GraphQL errors to answer with.
    pub fn document(&self, text: &str) -> Result<Arc<Checked>, Refused> {
        let hash = Self::hash(text);
        if let Some(known) = self.known(&hash) {
            return Ok(known);
        }
        let mut parser = Parser::new().token_limit(self.limits.tokens).recursion_limit(RECURSION_MAX);
        let parsed = parser.parse_executable(&self.schema, text, "query.graphql");
        let document = parsed.map_err(|e| diagnostics(&e.errors, self.limits.tokens))?;
        let document =
            document.validate(&self.schema).map_err(|e| diagnostics(&e.errors, self.limits.tokens))?;
        weight::weigh(&document, &self.limits)?;
        let executable = async_graphql::parser::parse_query(document.to_string())
            .map_err(|e| Refused::one("GRAPHQL_PARSE_FAILED", &e.to_string()))?;
        let merges = merged::merges(&document);
        let checked = Arc::new(Checked { document, executable, merges, bytes: text.len() as u64 });
        self.kept.insert(hash, Arc::clone(&checked));
        Ok(checked)
    }

    /// The kind of a request's operation; `None` when it names none of the document's operations.
    #[must_use]
    pub fn kind(checked: &Checked, operation_name: Option<&str>) -> Option<Kind> {
        checked.document.operations.get(operation_name).ok().map(|operation| operation.operation_type.into())
    }

    /// Name in the schema of the first root field of a request's operation.
    #[must_use]
    pub fn field<'a>(checked: &'a Checked, operation_name: Option<&str>) -> Option<&'a str> {
        let operation = checked.document.operations.get(operation_name).ok()?;
        operation.root_fields(&checked.document).next().map(|field| field.name.as_str())
    }

    /// Line and column of the field that answers under the given keys, from the root inward.
    #[must_use]
    pub fn locate(checked: &Checked, operation_name: Option<&str>, keys: &[&str]) -> Option<(usize, usize)> {
        let document = &checked.document;
        let mut sets = vec![&document.operations.get(operation_name).ok()?.selection_set];
        let mut found = None;
        for key in keys {
            let fields: Vec<_> = sets.iter().flat_map(|set| set.root_fields(document)).collect();
            let answering =
                fields.into_iter().filter(|field| field.alias.as_ref().unwrap_or(&field.name) == key);
            let answering: Vec<_> = answering.collect();
            found = answering.first().copied();
            sets = answering.iter().filter_map(|field| field.selection_set.as_ref()).collect();
        }
        let place = found?.line_column_range(&document.sources)?.start;
        Some((place.line, place.column))
    }

    /// Chooses the operation and coerces its variables. `introspection` says whether the caller may ask about the
    /// schema.
    ///
    /// # Errors
    /// The GraphQL errors to answer with; nothing has been executed then.
    pub fn admit(
        &self,
        checked: &Checked,
        operation_name: Option<&str>,
        variables: Value,
        introspection: bool,
    ) -> Result<Passed, Refused> {
        let document = &checked.document;
        let operation = document
            .operations
            .get(operation_name)
            .map_err(|e| request_error("OPERATION_RESOLUTION_FAILURE", &e, document))?;
        let about_schema = operation.root_fields(document).any(|field| field.name.as_str() == "__schema");
        if about_schema && !introspection {
            let message = "Introspection is off for strangers here; sign in, or read /schema.graphql.";
            return Err(Refused::one("FORBIDDEN", message));
        }
        let variables: JsonMap = serde_json::from_value(variables)
            .map_err(|_| Refused::one("BAD_REQUEST", "`variables` is a JSON object."))?;
        let coerced = coerce_variable_values(&self.schema, operation, &variables)
            .map_err(|e| request_error("BAD_USER_INPUT", &e, document))?;
        if operation.is_introspection(document) {
            let mut answer = self.introspect(document, operation, &coerced)?;
            if !introspection {
                hide_types(&mut answer, document, operation);
            }
            return Ok(Passed::Introspection(answer));
        }
        weight::price(document, operation, &coerced, &self.limits)?;
        let variables = serde_json::to_value(coerced.into_inner()).unwrap_or_default();
        let bulk = operation.root_fields(document).all(|field| BULK.contains(&field.name.as_str()));
        let kind = operation.operation_type.into();
        Ok(Passed::Execute { document: checked.executable.clone(), variables, kind, bulk })
    }

    fn introspect(
        &self,
        document: &Valid<ExecutableDocument>,
        operation: &Operation,
        variables: &Valid<JsonMap>,
    ) -> Result<Value, Refused> {
        let refused = |e: RequestError| request_error("QUERY_TOO_COMPLEX", &e, document);
        introspection::check_max_depth(document, operation).map_err(refused)?;
        let answer =
            introspection::partial_execute(&self.schema, &self.implementers, document, operation, variables)
                .map_err(refused)?;
        Ok(serde_json::to_value(answer).unwrap_or_default())
    }
}

/// A stranger who asks for a type by its name is told that there is none.
fn hide_types(answer: &mut Value, document: &ExecutableDocument, operation: &Operation) {
    for field in operation.root_fields(document).filter(|field| field.name.as_str() == "__type") {
        if let Some(shown) = answer
            .pointer_mut("/data")
            .and_then(|data| data.get_mut(field.alias.as_ref().unwrap_or(&field.name).as_str()))
        {
            *shown = Value::Null;
        }
    }
}
