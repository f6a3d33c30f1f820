//! `invitations`: filters, order and pages, always with a second tenant about.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const QUERY: &str = "query Q($tenantId: ID, $first: Int, $after: String, $last: Int, $before: String,
    $filter: InvitationFilter, $orderBy: InvitationOrder) {
    invitations(tenantId: $tenantId, first: $first, after: $after, last: $last, before: $before, filter: $filter, orderBy: $orderBy) {
        totalCount nodes { email role { key } invitedBy { id } delivery { state lastReply } } edges { cursor node { email } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

async fn list(client: &Client, variables: Value) -> Value {
    let answer = client.ask(QUERY, variables).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["invitations"].clone()
}

fn emails(page: &Value) -> Vec<String> {
    page["nodes"].as_array().unwrap().iter().map(|n| n["email"].as_str().unwrap().to_owned()).collect()
}

/// Five invitations a minute apart, and some of another tenant; the owner's own is out of the way.
async fn five(app: &TestApp) -> Client {
    let owner = app.owner().await;
    let other = app.owner_of("globex").await;
    app.sql("DELETE FROM invitation").await;
    for name in ["eve", "dan", "cleo", "bob", "ann"] {
        app.advance(TimeDelta::minutes(1));
        owner.invited(&format!("{name}@x.test")).await;
        other.invited(&format!("{name}@globex.test")).await;
    }
    app.mails().await;
    owner
}

#[tokio::test]
async fn the_latest_come_first_and_only_ones_own() {
    let app = TestApp::new().await;
    let owner = five(&app).await;
    let page = list(&owner, json!({})).await;
    assert_eq!(emails(&page), ["ann@x.test", "bob@x.test", "cleo@x.test", "dan@x.test", "eve@x.test"]);
    assert_eq!(page["totalCount"], 5);
}

#[tokio::test]
async fn pages_follow_each_other_in_both_directions_and_every_order() {
    let app = TestApp::new().await;
    let owner = five(&app).await;
    for field in ["CREATED_AT", "EXPIRES_AT", "EMAIL"] {
        for direction in ["ASC", "DESC"] {
            let order = json!({ "field": field, "direction": direction });
            let all = emails(&list(&owner, json!({ "orderBy": order })).await);
            assert_eq!(all.len(), 5);
            let (mut forward, mut after) = (Vec::new(), Value::Null);
            loop {
                let page = list(&owner, json!({ "first": 2, "after": after, "orderBy": order })).await;
                assert_eq!(page["pageInfo"]["hasPreviousPage"], !after.is_null());
                forward.extend(emails(&page));
                after = page["pageInfo"]["endCursor"].clone();
                if page["pageInfo"]["hasNextPage"] == false {
                    break;
                }
            }
            assert_eq!(forward, all, "{field} {direction}");
            let (mut backward, mut before) = (Vec::new(), Value::Null);
            loop {
                let page = list(&owner, json!({ "last": 2, "before": before, "orderBy": order })).await;
                backward.splice(0..0, emails(&page));
                before = page["pageInfo"]["startCursor"].clone();
                if page["pageInfo"]["hasPreviousPage"] == false {
                    break;
                }
            }
            assert_eq!(backward, all, "{field} {direction}");
        }
    }
}

#[tokio::test]
async fn each_row_has_its_own_inviter_and_role_in_every_order() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    app.sql("DELETE FROM invitation").await;
    let mut rows = Vec::new();
    // Whoever invited and the role change with every row, with some, or are those of the row before.
    for (name, by, role) in [
        ("eve", "o", "member"),
        ("dan", "a", "admin"),
        ("cleo", "o", "member"),
        ("bob", "o", "admin"),
        ("ann", "a", "admin"),
        ("zoe", "a", "member"),
    ] {
        app.advance(TimeDelta::minutes(1));
        let (inviter, name_of) = if by == "o" { (&owner, "Olivia Owner") } else { (&admin, "Max Member") };
        let email = format!("{name}@x.test");
        inviter.invite(json!({ "email": email, "roleKey": role })).await;
        rows.push(json!({ "email": email, "role": { "key": role }, "invitedBy": { "name": name_of } }));
    }
    let query = "query Q($first: Int, $last: Int, $orderBy: InvitationOrder) {
        invitations(first: $first, last: $last, orderBy: $orderBy) { nodes { email role { key } invitedBy { name } } } }";
    for field in ["CREATED_AT", "EXPIRES_AT", "EMAIL"] {
        let mut sorted = rows.clone();
        if field == "EMAIL" {
            sorted.sort_by_key(|row| row["email"].to_string());
        }
        for direction in ["ASC", "DESC"] {
            for (paging, most) in [("first", 3), ("first", 6), ("last", 4)] {
                let order = json!({ "field": field, "direction": direction });
                let page = owner.ask(query, json!({ paging: most, "orderBy": order })).await;
                let shown = if paging == "first" { &sorted[..most] } else { &sorted[6 - most..] };
                assert_eq!(
                    page["data"]["invitations"]["nodes"],
                    json!(shown),
                    "{field} {direction} {paging}"
                );
            }
            sorted.reverse();
        }
    }
    app.mails().await;
}

#[tokio::test]
async fn filters_are_all_applied_and_lists_mean_any_of() {
    let app = TestApp::new().await;
    let mut owner = five(&app).await;
    let ids: Vec<Value> =
        owner.ask("{ invitations { nodes { id } } }", json!({})).await["data"]["invitations"]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n["id"].clone())
            .collect();
    owner.act("cancelInvitation", &ids[0]).await;
    app.tick().await;
    owner.invite(json!({ "email": "zed@x.test", "roleKey": "admin", "delivery": "LINK_ONLY", "expiresInSeconds": 300 })).await;
    app.mails().await;
    app.advance(TimeDelta::minutes(5));
    owner.renew().await;
    let matching = async |filter: Value| emails(&list(&owner, json!({ "filter": filter })).await);
    assert_eq!(matching(json!({ "status": ["CANCELLED"] })).await, ["ann@x.test"]);
    assert_eq!(matching(json!({ "status": ["EXPIRED", "CANCELLED"] })).await, ["zed@x.test", "ann@x.test"]);
    assert_eq!(matching(json!({ "status": ["PENDING"] })).await.len(), 4);
    assert_eq!(matching(json!({ "status": [] })).await.len(), 0);
    assert_eq!(matching(json!({ "delivery": ["NONE"] })).await, ["zed@x.test"]);
    assert_eq!(matching(json!({ "delivery": ["SUPPRESSED", "NONE"] })).await, ["zed@x.test", "ann@x.test"]);
    assert_eq!(matching(json!({ "delivery": ["SENT"], "status": ["PENDING"] })).await.len(), 4);
    assert_eq!(matching(json!({ "roleKey": ["admin", "nobody"] })).await, ["zed@x.test"]);
    assert_eq!(matching(json!({ "emailContains": "CLEO" })).await, ["cleo@x.test"]);
    assert_eq!(
        matching(json!({ "emailContains": "%" })).await.len(),
        0,
        "a wildcard is a character like any other"
    );
    assert_eq!(
        matching(json!({ "createdAt": { "from": "2026-03-02T12:02:00Z", "to": "2026-03-02T12:03:00Z" } }))
            .await
            .len(),
        2
    );
    assert_eq!(matching(json!({ "expiresAt": { "to": "2026-03-03T00:00:00Z" } })).await, ["zed@x.test"]);
    let me = owner.me().await["id"].clone();
    assert_eq!(matching(json!({ "invitedById": me, "emailContains": "dan" })).await, ["dan@x.test"]);
}

#[tokio::test]
async fn page_sizes_and_cursors_are_checked() {
    let app = TestApp::new().await;
    let owner = five(&app).await;
    let email_cursor = list(&owner, json!({ "first": 1, "orderBy": { "field": "EMAIL" } })).await["pageInfo"]
        ["endCursor"]
        .clone();
    for (variables, argument) in [
        (json!({ "first": 0 }), "first"),
        (json!({ "first": -1 }), "first"),
        (json!({ "first": 101 }), "first"),
        (json!({ "last": 0 }), "last"),
        (json!({ "last": 101 }), "last"),
        (json!({ "first": 1, "last": 1 }), "last"),
        (json!({ "after": "forged" }), "after"),
        (json!({ "before": "'; DROP TABLE invitation; --" }), "before"),
        (json!({ "after": email_cursor }), "after"),
    ] {
        let answer = owner.ask(QUERY, variables.clone()).await;
        assert_eq!(answer["data"], json!({ "invitations": null }), "{variables}");
        let extensions = &answer["errors"][0]["extensions"];
        assert_eq!(
            (&extensions["code"], &extensions["argument"]),
            (&json!("BAD_USER_INPUT"), &json!(argument)),
            "{variables}"
        );
    }
    assert_eq!(list(&owner, json!({ "first": 100 })).await["totalCount"], 5);
}

#[tokio::test]
async fn t37_another_tenants_list_is_not_found_and_a_member_is_forbidden() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let member = app.member(&acme, "max@acme.test", "member").await;
    let foreign = globex.me().await["activeMembership"]["tenant"]["id"].clone();
    let code = async |client: &Client, variables: Value| {
        let answer = client.ask(QUERY, variables).await;
        assert_eq!(answer["data"]["invitations"], Value::Null);
        answer["errors"][0]["extensions"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(code(&acme, json!({ "tenantId": foreign })).await, "NOT_FOUND");
    assert_eq!(code(&acme, json!({ "tenantId": "ten_1" })).await, "NOT_FOUND");
    assert_eq!(code(&member, json!({})).await, "FORBIDDEN");
    assert_eq!(code(&app.stranger(), json!({ "tenantId": foreign })).await, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_forbidden_list_leaves_its_neighbours_alone() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let member = app.member(&owner, "max@acme.test", "member").await;
    let answer = member.ask("{ me { name } invitations { totalCount } }", json!({})).await;
    assert_eq!(answer["data"], json!({ "me": { "name": "Max Member" }, "invitations": null }));
}

#[tokio::test]
async fn each_field_alone_is_what_it_is_beside_all_others() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "ann@x.test", "member").await;
    let given = json!({ "email": "bob@x.test", "name": "Bob", "note": "Come.", "metadata": { "seat": 4 } });
    let bob = owner.invite(given).await["invitation"].clone();
    owner.act("cancelInvitation", &bob["id"]).await;
    owner.invite(json!({ "email": "cid@x.test", "delivery": "LINK_ONLY" })).await;
    app.sql("UPDATE invitation SET ip_address = '192.0.2.7'").await;
    app.tick().await;
    app.mails().await;
    let shape = "{ __type(name: \"Invitation\") { fields { name type { kind ofType { kind } } } } }";
    let fields = owner.ask(shape, json!({})).await["data"]["__type"]["fields"].clone();
    let fields = fields.as_array().unwrap().iter().map(|field| {
        let (name, kind) = (field["name"].as_str().unwrap(), &field["type"]);
        let is_object = kind["kind"] == "OBJECT" || kind["ofType"]["kind"] == "OBJECT";
        let inner = match name {
            "delivery" => "{ state attempts nextAttemptAt lastAttemptAt lastReply }",
            "role" => "{ id key name }",
            "tenant" => "{ id slug name }",
            _ => "{ id name }",
        };
        (name.to_owned(), if is_object { format!("{name} {inner}") } else { name.to_owned() })
    });
    let fields: Vec<_> = fields.collect();
    assert!(fields.len() > 17, "{fields:?}");
    let read = async |selection: &str| {
        let answer = owner.ask(&format!("{{ invitations {{ nodes {{ {selection} }} }} }}"), json!({})).await;
        assert!(answer.get("errors").is_none(), "{selection}: {answer}");
        answer["data"]["invitations"]["nodes"].as_array().unwrap().clone()
    };
    let every: Vec<&str> = fields.iter().map(|(_, selection)| selection.as_str()).collect();
    let whole = read(&every.join(" ")).await;
    // Two lists of one name are merged, which is left to the executor.
    let executed = read(&format!("{} }} nodes {{ id", every.join(" "))).await;
    assert_eq!(whole, executed);
    for (name, selection) in &fields {
        let column = |rows: Vec<Value>| rows.into_iter().map(|row| row[name].clone()).collect::<Vec<_>>();
        assert!(whole.iter().any(|row| !row[name].is_null()), "{name} is nowhere set");
        assert_eq!(column(read(selection).await), column(whole.clone()), "{name}");
    }
    for part in ["state", "attempts", "nextAttemptAt", "lastAttemptAt", "lastReply"] {
        let column =
            |rows: Vec<Value>| rows.into_iter().map(|row| row["delivery"][part].clone()).collect::<Vec<_>>();
        let alone = read(&format!("delivery {{ {part} }}")).await;
        assert_eq!(column(alone), column(whole.clone()), "delivery {part}");
    }
}

#[tokio::test]
async fn an_object_of_which_everything_is_left_out_is_empty() {
    let app = TestApp::new().await;
    let owner = five(&app).await;
    let query = "query Q($no: Boolean = false) { invitations(first: 2) { nodes { tenant { name @include(if: $no) }
        invitedBy { id @skip(if: true) } role { ... @skip(if: true) { key } } delivery { state @include(if: $no) } } } }";
    let answer = owner.ask(query, json!({})).await;
    let row = json!({ "tenant": {}, "invitedBy": {}, "role": {}, "delivery": {} });
    assert_eq!(answer["data"]["invitations"]["nodes"], json!([row, row]), "{answer}");
}

#[tokio::test]
async fn what_several_fragments_ask_of_a_list_comes_together() {
    let app = TestApp::new().await;
    let owner = five(&app).await;
    let rows = |answer: &Value, key: &str| {
        assert!(answer.get("errors").is_none(), "{answer}");
        answer["data"]["invitations"][key].clone()
    };
    let whole = "{ invitations(first: 2) { nodes { id email role { key name } } edges { cursor node { id email role { key name } } } } }";
    let whole = owner.ask(whole, json!({})).await;
    let nodes = "query Q { invitations(first: 2) { ...ids ...roles nodes { role { name } } } }
        fragment ids on InvitationConnection { nodes { id email } }
        fragment roles on InvitationConnection { nodes { role { key } } }";
    assert_eq!(rows(&owner.ask(nodes, json!({})).await, "nodes"), rows(&whole, "nodes"));
    let edges = "query Q { invitations(first: 2) { edges { cursor ...node node { role { key name } } } } }
        fragment node on InvitationEdge { cursor node { id ...row id } }
        fragment row on Invitation { id email }";
    assert_eq!(rows(&owner.ask(edges, json!({})).await, "edges"), rows(&whole, "edges"));
    let twice = "{ invitations(first: 2) { nodes { id email } } invitations(first: 2) { nodes { role { key name } } } }";
    assert_eq!(rows(&owner.ask(twice, json!({})).await, "nodes"), rows(&whole, "nodes"));
}
