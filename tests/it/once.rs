//! `Idempotency-Key`: what is sent again under one key is executed once.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::client::Reply;
use crate::support::{Client, PASSWORD, TestApp, codes};

const INVITE: &str = "mutation I($input: InviteInput!) {
    invite(input: $input) { created url: link invitation { id email } userErrors { code } } }";
const TENANT: &str = "mutation T($input: CreateTenantInput!) {
    createTenant(input: $input) { tenant { id } userErrors { code } } }";

/// Sends an operation under a key.
async fn send(client: &Client, key: &str, query: &str, input: Value) -> Reply {
    let body = json!({ "query": query, "variables": { "input": input } });
    let mut request = client.request(&body.to_string());
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    client.send(request).await
}

fn code(reply: &Reply) -> String {
    reply.json()["errors"][0]["extensions"]["code"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_is_done_once() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let input = json!({ "email": "ann@x.test", "delivery": "LINK_ONLY" });
    let first = send(&owner, "one", INVITE, input.clone()).await;
    let invite = first.json()["data"]["invite"].clone();
    assert_eq!((&invite["created"], first.header("idempotent-replayed")), (&json!(true), ""));
    assert!(invite["url"].as_str().unwrap().contains("gl_inv_"));
    let second = send(&owner, "one", INVITE, input.clone()).await;
    let again = second.json()["data"]["invite"].clone();
    assert_eq!((second.status, second.header("idempotent-replayed")), (200, "true"));
    assert_eq!((&again["created"], &again["invitation"]), (&json!(true), &invite["invitation"]));
    assert_eq!(again["url"], Value::Null, "a secret is told once");
    let order = |reply: &Reply| reply.text.find("created").unwrap() < reply.text.find("invitation").unwrap();
    assert!(order(&first) && order(&second));
    assert_eq!(app.events(invite["invitation"]["id"].as_str().unwrap()).await, ["invitation.created"]);
    // Without the key it is another request.
    assert_eq!(owner.invite(input).await["created"], false);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_person_for_a_day() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "admin@x.test", "admin").await;
    let input = |email: &str| json!({ "email": email });
    send(&owner, "one", INVITE, input("ann@x.test")).await;
    let other = send(&owner, "one", INVITE, input("bea@x.test")).await;
    assert_eq!(code(&other), "IDEMPOTENCY_KEY_REUSED");
    let renamed = INVITE.replace("url:", "uri:");
    assert_eq!(code(&send(&owner, "one", &renamed, input("ann@x.test")).await), "IDEMPOTENCY_KEY_REUSED");
    let theirs = send(&admin, "one", INVITE, input("bea@x.test")).await;
    assert_eq!(theirs.json()["data"]["invite"]["created"], true, "{}", theirs.text);
    app.advance(TimeDelta::hours(24));
    app.tick().await;
    assert_eq!(app.number("SELECT COUNT(*) FROM idempotency").await, 0);
    let owner = app.signed_in("owner@acme.test").await;
    let next = send(&owner, "one", INVITE, input("cem@x.test")).await;
    assert_eq!(next.json()["data"]["invite"]["created"], true, "{}", next.text);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn what_changed_nothing_can_be_sent_again() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let input = json!({ "email": "ann@x.test", "roleKey": "porter" });
    let refused = send(&owner, "one", INVITE, input.clone()).await;
    assert_eq!(codes(&refused.json()["data"]["invite"]), ["BAD_USER_INPUT"]);
    let tenant = owner.me().await["activeMembership"]["tenant"]["id"].clone();
    let role = json!({ "tenantId": tenant, "key": "porter", "name": "Porter", "permissions": [] });
    let made = owner.mutate("createRole", "role { key }", role).await;
    assert_eq!(made["userErrors"], json!([]), "{made}");
    let sent = send(&owner, "one", INVITE, input).await;
    assert_eq!(sent.json()["data"]["invite"]["created"], true, "{}", sent.text);
    // Reading and signing in take no notice of a key.
    let mut stranger = app.stranger();
    stranger.access = None;
    let login = "mutation L($input: LoginInput!) { login(input: $input) { tokens { refreshToken } } }";
    let credentials = json!({ "email": "owner@acme.test", "password": PASSWORD });
    let first = send(&stranger, "two", login, credentials.clone()).await.json();
    let second = send(&stranger, "two", login, credentials).await.json();
    assert!(first["data"]["login"]["tokens"]["refreshToken"].is_string());
    assert_ne!(first, second);
    for key in [" ", &"k".repeat(256)] {
        let reply = send(&owner, key, INVITE, json!({ "email": "bea@x.test" })).await;
        assert_eq!((reply.status, code(&reply).as_str()), (400, "BAD_REQUEST"), "{}", reply.text);
    }
    app.tick().await;
    app.mails().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_is_executed() {
    let app = TestApp::new().await;
    let root = app.superuser().await;
    for round in 0..10 {
        let input = json!({ "name": "Acme", "slug": format!("acme-{round}") });
        let key = format!("round {round}");
        let all = (0..12).map(|_| send(&root, &key, TENANT, input.clone()));
        let mut made = Vec::new();
        for reply in futures_util::future::join_all(all).await {
            let mut answer = reply.json();
            // Whoever came while it was under way asks again, as told.
            if code(&reply) == "OVERLOADED" {
                assert!(!reply.header("retry-after").is_empty());
                answer = loop {
                    let reply = send(&root, &key, TENANT, input.clone()).await;
                    if code(&reply) != "OVERLOADED" {
                        break reply.json();
                    }
                };
            }
            assert_eq!(answer["data"]["createTenant"]["userErrors"], json!([]), "{answer}");
            made.push(answer["data"]["createTenant"]["tenant"]["id"].clone());
        }
        made.dedup();
        assert_eq!(made.len(), 1, "{made:?}");
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM tenant").await, 10);
}

#[tokio::test]
async fn what_was_committed_before_a_crash_is_not_done_again() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let input = json!({ "email": "ann@x.test" });
    send(&owner, "one", INVITE, input.clone()).await;
    // The process ended between the commit and the keeping of its answer.
    assert_eq!(app.sql("UPDATE idempotency SET answer = NULL").await, 1);
    let again = send(&owner, "one", INVITE, input.clone()).await;
    assert_eq!(code(&again), "OVERLOADED", "it may be under way still");
    app.advance(TimeDelta::minutes(1));
    let again = send(&owner, "one", INVITE, input).await;
    assert_eq!(code(&again), "ALREADY_EXECUTED");
    assert_eq!(app.number("SELECT COUNT(*) FROM invitation WHERE email = 'ann@x.test'").await, 1);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn no_secret_and_no_key_is_kept() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    send(&owner, "my own key", INVITE, json!({ "email": "ann@x.test", "delivery": "LINK_ONLY" })).await;
    let change = "mutation C($input: ChangePasswordInput!) {
        changePassword(input: $input) { t: tokens { a: accessToken r: refreshToken } userErrors { code } } }";
    let input = json!({ "currentPassword": PASSWORD, "newPassword": "seven quiet lanterns drifting" });
    let first = send(&owner, "another", change, input.clone()).await.json();
    assert!(first["data"]["changePassword"]["t"]["r"].is_string(), "{first}");
    let mut owner = owner;
    owner.access = first["data"]["changePassword"]["t"]["a"].as_str().map(str::to_owned);
    let again = send(&owner, "another", change, input).await.json();
    assert_eq!(again["data"]["changePassword"], json!({ "t": null, "userErrors": [] }));
    let rows = "SELECT COALESCE(group_concat(key || request || owner || answer), '') FROM idempotency";
    let rows = if crate::support::database::server().is_some() {
        rows.replace(
            "group_concat(key || request || owner || answer)",
            "string_agg(key || request || owner || answer, '')",
        )
    } else {
        rows.to_owned()
    };
    let kept: String = app.value(&rows).await;
    assert!(kept.contains("ann@x.test") && kept.contains("changePassword"), "{kept}");
    for secret in ["gl_", "eyJ", "my own key", "lanterns", PASSWORD] {
        assert!(!kept.contains(secret), "{secret} is in {kept}");
    }
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn what_somebody_typed_is_answered_again_whatever_it_looks_like() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let invite = "mutation I($input: InviteInput!) {
        invite(input: $input) { invitation { email name note } userErrors { code } } }";
    let input =
        json!({ "email": "gl_inv_ann@x.test", "name": "eyJa.b.c", "note": "gl_ref_hello whsec_ gl_inv_" });
    let first = send(&owner, "one", invite, input.clone()).await.json();
    assert_eq!(first["data"]["invite"]["invitation"]["name"], "eyJa.b.c", "{first}");
    assert_eq!(send(&owner, "one", invite, input).await.json(), first);

    let switch = "mutation S($input: SwitchTenantInput!) {
        switchTenant(input: $input) { accessToken membership { tenant { slug } } userErrors { code } } }";
    let tenant = owner.me().await["activeMembership"]["tenant"]["id"].clone();
    let mut first = send(&owner, "two", switch, json!({ "tenantId": tenant })).await.json();
    assert!(first["data"]["switchTenant"]["accessToken"].take().is_string(), "{first}");
    assert_eq!(first["data"]["switchTenant"]["membership"]["tenant"]["slug"], "acme");
    assert_eq!(send(&owner, "two", switch, json!({ "tenantId": tenant })).await.json(), first);
    app.tick().await;
    app.mails().await;
}
