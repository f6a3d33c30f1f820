//! Mail servers that misbehave, and mail that cannot be made.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use guestlist::outbox;
use serde_json::{Value, json};

use crate::support::smtp_server::SmtpServer;
use crate::support::{Client, TestApp};

async fn delivery(client: &Client, id: &Value) -> Value {
    let query =
        "query Q($id: ID!) { node(id: $id) { ... on Invitation { delivery { state attempts lastReply } } } }";
    client.ask(query, json!({ "id": id })).await["data"]["node"]["delivery"].clone()
}

#[tokio::test]
async fn r7_a_server_that_cannot_be_used_is_asked_with_one_mail_at_a_time_until_it_can() {
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = away.local_addr().unwrap();
    drop(away);
    let app = TestApp::with(&[&format!("--smtp-url=smtp://{address}"), "--access-ttl=1d"]).await;
    let root = app.superuser().await;
    root.mutate("createTenant", "tenant { id }", json!({ "name": "Acme", "slug": "acme" })).await;
    let mut ids = Vec::new();
    for n in 0..20 {
        ids.push(root.invited(&format!("guest{n}@x.test")).await["id"].clone());
    }
    let attempts = async || app.number("SELECT CAST(SUM(attempts) AS bigint) FROM outbox").await;
    app.tick().await;
    assert_eq!(attempts().await, 8, "those that were under way together");
    app.tick().await;
    assert_eq!(attempts().await, 8, "and then it rests");
    app.advance(TimeDelta::seconds(60));
    app.tick().await;
    assert_eq!(attempts().await, 9, "one mail looks whether it is back");
    let server = SmtpServer::start_at(address);
    app.advance(TimeDelta::seconds(60));
    app.tick().await;
    app.advance(TimeDelta::minutes(5));
    app.tick().await;
    for id in &ids {
        assert_eq!(delivery(&root, id).await["state"], "SENT", "no mail was given up");
    }
    assert_eq!(server.taken().len(), 20);
}

#[tokio::test]
async fn r10_a_mail_that_cannot_be_made_is_parked_and_tried_again_when_somebody_says_so() {
    let app = TestApp::with(&["--access-ttl=10d"]).await;
    let owner = app.owner().await;
    let mut ids = Vec::new();
    for n in 0..30 {
        ids.push(owner.invited(&format!("guest{n}@x.test")).await["id"].clone());
    }
    app.sql("UPDATE invitation SET email = 'no address' WHERE email_norm = 'guest7@x.test'").await;
    for _ in 0..6 {
        app.tick().await;
        app.advance(TimeDelta::hours(3));
    }
    let parked = delivery(&owner, &ids[7]).await;
    assert_eq!((&parked["state"], &parked["attempts"]), (&json!("FAILED"), &json!(5)));
    assert_eq!(app.mails().await.len(), 30, "all others, and the owner's");
    app.sql("UPDATE invitation SET email = 'guest7@x.test' WHERE email_norm = 'guest7@x.test'").await;
    assert_eq!(outbox::service::retry(&app.app, &[]).await.unwrap(), 1);
    app.tick().await;
    assert_eq!(delivery(&owner, &ids[7]).await["state"], "SENT");
    app.mails().await;
}

#[tokio::test]
async fn r26_a_task_that_panics_takes_nobody_with_it() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let invitation = owner.invited("ann@x.test").await;
    owner.invited("bob@x.test").await;
    let rendered = Arc::new(AtomicUsize::new(0));
    let counting = rendered.clone();
    let attempted = outbox::service::deliver_due(&app.app, move |app, row| {
        let counting = counting.clone();
        async move {
            assert!(counting.fetch_add(1, Ordering::SeqCst) > 0, "a fault on purpose");
            guestlist::invitation::service::render_mail(&app, &row).await
        }
    })
    .await
    .unwrap();
    assert_eq!((attempted, app.mails().await.len()), (2, 2), "the other one, and the owner's");
    let shown = delivery(&owner, &invitation["id"]).await;
    let other = if shown["state"] == "RETRYING" { "bob@x.test" } else { "ann@x.test" };
    assert_eq!(app.count_mails_to(other).await, 1);
    app.advance(TimeDelta::minutes(1));
    app.tick().await;
    assert_eq!(app.mails().await.len(), 3, "it is tried again");
}

#[tokio::test]
async fn r8_a_server_that_takes_a_mail_and_never_says_so_gets_the_same_mail_again() {
    let server = SmtpServer::start();
    let app = TestApp::with(&[&format!("--smtp-url=smtp://{}", server.address)]).await;
    let root = app.superuser().await;
    root.mutate("createTenant", "tenant { id }", json!({ "name": "Acme", "slug": "acme" })).await;
    root.invited("ann@x.test").await;
    // The worker is cut off between the final dot and the answer, and its lease runs out.
    server.think(700);
    let cut = tokio::time::timeout(std::time::Duration::from_millis(400), app.tick()).await;
    assert!(cut.is_err());
    server.think(0);
    server.taken_when(|taken| taken.len() == 1).await;
    app.advance(TimeDelta::seconds(61));
    app.tick().await;
    let taken = server.taken_when(|taken| taken.len() == 2).await;
    let id =
        |raw: &[u8]| mail_parser::MessageParser::new().parse(raw).unwrap().message_id().unwrap().to_owned();
    assert_eq!(id(&taken[0].raw), id(&taken[1].raw), "recognisably the same mail");
}
