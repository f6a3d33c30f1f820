//! Expiry: true from the moment it is due, recorded once.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, codes};

#[tokio::test]
async fn an_invitation_can_be_accepted_until_the_last_millisecond() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let mut tokens = Vec::new();
    for email in ["ann@x.test", "bob@x.test"] {
        owner.invited(email).await;
        app.tick().await;
        tokens.push(app.mail_to(email).await.token.unwrap());
    }
    let accept = |token: &str| json!({ "token": token, "name": "Somebody", "password": PASSWORD });
    app.advance(TimeDelta::days(7) - TimeDelta::milliseconds(1));
    assert_eq!(app.stranger().accept(accept(&tokens[0])).await["invitation"]["status"], "ACCEPTED");
    app.advance(TimeDelta::milliseconds(1));
    let late = app.stranger().accept(accept(&tokens[1])).await;
    assert_eq!(codes(&late), ["NOT_PENDING"]);
    assert_eq!(late["invitation"]["status"], "EXPIRED", "before any task has recorded it");
    assert_eq!(codes(&app.stranger().decline(json!({ "token": tokens[1] })).await), ["NOT_PENDING"]);
}

#[tokio::test]
async fn every_read_and_count_computes_it() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let invitation = owner.invited("ann@x.test").await;
    app.advance(TimeDelta::days(7));
    owner.renew().await;
    let query =
        "query Q($id: ID!) { node(id: $id) { ... on Invitation { status expiresInSeconds decidedAt } }
        pending: invitations(filter: { status: [PENDING] }) { totalCount }
        expired: invitations(filter: { status: [EXPIRED] }) { totalCount } }";
    let look = async || owner.ask(query, json!({ "id": invitation["id"] })).await["data"].clone();
    let before = look().await;
    assert_eq!(
        before["node"],
        json!({ "status": "EXPIRED", "expiresInSeconds": 0, "decidedAt": "2026-03-09T12:00:00.000Z" })
    );
    assert_eq!((&before["pending"]["totalCount"], &before["expired"]["totalCount"]), (&json!(0), &json!(1)));
    app.tick().await;
    assert_eq!(look().await, before, "recording it changes nothing that can be seen");
}

#[tokio::test]
async fn it_is_recorded_once_with_an_event_each_however_often_and_by_however_many() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(owner.invited(&format!("a{n}@x.test")).await["id"].clone());
    }
    app.advance(TimeDelta::days(7));
    let sweeps: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn({
                let app = app.app.clone();
                async move { guestlist::invitation::service::expire_due(&app).await.unwrap() }
            })
        })
        .collect();
    let mut recorded = 0;
    for sweep in sweeps {
        recorded += sweep.await.unwrap();
    }
    assert_eq!(recorded, 5);
    assert_eq!(guestlist::invitation::service::expire_due(&app.app).await.unwrap(), 0);
    for id in ids {
        assert_eq!(app.events(id.as_str().unwrap()).await, ["invitation.created", "invitation.expired"]);
    }
    app.tick().await;
    assert_eq!(app.mails().await.len(), 1, "a mail that is pointless by now is not sent");
}

#[tokio::test]
async fn t19_a_clock_that_jumps_back_revives_nothing_that_was_recorded() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    owner.invited("ann@x.test").await;
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token;
    app.advance(TimeDelta::days(8));
    app.tick().await;
    app.advance(TimeDelta::days(-8));
    let input = json!({ "token": token, "name": "Ann", "password": PASSWORD });
    let payload = app.stranger().accept(input).await;
    assert_eq!(codes(&payload), ["NOT_PENDING"]);
    assert_eq!(payload["tokens"], Value::Null);
}
