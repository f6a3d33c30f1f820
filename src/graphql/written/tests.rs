//! What is written is what the executor says, to the byte. An error is told once where a value that fails is asked for twice, as the
//! specification has it and the executor does not.

use std::cell::Cell;

use async_graphql::{EmptyMutation, EmptySubscription, Object, Request, Response, Schema, SimpleObject};

use super::super::{Connection, Repeated};
use super::*;
use crate::page::{Cursor, Slice, SortKey};

thread_local! {
    /// How often a field that can wait was begun.
    static BEGUN: Cell<u32> = const { Cell::new(0) };
}

fn begin() {
    BEGUN.with(|begun| begun.set(begun.get() + 1));
}

#[derive(Clone, Debug, SimpleObject)]
struct Mail {
    state: String,
    reply: Option<String>,
}

impl Mail {
    fn sent() -> Self {
        Self { state: "sent".to_owned(), reply: Some("250 \"ok\"".to_owned()) }
    }
}

#[derive(Clone, Debug)]
struct Row {
    number: i32,
    shared: Repeated<Shared>,
}

/// A name with what JSON escapes, and what it does not.
const NAME: &str = "\"shared\" \u{2028}";

#[derive(Clone, Debug)]
struct Shared;

#[Object]
impl Shared {
    async fn name(&self) -> &str {
        NAME
    }

    async fn nothing(&self) -> Option<i32> {
        None
    }
}

#[derive(Clone, Debug)]
struct Nested(i32);

#[Object]
impl Nested {
    async fn perhaps(&self) -> Option<async_graphql::Result<i32>> {
        if self.0 == 3 { Some(Err("perhaps".into())) } else { Some(Ok(self.0)) }
    }

    async fn late(&self) -> i32 {
        if self.0 == 3 {
            tokio::task::yield_now().await;
        }
        self.0
    }

    async fn never(&self) -> async_graphql::Result<i32> {
        if self.0 == 2 { Err("never".into()) } else { Ok(self.0) }
    }
}

impl AtHand for Mail {
    fn write(&self, field: &Positioned<Field>, text: &mut Vec<u8>) -> Option<()> {
        (field.node.name.node == "state").then(|| write_value(&self.state, text))?
    }
}

impl AtHand for Nested {}

impl AtHand for Shared {
    fn write(&self, field: &Positioned<Field>, text: &mut Vec<u8>) -> Option<()> {
        (field.node.name.node == "name").then(|| write_value(NAME, text))?
    }
}

/// Every other row has its number and its mail at hand.
impl AtHand for Row {
    fn write(&self, field: &Positioned<Field>, text: &mut Vec<u8>) -> Option<()> {
        match field.node.name.node.as_str() {
            "number" if self.number % 2 == 0 => write_value(&self.number, text),
            "mail" if self.number % 2 == 1 => {
                write_object(&Mail::sent(), &field.node.selection_set.node, text)
            }
            "shared" => self.shared.write(field, text),
            _ => None,
        }
    }
}

#[Object]
impl Row {
    async fn number(&self) -> i32 {
        self.number
    }

    async fn name(&self) -> Option<String> {
        (self.number % 2 == 0).then(|| format!("row \"{}\" \\ \n", self.number))
    }

    /// Waits where the number is odd, so that the first row does not tell.
    async fn late(&self) -> i32 {
        begin();
        if self.number % 2 == 1 {
            tokio::task::yield_now().await;
        }
        self.number * 10
    }

    /// Waits at every row.
    async fn later(&self) -> Mail {
        begin();
        tokio::task::yield_now().await;
        Mail { state: format!("late {}", self.number), reply: None }
    }

    /// An object that is at hand, with an error in it, before it waits.
    async fn nested(&self) -> Nested {
        Nested(self.number)
    }

    async fn plain(&self) -> Option<Plain<Nested>> {
        Some(Plain(Nested(self.number)))
    }

    async fn mail(&self) -> Plain<Mail> {
        Plain(Mail::sent())
    }

    async fn shared(&self) -> Repeated<Shared> {
        self.shared.clone()
    }

    async fn numbers(&self) -> Vec<i32> {
        vec![self.number; 2]
    }

    /// Fails at the second row, and leaves its neighbours alone.
    async fn perhaps(&self) -> Option<async_graphql::Result<i32>> {
        if self.number == 1 { Some(Err("no".into())) } else { Some(Ok(self.number)) }
    }

    /// Fails at the third row, which takes the list with it.
    async fn never(&self) -> async_graphql::Result<i32> {
        if self.number == 2 { Err("never".into()) } else { Ok(self.number) }
    }

    /// As `never`, after having waited.
    async fn never_later(&self) -> async_graphql::Result<i32> {
        tokio::task::yield_now().await;
        if self.number == 2 { Err("never".into()) } else { Ok(self.number) }
    }
}

impl Row {
    fn place(&self) -> Cursor {
        let id = uuid::Uuid::from_u128(self.number.unsigned_abs().into());
        Cursor { order: "NUMBER".into(), key: SortKey::Text(self.number.to_string()), id }
    }
}

struct Query;

#[Object]
impl Query {
    async fn rows(&self, rows: i32) -> Option<Connection<Row>> {
        let shared = Repeated::new(Shared);
        let rows = (0..rows).map(|number| Row { number, shared: shared.clone() }).collect();
        let slice = Slice { rows, has_previous: false, has_next: true, total: 9 };
        Some(Connection::new(slice, Row::place, |row| row))
    }
}

fn schema() -> Schema<Query, EmptyMutation, EmptySubscription> {
    Schema::new(Query, EmptyMutation, EmptySubscription)
}

fn text(response: &Response) -> String {
    let mut text = Vec::new();
    append(&mut text, response).unwrap();
    String::from_utf8(text).unwrap()
}

/// The answer as the executor resolves it, and as it is written.
async fn both(query: &str) -> (String, Response) {
    let plain = schema().execute(query).await;
    (text(&plain), schema().execute(Request::new(query).data(Writes)).await)
}

/// The list of an answer, which is the only field of the only field.
fn rows(response: &Response) -> &Value {
    let Value::Object(data) = &response.data else { panic!("{response:?}") };
    let Value::Object(rows) = &data["rows"] else { panic!("{response:?}") };
    rows.values().next().unwrap()
}

#[tokio::test]
async fn lists_are_written_as_the_executor_would_answer() {
    for selection in [
        "nodes { number }",
        "nodes { n: number name __typename type: __typename }",
        "nodes { number name ...again number __typename __typename } } fragment again on Row { name number",
        "nodes { late number late2: late name }",
        "nodes { later { state reply } number mail { reply __typename state } }",
        "nodes { mail { s: state t: state } shared { name } again: shared { name nothing } numbers }",
        "nodes { mail { state } number }",
        "nodes { mail { state @skip(if: true) } shared { name @include(if: false) } number }",
        "nodes { shared { ... @skip(if: true) { name } } plain { late @skip(if: true) } }",
        "nodes { mail { state s: state state } m: mail { ... { state } } }",
        "nodes { perhaps number }",
        "nodes { never number }",
        "nodes { nested { perhaps late } }",
        "nodes { nested { never } number }",
        "nodes { plain { never } number }",
        "nodes { plain { perhaps } number }",
        "nodes { neverLater late later { state } }",
        "nodes { ...part ... on Row { name } ... { late } } }  fragment part on Row { number mail { ...mail } } fragment mail on Mail { state",
        "edges { cursor node { number late shared { name } } }",
        "edges { __typename n: node { later { state } perhaps } c: cursor d: cursor m: node { name } }",
        "edges { node { never } }",
        "edges { node { neverLater } cursor }",
        "list: nodes { number @skip(if: true) }",
        "edges { cursor @include(if: false) node @include(if: true) { number @skip(if: true) } }",
    ] {
        for count in [0, 1, 5, 40] {
            let query = format!("{{ rows(rows: {count}) {{ {selection} }} }}");
            let (plain, written) = both(&query).await;
            assert_eq!(text(&written), plain, "{query}");
            if written.errors.is_empty() {
                assert!(matches!(rows(&written), Value::Binary(_)), "{query} was not written");
            }
        }
    }
}

#[tokio::test]
async fn a_field_that_waits_is_begun_once_but_where_it_did_not_wait_before() {
    BEGUN.with(|begun| begun.set(0));
    let _ =
        schema().execute(Request::new("{ rows(rows: 20) { nodes { later { state } } } }").data(Writes)).await;
    assert_eq!(BEGUN.with(Cell::take), 20);
    let _ = schema().execute(Request::new("{ rows(rows: 20) { nodes { late } } }").data(Writes)).await;
    assert_eq!(BEGUN.with(Cell::take), 21);
}
