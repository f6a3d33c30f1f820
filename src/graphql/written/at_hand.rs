//! Values that an object has at hand. The executor makes a future for each field; a list with a few hundred values spends most of its time
//! on that.

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::{ObjectType, Positioned};
use serde::Serialize;

use super::{append, key};

/// An object that can say without waiting what some of its fields are: those without arguments that everybody sees who sees the object.
pub trait AtHand: ObjectType {
    /// Writes what the resolver of a field would answer, where that is at hand. `None`, with nothing written, where the field is to be resolved.
    fn write(&self, _field: &Positioned<Field>, _text: &mut Vec<u8>) -> Option<()> {
        None
    }
}

/// Writes a value.
pub fn write_value<T: Serialize + ?Sized>(value: &T, text: &mut Vec<u8>) -> Option<()> {
    append(text, value).ok()
}

/// Writes an object of which something is asked, all of it at hand and asked for once, without fragments. `None`, with nothing written, where
/// it is to be resolved. What is left out by `@skip` and `@include` is not in the selection, which may be empty therefore.
pub fn write_object<T: AtHand>(object: &T, set: &SelectionSet, text: &mut Vec<u8>) -> Option<()> {
    let begun = text.len();
    let written = write_fields(object, set, text);
    if written.is_none() {
        text.truncate(begun);
    }
    written
}

fn write_fields<T: AtHand>(object: &T, set: &SelectionSet, text: &mut Vec<u8>) -> Option<()> {
    if set.items.is_empty() {
        return None;
    }
    let mut before = b'{';
    for (place, item) in set.items.iter().enumerate() {
        let Selection::Field(field) = &item.node else { return None };
        let name = &field.node.response_key().node;
        let same = |item: &Positioned<Selection>| match &item.node {
            Selection::Field(field) => field.node.response_key().node == *name,
            _ => true,
        };
        if set.items[..place].iter().any(same) {
            return None;
        }
        key(before, &field.node, text);
        before = b',';
        object.write(field, text)?;
    }
    text.push(b'}');
    Some(())
}
