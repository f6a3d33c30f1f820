//! The documents of `docs/API.md`, run from top to bottom.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Client, TestApp};

fn text() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/API.md")).unwrap()
}

/// What a document names with a `$`, from what came before it.
struct Story {
    app: TestApp,
    clients: HashMap<String, Client>,
    known: HashMap<&'static str, Value>,
}

impl Story {
    /// Remembers tokens and identifiers of an answer.
    fn learn(&mut self, person: &str, data: &Value) {
        for payload in data.as_object().unwrap().values() {
            if payload["tokens"].is_object() {
                let refresh_token = payload["tokens"]["refreshToken"].clone();
                self.clients.get_mut(person).unwrap().adopt(&payload["tokens"]);
                self.known.insert("refreshToken", refresh_token);
            }
            if payload["invitation"]["id"].is_string() {
                self.known.insert("invitationId", payload["invitation"]["id"].clone());
            }
            if payload["nodes"][0]["user"].is_object() {
                self.known.insert("resetRequestId", payload["nodes"][0]["id"].clone());
            }
        }
    }

    async fn variables(&mut self, person: &str, document: &str) -> Value {
        if document.contains("$token:") {
            let mailbox = format!("{}@example.com", person.to_lowercase());
            let mail = self.app.mail_to(&mailbox).await;
            self.known.insert("token", json!(mail.token.unwrap()));
        }
        let needed = self.known.iter().filter(|(name, _)| document.contains(&format!("${name}:")));
        needed.map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    async fn tell(&mut self, block: &str) {
        let person = block.lines().next().unwrap().trim_start_matches("# ").to_owned();
        let stranger = self.app.stranger();
        self.clients.entry(person.clone()).or_insert(stranger);
        let variables = self.variables(&person, block).await;
        let answer = self.clients[&person].ask(block, variables).await;
        assert!(answer.get("errors").is_none(), "{block}\n{answer}");
        for payload in answer["data"].as_object().unwrap().values() {
            assert!(!payload.is_null(), "{block}\n{answer}");
            let errors = payload["userErrors"].as_array();
            assert!(errors.is_none_or(Vec::is_empty), "{block}\n{answer}");
        }
        self.learn(&person, &answer["data"]);
        self.app.tick().await;
    }
}

#[tokio::test]
async fn every_document_does_what_the_text_says() {
    let app = TestApp::new().await;
    let operator = guestlist::actor::Actor::operator();
    let owner = Some("olivia@example.com");
    guestlist::onboarding::service::create_tenant(&app.app, &operator, "Acme", "acme", owner).await.unwrap();
    app.join("olivia@example.com", "Olivia").await;
    let mut story = Story { app, clients: HashMap::new(), known: HashMap::new() };
    let text = text();
    let blocks: Vec<&str> =
        text.split("```graphql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 10);
    for block in blocks {
        story.tell(block).await;
    }
    let reset = story.app.signed_in_with("ann@example.com", "eleven patient windmills turning").await;
    assert_eq!(reset.me().await["activeMembership"]["tenant"]["slug"], "acme");
    assert_eq!(story.clients["Olivia"].me().await, Value::Null, "signed out");
    story.app.mails().await;
}

#[test]
fn every_operation_in_the_tables_is_in_the_schema_and_every_operation_of_the_schema_is_in_them() {
    let text = text();
    let schema = apollo_compiler::Schema::parse(guestlist::schema::sdl(), "schema.graphql").unwrap();
    let tasks = text.split("## By task").nth(1).unwrap().split("\n## ").next().unwrap();
    let rest = text.split("## Coming from REST").nth(1).unwrap().split("```").next().unwrap();
    let operations: Vec<String> = ["Query", "Mutation", "Subscription"]
        .into_iter()
        .flat_map(|name| schema.get_object(name).unwrap().fields.keys().map(ToString::to_string))
        .collect();
    for operation in &operations {
        let named = tasks.split('`').any(|code| code.split(['(', ' ']).next() == Some(operation));
        assert!(named, "{operation} is in no row of the table of tasks");
    }
    for row in rest.lines().filter(|line| line.starts_with("| `") || line.starts_with("| none")) {
        let column = row.split('|').nth(2).unwrap();
        for code in column.split('`').skip(1).step_by(2) {
            let name = code.split('(').next().unwrap().to_owned();
            assert!(operations.contains(&name), "{name} in {row}");
        }
    }
}
