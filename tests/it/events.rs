//! `events`: what happened in a tenant, for those who may know.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const QUERY: &str =
    "query Q($tenantId: ID, $first: Int, $after: String, $last: Int, $before: String, $filter: EventFilter) {
    events(tenantId: $tenantId, first: $first, after: $after, last: $last, before: $before, filter: $filter) {
        totalCount nodes { id kind at actor { email } subject { __typename id } data ipAddress requestId }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

async fn list(client: &Client, variables: Value) -> Value {
    let answer = client.ask(QUERY, variables).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["events"].clone()
}

fn kinds(page: &Value) -> Vec<&str> {
    page["nodes"].as_array().unwrap().iter().map(|n| n["kind"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_latest_come_first_with_who_did_what_to_whom() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let other = app.owner_of("globex").await;
    app.advance(TimeDelta::minutes(1));
    let invitation = owner.invited("ann@x.test").await;
    other.invited("ann@x.test").await;
    let page = list(&owner, json!({})).await;
    assert_eq!(
        kinds(&page),
        [
            "invitation.created",
            "session.created",
            "membership.created",
            "invitation.accepted",
            "invitation.created",
            "tenant.created"
        ]
    );
    assert_eq!(page["totalCount"], 6);
    let latest = &page["nodes"][0];
    assert_eq!(latest["at"], "2026-03-02T12:01:00.000Z");
    assert_eq!(latest["actor"]["email"], "owner@acme.test");
    assert_eq!(latest["subject"], json!({ "__typename": "Invitation", "id": invitation["id"] }));
    assert_eq!(latest["data"], json!({ "roleKey": "member", "delivery": "EMAIL" }));
    assert!(latest["requestId"].is_string());
    assert_eq!(page["nodes"][5]["actor"], Value::Null, "the operator is no user");
    assert_eq!(page["nodes"][5]["subject"]["__typename"], "Tenant");
}

#[tokio::test]
async fn filters_are_all_applied_and_pages_follow_each_other() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    app.advance(TimeDelta::minutes(1));
    let invitation = admin.invited("ann@x.test").await;
    admin.act("cancelInvitation", &invitation["id"]).await;
    let matching = async |filter: Value| {
        let page = list(&owner, json!({ "filter": filter })).await;
        kinds(&page).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(matching(json!({ "kind": ["invitation.cancelled"] })).await, ["invitation.cancelled"]);
    assert_eq!(matching(json!({ "kind": ["nothing.known"] })).await, Vec::<String>::new());
    assert_eq!(
        matching(json!({ "subjectId": invitation["id"] })).await,
        ["invitation.cancelled", "invitation.created"]
    );
    let adam = admin.me().await["id"].clone();
    assert_eq!(
        matching(json!({ "actorId": adam, "kind": ["invitation.created"] })).await,
        ["invitation.created"]
    );
    assert_eq!(matching(json!({ "at": { "from": "2026-03-02T12:01:00Z" } })).await.len(), 2);
    assert_eq!(matching(json!({ "subjectId": "nonsense" })).await, Vec::<String>::new());

    let whole = list(&owner, json!({})).await;
    let all = kinds(&whole);
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = list(&owner, json!({ "first": 3, "after": after })).await;
        seen.extend(page["nodes"].as_array().unwrap().iter().map(|n| n["id"].clone()));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    let ids: Vec<Value> = whole["nodes"].as_array().unwrap().iter().map(|n| n["id"].clone()).collect();
    assert_eq!(seen, ids);
    let back = list(&owner, json!({ "last": 2 })).await;
    assert_eq!(kinds(&back), all[all.len() - 2..]);
    assert_eq!(back["pageInfo"]["hasPreviousPage"], true);
}

#[tokio::test]
async fn t37_only_those_who_may_see_the_events_of_their_own_tenant() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let member = app.member(&owner, "max@acme.test", "member").await;
    let other = app.owner_of("globex").await;
    let root = app.superuser().await;
    let tenant = owner.me().await["activeMembership"]["tenant"]["id"].clone();
    let event = list(&owner, json!({ "first": 1 })).await["nodes"][0]["id"].clone();
    let code = async |client: &Client| {
        client.ask(QUERY, json!({ "tenantId": tenant })).await["errors"][0]["extensions"]["code"].clone()
    };
    assert_eq!(code(&app.stranger()).await, "UNAUTHENTICATED");
    assert_eq!(code(&member).await, "FORBIDDEN");
    assert_eq!(code(&other).await, "NOT_FOUND");
    assert_eq!(list(&root, json!({ "tenantId": tenant, "first": 1 })).await["nodes"][0]["id"], event);
    let node = async |client: &Client| {
        let query = "query Q($id: ID!) { node(id: $id) { __typename ... on Event { kind } } }";
        client.ask(query, json!({ "id": event })).await["data"]["node"]["__typename"].clone()
    };
    assert_eq!(node(&owner).await, "Event");
    assert_eq!(node(&root).await, "Event");
    assert_eq!((node(&member).await, node(&other).await), (Value::Null, Value::Null));
}

#[tokio::test]
async fn page_sizes_and_cursors_are_checked() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for (variables, argument) in [
        (json!({ "first": 0 }), "first"),
        (json!({ "last": 101 }), "last"),
        (json!({ "after": "forged" }), "after"),
    ] {
        let answer = owner.ask(QUERY, variables).await;
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!(
            (&extensions["code"], &extensions["argument"]),
            (&json!("BAD_USER_INPUT"), &json!(argument))
        );
    }
}
