//! Who manages endpoints, and where they may be.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn t37_an_endpoint_is_posted_the_events_of_its_tenant_and_seen_by_who_manages_that() {
    let (app, server) = start().await;
    let (acme, globex) = (app.owner_of("acme").await, app.owner_of("globex").await);
    let made = create(&acme, &server.url(), &[]).await;
    let id = made["webhookEndpoint"]["id"].clone();
    app.tick().await;
    let posted = server.posted();
    assert_eq!(
        (posted.len(), posted[0].kind()),
        (1, "webhook.created".to_owned()),
        "its own making comes first"
    );
    invite(&globex, "ann@x.test").await;
    app.tick().await;
    assert!(server.posted().is_empty());
    invite(&acme, "ann@x.test").await;
    app.tick().await;
    assert_eq!(server.posted().len(), 1);

    let delivery = latest(&acme, &id).await["id"].clone();
    for target in [&id, &json!("whk_1"), &json!("")] {
        assert_eq!(
            codes(&update(&globex, target, json!({ "description": "x" })).await),
            ["NOT_FOUND"],
            "{target}"
        );
    }
    assert_eq!(codes(&redeliver(&globex, &delivery).await), ["NOT_FOUND"]);
    for id in [&id, &delivery] {
        let answer = globex.ask("query Q($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
        assert_eq!(answer["data"], json!({ "node": null }));
    }
}

#[tokio::test]
async fn t35_endpoints_take_both_the_right_to_manage_and_the_right_to_read() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let (id, _) = endpoint(&owner, &server).await;
    for (key, permissions) in
        [("keeper", json!(["MANAGE_TENANT"])), ("reader", json!(["VIEW_EVENTS", "MANAGE_ROLES"]))]
    {
        let input = json!({ "key": key, "name": "Some", "permissions": permissions });
        owner.mutate("createRole", "role { id }", input).await;
        let member = app.member(&owner, &format!("{key}@acme.test"), key).await;
        let input = json!({ "url": server.url() });
        assert_eq!(member.mutate_err("createWebhookEndpoint", input).await, "FORBIDDEN", "{key}");
        let input = json!({ "webhookEndpointId": id });
        for mutation in ["updateWebhookEndpoint", "deleteWebhookEndpoint", "rotateWebhookSecret"] {
            assert_eq!(member.mutate_err(mutation, input.clone()).await, "FORBIDDEN", "{key} {mutation}");
        }
        let query = "{ tenant(by: { slug: \"acme\" }) { name webhookEndpoints { url } } }";
        let answer = member.ask(query, json!({})).await;
        assert_eq!(answer["data"]["tenant"], json!({ "name": "ACME", "webhookEndpoints": null }), "{answer}");
        assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    }
    let query = "{ tenant(by: { slug: \"acme\" }) { webhookEndpoints { id status } } }";
    let answer = owner.ask(query, json!({})).await;
    assert_eq!(answer["data"]["tenant"]["webhookEndpoints"], json!([{ "id": id, "status": "ENABLED" }]));
}

#[tokio::test]
async fn endpoints_choose_kinds_and_families_change_and_go() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let made = create(&owner, &server.url(), &["invitation.cancelled", "role", "role"]).await;
    assert_eq!(made["webhookEndpoint"]["eventKinds"], json!(["invitation.cancelled", "role"]));
    let id = made["webhookEndpoint"]["id"].clone();
    let ann = invite(&owner, "ann@x.test").await;
    owner.act("cancelInvitation", &ann).await;
    let role = json!({ "key": "host", "name": "Host", "permissions": [] });
    owner.mutate("createRole", "role { id }", role).await;
    app.tick().await;
    let mut kinds: Vec<String> = server.posted().iter().map(Posted::kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["invitation.cancelled", "role.created"]);
    for (kinds, place) in [(["invitation", "party"], "1"), (["invitation.", "role"], "0"), (["*", ""], "0")] {
        let refused = create(&owner, &server.url(), &kinds).await;
        assert_eq!(refused["userErrors"][0]["path"], json!(["eventKinds", place]), "{refused}");
        assert_eq!((codes(&refused), &refused["secret"]), (vec!["BAD_USER_INPUT"], &Value::Null));
    }
    let changed =
        update(&owner, &id, json!({ "eventKinds": [], "description": " CRM ", "status": "DISABLED" })).await;
    let now = &changed["webhookEndpoint"];
    assert_eq!((&now["eventKinds"], &now["description"]), (&json!([]), &json!("CRM")));
    assert_eq!((&now["status"], &now["disabledReason"]), (&json!("DISABLED"), &json!("MANUAL")));
    let other = HookServer::start().await;
    update(&owner, &id, json!({ "url": other.url(), "status": "ENABLED", "eventKinds": ["invitation"] }))
        .await;
    invite(&owner, "bob@x.test").await;
    app.tick().await;
    assert_eq!((server.posted().len(), other.posted().len()), (0, 1));

    for _ in 1..10 {
        assert!(codes(&create(&owner, &server.url(), &[]).await).is_empty());
    }
    assert_eq!(codes(&create(&owner, &server.url(), &[]).await), ["QUOTA_EXCEEDED"]);
    let input = json!({ "webhookEndpointId": id });
    let deleted = owner.mutate("deleteWebhookEndpoint", "deletedWebhookEndpointId", input.clone()).await;
    assert_eq!(deleted["deletedWebhookEndpointId"], id);
    assert_eq!(app.number("SELECT COUNT(*) FROM webhook_endpoint").await, 9);
    let gone = owner.mutate("deleteWebhookEndpoint", "deletedWebhookEndpointId", input).await;
    assert_eq!(codes(&gone), ["NOT_FOUND"]);
    app.tick().await;
    assert!(other.posted().is_empty());
}

#[tokio::test]
async fn t63_urls_into_private_networks_are_refused_however_they_are_spelled() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for url in [
        "http://93.184.215.14/",
        "ftp://93.184.215.14/",
        "https://user:word@93.184.215.14/",
        "https://user@93.184.215.14/",
        "https://localhost/",
        "https://localhost.:8443/",
        "https://api.localhost/",
        "https://db.internal/",
        "https://nas.local/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/",
        "https://100.64.0.1/",
        "https://192.0.2.1/",
        "https://198.18.0.1/",
        "https://203.0.113.1/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "https://[::]/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:a00:1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fd00::1]/",
        "https://[fe80::1]/",
        "https://[ff02::1]/",
        "https://[2001:db8::1]/",
        "https://no-such-name.invalid/",
        "nothing",
        "",
    ] {
        let refused = create(&owner, url, &[]).await;
        assert_eq!(
            (codes(&refused), &refused["userErrors"][0]["path"]),
            (vec!["BAD_USER_INPUT"], &json!(["url"])),
            "{url}"
        );
    }
    let made = create(&owner, "https://1.1.1.1:8443/hooks", &[]).await;
    assert_eq!(
        codes(&update(&owner, &made["webhookEndpoint"]["id"], json!({ "url": "https://10.0.0.1/" })).await),
        ["BAD_USER_INPUT"]
    );
}

#[tokio::test]
async fn t63_an_address_is_looked_at_when_it_is_connected_to_and_no_redirect_is_followed() {
    // Kept while it was allowed, or put there by somebody else: the URL is looked at again with every attempt.
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let server = HookServer::start().await;
    let id = create(&owner, "https://1.1.1.1/", &["invitation"]).await["webhookEndpoint"]["id"].clone();
    app.sql(&format!("UPDATE webhook_endpoint SET url = '{}'", server.url())).await;
    invite(&owner, "ann@x.test").await;
    app.tick().await;
    let delivery = only(&owner, &id).await;
    assert_eq!((&delivery["state"], &delivery["lastStatus"]), (&json!("RETRYING"), &Value::Null));
    assert_eq!(delivery["lastReply"], "The host does not resolve to a public address.");
    assert!(server.posted().is_empty());

    let (app, server) = start().await;
    let owner = app.owner().await;
    let (id, _) = endpoint(&owner, &server).await;
    server.answer(302, &format!("location: http://{}/elsewhere", server.address));
    invite(&owner, "ann@x.test").await;
    app.tick().await;
    assert_eq!(server.posted().len(), 1);
    let delivery = only(&owner, &id).await;
    assert_eq!((&delivery["state"], &delivery["lastStatus"]), (&json!("RETRYING"), &json!(302)));
    // Of an answer its beginning is kept, without what could mean something to a terminal.
    server.answer(500, &format!("\u{1b}[31m{}", "x".repeat(5_000)));
    app.advance(TimeDelta::seconds(5));
    app.tick().await;
    let reply = only(&owner, &id).await["lastReply"].as_str().unwrap().to_owned();
    assert!(reply.starts_with("[31mxxx") && reply.len() == 1_023, "{} {reply}", reply.len());
    // Nobody listens.
    update(&owner, &id, json!({ "url": "http://127.0.0.1:1/" })).await;
    app.advance(TimeDelta::minutes(5));
    app.tick().await;
    let reply = only(&owner, &id).await["lastReply"].clone();
    assert_eq!(reply, "No connection could be made: connection refused.");
}

#[tokio::test]
async fn making_an_endpoint_under_a_key_is_done_once_and_a_refusal_takes_none() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let query = "mutation C($input: CreateWebhookEndpointInput!) { createWebhookEndpoint(input: $input) {
        secret webhookEndpoint { id } userErrors { code } } }";
    let send = async |kinds: Value| {
        let body =
            json!({ "query": query, "variables": { "input": { "url": server.url(), "eventKinds": kinds } } });
        let mut request = owner.request(&body.to_string());
        request.headers_mut().insert("idempotency-key", "one".parse().unwrap());
        owner.send(request).await.json()["data"]["createWebhookEndpoint"].clone()
    };
    // Something is to be sealed before an endpoint is made.
    invite(&owner, "ann@x.test").await;
    assert_eq!(codes(&send(json!(["party"])).await), ["BAD_USER_INPUT"]);
    assert_eq!(app.number("SELECT COUNT(*) FROM idempotency").await, 0);
    invite(&owner, "bob@x.test").await;
    let made = send(json!([])).await;
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let again = send(json!([])).await;
    assert_eq!((&again["webhookEndpoint"], &again["secret"]), (&made["webhookEndpoint"], &Value::Null));
    assert_eq!(app.number("SELECT COUNT(*) FROM webhook_endpoint").await, 1);
    let kept: String = app.value("SELECT answer FROM idempotency").await;
    assert!(!kept.contains("whsec_"), "{kept}");
}
