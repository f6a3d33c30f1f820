//! When it is posted: feeding, attempts, giving up, many workers.

use chrono::TimeDelta;
use guestlist::app::App;
use guestlist::db::Db;
use guestlist::webhook;
use serde_json::{Value, json};

use super::*;

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
    assert_eq!(latest(&owner, &id).await["state"], "DELIVERED", "a success begins the count anew");
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
