//! What changed from one schema to another, in the eyes of a client that was written against the first.
//!
//! The rules are those of the reference implementation (`findBreakingChanges` and `findDangerousChanges` of graphql-js): what is
//! read may be promised more firmly, what is sent may be asked for less firmly, and nothing may go.

use apollo_compiler::Schema;
use apollo_compiler::ast::{FieldDefinition, InputValueDefinition, Type};
use apollo_compiler::collections::{IndexMap, IndexSet};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node};

/// What a change does to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// A document that was valid is not any more, or an answer is not what it was promised to be.
    Breaking,
    /// Documents stay valid; a client may meet what it does not know.
    Dangerous,
    /// Nobody notices who does not ask for it.
    Addition,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it does to clients.
    pub weight: Weight,
    /// Where: a schema coordinate.
    pub place: String,
    /// What, in a few words.
    pub said: String,
}

/// A schema text that cannot be compared.
#[derive(Debug, thiserror::Error)]
#[error("not a schema: {0}")]
pub struct NoSchema(String);

/// Every difference between two schema texts, the worst first. Descriptions do not count.
///
/// # Errors
/// When one of them is no valid schema.
pub fn changes(old: &str, new: &str) -> Result<Vec<Change>, NoSchema> {
    let parse = |text: &str| {
        Schema::parse_and_validate(text, "schema.graphql").map_err(|found| NoSchema(found.errors.to_string()))
    };
    let (old, new) = (parse(old)?, parse(new)?);
    let mut found = Found::default();
    for (name, before) in &old.types {
        match new.types.get(name) {
            None => found.add(Weight::Breaking, name, "was removed"),
            Some(after) => found.types(name, before, after),
        }
    }
    let added = |name: &Name, is: &ExtendedType| !old.types.contains_key(name) && !is.is_built_in();
    for (name, _) in new.types.iter().filter(|(name, is)| added(name, is)) {
        found.add(Weight::Addition, name, "was added");
    }
    for (name, before) in &old.directive_definitions {
        let place = format!("@{name}");
        let Some(after) = new.directive_definitions.get(name) else {
            found.add(Weight::Breaking, &place, "was removed");
            continue;
        };
        found.arguments(&place, &before.arguments, &after.arguments);
        if before.repeatable && !after.repeatable {
            found.add(Weight::Breaking, &place, "can be written once only");
        }
        for location in before.locations.iter().filter(|location| !after.locations.contains(*location)) {
            found.add(Weight::Breaking, &place, &format!("cannot stand on {location} any more"));
        }
    }
    let mut changes = found.0;
    changes.sort_by_key(|change| change.weight);
    Ok(changes)
}

#[derive(Default)]
struct Found(Vec<Change>);

impl Found {
    fn add(&mut self, weight: Weight, place: &str, said: &str) {
        self.0.push(Change { weight, place: place.to_owned(), said: said.to_owned() });
    }

    fn types(&mut self, name: &Name, before: &ExtendedType, after: &ExtendedType) {
        use ExtendedType::{Enum, InputObject, Interface, Object, Scalar, Union};
        match (before, after) {
            (Scalar(_), Scalar(_)) => {}
            (Object(before), Object(after)) => {
                self.interfaces(name, &before.implements_interfaces, &after.implements_interfaces);
                self.fields(name, &before.fields, &after.fields);
            }
            (Interface(before), Interface(after)) => {
                self.interfaces(name, &before.implements_interfaces, &after.implements_interfaces);
                self.fields(name, &before.fields, &after.fields);
            }
            (Union(before), Union(after)) => {
                for member in before.members.iter().filter(|member| !after.members.contains(*member)) {
                    self.add(Weight::Breaking, name, &format!("can be {member} no more"));
                }
                for member in after.members.iter().filter(|member| !before.members.contains(*member)) {
                    self.add(Weight::Dangerous, name, &format!("can be {member} as well"));
                }
            }
            (Enum(before), Enum(after)) => {
                for value in before.values.keys().filter(|value| !after.values.contains_key(*value)) {
                    self.add(Weight::Breaking, &format!("{name}.{value}"), "was removed");
                }
                for value in after.values.keys().filter(|value| !before.values.contains_key(*value)) {
                    self.add(Weight::Dangerous, &format!("{name}.{value}"), "was added");
                }
            }
            (InputObject(before), InputObject(after)) => {
                let values = |fields: &IndexMap<Name, Node<InputValueDefinition>>| -> Vec<_> {
                    fields.values().cloned().collect()
                };
                let place = |field: &Name| format!("{name}.{field}");
                self.inputs(place, &values(&before.fields), &values(&after.fields));
            }
            _ => self.add(Weight::Breaking, name, "is another kind of type"),
        }
    }

    fn interfaces(&mut self, name: &Name, before: &IndexSet<Node<Name>>, after: &IndexSet<Node<Name>>) {
        for interface in before.iter().filter(|interface| !after.contains(*interface)) {
            self.add(Weight::Breaking, name, &format!("implements {interface} no more"));
        }
        for interface in after.iter().filter(|interface| !before.contains(*interface)) {
            self.add(Weight::Dangerous, name, &format!("implements {interface}"));
        }
    }

    fn fields(
        &mut self,
        name: &Name,
        before: &IndexMap<Name, Node<FieldDefinition>>,
        after: &IndexMap<Name, Node<FieldDefinition>>,
    ) {
        for (field, old) in before {
            let place = format!("{name}.{field}");
            let Some(new) = after.get(field) else {
                self.add(Weight::Breaking, &place, "was removed");
                continue;
            };
            if !promises(&old.ty, &new.ty) {
                self.add(Weight::Breaking, &place, &format!("is {} and was {}", new.ty, old.ty));
            } else if old.ty != new.ty {
                self.add(Weight::Addition, &place, &format!("is {} and was {}", new.ty, old.ty));
            }
            self.arguments(&place, &old.arguments, &new.arguments);
        }
        for field in after.keys().filter(|field| !before.contains_key(*field)) {
            self.add(Weight::Addition, &format!("{name}.{field}"), "was added");
        }
    }

    fn arguments(
        &mut self,
        of: &str,
        before: &[Node<InputValueDefinition>],
        after: &[Node<InputValueDefinition>],
    ) {
        self.inputs(|name| format!("{of}({name}:)"), before, after);
    }

    /// Arguments, or the fields of an input object.
    fn inputs(
        &mut self,
        place: impl Fn(&Name) -> String,
        before: &[Node<InputValueDefinition>],
        after: &[Node<InputValueDefinition>],
    ) {
        for old in before {
            let place = place(&old.name);
            let Some(new) = after.iter().find(|new| new.name == old.name) else {
                self.add(Weight::Breaking, &place, "was removed");
                continue;
            };
            if !accepts(&old.ty, &new.ty) {
                self.add(Weight::Breaking, &place, &format!("is {} and was {}", new.ty, old.ty));
            } else if old.default_value.is_some() && old.default_value != new.default_value {
                self.add(Weight::Dangerous, &place, "has another default");
            } else if old.ty != new.ty {
                self.add(Weight::Addition, &place, &format!("is {} and was {}", new.ty, old.ty));
            }
        }
        for new in after.iter().filter(|new| !before.iter().any(|old| old.name == new.name)) {
            let (weight, said) = if new.is_required() {
                (Weight::Breaking, "was added and must be given")
            } else {
                (Weight::Dangerous, "was added and can be given")
            };
            self.add(weight, &place(&new.name), said);
        }
    }
}

/// Whether whatever comes back as `new` is what was promised as `old`.
fn promises(old: &Type, new: &Type) -> bool {
    match (old, new) {
        (Type::Named(old), Type::Named(new) | Type::NonNullNamed(new))
        | (Type::NonNullNamed(old), Type::NonNullNamed(new)) => old == new,
        (Type::List(old), Type::List(new) | Type::NonNullList(new))
        | (Type::NonNullList(old), Type::NonNullList(new)) => promises(old, new),
        _ => false,
    }
}

/// Whether whatever could be sent as `old` can be sent as `new`.
fn accepts(old: &Type, new: &Type) -> bool {
    match (old, new) {
        (Type::Named(old) | Type::NonNullNamed(old), Type::Named(new))
        | (Type::NonNullNamed(old), Type::NonNullNamed(new)) => old == new,
        (Type::List(old) | Type::NonNullList(old), Type::List(new))
        | (Type::NonNullList(old), Type::NonNullList(new)) => accepts(old, new),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "type Query { guest(id: ID!, deep: Boolean = true): Guest guests: [Guest!]! }
        type Guest { id: ID! name: String status: Status! }
        enum Status { PENDING ACCEPTED } input Filter { status: Status name: String! }
        type Mutation { find(filter: Filter): Guest }";

    /// The weight of the one change that replacing a part makes.
    fn weight(from: &str, to: &str) -> Weight {
        assert!(OLD.contains(from), "{from}");
        let found = changes(OLD, &OLD.replacen(from, to, 1)).unwrap();
        assert_eq!(found.len(), 1, "{from} → {to}: {found:?}");
        found[0].weight
    }

    #[test]
    fn each_change_has_its_weight() {
        use Weight::{Addition, Breaking, Dangerous};
        for (from, to, expected) in [
            ("name: String status", "status", Breaking),
            ("name: String status", "name: String! status", Addition),
            ("name: String status", "name: String age: Int status", Addition),
            ("status: Status! }", "status: Status }", Breaking),
            ("[Guest!]!", "[Guest]!", Breaking),
            ("guest(id: ID!, deep", "guest(id: ID, deep", Addition),
            ("guest(id: ID!, deep: Boolean = true)", "guest(id: ID!)", Breaking),
            ("= true", "= false", Dangerous),
            ("deep: Boolean = true", "deep: Boolean = true, more: Int", Dangerous),
            ("deep: Boolean = true", "deep: Boolean = true, more: Int!", Breaking),
            ("PENDING ACCEPTED", "PENDING", Breaking),
            ("PENDING ACCEPTED", "PENDING ACCEPTED DECLINED", Dangerous),
            ("status: Status name: String! }", "status: Status! name: String! }", Breaking),
            ("name: String! }", "name: String }", Addition),
            ("type Guest { id", "type Other { id: ID } type Guest { id", Addition),
        ] {
            assert_eq!(weight(from, to), expected, "{from} → {to}");
        }
        assert_eq!(changes(OLD, OLD).unwrap(), []);
        assert!(changes("type", OLD).is_err());
    }
}
