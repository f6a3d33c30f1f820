//! Lists that are written as JSON while they are resolved. The executor has a future for each field of each row and a tree of values
//! between the rows and the answer, which for a page costs more than reading it; here a field that has its value at hand is
//! written at once.
//!
//! A list is written where the request carries [`Writes`]: its answer is sent as JSON, nobody looks into it, and no fields of one name
//! are to be merged. What is written stands in the tree as [`Value::Binary`], which GraphQL has no other use for, and [`append`] puts
//! it where it belongs. Everywhere else a list is resolved as any other.

mod at_hand;
mod lists;

use std::io;
use std::pin::{Pin, pin};
use std::task::{self, Poll};

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::{
    ContextSelectionSet, ObjectType, OutputType, Positioned, ServerError, ServerResult, Value,
};
use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

pub use self::at_hand::{AtHand, write_object, write_value};
pub use self::lists::{Plain, Written, WrittenEdges};

/// Beside a request whose answer is sent as JSON, and whose document merges nothing.
#[derive(Clone, Copy, Debug)]
pub struct Writes;

/// Whether what is resolved here may be written. The schema has no extensions, which would want to be told of each field.
pub(super) fn writes(ctx: &ContextSelectionSet<'_>) -> bool {
    ctx.data_opt::<Writes>().is_some()
}

/// JSON in which values that were written already stand as they are.
struct Verbatim;

impl Formatter for Verbatim {
    fn write_byte_array<W: ?Sized + io::Write>(&mut self, writer: &mut W, written: &[u8]) -> io::Result<()> {
        writer.write_all(written)
    }
}

/// Appends an answer, or a part of one, with what was written of it in its place.
///
/// # Errors
/// None that a value or an answer of the executor can cause.
pub fn append<T: Serialize + ?Sized>(text: &mut Vec<u8>, value: &T) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(text, Verbatim))
}

/// A value as it is written, for a place that is written as well.
pub(super) fn written(value: &Value) -> ServerResult<Value> {
    let mut text = Vec::new();
    put(&mut text, value)?;
    Ok(Value::Binary(text.into()))
}

fn put(text: &mut Vec<u8>, value: &Value) -> ServerResult<()> {
    append(text, value).map_err(|failure| ServerError::new(failure.to_string(), None))
}

/// What a field of a row was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// It has not been asked for yet.
    Nothing,
    /// It had its value without waiting.
    Ready,
    /// It waits for something, such as another row to be read.
    Waits,
}

/// What is asked of each row.
struct Asked<'a>(Vec<(&'a Positioned<Field>, Found)>);

impl<'a> Asked<'a> {
    /// What a selection asks of an object, with fragments taken apart; `None` where that is for the executor to say.
    fn of<T: OutputType>(ctx: &ContextSelectionSet<'a>, set: &'a SelectionSet) -> Option<Self> {
        let mut asked = Self(Vec::with_capacity(set.items.len()));
        asked.gather(ctx, &T::type_name(), set)?;
        Some(asked)
    }

    fn gather(&mut self, ctx: &ContextSelectionSet<'a>, name: &str, set: &'a SelectionSet) -> Option<()> {
        for item in &set.items {
            let (condition, inner) = match &item.node {
                Selection::Field(field) => {
                    let key = &field.node.response_key().node;
                    // A value that is asked for twice is the same value.
                    if self.0.iter().all(|(there, _)| there.node.response_key().node != *key) {
                        self.0.push((field, Found::Nothing));
                    }
                    continue;
                }
                Selection::FragmentSpread(spread) => {
                    let fragment = ctx.query_env.fragments.get(&spread.node.fragment_name.node)?;
                    (Some(&fragment.node.type_condition), &fragment.node.selection_set)
                }
                Selection::InlineFragment(fragment) => {
                    (fragment.node.type_condition.as_ref(), &fragment.node.selection_set)
                }
            };
            let interfaces = ctx.schema_env.registry.implements.get(name);
            let applies = condition.is_none_or(|condition| {
                let on = condition.node.on.node.as_str();
                on == name || interfaces.is_some_and(|all| all.contains(on))
            });
            if applies {
                self.gather(ctx, name, &inner.node)?;
            }
        }
        Some(())
    }
}

/// Where an object stands that is written.
#[derive(Clone, Copy)]
struct Place<'a> {
    ctx: &'a ContextSelectionSet<'a>,
    /// Its place in a list.
    index: Option<usize>,
    /// The field of an edge that leads to it.
    within: Option<&'a Positioned<Field>>,
}

type Resolving<'a> = Pin<Box<dyn Future<Output = ServerResult<Value>> + Send + 'a>>;

/// Text with places for values that are still being resolved.
#[derive(Default)]
struct Page<'a> {
    text: Vec<u8>,
    open: Vec<(usize, Resolving<'a>)>,
}

impl<'a> Page<'a> {
    /// Writes an object; what waits has a place.
    fn object<T: AtHand>(
        &mut self,
        task: &mut task::Context<'_>,
        place: Place<'a>,
        object: &'a T,
        asked: &mut Asked<'a>,
    ) -> ServerResult<()> {
        let mut before = b'{';
        for (field, found) in &mut asked.0 {
            key(before, &field.node, &mut self.text);
            before = b',';
            if field.node.name.node == "__typename" {
                put(&mut self.text, &Value::String(T::type_name().into_owned()))?;
                continue;
            }
            if object.write(field, &mut self.text).is_some() {
                continue;
            }
            // A value that is at hand needs no place of its own; should it wait after all, it is asked for again, for it is only read. What is
            // within an object may have told of an error before it waits, and is asked for once.
            let is_value = field.node.selection_set.node.items.is_empty();
            if *found == Found::Ready
                && is_value
                && let Poll::Ready(value) = pin!(resolve(place, object, field)).poll(task)
            {
                put(&mut self.text, &value?)?;
                continue;
            }
            let mut resolving: Resolving<'a> = Box::pin(resolve(place, object, field));
            if *found != Found::Waits
                && let Poll::Ready(value) = resolving.as_mut().poll(task)
            {
                *found = Found::Ready;
                put(&mut self.text, &value?)?;
                continue;
            }
            *found = Found::Waits;
            self.open.push((self.text.len(), resolving));
        }
        self.end(before);
        Ok(())
    }

    /// Ends an object; a brace is missing before its end where nothing is in it.
    fn end(&mut self, before: u8) {
        self.text.extend_from_slice(if before == b'{' { b"{}" } else { b"}" });
    }

    /// Waits for what is open and puts it where it belongs.
    async fn close(self) -> ServerResult<Value> {
        let Self { text, open } = self;
        if open.is_empty() {
            return Ok(Value::Binary(text.into()));
        }
        let (places, resolving): (Vec<usize>, Vec<_>) = open.into_iter().unzip();
        let values = try_join_all(resolving).await?;
        let mut whole = Vec::with_capacity(text.len() * 2);
        let mut copied = 0;
        for (place, value) in places.into_iter().zip(values) {
            whole.extend_from_slice(&text[copied..place]);
            put(&mut whole, &value)?;
            copied = place;
        }
        whole.extend_from_slice(&text[copied..]);
        Ok(Value::Binary(whole.into()))
    }
}

/// Writes the key of a field, behind a brace or a comma. A name needs no escapes.
fn key(before: u8, field: &Field, text: &mut Vec<u8>) {
    text.extend_from_slice(&[before, b'"']);
    text.extend_from_slice(field.response_key().node.as_bytes());
    text.extend_from_slice(b"\":");
}

/// A field of an object, as the executor resolves it.
async fn resolve<'a, T: ObjectType>(
    place: Place<'a>,
    object: &'a T,
    field: &'a Positioned<Field>,
) -> ServerResult<Value> {
    let ctx = place.index.map_or_else(|| place.ctx.clone(), |index| place.ctx.with_index(index));
    let Some(within) = place.within else {
        let resolved = object.resolve_field(&ctx.with_field(field)).await;
        // The executor names the row of a list for what takes it away, and leaves other objects to those around them.
        let named = |error| if place.index.is_some() { ctx.set_error_path(error) } else { error };
        return resolved.map(Option::unwrap_or_default).map_err(named);
    };
    let ctx_within = ctx.with_field(within);
    let ctx_object = ctx_within.with_selection_set(&within.node.selection_set);
    let resolved = object.resolve_field(&ctx_object.with_field(field)).await;
    resolved.map(Option::unwrap_or_default).map_err(|error| ctx.set_error_path(error))
}

#[cfg(test)]
mod tests;
