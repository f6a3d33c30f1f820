//! The outbox: what is owed, to whom, and once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use guestlist::outbox;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn r9_a_mail_whose_reason_is_gone_is_not_sent() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for email in ["cancelled@x.test", "suspended@x.test"] {
        owner.invited(email).await;
    }
    let id = owner
        .ask("{ invitations(filter: { emailContains: \"cancelled\" }) { nodes { id } } }", json!({}))
        .await;
    owner.act("cancelInvitation", &id["data"]["invitations"]["nodes"][0]["id"]).await;
    app.sql("UPDATE tenant SET status = 'suspended'").await;
    app.tick().await;
    assert_eq!(app.mails().await.len(), 1, "the owner's own and no other");
    assert_eq!(app.number("SELECT COUNT(*) FROM outbox WHERE state = 'suppressed'").await, 2);
}

#[tokio::test]
async fn r11_a_lease_keeps_others_off_and_runs_out() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    owner.invited("ann@x.test").await;
    // A worker that took the mail and was never heard of again.
    app.sql(
        "UPDATE outbox SET attempts = 1, lease_until = '2026-03-02T12:01:00+00:00' WHERE state = 'queued'",
    )
    .await;
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 0);
    app.advance(TimeDelta::seconds(60));
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 1);
}

#[tokio::test]
async fn r12_several_workers_send_each_mail_once() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for n in 0..40 {
        owner.invited(&format!("a{n}@x.test")).await;
    }
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let app = app.app.clone();
            tokio::spawn(async move { guestlist::worker::tick(&app).await.unwrap() })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(app.mails().await.len(), 41);
    assert_eq!(app.number("SELECT MAX(attempts) FROM outbox").await, 1);
}

#[tokio::test]
async fn r10_a_mail_that_cannot_be_rendered_is_put_off_and_blocks_nobody() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let broken = owner.invited("broken@x.test").await;
    owner.invited("ann@x.test").await;
    app.sql("UPDATE invitation SET email = 'no address' WHERE email_norm = 'broken@x.test'").await;
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 1);
    let query = "query Q($id: ID!) { node(id: $id) { ... on Invitation { delivery { state lastReply } } } }";
    let shown = owner.ask(query, json!({ "id": broken["id"] })).await["data"]["node"]["delivery"].clone();
    assert_eq!(shown["state"], "RETRYING");
    assert!(!shown["lastReply"].as_str().unwrap().contains("no address"));
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_cannot_record_how_it_went() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    owner.invited("ann@x.test").await;
    let rendered = Arc::new(AtomicUsize::new(0));
    let counting = rendered.clone();
    // While the first attempt renders, its lease runs out and a second worker takes the mail over.
    outbox::service::deliver_due(&app.app, move |app, row| {
        let counting = counting.clone();
        async move {
            if counting.fetch_add(1, Ordering::SeqCst) == 0 {
                app.clock.advance(TimeDelta::seconds(61));
                guestlist::worker::tick(&app).await?;
            }
            guestlist::invitation::service::render_mail(&app, &row).await
        }
    })
    .await
    .unwrap();
    assert_eq!(app.number("SELECT MAX(attempts) FROM outbox").await, 2);
    assert_eq!(app.number("SELECT COUNT(*) FROM outbox WHERE state = 'sent'").await, 2);
    let mails = app.mails().await;
    let copies: Vec<_> = mails.iter().filter(|mail| mail.to == "ann@x.test").collect();
    assert_eq!(copies.len(), 2, "at least once");
    assert_eq!(
        (&copies[0].id, &copies[0].link),
        (&copies[1].id, &copies[1].link),
        "and recognisably the same mail"
    );
}
