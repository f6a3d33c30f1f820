//! Sending again.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, codes};

#[tokio::test]
async fn a_new_link_supersedes_the_old_one() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let invitation = owner.invited("ann@x.test").await;
    app.tick().await;
    let old = app.mail_to("ann@x.test").await;
    app.advance(TimeDelta::seconds(60));
    let payload = owner.act("resendInvitation", &invitation["id"]).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["invitation"]["id"], invitation["id"]);
    assert_eq!(payload["invitation"]["expiresAt"], "2026-03-09T12:01:00.000Z");
    assert_eq!(payload["invitation"]["delivery"]["state"], "QUEUED");
    app.tick().await;
    let new = app.mail_to("ann@x.test").await;
    assert_ne!(old.token, new.token);
    assert_ne!(old.id, new.id, "another mail with a Message-ID of its own");

    let with = |token: &Option<String>| json!({ "token": token, "name": "Ann", "password": PASSWORD });
    let refused = app.stranger().accept(with(&old.token)).await;
    assert_eq!(codes(&refused), ["SUPERSEDED"]);
    let seen = app
        .stranger()
        .ask("query Q($t: String!) { invitation(token: $t) { status } }", json!({ "t": old.token }))
        .await;
    assert_eq!(seen["errors"][0]["extensions"]["code"], "SUPERSEDED");
    assert_eq!(app.stranger().accept(with(&new.token)).await["invitation"]["status"], "ACCEPTED");
}

#[tokio::test]
async fn a_queued_mail_of_the_old_link_is_not_sent() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let invitation = owner.invited("ann@x.test").await;
    app.advance(TimeDelta::seconds(60));
    owner.act("resendInvitation", &invitation["id"]).await;
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 1);
}

#[tokio::test]
async fn an_expired_invitation_becomes_pending_again() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let invitation = owner.invited("ann@x.test").await;
    app.tick().await;
    app.mails().await;
    for recorded in [false, true] {
        app.advance(TimeDelta::days(8));
        owner.renew().await;
        if recorded {
            app.tick().await;
            app.mails().await;
        }
        let payload = owner.act("resendInvitation", &invitation["id"]).await;
        assert_eq!(payload["invitation"]["status"], "PENDING", "{payload}");
        assert_eq!(payload["invitation"]["decidedAt"], Value::Null);
    }
}

#[tokio::test]
async fn resending_waits_a_minute_and_ends_after_five_times() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let invitation = owner.invited("ann@x.test").await;
    let soon = owner.act("resendInvitation", &invitation["id"]).await;
    assert_eq!(codes(&soon), ["TOO_SOON"]);
    assert_eq!(soon["invitation"]["status"], "PENDING");
    for _ in 0..5 {
        app.advance(TimeDelta::seconds(60));
        assert_eq!(owner.act("resendInvitation", &invitation["id"]).await["userErrors"], json!([]));
    }
    app.advance(TimeDelta::seconds(60));
    owner.renew().await;
    assert_eq!(codes(&owner.act("resendInvitation", &invitation["id"]).await), ["QUOTA_EXCEEDED"]);
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 1, "only the latest link is worth a mail");
}

#[tokio::test]
async fn what_cannot_be_sent_again_says_why() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    let cancelled = owner.invited("a@x.test").await;
    owner.act("cancelInvitation", &cancelled["id"]).await;
    let link_only =
        owner.invite(json!({ "email": "b@x.test", "delivery": "LINK_ONLY" })).await["invitation"].clone();
    let owning = owner.invite(json!({ "email": "c@x.test", "roleKey": "owner" })).await["invitation"].clone();
    app.advance(TimeDelta::seconds(60));
    assert_eq!(codes(&owner.act("resendInvitation", &cancelled["id"]).await), ["NOT_PENDING"]);
    assert_eq!(codes(&owner.act("resendInvitation", &link_only["id"]).await), ["BAD_USER_INPUT"]);
    assert_eq!(codes(&admin.act("resendInvitation", &owning["id"]).await), ["ROLE_NOT_ALLOWED"]);
    app.sql("UPDATE tenant SET status = 'suspended'").await;
    assert_eq!(codes(&owner.act("resendInvitation", &owning["id"]).await), ["TENANT_UNAVAILABLE"]);
}

#[tokio::test]
async fn an_overdue_one_in_the_way_is_recorded_first_whether_or_not_a_task_has_run() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let old = owner.invited("ann@x.test").await;
    app.advance(TimeDelta::days(7));
    owner.renew().await;
    let newer = owner.invited("ann@x.test").await;
    app.advance(TimeDelta::days(7));
    owner.renew().await;
    assert_eq!(owner.act("resendInvitation", &old["id"]).await["invitation"]["status"], "PENDING");
    for (invitation, last) in [(&newer, "invitation.expired"), (&old, "invitation.resent")] {
        let events = app.events(invitation["id"].as_str().unwrap()).await;
        assert_eq!(events.last().unwrap(), last);
        assert!(events.contains(&"invitation.expired".to_owned()), "{events:?}");
    }
}

#[tokio::test]
async fn a_link_that_would_be_refused_is_not_sent_and_bounds_hold() {
    let app = TestApp::with(&["--limit-pending-per-tenant=1"]).await;
    let mut owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    let invitation = admin.invited("ann@x.test").await;
    app.advance(TimeDelta::days(7));
    owner.renew().await;
    owner.invited("bob@x.test").await;
    assert_eq!(codes(&owner.act("resendInvitation", &invitation["id"]).await), ["QUOTA_EXCEEDED"]);
    app.sql("UPDATE membership SET status = 'suspended' WHERE user_id = (SELECT id FROM \"user\" WHERE email = 'adam@acme.test')").await;
    assert_eq!(codes(&owner.act("resendInvitation", &invitation["id"]).await), ["ROLE_NOT_ALLOWED"]);
}

#[tokio::test]
async fn an_expired_one_gives_way_to_a_newer_pending_one() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let old = owner.invited("ann@x.test").await;
    app.advance(TimeDelta::days(7));
    owner.renew().await;
    owner.invited("ann@x.test").await;
    let payload = owner.act("resendInvitation", &old["id"]).await;
    assert_eq!(codes(&payload), ["NOT_PENDING"]);
    assert_eq!(payload["invitation"]["status"], "EXPIRED");
}
