//! The gate in front of execution: which documents are executed at all.
//!
//! apollo-compiler parses, validates and coerces each document against the served schema; async-graphql
//! executes what passed. What a document costs is computed with each fragment weighed once, so that fragments
//! that spread each other cannot make the weighing itself expensive.

use std::collections::HashMap;

use apollo_compiler::collections::HashMap as ApolloMap;
use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::introspection;
use apollo_compiler::parser::Parser;
use apollo_compiler::request::{RequestError, coerce_variable_values};
use apollo_compiler::response::JsonMap;
use apollo_compiler::schema::Implementers;
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{ExecutableDocument, Name, Schema};
use serde_json::{Value, json};

use crate::config::Config;

/// Most lexical tokens of a document.
const TOKENS_MAX: usize = 2_000;
/// Deepest recursion of the parser.
const RECURSION_MAX: usize = 64;
/// Most root fields of an operation.
const ROOT_FIELDS_MAX: usize = 10;
/// Most aliases of a document.
const ALIASES_MAX: usize = 30;
/// Most directives on one selection.
const DIRECTIVES_MAX: usize = 5;
/// Most errors that one answer lists.
const ERRORS_MAX: usize = 5;
/// Mutations that take a password or token, or send mail for a stranger: one of them in a document, so that aliases multiply no guess.
const SECRET_BEARING: [&str; 7] = [
    "login",
    "refresh",
    "acceptInvitation",
    "declineInvitation",
    "changePassword",
    "requestReset",
    "resetPassword",
];

/// Root fields whose request body may be large.
const BULK: [&str; 1] = ["inviteMany"];

/// A document that passed.
#[derive(Debug)]
pub enum Passed {
    /// Only asks about the schema; this is the answer.
    Introspection(Value),
    /// To be executed.
    Execute {
        /// The document, in the compiler's own words.
        query: String,
        /// Variables with defaults filled in.
        variables: Value,
        /// Whether it is a bulk operation and nothing else, whose body may be large.
        bulk: bool,
    },
}

/// Why a document is not executed, as GraphQL errors.
#[derive(Debug)]
pub struct Refused(pub Vec<Value>);

impl Refused {
    fn one(code: &str, message: &str) -> Self {
        Self(vec![json!({ "message": message, "extensions": { "code": code } })])
    }
}

/// The schema text does not parse.
#[derive(Debug, thiserror::Error)]
#[error("the schema does not validate: {0}")]
pub struct UnsoundSchema(String);

/// Checks documents against the schema and the limits.
pub struct Gate {
    schema: Valid<Schema>,
    implementers: ApolloMap<Name, Implementers>,
    max_depth: usize,
    max_complexity: usize,
}

/// What a selection set costs, fragments included.
#[derive(Clone, Copy, Default)]
struct Weight {
    selections: usize,
    depth: usize,
    aliases: usize,
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
        Ok(Self { schema, implementers, max_depth: config.max_depth, max_complexity: config.max_complexity })
    }

    /// Checks one request. `introspection` says whether the caller may ask about the schema.
    ///
    /// # Errors
    /// The GraphQL errors to answer with; nothing has been executed then.
    pub fn check(
        &self,
        query: &str,
        operation_name: Option<&str>,
        variables: &Value,
        introspection: bool,
    ) -> Result<Passed, Refused> {
        let mut parser = Parser::new().token_limit(TOKENS_MAX).recursion_limit(RECURSION_MAX);
        let parsed = parser.parse_executable(&self.schema, query, "query.graphql");
        let document = parsed.map_err(|e| diagnostics(&e.errors))?;
        let document = document.validate(&self.schema).map_err(|e| diagnostics(&e.errors))?;
        let operation = document
            .operations
            .get(operation_name)
            .map_err(|e| request_error("OPERATION_RESOLUTION_FAILURE", &e, &document))?;
        let about_schema =
            operation.root_fields(&document).any(|f| matches!(f.name.as_str(), "__schema" | "__type"));
        if about_schema && !introspection {
            let message = "Introspection is off for strangers here; sign in, or read /schema.graphql.";
            return Err(Refused::one("FORBIDDEN", message));
        }
        let variables: JsonMap = serde_json::from_value(variables.clone())
            .map_err(|_| Refused::one("BAD_REQUEST", "`variables` is a JSON object."))?;
        let coerced = coerce_variable_values(&self.schema, operation, &variables)
            .map_err(|e| request_error("BAD_USER_INPUT", &e, &document))?;
        let introspective = operation.is_introspection(&document);
        self.weigh(&document, introspective)?;
        if introspective {
            return self.introspect(&document, operation, &coerced).map(Passed::Introspection);
        }
        let variables = serde_json::to_value(coerced.into_inner()).unwrap_or_default();
        let bulk = operation.root_fields(&document).all(|field| BULK.contains(&field.name.as_str()));
        Ok(Passed::Execute { query: document.to_string(), variables, bulk })
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

    /// Holds a document against the limits. Introspection nests deeper than anything else: `check_max_depth`
    /// bounds it in its own way.
    fn weigh(&self, document: &Valid<ExecutableDocument>, introspective: bool) -> Result<(), Refused> {
        let mut known = HashMap::new();
        let mut total = Weight::default();
        for operation in document.operations.iter() {
            let weight = weigh_set(document, &operation.selection_set, &mut known)?;
            total.selections = total.selections.saturating_add(weight.selections);
            total.aliases = total.aliases.saturating_add(weight.aliases);
            total.depth = total.depth.max(weight.depth);
            let roots = root_selections(document, &operation.selection_set);
            if roots.len() > ROOT_FIELDS_MAX {
                return Err(too_complex(format!("An operation has at most {ROOT_FIELDS_MAX} root fields.")));
            }
            let secrets = roots.iter().filter(|name| SECRET_BEARING.contains(&name.as_str())).count();
            if operation.is_mutation() && secrets > 1 {
                let message = "A document holds at most one mutation that takes a password or a token.";
                return Err(too_complex(message.to_owned()));
            }
        }
        if total.depth > self.max_depth && !introspective {
            return Err(too_complex(format!("A document nests at most {} levels deep.", self.max_depth)));
        }
        if total.selections > self.max_complexity {
            return Err(too_complex(format!(
                "A document has at most {} selections, fragments counted where they are spread.",
                self.max_complexity
            )));
        }
        if total.aliases > ALIASES_MAX {
            return Err(too_complex(format!("A document has at most {ALIASES_MAX} aliases.")));
        }
        Ok(())
    }
}

/// Adds up a selection set. A fragment is weighed when first met and looked up from then on.
fn weigh_set<'d>(
    document: &'d ExecutableDocument,
    set: &'d SelectionSet,
    known: &mut HashMap<&'d Name, Weight>,
) -> Result<Weight, Refused> {
    let mut total = Weight::default();
    for selection in &set.selections {
        if selection.directives().len() > DIRECTIVES_MAX {
            return Err(too_complex(format!("A selection has at most {DIRECTIVES_MAX} directives.")));
        }
        let weight = match selection {
            Selection::Field(field) => {
                let inner = match &field.selection_set {
                    Some(set) => weigh_set(document, set, known)?,
                    None => Weight::default(),
                };
                Weight {
                    selections: inner.selections.saturating_add(1),
                    depth: inner.depth + 1,
                    aliases: inner.aliases.saturating_add(usize::from(field.alias.is_some())),
                }
            }
            Selection::InlineFragment(inline) => weigh_set(document, &inline.selection_set, known)?,
            Selection::FragmentSpread(spread) => match known.get(&spread.fragment_name) {
                Some(weight) => *weight,
                None => {
                    let Some(fragment) = document.fragments.get(&spread.fragment_name) else { continue };
                    let weight = weigh_set(document, &fragment.selection_set, known)?;
                    known.insert(&spread.fragment_name, weight);
                    weight
                }
            },
        };
        total.selections = total.selections.saturating_add(weight.selections);
        total.aliases = total.aliases.saturating_add(weight.aliases);
        total.depth = total.depth.max(weight.depth);
    }
    Ok(total)
}

/// Names of the fields at the root, counted as often as they are selected, up to one more than is allowed.
fn root_selections(document: &ExecutableDocument, set: &SelectionSet) -> Vec<Name> {
    let mut names = Vec::new();
    let mut open: Vec<&SelectionSet> = vec![set];
    let mut steps = 0;
    while let Some(set) = open.pop() {
        for selection in &set.selections {
            steps += 1;
            if names.len() > ROOT_FIELDS_MAX || steps > TOKENS_MAX {
                return vec![Name::new_unchecked("__typename"); ROOT_FIELDS_MAX + 1];
            }
            match selection {
                Selection::Field(field) => names.push(field.name.clone()),
                Selection::InlineFragment(inline) => open.push(&inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    open.extend(document.fragments.get(&spread.fragment_name).map(|f| &f.selection_set));
                }
            }
        }
    }
    names
}

fn too_complex(message: String) -> Refused {
    Refused::one("QUERY_TOO_COMPLEX", &message)
}

fn diagnostics(list: &DiagnosticList) -> Refused {
    let errors = list.iter().take(ERRORS_MAX).map(|diagnostic| {
        let syntax = diagnostic.error.unstable_error_name().is_none_or(|name| {
            matches!(name, "SyntaxError" | "ParserLimit" | "RecursionLimitError" | "RecursionError")
        });
        let code = if syntax { "GRAPHQL_PARSE_FAILED" } else { "GRAPHQL_VALIDATION_FAILED" };
        with_code(code, serde_json::to_value(diagnostic.unstable_to_json_compat()).unwrap_or_default())
    });
    Refused(errors.collect())
}

fn request_error(code: &str, error: &RequestError, document: &ExecutableDocument) -> Refused {
    let error = serde_json::to_value(error.to_graphql_error(&document.sources)).unwrap_or_default();
    Refused(vec![with_code(code, error)])
}

fn with_code(code: &str, mut error: Value) -> Value {
    if let Some(error) = error.as_object_mut() {
        error.insert("extensions".to_owned(), json!({ "code": code }));
    }
    error
}
