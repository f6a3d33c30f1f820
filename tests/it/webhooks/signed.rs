//! What is posted, and who can have signed it.

use chrono::TimeDelta;
use guestlist::app::App;
use guestlist::db::Db;
use guestlist::worker;
use serde_json::{Value, json};

use super::*;

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
