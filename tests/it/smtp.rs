//! Mail through a real server: what arrives, over which connection, and what a refusal does.

use chrono::TimeDelta;
use mail_parser::MessageParser;
use mailin_embedded::response::{INTERNAL_ERROR, NO_MAILBOX};
use serde_json::{Value, json};

use crate::support::smtp_server::{Certificate, LOGIN, SmtpServer, tls_in_front};
use crate::support::{Client, TestApp};

async fn delivery(client: &Client, id: &Value) -> Value {
    let query = "query Q($id: ID!) { node(id: $id) { ... on Invitation { delivery { state attempts lastReply lastAttemptAt nextAttemptAt } } } }";
    client.ask(query, json!({ "id": id })).await["data"]["node"]["delivery"].clone()
}

/// A service that sends through `url`, and an owner who needs no mail to sign in.
async fn sending_through(url: &str, more: &[&str]) -> (TestApp, Client) {
    let smtp = format!("--smtp-url={url}");
    let args: Vec<&str> = [smtp.as_str()].into_iter().chain(more.iter().copied()).collect();
    let app = TestApp::with(&args).await;
    let root = app.superuser().await;
    root.mutate("createTenant", "tenant { id }", json!({ "name": "Acme", "slug": "acme" })).await;
    (app, root)
}

#[tokio::test]
async fn the_mail_arrives_with_text_html_headers_link_and_token() {
    let server = SmtpServer::start();
    let (app, owner) = sending_through(&format!("smtp://{}", server.address), &[]).await;
    let invitation = owner.invited("ann@x.test").await;
    app.tick().await;
    let shown = delivery(&owner, &invitation["id"]).await;
    assert_eq!((&shown["state"], &shown["attempts"]), (&json!("SENT"), &json!(1)));
    assert_eq!(shown["lastReply"], "250 OK");
    assert_eq!(shown["lastAttemptAt"], "2026-03-02T12:00:00.000Z");

    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        (taken[0].from.as_str(), taken[0].to.as_slice()),
        ("guestlist@localhost.localdomain", &["ann@x.test".to_owned()][..])
    );
    let mail = MessageParser::new().parse(&taken[0].raw).unwrap();
    assert_eq!(mail.subject(), Some("You are invited to join Acme"));
    assert_eq!(mail.header("Auto-Submitted").unwrap().as_text(), Some("auto-generated"));
    assert!(mail.message_id().unwrap().starts_with("out_"));
    let (text, html) = (mail.body_text(0).unwrap(), mail.body_html(0).unwrap());
    let link = text.lines().find(|line| line.starts_with("http")).unwrap();
    assert!(link.starts_with("http://localhost:8000/accept#gl_inv_"), "{link}");
    let token = link.split('#').nth(1).unwrap();
    assert!(text.lines().any(|line| line == token), "the bare token stands on a line of its own");
    assert!(html.contains(link));
}

#[tokio::test]
async fn starttls_with_a_password_reaches_a_server_whose_authority_is_configured() {
    let certificate = Certificate::make();
    let server = SmtpServer::start_tls(&certificate);
    let ca = format!("--smtp-ca-file={}", certificate.cert.display());
    let url = |password: &str| {
        format!("smtp://{}:{password}@localhost:{}?tls=required", LOGIN.0, server.address.port())
    };
    let (app, owner) = sending_through(&url("mail%20secret"), &[&ca]).await;
    let invitation = owner.invited("ann@x.test").await;
    app.tick().await;
    assert_eq!(delivery(&owner, &invitation["id"]).await["state"], "SENT");
    assert_eq!(server.taken().len(), 1);

    let (app, owner) = sending_through(&url("wrong"), &[&ca]).await;
    let invitation = owner.invited("bob@x.test").await;
    app.tick().await;
    let shown = delivery(&owner, &invitation["id"]).await;
    assert_eq!(shown["state"], "RETRYING", "our settings are no reason to give a mail up");
    assert!(shown["lastReply"].as_str().unwrap().contains("535"), "{shown}");

    let (app, owner) = sending_through(&url("mail%20secret"), &[]).await;
    let invitation = owner.invited("cleo@x.test").await;
    app.tick().await;
    assert_eq!(
        delivery(&owner, &invitation["id"]).await["state"],
        "RETRYING",
        "an unknown authority is not believed"
    );
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn a_server_without_tls_gets_no_mail_where_tls_is_required() {
    let server = SmtpServer::start();
    let (app, owner) = sending_through(&format!("smtp://{}?tls=required", server.address), &[]).await;
    let invitation = owner.invited("ann@x.test").await;
    app.tick().await;
    assert_eq!(delivery(&owner, &invitation["id"]).await["state"], "RETRYING");
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn implicit_tls_is_spoken_from_the_first_byte() {
    let certificate = Certificate::make();
    let server = SmtpServer::start();
    let front = tls_in_front(server.address, &certificate).await;
    let ca = format!("--smtp-ca-file={}", certificate.cert.display());
    let (app, owner) = sending_through(&format!("smtps://localhost:{}", front.port()), &[&ca]).await;
    owner.invited("ann@x.test").await;
    app.tick().await;
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn r6_a_permanent_refusal_is_final_shown_and_mended_by_sending_again() {
    let server = SmtpServer::start();
    let (app, owner) = sending_through(&format!("smtp://{}", server.address), &[]).await;
    server.answer("ann@x.test", NO_MAILBOX);
    let refused = owner.invited("ann@x.test").await;
    let other = owner.invited("bob@x.test").await;
    app.tick().await;
    let shown = delivery(&owner, &refused["id"]).await;
    assert_eq!((&shown["state"], &shown["nextAttemptAt"]), (&json!("FAILED"), &Value::Null));
    assert!(shown["lastReply"].as_str().unwrap().contains("550"), "{shown}");
    assert_eq!(delivery(&owner, &other["id"]).await["state"], "SENT", "others flow");

    server.answer("cleo@x.test", mailin_embedded::response::TRANSACTION_FAILED);
    let rejected = owner.invited("cleo@x.test").await;
    app.tick().await;
    let shown = delivery(&owner, &rejected["id"]).await;
    assert_eq!(shown["state"], "FAILED", "554 for a recipient, from a server that greets us, is final");

    server.answer("ann@x.test", mailin_embedded::response::OK);
    app.advance(TimeDelta::minutes(2));
    app.tick().await;
    assert_eq!(server.taken().len(), 1, "never tried again by itself");
    owner.act("resendInvitation", &refused["id"]).await;
    app.tick().await;
    assert_eq!(delivery(&owner, &refused["id"]).await["state"], "SENT");
}

#[tokio::test]
async fn r5_a_temporary_refusal_is_tried_again_on_schedule_with_the_same_mail() {
    let server = SmtpServer::start();
    let (app, mut owner) = sending_through(&format!("smtp://{}", server.address), &[]).await;
    server.answer("ann@x.test", INTERNAL_ERROR);
    let invitation = owner.invited("ann@x.test").await;
    for (attempts, next) in
        [(1, "12:01"), (2, "12:06"), (3, "12:21"), (4, "13:21"), (5, "16:21"), (6, "22:21")]
    {
        app.tick().await;
        let shown = delivery(&owner, &invitation["id"]).await;
        assert_eq!((&shown["state"], &shown["attempts"]), (&json!("RETRYING"), &json!(attempts)));
        assert!(shown["lastReply"].as_str().unwrap().contains("451"), "{shown}");
        let due = format!("2026-03-02T{next}:00.000Z");
        assert_eq!(shown["nextAttemptAt"], due);
        let wait = due.parse::<guestlist::clock::Instant>().unwrap() - app.now();
        app.advance(wait - TimeDelta::milliseconds(1));
        app.tick().await;
        owner.renew().await;
        assert_eq!(delivery(&owner, &invitation["id"]).await["attempts"], attempts, "not before it is due");
        app.advance(TimeDelta::milliseconds(1));
    }
    server.answer("ann@x.test", mailin_embedded::response::OK);
    app.tick().await;
    assert_eq!(delivery(&owner, &invitation["id"]).await["state"], "SENT");
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn r4_a_server_that_is_away_loses_nothing_and_delays_no_answer() {
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = away.local_addr().unwrap();
    drop(away);
    let (app, mut owner) = sending_through(&format!("smtp://{address}"), &["--mail-retry-scale=0.001"]).await;
    let invitation = owner.invited("ann@x.test").await;
    assert_eq!(invitation["delivery"]["state"], "QUEUED", "the mutation succeeds");
    app.tick().await;
    let shown = delivery(&owner, &invitation["id"]).await;
    assert_eq!(shown["state"], "RETRYING");
    assert_eq!(shown["nextAttemptAt"], "2026-03-02T12:00:00.060Z", "a minute, scaled");
    app.advance(TimeDelta::days(7));
    app.tick().await;
    owner.renew().await;
    let shown = delivery(&owner, &invitation["id"]).await;
    assert_eq!(shown["state"], "SUPPRESSED", "pointless once the invitation has ended: {shown}");
}
