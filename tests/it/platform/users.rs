//! Every account, and ending somebody's sessions.

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::{Client, TestApp, codes};

const ROW: &str = "id email name isSuperuser createdAt lastSignedInAt sessionCount
    memberships { status tenant { slug } role { key } }";

async fn users(client: &Client, arguments: &str) -> Value {
    let query = format!(
        "{{ users{arguments} {{ totalCount nodes {{ {ROW} }} edges {{ cursor }}
            pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    );
    let answer = client.ask(&query, json!({})).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["users"].clone()
}

fn emails(list: &Value) -> Vec<&str> {
    list["nodes"].as_array().unwrap().iter().map(|node| node["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn administrators_see_every_user_with_their_tenants_and_sessions() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.owner_of("globex").await;
    app.advance(chrono::TimeDelta::minutes(1));
    app.member(&owner, "max@acme.test", "member").await;
    app.put("globex", "max@acme.test", "admin").await;
    app.signed_in("max@acme.test")
        .await
        .mutate("updateProfile", "viewer { id }", json!({ "name": "100% Max" }))
        .await;
    let root = app.superuser().await;
    let all = users(&root, "").await;
    let latest_first = ["root@platform.test", "max@acme.test", "owner@globex.test", "owner@acme.test"];
    assert_eq!((emails(&all), &all["totalCount"]), (latest_first.to_vec(), &json!(4)));
    let max = &all["nodes"][1];
    let both = json!([
        { "status": "ACTIVE", "tenant": { "slug": "acme" }, "role": { "key": "member" } },
        { "status": "ACTIVE", "tenant": { "slug": "globex" }, "role": { "key": "admin" } },
    ]);
    assert_eq!((&max["memberships"], &max["sessionCount"]), (&both, &json!(2)));
    assert_eq!(
        (&max["isSuperuser"], &max["lastSignedInAt"]),
        (&json!(false), &json!("2026-03-02T12:01:00.000Z"))
    );
    assert_eq!(
        (&all["nodes"][0]["isSuperuser"], &all["nodes"][0]["memberships"]),
        (&json!(true), &json!([]))
    );

    for (filter, found) in [
        ("search: \"MAX@\"", vec!["max@acme.test"]),
        ("search: \" olivia \"", vec!["owner@globex.test", "owner@acme.test"]),
        ("search: \"0%\"", vec!["max@acme.test"]),
        ("search: \"_\"", vec![]),
        ("isSuperuser: true", vec!["root@platform.test"]),
        ("isSuperuser: false, search: \"acme.test\"", vec!["max@acme.test", "owner@acme.test"]),
    ] {
        let list = users(&root, &format!("(filter: {{ {filter} }})")).await;
        assert_eq!(emails(&list), found, "{filter}");
        assert_eq!(list["totalCount"], found.len(), "{filter}");
    }

    let first = users(&root, "(first: 3)").await;
    assert_eq!(emails(&first), latest_first[..3]);
    let end = first["pageInfo"]["endCursor"].as_str().unwrap();
    let second = users(&root, &format!("(first: 3, after: \"{end}\")")).await;
    assert_eq!(
        (emails(&second), &second["pageInfo"]["hasNextPage"]),
        (vec!["owner@acme.test"], &json!(false))
    );
    let start = second["pageInfo"]["startCursor"].as_str().unwrap();
    let back = users(&root, &format!("(last: 2, before: \"{start}\")")).await;
    assert_eq!(
        (emails(&back), &back["pageInfo"]["hasPreviousPage"]),
        (latest_first[1..3].to_vec(), &json!(true))
    );
    let other = users(&root, "(first: 1)").await["edges"][0]["cursor"].clone();
    let answer =
        root.ask("query Q($c: String) { tenants(after: $c) { totalCount } }", json!({ "c": other })).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
        "a cursor is good for its own list"
    );
}

#[tokio::test]
async fn every_session_of_somebody_is_ended_at_once_and_recorded_with_who_did_it() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let max = app.member(&owner, "max@acme.test", "member").await;
    let again = app.signed_in("max@acme.test").await;
    let root = app.superuser().await;
    let id = max.me().await["id"].clone();
    let revoke = async |id: &Value| {
        root.mutate(
            "revokeUserSessions",
            "user { email sessionCount } revokedSessions",
            json!({ "userId": id }),
        )
        .await
    };
    let done = revoke(&id).await;
    assert_eq!(done["revokedSessions"], 2);
    assert_eq!(done["user"], json!({ "email": "max@acme.test", "sessionCount": 0 }));
    for client in [&max, &again] {
        assert_eq!(client.me().await, Value::Null, "its access token is of no use any more");
        let refreshed = client.refresh_with(client.refresh.as_deref().unwrap()).await;
        assert_eq!(refreshed["tokens"], Value::Null);
    }
    assert_eq!(revoke(&id).await["revokedSessions"], 0, "once more changes nothing");
    let events = owner
        .ask("{ events(filter: { kind: [\"session.revoked\"] }) { nodes { actor { name } } } }", json!({}))
        .await;
    let by_root = json!({ "actor": { "name": "Root" } });
    assert_eq!(events["data"]["events"]["nodes"], json!([by_root, by_root]), "the tenant sees who it was");
    for wrong in [json!("usr_nonsense"), owner.me().await["sessions"][0]["id"].clone()] {
        assert_eq!(codes(&revoke(&wrong).await), ["NOT_FOUND"], "{wrong}");
    }
    assert_eq!(app.signed_in("max@acme.test").await.me().await["id"], id, "the account stays as it was");
}

#[tokio::test]
async fn the_page_of_users_searches_and_ends_sessions() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "max@acme.test", "member").await;
    app.superuser().await;
    let mut root = Browser::signed_in(&app, "root@platform.test").await;
    let page = root.get("/platform/users").await.text;
    for says in
        ["3 users", "Max Member", "ACME <small>Member", "administrator", "aria-current=\"page\">Users</a>"]
    {
        assert!(page.contains(says), "{says}: {page}");
    }
    let found = root.get("/platform/users?q=MAX").await.text;
    assert!(found.contains("max@acme.test") && !found.contains("owner@acme.test"), "{found}");
    let admins = root.get("/platform/users?admins=yes").await.text;
    assert!(admins.contains("1 user<") && admins.contains("value=\"yes\" checked"), "{admins}");
    let id = found.split("/platform/users/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let ended = root.post(&format!("/platform/users/{id}/end"), &[]).await;
    assert_eq!(ended.header("location"), "/platform/users?done=sessions", "{}", ended.text);
    assert!(!root.get("/platform/users?q=MAX").await.text.contains("/end\""), "there is nothing left to end");
    assert_eq!(root.post("/platform/users/usr_nonsense/end", &[]).await.status, 422);

    let mut other = Browser::signed_in(&app, "owner@acme.test").await;
    for page in ["users", "health", "settings"] {
        assert_eq!(other.get(&format!("/platform/{page}")).await.status, 403, "{page}");
        let login = format!("/login?next=%2Fplatform%2F{page}");
        assert_eq!(Browser::new(&app).get(&format!("/platform/{page}")).await.header("location"), login);
    }
    assert_eq!(other.post(&format!("/platform/users/{id}/end"), &[]).await.status, 403);
    // Whoever ends their own sessions signs in again.
    let page = root.get("/platform/users?q=root").await.text;
    let own = page.split("/platform/users/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    root.post(&format!("/platform/users/{own}/end"), &[]).await;
    assert!(root.get("/platform/users").await.header("location").starts_with("/login"));
}
