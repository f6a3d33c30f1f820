//! Events that are posted to endpoints of a tenant's own.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use guestlist::app::App;
use guestlist::db::Db;
use guestlist::{webhook, worker};
use serde_json::{Value, json};

use crate::support::hook_server::{HookServer, Posted};
use crate::support::{Client, TestApp, codes};

const FIELDS: &str = "webhookEndpoint { id url description eventKinds status disabledReason createdAt }";

async fn start() -> (TestApp, HookServer) {
    let app = TestApp::with(&["--webhook-allow-private=true", "--access-ttl=13d"]).await;
    (app, HookServer::start().await)
}

async fn create(client: &Client, url: &str, kinds: &[&str]) -> Value {
    let input = json!({ "url": url, "eventKinds": kinds });
    client.mutate("createWebhookEndpoint", &format!("secret {FIELDS}"), input).await
}

/// An endpoint for invitations: its id and its secret.
async fn endpoint(client: &Client, server: &HookServer) -> (Value, String) {
    let made = create(client, &server.url(), &["invitation"]).await;
    assert_eq!(made["userErrors"], json!([]), "{made}");
    (made["webhookEndpoint"]["id"].clone(), made["secret"].as_str().unwrap().to_owned())
}

/// Makes an event that is posted; its invitation.
async fn invite(client: &Client, email: &str) -> Value {
    client.invite(json!({ "email": email, "delivery": "LINK_ONLY" })).await["invitation"]["id"].clone()
}

async fn update(client: &Client, id: &Value, change: Value) -> Value {
    let mut input = json!({ "webhookEndpointId": id });
    input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    client.mutate("updateWebhookEndpoint", FIELDS, input).await
}

async fn rotate(client: &Client, id: &Value) -> String {
    let payload = client.mutate("rotateWebhookSecret", "secret", json!({ "webhookEndpointId": id })).await;
    payload["secret"].as_str().unwrap().to_owned()
}

async fn redeliver(client: &Client, id: &Value) -> Value {
    client
        .mutate(
            "redeliverWebhook",
            "webhookDelivery { id state attempts }",
            json!({ "webhookDeliveryId": id }),
        )
        .await
}

/// An endpoint as it is shown now, with its deliveries.
async fn shown(client: &Client, id: &Value) -> Value {
    let query = "query Q($id: ID!) { node(id: $id) { ... on WebhookEndpoint { url status disabledReason eventKinds
        deliveries { totalCount nodes { id state attempts lastStatus lastReply createdAt lastAttemptAt nextAttemptAt
            event { id kind } } } } } }";
    client.ask(query, json!({ "id": id })).await["data"]["node"].clone()
}

/// The one delivery of an endpoint.
async fn only(client: &Client, id: &Value) -> Value {
    let shown = shown(client, id).await;
    assert_eq!(shown["deliveries"]["totalCount"], 1, "{shown}");
    shown["deliveries"]["nodes"][0].clone()
}

/// HMAC-SHA-256 as RFC 2104 writes it.
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let sha = |parts: &[&[u8]]| digest::digest(&digest::SHA256, &parts.concat()).as_ref().to_vec();
    let mut block = key.to_vec();
    block.resize(64, 0);
    let pad = |byte: u8| block.iter().map(|b| b ^ byte).collect::<Vec<u8>>();
    sha(&[&pad(0x5c), &sha(&[&pad(0x36), text])])
}

/// The signature that a secret makes of a request.
fn signature(secret: &str, posted: &Posted) -> String {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    assert_eq!(key.len(), 32);
    let (id, at) = (posted.header("webhook-id"), posted.header("webhook-timestamp"));
    format!("v1,{}", STANDARD.encode(hmac(&key, format!("{id}.{at}.{}", posted.body).as_bytes())))
}

#[tokio::test]
async fn an_event_is_posted_once_and_says_what_the_record_of_events_shows() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let (id, secret) = endpoint(&owner, &server).await;
    let invitation = invite(&owner, "ann@x.test").await;
    app.tick().await;
    app.tick().await;
    let posted = server.posted();
    assert_eq!(posted.len(), 1, "{posted:?}");
    let query = "{ events(first: 1, filter: { kind: [\"invitation.created\"] }) { nodes { id kind at actor { id } data } }
        me { activeMembership { tenant { id } } } }";
    let seen = owner.ask(query, json!({})).await["data"].clone();
    let event = &seen["events"]["nodes"][0];
    let said = json!({ "type": "invitation.created", "timestamp": event["at"], "data": {
        "eventId": event["id"], "tenantId": seen["me"]["activeMembership"]["tenant"]["id"], "kind": "invitation.created",
        "actorId": event["actor"]["id"], "subjectType": "Invitation", "subjectId": invitation, "data": event["data"] } });
    assert_eq!(posted[0].json(), said);
    assert_eq!(posted[0].line, "POST /hooks?key=deep HTTP/1.1");
    assert_eq!(posted[0].header("content-type"), "application/json");
    assert_eq!(posted[0].header("user-agent"), concat!("Guestlist/", env!("CARGO_PKG_VERSION")));
    assert_eq!(posted[0].header("host"), server.address.to_string());
    assert_eq!(posted[0].header("webhook-signature"), signature(&secret, &posted[0]));
    let delivery = only(&owner, &id).await;
    assert_eq!(posted[0].header("webhook-id"), delivery["id"]);
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("DELIVERED"), &json!(1)));
    assert_eq!((&delivery["lastStatus"], &delivery["lastReply"]), (&json!(200), &json!("thanks")));
    assert_eq!((&delivery["event"]["id"], &delivery["nextAttemptAt"]), (&event["id"], &Value::Null));
    let fetched = owner
        .ask("query Q($id: ID!) { node(id: $id) { __typename id } }", json!({ "id": delivery["id"] }))
        .await;
    assert_eq!(fetched["data"]["node"]["__typename"], "WebhookDelivery");
}

#[tokio::test]
async fn t64_what_is_posted_is_signed_with_its_time_and_its_identifier() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let (_, secret) = endpoint(&owner, &server).await;
    let (_, other) = endpoint(&owner, &HookServer::start().await).await;
    assert_ne!(secret, other);
    server.answer(500, "");
    invite(&owner, "ann@x.test").await;
    app.tick().await;
    app.advance(TimeDelta::seconds(5));
    app.tick().await;
    let posted = server.posted();
    let [first, second] = &posted[..] else { panic!("{posted:?}") };
    assert_eq!(
        first.header("webhook-timestamp"),
        (app.now() - TimeDelta::seconds(5)).timestamp().to_string()
    );
    assert_eq!(second.header("webhook-timestamp"), app.now().timestamp().to_string());
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"), "by which a copy is told");
    assert_eq!(first.body, second.body);
    for request in [first, second] {
        assert_eq!(request.header("webhook-signature"), signature(&secret, request));
        assert_ne!(request.header("webhook-signature"), signature(&other, request));
    }
    // A request with the time, the identifier or the body of another one does not have its signature.
    assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"));
    for (name, value) in [("webhook-id", "whd_0"), ("webhook-timestamp", "1772452801")] {
        let mut forged = first.clone();
        forged.headers.insert(name.to_owned(), value.to_owned());
        assert_ne!(forged.header("webhook-signature"), signature(&secret, &forged), "{name}");
    }
    let mut forged = first.clone();
    forged.body = forged.body.replace("created", "accepted");
    assert_ne!(forged.header("webhook-signature"), signature(&secret, &forged));
}

#[tokio::test]
async fn t64_the_secret_is_shown_once_and_stored_sealed() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let (id, secret) = endpoint(&owner, &server).await;
    let next = rotate(&owner, &id).await;
    let rows: Vec<String> = vec![
        app.value("SELECT sealed_secret FROM webhook_endpoint").await,
        app.value("SELECT sealed_previous FROM webhook_endpoint").await,
        owner.ask("{ events(first: 100) { nodes { kind data } } }", json!({})).await.to_string(),
        shown(&owner, &id).await.to_string(),
    ];
    for secret in [&secret, &next] {
        let key = secret.strip_prefix("whsec_").unwrap();
        assert!(rows.iter().all(|row| !row.contains(key)), "{rows:?}");
    }
    assert!(
        rows[2].contains("webhook.secret_rotated") && !rows[2].contains("deep"),
        "the host alone: {}",
        rows[2]
    );
    // A sealed key that is moved to another endpoint does not open, and nothing is posted with it.
    let (second, _) = endpoint(&owner, &server).await;
    let moved = "UPDATE webhook_endpoint SET sealed_previous = NULL,
        sealed_secret = (SELECT sealed_secret FROM webhook_endpoint ORDER BY id LIMIT 1)";
    app.sql(moved).await;
    invite(&owner, "ann@x.test").await;
    app.tick().await;
    assert_eq!(server.posted().len(), 1);
    let reply = only(&owner, &second).await["lastReply"].clone();
    assert_eq!(reply, "It could not be signed; the logs say why.");
}

#[tokio::test]
async fn attempts_follow_after_5_seconds_to_24_hours_and_the_tenth_is_the_last() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let (id, _) = endpoint(&owner, &server).await;
    server.always(503);
    invite(&owner, "ann@x.test").await;
    app.tick().await;
    let minutes = |m: i64| TimeDelta::minutes(m);
    let waits = [
        TimeDelta::seconds(5),
        minutes(5),
        minutes(30),
        minutes(120),
        minutes(300),
        minutes(600),
        minutes(840),
        minutes(1_200),
        minutes(1_440),
    ];
    for (number, wait) in waits.into_iter().enumerate() {
        let delivery = only(&owner, &id).await;
        assert_eq!((&delivery["state"], &delivery["lastStatus"]), (&json!("RETRYING"), &json!(503)));
        assert_eq!(delivery["attempts"], number + 1);
        let next = (app.now() + wait).to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        assert_eq!(delivery["nextAttemptAt"], next);
        app.advance(wait - TimeDelta::seconds(1));
        app.tick().await;
        assert_eq!(server.posted().len(), 1, "nothing before its time");
        app.advance(TimeDelta::seconds(1));
        app.tick().await;
    }
    let delivery = only(&owner, &id).await;
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("FAILED"), &json!(10)));
    assert_eq!(delivery["nextAttemptAt"], Value::Null);
    app.advance(TimeDelta::days(1));
    app.tick().await;
    assert_eq!(server.posted().len(), 1);

    // It can be posted once more, with the same identifier.
    server.always(204);
    let again = redeliver(&owner, &delivery["id"]).await;
    assert_eq!(
        again["webhookDelivery"],
        json!({ "id": delivery["id"], "state": "RETRYING", "attempts": 10 })
    );
    app.tick().await;
    let posted = server.posted();
    assert_eq!((posted.len(), posted[0].header("webhook-id")), (1, delivery["id"].as_str().unwrap()));
    let delivery = only(&owner, &id).await;
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("DELIVERED"), &json!(11)));
    // And once more, although it arrived.
    redeliver(&owner, &delivery["id"]).await;
    app.tick().await;
    assert_eq!(server.posted().len(), 1);
    assert_eq!(codes(&redeliver(&owner, &json!("whd_1")).await), ["NOT_FOUND"]);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_and_goes_on_from_where_it_is_enabled() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let (id, _) = endpoint(&owner, &server).await;
    let other = HookServer::start().await;
    create(&owner, &other.url(), &["webhook.disabled"]).await;
    server.answer(500, "");
    invite(&owner, "ann@x.test").await;
    app.tick().await;
    server.answer(410, "");
    invite(&owner, "bob@x.test").await;
    app.tick().await;
    let seen = shown(&owner, &id).await;
    assert_eq!((&seen["status"], &seen["disabledReason"]), (&json!("DISABLED"), &json!("GONE")));
    let states: Vec<&Value> =
        seen["deliveries"]["nodes"].as_array().unwrap().iter().map(|d| &d["state"]).collect();
    assert_eq!(states, ["FAILED", "FAILED"], "what waited is given up");
    app.tick().await;
    let news = other.posted();
    assert_eq!((news.len(), &news[0].json()["data"]["data"]["reason"]), (1, &json!("GONE")));
    let refused = redeliver(&owner, &seen["deliveries"]["nodes"][0]["id"]).await;
    assert_eq!(codes(&refused), ["BAD_USER_INPUT"]);

    server.posted();
    invite(&owner, "cleo@x.test").await;
    app.advance(TimeDelta::minutes(10));
    app.tick().await;
    let enabled = update(&owner, &id, json!({ "status": "ENABLED" })).await;
    assert_eq!(enabled["webhookEndpoint"]["disabledReason"], Value::Null);
    let dora = invite(&owner, "dora@x.test").await;
    app.tick().await;
    let posted = server.posted();
    assert_eq!((posted.len(), &posted[0].json()["data"]["subjectId"]), (1, &dora));
    let kinds = ["webhook.created", "webhook.disabled", "webhook.updated"];
    assert_eq!(app.events(id.as_str().unwrap()).await, kinds);
}

#[tokio::test]
async fn an_endpoint_that_only_failed_for_five_days_is_disabled() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let (id, _) = endpoint(&owner, &server).await;
    server.always(500);
    invite(&owner, "first@x.test").await;
    app.tick().await;
    app.advance(TimeDelta::days(4));
    server.answer(200, "");
    invite(&owner, "second@x.test").await;
    app.sql("UPDATE webhook_delivery SET next_attempt_at = NULL, state = 'failed'").await;
    app.tick().await;
    assert_eq!(only_latest(&owner, &id).await["state"], "DELIVERED", "a success begins the count anew");
    invite(&owner, "third@x.test").await;
    app.tick().await;
    for n in 0..5 {
        assert_eq!(shown(&owner, &id).await["status"], "ENABLED", "day {n}");
        app.advance(TimeDelta::days(1));
        invite(&owner, &format!("day{n}@x.test")).await;
        app.tick().await;
    }
    let seen = shown(&owner, &id).await;
    assert_eq!((&seen["status"], &seen["disabledReason"]), (&json!("DISABLED"), &json!("FAILING")));
    server.posted();
    app.advance(TimeDelta::hours(1));
    app.tick().await;
    assert_eq!(server.posted().len(), 0);
}

async fn only_latest(client: &Client, id: &Value) -> Value {
    shown(client, id).await["deliveries"]["nodes"][0].clone()
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_a_day_and_then_one() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let (id, before) = endpoint(&owner, &server).await;
    let after = rotate(&owner, &id).await;
    invite(&owner, "ann@x.test").await;
    app.tick().await;
    app.advance(TimeDelta::hours(24) - TimeDelta::milliseconds(1));
    invite(&owner, "bob@x.test").await;
    app.tick().await;
    for posted in server.posted() {
        let both = format!("{} {}", signature(&after, &posted), signature(&before, &posted));
        assert_eq!(posted.header("webhook-signature"), both);
    }
    app.advance(TimeDelta::milliseconds(1));
    invite(&owner, "cleo@x.test").await;
    app.tick().await;
    let posted = server.posted();
    assert_eq!(posted[0].header("webhook-signature"), signature(&after, &posted[0]));
    assert_eq!(
        app.number("SELECT COUNT(*) FROM webhook_endpoint WHERE sealed_previous IS NOT NULL").await,
        0
    );
}

#[tokio::test]
async fn feeding_is_whole_or_not_at_all() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    endpoint(&owner, &server).await;
    app.tick().await;
    let position = app.number("SELECT position FROM webhook_endpoint").await;
    invite(&owner, "ann@x.test").await;
    invite(&owner, "bob@x.test").await;
    // A row in the way of the second delivery: the transaction fails after the first one.
    let in_the_way =
        "INSERT INTO webhook_delivery (id, endpoint_id, tenant_id, event_id, state, attempts, created_at)
        SELECT e.id, w.id, e.tenant_id, e.id, 'failed', 0, e.at FROM event e, webhook_endpoint w
        WHERE e.id = (SELECT id FROM event WHERE kind = 'invitation.created' ORDER BY id DESC LIMIT 1)";
    app.sql(in_the_way).await;
    assert!(webhook::service::feed_due(&app.app).await.is_err());
    assert_eq!(app.number("SELECT position FROM webhook_endpoint").await, position);
    assert_eq!(app.number("SELECT COUNT(*) FROM webhook_delivery").await, 1);
    app.sql("DELETE FROM webhook_delivery").await;
    app.tick().await;
    app.tick().await;
    assert_eq!(server.posted().len(), 2);
    assert!(app.number("SELECT position FROM webhook_endpoint").await > position);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_workers_at_once_deliver_each_event_once() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    endpoint(&owner, &server).await;
    let db = Db::open(&app.app.config.database_url).await.unwrap();
    let other = App::new(app.app.config.clone(), db, app.app.clock.clone()).await.unwrap();
    for n in 0..40 {
        invite(&owner, &format!("guest{n}@x.test")).await;
    }
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let app = if n % 2 == 0 { app.app.clone() } else { other.clone() };
        tasks.spawn(async move {
            webhook::service::feed_due(&app).await.unwrap();
            webhook::service::deliver_due(&app).await.unwrap();
        });
    }
    tasks.join_all().await;
    app.tick().await;
    let subjects: Vec<String> =
        server.posted().iter().map(|posted| posted.json()["data"]["subjectId"].to_string()).collect();
    let once: std::collections::BTreeSet<&String> = subjects.iter().collect();
    assert_eq!((subjects.len(), once.len()), (40, 40));
    other.db.clone().close().await;
}

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

    let delivery = only_latest(&acme, &id).await["id"].clone();
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
async fn a_slow_endpoint_keeps_nobody_waiting_and_what_is_held_back_waits() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    endpoint(&owner, &server).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let slow = create(&owner, &url, &["invitation"]).await["webhookEndpoint"]["id"].clone();
    for n in 0..6 {
        invite(&owner, &format!("guest{n}@x.test")).await;
    }
    guestlist::outbox::service::hold(&app.app, "a test").await.unwrap();
    app.tick().await;
    assert!(server.posted().is_empty(), "a restored copy of a database is silent");
    guestlist::outbox::service::release(&app.app, false).await.unwrap();
    let delivering = tokio::spawn(worker_of(app.app.clone()));
    // The silent one accepts four connections and answers none; the other one gets everything meanwhile.
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(silent.accept().await.unwrap());
    }
    let mut arrived = 0;
    while arrived < 6 {
        tokio::task::yield_now().await;
        arrived += server.posted().len();
    }
    drop(open);
    drop(silent);
    delivering.await.unwrap();
    let seen = shown(&owner, &slow).await;
    assert!(
        seen["deliveries"]["nodes"].as_array().unwrap().iter().all(|d| d["state"] == "RETRYING"),
        "{seen}"
    );
}

async fn worker_of(app: App) {
    webhook::service::deliver_due(&app).await.unwrap();
}

#[tokio::test]
async fn a_tenant_that_is_erased_takes_its_endpoints_with_it_and_old_deliveries_are_forgotten() {
    let (app, server) = start().await;
    let (acme, globex) = (app.owner_of("acme").await, app.owner_of("globex").await);
    let id = create(&acme, &server.url(), &["invitation.created"]).await["webhookEndpoint"]["id"].clone();
    create(&globex, &server.url(), &["invitation.created"]).await;
    for owner in [&acme, &globex] {
        invite(owner, "ann@x.test").await;
    }
    app.tick().await;
    assert_eq!(server.posted().len(), 2);
    let tenant = acme.me().await["activeMembership"]["tenant"]["id"].clone();
    acme.mutate("deleteTenant", "tenant { id }", json!({ "tenantId": tenant, "slug": "acme" })).await;
    assert_eq!(codes(&update(&acme, &id, json!({ "description": "x" })).await), ["NOT_FOUND"]);
    app.advance(TimeDelta::days(30));
    app.tick().await;
    assert_eq!(app.number("SELECT COUNT(*) FROM webhook_endpoint").await, 1);
    assert_eq!(app.number("SELECT COUNT(*) FROM webhook_delivery").await, 1);
    app.advance(TimeDelta::seconds(1));
    app.tick().await;
    assert_eq!(app.number("SELECT COUNT(*) FROM webhook_delivery").await, 0);
    app.mails().await;
}

#[tokio::test]
async fn a_changed_root_secret_changes_no_signature() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let (_, secret) = endpoint(&owner, &server).await;
    let fresh: secrecy::SecretString = "a-root-secret-of-its-own-with-enough-bytes".to_owned().into();
    let mut config = app.app.config.clone();
    let old = std::mem::replace(&mut config.secret_key, fresh);
    for previous in [vec![old], Vec::new()] {
        config.secret_key_previous = previous;
        let db = Db::open(&config.database_url).await.unwrap();
        let later = App::new(config.clone(), db, app.app.clock.clone()).await.unwrap();
        invite(&owner, &format!("guest{}@x.test", config.secret_key_previous.len())).await;
        worker::tick(&later).await.unwrap();
        let posted = server.posted();
        assert_eq!(posted.len(), 1);
        assert_eq!(posted[0].header("webhook-signature"), signature(&secret, &posted[0]));
        later.db.clone().close().await;
    }
}
