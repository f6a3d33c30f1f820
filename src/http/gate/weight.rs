//! What a document weighs and what an operation costs.
//!
//! Each fragment is added up once and looked up wherever it is spread, so that fragments that spread each
//! other cannot make the adding up itself expensive.

use std::collections::HashMap;

use apollo_compiler::executable::{Field, Operation, Selection, SelectionSet};
use apollo_compiler::response::JsonMap;
use apollo_compiler::{ExecutableDocument, Name};

use super::Refused;
use crate::config::DocumentLimits;
use crate::page;

/// What one list costs, in selections: a query of its own.
const LIST_COST: usize = 5;
/// How many objects a list is taken to have that has no paging.
const PLAIN_LIST: usize = 10;
/// What a mutation costs that hashes a password or opens a token, in selections.
const SECRET_COST: usize = 50;
/// Mutations that take a password or token, or send mail for a stranger: one of them in a document, so that
/// aliases multiply no guess.
const SECRET_BEARING: [&str; 8] = [
    "login",
    "refresh",
    "acceptInvitation",
    "declineInvitation",
    "changePassword",
    "requestReset",
    "resetPassword",
    "ratePassword",
];

/// What a selection set weighs, fragments included.
#[derive(Clone, Copy, Default)]
struct Weight {
    selections: usize,
    depth: usize,
    aliases: usize,
    secrets: usize,
}

/// Holds a document against the limits that need no variables. Introspection nests deeper than anything else,
/// and has a check of its own.
pub(super) fn weigh(document: &ExecutableDocument, limits: &DocumentLimits) -> Result<(), Refused> {
    let mut scale = Scale { document, limits, known: HashMap::new() };
    let mut total = Weight::default();
    for operation in document.operations.iter() {
        let weight = scale.set(&operation.selection_set)?;
        if root_fields(document, &operation.selection_set, limits) > limits.root_fields {
            let most = limits.root_fields;
            let message = format!("An operation has at most {most} root fields.");
            return Err(Refused::limit("rootFields", most, &message));
        }
        if operation.is_mutation() && weight.secrets > 1 {
            let message = "A document holds at most one mutation that takes a password or a token.";
            return Err(Refused::limit("secrets", 1, message));
        }
        if weight.depth > limits.depth && !operation.is_introspection(document) {
            let message = format!("A document nests at most {} levels deep.", limits.depth);
            return Err(Refused::limit("depth", limits.depth, &message));
        }
        total.selections = total.selections.saturating_add(weight.selections);
        total.aliases = total.aliases.saturating_add(weight.aliases);
    }
    if total.selections > limits.complexity {
        return Err(too_complex(limits));
    }
    if total.aliases > limits.aliases {
        let message = format!("A document has at most {} aliases.", limits.aliases);
        return Err(Refused::limit("aliases", limits.aliases, &message));
    }
    Ok(())
}

fn too_complex(limits: &DocumentLimits) -> Refused {
    let most = limits.complexity;
    let message = format!(
        "A document costs at most {most}: 1 for each selection, fragments counted where they are spread, and \
         {LIST_COST} for each list, counted once for each row of the list around it. Ask for fewer rows or fields."
    );
    Refused::limit("complexity", most, &message)
}

struct Scale<'d> {
    document: &'d ExecutableDocument,
    limits: &'d DocumentLimits,
    known: HashMap<&'d Name, Weight>,
}

impl<'d> Scale<'d> {
    fn set(&mut self, set: &'d SelectionSet) -> Result<Weight, Refused> {
        let mut total = Weight::default();
        for selection in &set.selections {
            let most = self.limits.directives;
            if selection.directives().len() > most {
                let message = format!("A selection has at most {most} directives.");
                return Err(Refused::limit("directives", most, &message));
            }
            let weight = match selection {
                Selection::Field(field) => {
                    let inner = match &field.selection_set {
                        Some(set) => self.set(set)?,
                        None => Weight::default(),
                    };
                    let secret = usize::from(SECRET_BEARING.contains(&field.name.as_str()));
                    Weight {
                        selections: inner.selections.saturating_add(1 + secret * SECRET_COST),
                        depth: inner.depth + 1,
                        aliases: inner.aliases.saturating_add(usize::from(field.alias.is_some())),
                        secrets: inner.secrets.saturating_add(secret),
                    }
                }
                Selection::InlineFragment(inline) => self.set(&inline.selection_set)?,
                Selection::FragmentSpread(spread) => match self.known.get(&spread.fragment_name) {
                    Some(weight) => *weight,
                    None => {
                        let document = self.document;
                        let Some(fragment) = document.fragments.get(&spread.fragment_name) else { continue };
                        let weight = self.set(&fragment.selection_set)?;
                        self.known.insert(&spread.fragment_name, weight);
                        weight
                    }
                },
            };
            total.selections = total.selections.saturating_add(weight.selections);
            total.aliases = total.aliases.saturating_add(weight.aliases);
            total.secrets = total.secrets.saturating_add(weight.secrets);
            total.depth = total.depth.max(weight.depth);
        }
        Ok(total)
    }
}

/// Fields at the root, counted as often as they are selected, up to one more than is allowed.
fn root_fields(document: &ExecutableDocument, set: &SelectionSet, limits: &DocumentLimits) -> usize {
    let mut fields = 0;
    let mut open: Vec<&SelectionSet> = vec![set];
    let mut steps = 0;
    while let Some(set) = open.pop() {
        for selection in &set.selections {
            steps += 1;
            if fields > limits.root_fields || steps > limits.tokens {
                return limits.root_fields + 1;
            }
            match selection {
                Selection::Field(_) => fields += 1,
                Selection::InlineFragment(inline) => open.push(&inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    open.extend(document.fragments.get(&spread.fragment_name).map(|f| &f.selection_set));
                }
            }
        }
    }
    fields
}

/// Holds an operation against the cost limit: a list inside of a list is fetched for each row of that.
pub(super) fn price(
    document: &ExecutableDocument,
    operation: &Operation,
    variables: &JsonMap,
    limits: &DocumentLimits,
) -> Result<(), Refused> {
    let mut till = Till { document, variables, known: HashMap::new() };
    let (fields, lists) = till.set(&operation.selection_set);
    if fields.saturating_add(lists.saturating_mul(LIST_COST)) > limits.complexity {
        return Err(too_complex(limits));
    }
    Ok(())
}

struct Till<'d> {
    document: &'d ExecutableDocument,
    variables: &'d JsonMap,
    known: HashMap<&'d Name, (usize, usize)>,
}

impl<'d> Till<'d> {
    /// Selections, and lists that are fetched.
    fn set(&mut self, set: &'d SelectionSet) -> (usize, usize) {
        let mut total = (0_usize, 0_usize);
        for selection in &set.selections {
            let (fields, lists) = match selection {
                Selection::Field(field) => {
                    let (fields, lists) = field.selection_set.as_ref().map_or((0, 0), |set| self.set(set));
                    let secret = usize::from(SECRET_BEARING.contains(&field.name.as_str()));
                    let lists = match self.rows(field) {
                        Some(rows) => lists.saturating_mul(rows).saturating_add(1),
                        None => lists,
                    };
                    (fields.saturating_add(1 + secret * SECRET_COST), lists)
                }
                Selection::InlineFragment(inline) => self.set(&inline.selection_set),
                Selection::FragmentSpread(spread) => match self.known.get(&spread.fragment_name) {
                    Some(known) => *known,
                    None => {
                        let document = self.document;
                        let Some(fragment) = document.fragments.get(&spread.fragment_name) else { continue };
                        let cost = self.set(&fragment.selection_set);
                        self.known.insert(&spread.fragment_name, cost);
                        cost
                    }
                },
            };
            total = (total.0.saturating_add(fields), total.1.saturating_add(lists));
        }
        total
    }

    /// How many rows the field fetches, if it is a list: a connection's page, the ids of `nodes`, or some. The
    /// rows of a connection are what the connection has fetched.
    fn rows(&self, field: &Field) -> Option<usize> {
        let kind = field.ty().inner_named_type().as_str();
        if kind.ends_with("Connection") {
            let asked = self.number(field, "first").or_else(|| self.number(field, "last"));
            return Some(asked.unwrap_or(page::DEFAULT_SIZE as usize).max(1));
        }
        if !field.ty().is_list() || field.selection_set.is_none() {
            return None;
        }
        match field.name.as_str() {
            "edges" | "userErrors" | "rows" => None,
            "nodes" => self.ids(field),
            _ => Some(PLAIN_LIST),
        }
    }

    fn number(&self, field: &Field, argument: &str) -> Option<usize> {
        let value = field.specified_argument_by_name(argument)?;
        let number = match value.as_variable() {
            Some(name) => self.variables.get(name.as_str())?.as_u64()?,
            None => u64::try_from(value.to_i32()?).ok()?,
        };
        usize::try_from(number).ok()
    }

    fn ids(&self, field: &Field) -> Option<usize> {
        let value = field.specified_argument_by_name("ids")?;
        match value.as_variable() {
            Some(name) => Some(self.variables.get(name.as_str())?.as_array()?.len()),
            None => Some(value.as_list().map_or(1, <[_]>::len)),
        }
    }
}
