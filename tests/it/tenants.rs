//! `createTenant`.

use serde_json::{Value, json};

use crate::support::{Client, TestApp, codes};

async fn create(client: &Client, input: Value) -> Value {
    client
        .mutate("createTenant", "tenant { id slug name status } invitation { email role { key } }", input)
        .await
}

#[tokio::test]
async fn a_superuser_makes_a_tenant_and_owns_it_at_once() {
    let app = TestApp::new().await;
    let root = app.superuser().await;
    let payload = create(&root, json!({ "name": "Acme", "slug": "acme" })).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["tenant"]["status"], "ACTIVE");
    assert_eq!(payload["invitation"], Value::Null);
    let me = root.me().await;
    assert_eq!(me["activeMembership"]["role"]["key"], "owner");
    assert_eq!(me["activeMembership"]["tenant"]["slug"], "acme", "the session speaks for it");
    assert_eq!(app.events(payload["tenant"]["id"].as_str().unwrap()).await, ["tenant.created"]);
}

#[tokio::test]
async fn the_owner_can_be_somebody_else_who_is_invited() {
    let app = TestApp::new().await;
    let root = app.superuser().await;
    let payload = create(&root, json!({ "name": "Acme", "slug": "acme", "ownerEmail": "ann@x.test" })).await;
    assert_eq!(payload["invitation"], json!({ "email": "ann@x.test", "role": { "key": "owner" } }));
    assert_eq!(root.me().await["memberships"], json!([]));
    assert_eq!(
        codes(&root.invite(json!({ "email": "bob@x.test" })).await),
        ["BAD_USER_INPUT"],
        "their session speaks for none"
    );
    let ann = app.join("ann@x.test", "Ann").await;
    assert_eq!(ann.me().await["activeMembership"]["role"]["key"], "owner");
}

#[tokio::test]
async fn names_slugs_and_owners_are_checked_and_nothing_is_half_made() {
    let app = TestApp::new().await;
    let root = app.superuser().await;
    create(&root, json!({ "name": "Acme", "slug": "acme" })).await;
    for (input, code, path) in [
        (json!({ "name": "Other", "slug": "acme" }), "SLUG_TAKEN", "slug"),
        (json!({ "name": "Other", "slug": "Not a slug" }), "BAD_USER_INPUT", "slug"),
        (json!({ "name": " ", "slug": "other" }), "BAD_USER_INPUT", "name"),
        (json!({ "name": "Other", "slug": "other", "ownerEmail": "nobody" }), "BAD_USER_INPUT", "ownerEmail"),
    ] {
        let payload = create(&root, input.clone()).await;
        assert_eq!(codes(&payload), [code], "{input}");
        assert_eq!(payload["userErrors"][0]["path"], json!([path]));
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM tenant").await, 1);
}

#[tokio::test]
async fn who_may_make_tenants_is_a_setting() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let input = json!({ "name": "Mine", "slug": "mine" });
    assert_eq!(app.stranger().mutate_err("createTenant", input.clone()).await, "UNAUTHENTICATED");
    assert_eq!(owner.mutate_err("createTenant", input.clone()).await, "FORBIDDEN");

    let open = TestApp::with(&["--allow-tenant-creation=true"]).await;
    let owner = open.owner().await;
    assert_eq!(create(&owner, input).await["tenant"]["slug"], "mine");
    assert_eq!(
        owner.me().await["activeMembership"]["tenant"]["slug"],
        "acme",
        "the session stays where it was"
    );
    let for_another = json!({ "name": "Theirs", "slug": "theirs", "ownerEmail": "ann@x.test" });
    assert_eq!(owner.mutate_err("createTenant", for_another).await, "FORBIDDEN");
}
