//! Who may do what: every operation of the schema × every kind of actor, against two tenants. An operation, or a field of an
//! object, that has no row here fails the build.

mod fields;
mod rows;
mod world;

use std::collections::BTreeSet;

use apollo_compiler::Schema;
use serde_json::{Value, json};

use rows::{ACCOUNT, INVITATIONS, PEOPLE, QUERIES, RESETS, Row, TENANTS, WEBHOOKS};
use world::{ACTORS, World};

fn schema() -> Schema {
    Schema::parse(guestlist::schema::sdl(), "schema.graphql").unwrap()
}

/// Field names of an object type.
fn fields_of(schema: &Schema, name: &str) -> BTreeSet<String> {
    schema.get_object(name).unwrap().fields.keys().map(ToString::to_string).collect()
}

#[test]
fn every_operation_of_the_schema_has_a_row() {
    let groups = [QUERIES, ACCOUNT, RESETS, INVITATIONS, PEOPLE, TENANTS, WEBHOOKS];
    let rows: BTreeSet<String> = groups.into_iter().flatten().map(|row| row.operation().to_owned()).collect();
    let schema = schema();
    let mut operations = fields_of(&schema, "Query");
    operations.append(&mut fields_of(&schema, "Mutation"));
    assert_eq!(rows, operations);
    let subscriptions: Vec<String> = fields_of(&schema, "Subscription").into_iter().collect();
    assert_eq!(subscriptions, ["invitationEvents"], "tests/it/live.rs says who may follow what");
}

/// Runs every row of a group as every actor, with the targets in the first tenant and then in the second.
async fn run(group: &[Row]) {
    for row in group {
        let mut world = World::new().await;
        for home in 0..2 {
            for (place, actor) in ACTORS.iter().enumerate() {
                let outcome = world.outcome(row, home, place).await;
                assert_eq!(outcome, row.expect[place], "{} as {actor}, tenant {home}", row.name);
            }
            world.app.mails().await;
            if row.uses_up_the_actor && home == 0 {
                world = World::new().await;
            }
        }
    }
}

#[tokio::test]
async fn queries_show_each_actor_what_is_theirs_to_see() {
    run(QUERIES).await;
}

#[tokio::test]
async fn each_actor_has_power_over_their_own_account() {
    run(ACCOUNT).await;
}

#[tokio::test]
async fn t48_resets_are_decided_by_who_may() {
    run(RESETS).await;
}

#[tokio::test]
async fn invitations_are_managed_by_who_may_invite() {
    run(INVITATIONS).await;
}

#[tokio::test]
async fn members_and_roles_are_managed_by_who_may() {
    run(PEOPLE).await;
}

#[tokio::test]
async fn tenants_are_managed_by_their_owners_and_the_platform() {
    run(TENANTS).await;
}

#[tokio::test]
async fn webhooks_are_managed_by_owners_and_the_platform() {
    run(WEBHOOKS).await;
}

/// What came of an answer: `ok`, `null`, or the code of the first error.
fn classify(answer: &Value) -> String {
    if let Some(code) = answer["errors"][0]["extensions"]["code"].as_str() {
        return code.to_owned();
    }
    let field = answer["data"].as_object().unwrap_or_else(|| panic!("{answer}")).values().next().unwrap();
    if let Some(code) = field["userErrors"][0]["code"].as_str() {
        return code.to_owned();
    }
    let nothing = |value: &Value| *value == Value::Null || *value == json!([null]);
    if nothing(field) { "null" } else { "ok" }.to_owned()
}
