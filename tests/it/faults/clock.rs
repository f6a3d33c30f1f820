//! Clocks that jump.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::{PASSWORD, TestApp, codes};

#[tokio::test]
async fn r19_a_clock_that_jumps_back_revives_nothing_that_was_used_or_recorded() {
    let app = TestApp::with(&["--access-ttl=10m"]).await;
    let owner = app.owner().await;
    let expired = owner.invited("late@x.test").await;
    let cancelled = owner.invited("never@x.test").await;
    owner.act("cancelInvitation", &cancelled["id"]).await;
    let used = owner.invite(json!({ "email": "ann@x.test", "delivery": "LINK_ONLY" })).await["link"].clone();
    let used = used.as_str().unwrap().split('#').nth(1).unwrap().to_owned();
    let account = json!({ "token": used, "name": "Ann", "password": PASSWORD });
    let mut ann = app.stranger();
    ann.adopt(&app.stranger().accept(account.clone()).await["tokens"]);
    app.tick().await;
    let late = app.mail_to("late@x.test").await.token.unwrap();

    app.advance(TimeDelta::days(8));
    app.tick().await;
    let mails = app.mails().await.len();
    app.advance(TimeDelta::days(-8) - TimeDelta::hours(1));
    let refused = app.stranger().accept(json!({ "token": late, "name": "Late", "password": PASSWORD })).await;
    assert_eq!((codes(&refused), &refused["invitation"]["status"]), (vec!["NOT_PENDING"], &json!("EXPIRED")));
    assert_eq!(codes(&app.stranger().accept(account).await), ["ALREADY_ACCEPTED"]);
    let mut again = app.signed_in("owner@acme.test").await;
    let first = again.refresh.clone().unwrap();
    again.renew().await;
    again.renew().await;
    app.advance(TimeDelta::hours(-1));
    assert_eq!(codes(&again.refresh_with(&first).await), ["TOKEN_INVALID"], "a used token stays used");
    let owner = app.signed_in("owner@acme.test").await;
    for id in [&expired["id"], &cancelled["id"]] {
        let query = "query Q($id: ID!) { node(id: $id) { ... on Invitation { status } } }";
        let status = owner.ask(query, json!({ "id": id })).await["data"]["node"]["status"].clone();
        assert_ne!(status, "PENDING");
    }
    app.tick().await;
    assert_eq!(app.mails().await.len(), mails, "nothing is sent again");
}
