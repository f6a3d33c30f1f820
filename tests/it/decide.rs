//! Cancelling and declining.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, codes};

#[tokio::test]
async fn cancelling_withdraws_a_pending_invitation_and_keeps_its_mail_from_being_sent() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let invitation = owner.invited("ann@x.test").await;
    let payload = owner.act("cancelInvitation", &invitation["id"]).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["invitation"]["status"], "CANCELLED");
    assert_eq!(payload["invitation"]["cancelReason"], "REQUESTED");
    assert_eq!(payload["invitation"]["decidedAt"], "2026-03-02T12:00:00.000Z");
    assert_eq!(payload["invitation"]["delivery"]["state"], "SUPPRESSED");
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 0);
}

#[tokio::test]
async fn cancelling_a_cancelled_one_changes_nothing() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let invitation = owner.invited("ann@x.test").await;
    owner.act("cancelInvitation", &invitation["id"]).await;
    app.advance(TimeDelta::minutes(1));
    let again = owner.act("cancelInvitation", &invitation["id"]).await;
    assert_eq!(again["userErrors"], json!([]));
    assert_eq!(again["invitation"]["decidedAt"], "2026-03-02T12:00:00.000Z");
    let events = app.events(invitation["id"].as_str().unwrap()).await;
    assert_eq!(events, ["invitation.created", "invitation.cancelled"]);
}

#[tokio::test]
async fn history_is_never_rewritten() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let accepted = owner.invited("ann@x.test").await;
    app.join("ann@x.test", "Ann").await;
    let declined = owner.invited("bob@x.test").await;
    app.tick().await;
    let token = app.mail_to("bob@x.test").await.token;
    app.stranger().decline(json!({ "token": token })).await;
    let expired = owner.invited("cleo@x.test").await;
    app.tick().await;
    app.mails().await;
    app.advance(TimeDelta::days(7));
    owner.renew().await;
    for (invitation, status) in [(accepted, "ACCEPTED"), (declined, "DECLINED"), (expired, "EXPIRED")] {
        let payload = owner.act("cancelInvitation", &invitation["id"]).await;
        assert_eq!(codes(&payload), ["NOT_PENDING"]);
        assert_eq!(payload["invitation"]["status"], status, "the state in its way is shown");
    }
}

#[tokio::test]
async fn t37_another_tenants_invitation_is_not_found_by_any_operation() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let invitation = acme.invited("ann@x.test").await;
    let unknown = json!("inv_00000000000070008000000000000000");
    for id in [&invitation["id"], &unknown, &json!("ten_1"), &json!("")] {
        for name in ["cancelInvitation", "resendInvitation"] {
            let payload = globex.act(name, id).await;
            assert_eq!(codes(&payload), ["NOT_FOUND"], "{name} {id}");
            assert_eq!(payload["userErrors"][0]["path"], json!(["invitationId"]));
            assert_eq!(payload["invitation"], Value::Null);
        }
        for payload in [
            globex.accept(json!({ "invitationId": id })).await,
            globex.decline(json!({ "invitationId": id })).await,
        ] {
            assert_eq!(codes(&payload), ["NOT_FOUND"], "{id}");
        }
    }
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 1);
}

#[tokio::test]
async fn who_may_cancel_and_resend() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let member = app.member(&owner, "max@acme.test", "member").await;
    let invitation = owner.invited("ann@x.test").await;
    for name in ["cancelInvitation", "resendInvitation"] {
        let input = json!({ "invitationId": invitation["id"] });
        assert_eq!(app.stranger().mutate_err(name, input.clone()).await, "UNAUTHENTICATED");
        assert_eq!(member.mutate_err(name, input).await, "FORBIDDEN");
    }
}

#[tokio::test]
async fn a_new_person_declines_with_the_token() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let invitation = owner.invited("ann@x.test").await;
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token;
    let payload = app.stranger().decline(json!({ "token": token })).await;
    assert_eq!(payload["invitation"]["status"], "DECLINED");
    assert_eq!(app.stranger().decline(json!({ "token": token })).await["userErrors"], json!([]), "again");
    let input = json!({ "token": token, "name": "Ann", "password": PASSWORD });
    assert_eq!(codes(&app.stranger().accept(input).await), ["NOT_PENDING"]);
    owner.invited("bob@x.test").await;
    app.join("bob@x.test", "Bob").await;
    let token = app.mail_to("bob@x.test").await.token;
    let late = app.stranger().decline(json!({ "token": token })).await;
    assert_eq!((codes(&late), &late["invitation"]["status"]), (vec!["NOT_PENDING"], &json!("ACCEPTED")));
    let events = app.events(invitation["id"].as_str().unwrap()).await;
    assert_eq!(events, ["invitation.created", "invitation.declined"]);
}

#[tokio::test]
async fn what_is_no_token_declines_nothing_and_is_counted() {
    let app = TestApp::with(&["--limit-tokens-per-ip=2"]).await;
    for _ in 0..2 {
        assert_eq!(codes(&app.stranger().decline(json!({ "token": "gl_inv_x" })).await), ["TOKEN_INVALID"]);
    }
    assert_eq!(
        app.stranger().mutate_err("declineInvitation", json!({ "token": "gl_inv_x" })).await,
        "RATE_LIMITED"
    );
}

#[tokio::test]
async fn where_there_is_an_account_declining_takes_its_session() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let invitation = acme.invited("owner@globex.test").await;
    app.tick().await;
    let token = app.mail_to("owner@globex.test").await.token;
    assert_eq!(codes(&app.stranger().decline(json!({ "token": token })).await), ["SIGN_IN_REQUIRED"]);
    assert_eq!(codes(&acme.decline(json!({ "token": token })).await), ["EMAIL_MISMATCH"]);
    let payload = globex.decline(json!({ "invitationId": invitation["id"] })).await;
    assert_eq!(payload["invitation"]["status"], "DECLINED");
}
