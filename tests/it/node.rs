//! `node`, `nodes`, `tenant`: objects by their global ids, and only for those who may see them.

use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const NODES: &str = "query Q($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";

async fn types(client: &Client, ids: &Value) -> Vec<Value> {
    let answer = client.ask(NODES, json!({ "ids": ids })).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["nodes"].as_array().unwrap().iter().map(|node| node["__typename"].clone()).collect()
}

async fn everything_of(client: &Client) -> Value {
    let invitation = client.invited("ann@x.test").await;
    let query = "{ me { id activeMembership { id role { id } tenant { id } } sessions { id } } }";
    let me = client.ask(query, json!({})).await["data"]["me"].clone();
    let membership = &me["activeMembership"];
    json!([
        me["id"],
        membership["tenant"]["id"],
        membership["role"]["id"],
        membership["id"],
        invitation["id"],
        me["sessions"][0]["id"]
    ])
}

#[tokio::test]
async fn every_object_of_ones_own_is_found_by_its_id() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let ids = everything_of(&owner).await;
    assert_eq!(types(&owner, &ids).await, ["User", "Tenant", "Role", "Membership", "Invitation", "Session"]);
}

#[tokio::test]
async fn t37_objects_of_another_tenant_are_null_like_those_that_do_not_exist() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let ids = everything_of(&acme).await;
    assert_eq!(types(&globex, &ids).await, vec![Value::Null; 6]);
    let unknown = json!([
        "usr_00000000000070008000000000000000",
        "",
        "nonsense",
        "inv_",
        "evt_00000000000070008000000000000000"
    ]);
    assert_eq!(types(&globex, &unknown).await, vec![Value::Null; 5]);
}

#[tokio::test]
async fn a_superuser_sees_every_object_but_anothers_session() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let root = app.superuser().await;
    let ids = everything_of(&owner).await;
    let seen = types(&root, &ids).await;
    assert_eq!(seen[..5], ["User", "Tenant", "Role", "Membership", "Invitation"]);
    assert_eq!(seen[5], Value::Null);
}

#[tokio::test]
async fn a_member_sees_the_tenant_and_its_people_but_not_its_invitations() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let member = app.member(&owner, "max@acme.test", "member").await;
    let ids = everything_of(&owner).await;
    let seen = types(&member, &ids).await;
    assert_eq!(
        seen,
        [json!("User"), json!("Tenant"), json!("Role"), json!("Membership"), Value::Null, Value::Null]
    );
}

#[tokio::test]
async fn strangers_must_sign_in_and_a_hundred_ids_are_enough() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let answer = app.stranger().ask("{ node(id: \"usr_1\") { id } }", json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    let answer = owner.ask(NODES, json!({ "ids": vec!["usr_1"; 101] })).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
}

#[tokio::test]
async fn a_tenant_is_found_by_id_or_slug_by_its_members_only() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let by = async |client: &Client, by: Value| {
        let query = "query Q($by: TenantBy!) { tenant(by: $by) { id slug name status resetPolicy roles { key builtIn } } }";
        client.ask(query, json!({ "by": by })).await["data"]["tenant"].clone()
    };
    let tenant = by(&acme, json!({ "slug": "acme" })).await;
    assert_eq!(tenant["name"], "ACME");
    assert_eq!(tenant["resetPolicy"], "APPROVAL");
    let keys: Vec<&Value> = tenant["roles"].as_array().unwrap().iter().map(|r| &r["key"]).collect();
    assert_eq!(keys, ["owner", "admin", "member"]);
    assert_eq!(by(&acme, json!({ "id": tenant["id"] })).await, tenant);
    assert_eq!(by(&globex, json!({ "id": tenant["id"] })).await, Value::Null);
    assert_eq!(by(&globex, json!({ "slug": "acme" })).await, Value::Null);
    assert_eq!(by(&acme, json!({ "slug": "nobody" })).await, Value::Null);
}
