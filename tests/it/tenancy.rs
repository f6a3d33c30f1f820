//! The tenant itself: name, policy, state.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, codes};

async fn act(client: &Client, name: &str, input: Value) -> Value {
    client.mutate(name, "tenant { id name slug status resetPolicy }", input).await
}

async fn tenant_of(client: &Client) -> Value {
    client.me().await["activeMembership"]["tenant"]["id"].clone()
}

#[tokio::test]
async fn owners_change_name_slug_and_policy() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    app.owner_of("globex").await;
    let payload =
        act(&owner, "updateTenant", json!({ "name": "Acme Ltd", "slug": "acme-ltd", "resetPolicy": "OFF" }))
            .await;
    assert_eq!(
        (&payload["tenant"]["name"], &payload["tenant"]["slug"], &payload["tenant"]["resetPolicy"]),
        (&json!("Acme Ltd"), &json!("acme-ltd"), &json!("OFF"))
    );
    for (input, code, path) in [
        (json!({ "slug": "globex" }), "SLUG_TAKEN", "slug"),
        (json!({ "slug": "Not a slug" }), "BAD_USER_INPUT", "slug"),
        (json!({ "name": " " }), "BAD_USER_INPUT", "name"),
    ] {
        let refused = act(&owner, "updateTenant", input.clone()).await;
        assert_eq!(
            (codes(&refused), &refused["userErrors"][0]["path"]),
            (vec![code], &json!([path])),
            "{input}"
        );
    }
    assert_eq!(admin.mutate_err("updateTenant", json!({ "name": "X" })).await, "FORBIDDEN");
    assert_eq!(app.stranger().mutate_err("updateTenant", json!({ "name": "X" })).await, "UNAUTHENTICATED");
    let id = tenant_of(&owner).await;
    assert_eq!(app.events(id.as_str().unwrap()).await, ["tenant.created", "tenant.updated"]);
    assert_eq!(
        act(&owner, "updateTenant", json!({})).await["tenant"]["name"],
        "Acme Ltd",
        "nothing asked, nothing changed"
    );
}

#[tokio::test]
async fn t62_a_suspended_tenant_is_closed_and_a_reinstated_one_as_before() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let root = app.superuser().await;
    owner.invited("ann@x.test").await;
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token;
    let id = tenant_of(&owner).await;
    let suspended = act(&root, "suspendTenant", json!({ "tenantId": id, "reason": "unpaid" })).await;
    assert_eq!(suspended["tenant"]["status"], "SUSPENDED");
    assert_eq!(
        act(&root, "suspendTenant", json!({ "tenantId": id })).await["userErrors"],
        json!([]),
        "again"
    );
    assert_eq!(codes(&owner.invite(json!({ "email": "bob@x.test" })).await), ["TENANT_UNAVAILABLE"]);
    assert_eq!(codes(&act(&owner, "updateTenant", json!({ "name": "X" })).await), ["TENANT_UNAVAILABLE"]);
    assert_eq!(codes(&owner.refresh_with(owner.refresh.as_ref().unwrap()).await), ["TENANT_UNAVAILABLE"]);
    let input = json!({ "token": token, "name": "Ann", "password": PASSWORD });
    assert_eq!(codes(&app.stranger().accept(input.clone()).await), ["TENANT_UNAVAILABLE"]);
    assert_eq!(act(&root, "reinstateTenant", json!({ "tenantId": id })).await["tenant"]["status"], "ACTIVE");
    owner.renew().await;
    assert_eq!(
        app.stranger().accept(input).await["invitation"]["status"],
        "ACCEPTED",
        "the invitation waited"
    );
    let kinds = ["tenant.created", "tenant.suspended", "tenant.reinstated"];
    assert_eq!(app.events(id.as_str().unwrap()).await, kinds);
}

#[tokio::test]
async fn a_deleted_tenant_is_hidden_at_once_can_come_back_and_is_erased_after_30_days() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    let bystander = app.owner_of("globex").await;
    let root = app.superuser().await;
    let id = tenant_of(&owner).await;
    // The tenant that the administrator of the platform used last is erased below, and they sign in all the same.
    let switched = root.mutate("switchTenant", "accessToken", json!({ "tenantId": id })).await;
    assert!(switched["accessToken"].is_string(), "{switched}");
    let root = app.signed_in("root@platform.test").await;
    let invitation = owner.invited("ann@x.test").await;
    assert_eq!(
        admin.mutate_err("deleteTenant", json!({ "tenantId": id, "slug": "acme" })).await,
        "FORBIDDEN"
    );
    let wrong = act(&owner, "deleteTenant", json!({ "tenantId": id, "slug": "other" })).await;
    assert_eq!((codes(&wrong), &wrong["userErrors"][0]["path"]), (vec!["BAD_USER_INPUT"], &json!(["slug"])));
    assert_eq!(
        act(&owner, "deleteTenant", json!({ "tenantId": id, "slug": "acme" })).await["tenant"]["status"],
        "DELETED"
    );
    assert_eq!(owner.me().await["memberships"], json!([]));
    assert_eq!(
        codes(&act(&owner, "deleteTenant", json!({ "tenantId": id, "slug": "acme" })).await),
        ["NOT_FOUND"]
    );
    let reason =
        "SELECT COUNT(*) FROM invitation WHERE status = 'cancelled' AND cancel_reason = 'tenant_deleted'";
    assert_eq!(app.number(reason).await, 1);
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 0, "queued mail is not sent");
    app.advance(TimeDelta::days(29));
    app.tick().await;
    let mut root = { root };
    let refreshed = app.signed_in("root@platform.test").await;
    root.access = refreshed.access;
    assert_eq!(act(&root, "reinstateTenant", json!({ "tenantId": id })).await["tenant"]["status"], "ACTIVE");
    assert_eq!(app.number(reason).await, 1, "what was cancelled stays cancelled");
    assert_eq!(
        act(&root, "deleteTenant", json!({ "tenantId": id, "slug": "acme" })).await["tenant"]["status"],
        "DELETED"
    );

    app.advance(TimeDelta::days(30));
    app.tick().await;
    app.tick().await;
    assert_eq!(app.number("SELECT COUNT(*) FROM tenant").await, 1);
    assert_eq!(app.number("SELECT COUNT(*) FROM membership").await, 1);
    assert_eq!(
        app.number("SELECT COUNT(*) FROM session WHERE tenant_id IS NOT NULL").await,
        1,
        "globex's owner's"
    );
    assert_eq!(app.number("SELECT COUNT(*) FROM role").await, 3);
    let kinds = ["invitation.created", "invitation.cancelled"];
    assert_eq!(app.events(invitation["id"].as_str().unwrap()).await, kinds, "events are kept");
    assert_eq!(app.events(id.as_str().unwrap()).await.last().unwrap(), "tenant.erased");
    assert_eq!(
        bystander.refresh_with(bystander.refresh.as_ref().unwrap()).await["tokens"],
        Value::Null,
        "too old by now"
    );
    app.mails().await;
    let root = app.signed_in("root@platform.test").await;
    let again = act(&root, "createTenant", json!({ "name": "Acme", "slug": "acme" })).await;
    assert_eq!(again["tenant"]["slug"], "acme", "the slug is free");
}

#[tokio::test]
async fn administrators_of_the_platform_look_through_all_tenants() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.owner_of("globex").await;
    app.owner_of("initech").await;
    let root = app.superuser().await;
    let query = "query Q($first: Int, $after: String, $filter: TenantFilter) {
        tenants(first: $first, after: $after, filter: $filter) { totalCount nodes { slug } pageInfo { hasNextPage endCursor } } }";
    let list = async |variables: Value| root.ask(query, variables).await["data"]["tenants"].clone();
    let slugs = |page: &Value| -> Vec<String> {
        page["nodes"].as_array().unwrap().iter().map(|n| n["slug"].as_str().unwrap().to_owned()).collect()
    };
    let first = list(json!({ "first": 2 })).await;
    assert_eq!(
        (slugs(&first), &first["totalCount"]),
        (vec!["acme".to_owned(), "globex".to_owned()], &json!(3))
    );
    assert_eq!(
        slugs(&list(json!({ "first": 2, "after": first["pageInfo"]["endCursor"] })).await),
        ["initech"]
    );
    app.sql("UPDATE tenant SET status = 'suspended' WHERE slug = 'globex'").await;
    assert_eq!(slugs(&list(json!({ "filter": { "status": ["SUSPENDED"] } })).await), ["globex"]);
    assert_eq!(slugs(&list(json!({ "filter": { "nameContains": "INI" } })).await), ["initech"]);
    let code =
        async |client: &Client| client.ask(query, json!({})).await["errors"][0]["extensions"]["code"].clone();
    assert_eq!(
        (code(&owner).await, code(&app.stranger()).await),
        (json!("FORBIDDEN"), json!("UNAUTHENTICATED"))
    );
    let id = tenant_of(&owner).await;
    for name in ["suspendTenant", "reinstateTenant"] {
        assert_eq!(owner.mutate_err(name, json!({ "tenantId": id })).await, "FORBIDDEN", "{name}");
        assert_eq!(app.stranger().mutate_err(name, json!({ "tenantId": id })).await, "UNAUTHENTICATED");
        assert_eq!(codes(&act(&root, name, json!({ "tenantId": "ten_1" })).await), ["NOT_FOUND"]);
    }
}
