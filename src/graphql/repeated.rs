//! Objects that many rows of a list share, such as the role on offer: what they say is worked out once.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::parser::types::{Field, Selection};
use async_graphql::registry::Registry;
use async_graphql::{ContextSelectionSet, OutputType, Pos, Positioned, ServerResult, Value};

use super::written::{AtHand, write_object, write_value, writes, written};

/// An object that stands beside several rows of one list. Whatever place of the document asks it for nothing but values is answered the
/// same each time; objects within it, and what answers with null and perhaps an error that names its place, are resolved each time.
#[derive(Clone, Debug)]
pub struct Repeated<T>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    object: T,
    /// By the place in the document that asked.
    answers: Mutex<Vec<(Pos, Value)>>,
}

impl<T> Repeated<T> {
    /// For the rows of one list, in one operation.
    pub fn new(object: T) -> Self {
        Self(Arc::new(Inner { object, answers: Mutex::default() }))
    }
}

impl<T: AtHand> Repeated<T> {
    /// Writes what the place of a field in the document is answered, where it asked before or all that it asks for is at hand; otherwise `None`,
    /// with nothing written.
    pub fn write(&self, field: &Positioned<Field>, text: &mut Vec<u8>) -> Option<()> {
        let mut answers = self.0.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, answer)) = answers.iter().find(|(place, _)| *place == field.pos) {
            return write_value(answer, text);
        }
        let begun = text.len();
        write_object(&self.0.object, &field.node.selection_set.node, text)?;
        answers.push((field.pos, Value::Binary(text[begun..].to_vec().into())));
        Some(())
    }
}

/// Whether nothing but values is asked for.
fn asks_for_values(field: &Field) -> bool {
    let is_value = |item: &Positioned<Selection>| match &item.node {
        Selection::Field(field) => field.node.selection_set.node.items.is_empty(),
        _ => false,
    };
    field.selection_set.node.items.iter().all(is_value)
}

/// Whether nothing in it is null.
fn is_whole(answer: &Value) -> bool {
    match answer {
        Value::Null => false,
        Value::List(items) => items.iter().all(is_whole),
        Value::Object(fields) => fields.values().all(is_whole),
        _ => true,
    }
}

impl<T: OutputType> OutputType for Repeated<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let answers = || self.0.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = answers().iter().find(|(place, _)| *place == field.pos).map(|(_, answer)| answer.clone());
        if let Some(answer) = known {
            return Ok(answer);
        }
        let mut answer = self.0.object.resolve(ctx, field).await?;
        if is_whole(&answer) && asks_for_values(&field.node) {
            if writes(ctx) {
                answer = written(&answer)?;
            }
            answers().push((field.pos, answer.clone()));
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_graphql::{EmptyMutation, EmptySubscription, Object, Schema};
    use serde_json::json;

    use super::Repeated;

    #[derive(Clone, Default)]
    struct Shared {
        asked: Arc<AtomicUsize>,
    }

    #[Object]
    impl Shared {
        async fn name(&self) -> String {
            self.asked.fetch_add(1, Ordering::Relaxed);
            "one".to_owned()
        }

        async fn failing(&self) -> Option<async_graphql::Result<i32>> {
            Some(Err("no".into()))
        }

        async fn within(&self) -> Self {
            self.clone()
        }
    }

    struct Query(Shared);

    #[Object]
    impl Query {
        async fn rows(&self) -> Vec<Repeated<Shared>> {
            vec![Repeated::new(self.0.clone()); 3]
        }
    }

    /// What a query answers, the paths of its errors, and how often the name was asked for.
    async fn ask(query: &str) -> (serde_json::Value, Vec<String>, usize) {
        let shared = Shared::default();
        let schema = Schema::new(Query(shared.clone()), EmptyMutation, EmptySubscription);
        let response = schema.execute(query).await;
        let paths = response.errors.iter().map(|error| serde_json::to_string(&error.path).unwrap());
        (response.data.into_json().unwrap(), paths.collect(), shared.asked.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn values_are_asked_for_once() {
        let (data, errors, asked) = ask("{ rows { name n: name } }").await;
        assert_eq!(data, json!({ "rows": vec![json!({ "name": "one", "n": "one" }); 3] }));
        assert_eq!((errors.len(), asked), (0, 2));
    }

    #[tokio::test]
    async fn each_place_of_a_document_has_its_own_answer() {
        let (data, _, _) = ask("{ rows { a: name } rows { b: name } other: rows { c: name } }").await;
        let (both, other) = (json!({ "a": "one", "b": "one" }), json!({ "c": "one" }));
        assert_eq!(data, json!({ "rows": vec![both; 3], "other": vec![other; 3] }));
    }

    #[tokio::test]
    async fn an_error_is_told_at_each_row() {
        let (data, errors, _) = ask("{ rows { name failing } }").await;
        assert_eq!(data, json!({ "rows": vec![json!({ "name": "one", "failing": null }); 3] }));
        assert_eq!(errors, [0, 1, 2].map(|row| format!(r#"["rows",{row},"failing"]"#)));
        let (_, errors, _) = ask("{ rows { within { failing } } }").await;
        assert_eq!(errors, [0, 1, 2].map(|row| format!(r#"["rows",{row},"within","failing"]"#)));
    }
}
