//! Accepting: every row of the table about `acceptInvitation`.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, codes};

async fn token_for(app: &TestApp, inviter: &Client, email: &str) -> String {
    inviter.invited(email).await;
    app.tick().await;
    app.mail_to(email).await.token.unwrap()
}

fn with_account(token: &str) -> Value {
    json!({ "token": token, "name": "Ann", "password": PASSWORD })
}

#[tokio::test]
async fn a_new_person_gets_an_account_a_membership_and_a_session() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let token = token_for(&app, &owner, "Ann@x.test").await;
    let mut ann = app.stranger();
    let payload = ann.accept(with_account(&token)).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["invitation"]["status"], "ACCEPTED");
    assert_eq!(payload["invitation"]["acceptedBy"]["email"], "Ann@x.test");
    assert_eq!(payload["membership"]["role"]["key"], "member");
    assert_eq!(payload["viewer"]["emailVerified"], true);
    ann.adopt(&payload["tokens"]);
    let me = ann.me().await;
    assert_eq!(me["name"], "Ann");
    assert_eq!(me["activeMembership"]["tenant"]["slug"], "acme");
    assert_eq!(app.signed_in("ann@X.test").await.me().await["id"], me["id"]);
    let events = app.events(payload["invitation"]["id"].as_str().unwrap()).await;
    assert_eq!(events, ["invitation.created", "invitation.accepted"]);
    assert_eq!(app.events(payload["membership"]["id"].as_str().unwrap()).await, ["membership.created"]);
    assert_eq!(app.events(me["id"].as_str().unwrap()).await, ["user.created"]);
}

#[tokio::test]
async fn a_link_only_account_stays_unverified_until_a_mailed_link_proves_the_address() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let payload = acme.invite(json!({ "email": "ann@x.test", "delivery": "LINK_ONLY" })).await;
    let token = payload["link"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
    let mut ann = app.stranger();
    let accepted = ann.accept(with_account(&token)).await;
    assert_eq!(accepted["viewer"]["emailVerified"], false);
    ann.adopt(&accepted["tokens"]);

    let mailed = token_for(&app, &globex, "ann@x.test").await;
    assert_eq!(ann.me().await["invitations"], json!([]), "an unverified address sees none of them");
    let id = globex.invited("ann@x.test").await["id"].clone();
    assert_eq!(codes(&ann.accept(json!({ "invitationId": id })).await), ["NOT_FOUND"]);
    let joined = ann.accept(json!({ "token": mailed })).await;
    assert_eq!(joined["userErrors"], json!([]));
    assert_eq!(joined["viewer"]["emailVerified"], true, "the payload shows what has just become true");
    assert_eq!(ann.me().await["emailVerified"], true);
    assert_eq!(ann.me().await["memberships"].as_array().unwrap().len(), 2);
    let events = app.events(joined["viewer"]["id"].as_str().unwrap()).await;
    assert_eq!(events, ["user.created", "user.email_verified"]);
}

#[tokio::test]
async fn t31_an_existing_account_must_sign_in_and_keeps_its_password() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    app.owner_of("globex").await;
    let token = token_for(&app, &acme, "owner@globex.test").await;
    let input = json!({ "token": token, "name": "Mallory", "password": "another long passphrase" });
    let payload = app.stranger().accept(input).await;
    assert_eq!(codes(&payload), ["SIGN_IN_REQUIRED"]);
    assert_eq!(payload["tokens"], Value::Null);
    assert!(app.stranger().login("owner@globex.test", "another long passphrase").await.is_err());

    let invitee = app.signed_in("owner@globex.test").await;
    let payload = invitee.accept(json!({ "token": token })).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["tokens"], Value::Null, "who is signed in goes on with their own session");
    assert_eq!(payload["membership"]["tenant"]["slug"], "acme");
}

#[tokio::test]
async fn the_signed_in_invitee_accepts_by_id_too() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    acme.invite(json!({ "email": "owner@globex.test", "metadata": { "secret": 1 } })).await;
    let listed = globex.me().await["invitations"][0].clone();
    assert_eq!(listed["invitedByName"], "Olivia Owner");
    for hidden in ["ipAddress", "metadata", "tenant", "invitedBy"] {
        assert_eq!(listed[hidden], Value::Null, "{hidden} is the inviter's side's business");
    }
    let payload = globex.accept(json!({ "invitationId": listed["id"] })).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["invitation"]["status"], "ACCEPTED");
    assert_eq!(payload["invitation"]["tenant"]["slug"], "acme", "a member sees the tenant");
}

#[tokio::test]
async fn t30_somebody_else_cannot_accept_and_uses_nothing_up() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let token = token_for(&app, &acme, "ann@x.test").await;
    let payload = globex.accept(json!({ "token": token })).await;
    assert_eq!(codes(&payload), ["EMAIL_MISMATCH"]);
    let message = payload["userErrors"][0]["message"].as_str().unwrap();
    assert!(message.contains("a•••@x•••.test") && message.contains("o•••@g•••.test"), "{message}");
    assert!(!message.contains("ann@") && !message.contains("owner@"), "{message}");
    assert_eq!(app.stranger().accept(with_account(&token)).await["invitation"]["status"], "ACCEPTED");
}

#[tokio::test]
async fn accepting_again_is_the_same_answer_for_the_same_user_only() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let token = token_for(&app, &owner, "ann@x.test").await;
    let mut ann = app.stranger();
    let first = ann.accept(with_account(&token)).await;
    ann.adopt(&first["tokens"]);
    let again = ann.accept(json!({ "token": token })).await;
    assert_eq!(again["userErrors"], json!([]));
    assert_eq!(again["membership"]["id"], first["membership"]["id"]);
    assert_eq!(again["tokens"], Value::Null);
    let signed_out = app.stranger().accept(with_account(&token)).await;
    assert_eq!(codes(&signed_out), ["ALREADY_ACCEPTED"]);
    assert_eq!((&signed_out["tokens"], &signed_out["viewer"]), (&Value::Null, &Value::Null));
    assert_eq!(signed_out["invitation"]["acceptedBy"], Value::Null, "an old mail tells nobody who accepted");
    assert_eq!(again["invitation"]["acceptedBy"]["email"], "ann@x.test");
    let events = app.events(first["invitation"]["id"].as_str().unwrap()).await;
    assert_eq!(events, ["invitation.created", "invitation.accepted"]);
}

#[tokio::test]
async fn whoever_became_a_member_meanwhile_keeps_their_role() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let pending = acme.invite(json!({ "email": "owner@globex.test", "roleKey": "admin" })).await;
    app.put("acme", "owner@globex.test", "member").await;
    let payload = globex.accept(json!({ "invitationId": pending["invitation"]["id"] })).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["invitation"]["status"], "ACCEPTED");
    assert_eq!(payload["membership"]["role"]["key"], "member");
}

#[tokio::test]
async fn what_is_wrong_with_a_new_account_is_named_and_uses_nothing_up() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let token = token_for(&app, &owner, "ann@x.test").await;
    let stranger = app.stranger();
    for (input, code, path) in [
        (json!({ "token": token, "password": PASSWORD }), "BAD_USER_INPUT", "name"),
        (json!({ "token": token, "name": "Ann" }), "BAD_USER_INPUT", "password"),
        (json!({ "token": token, "name": "Ann", "password": "password" }), "WEAK_PASSWORD", "password"),
        (json!({ "token": token, "name": "Ann", "password": "short" }), "WEAK_PASSWORD", "password"),
        (json!({ "token": token, "name": "Ann", "password": "ann@x.test" }), "WEAK_PASSWORD", "password"),
        (json!({}), "BAD_USER_INPUT", "token"),
        (json!({ "token": token, "invitationId": "inv_1" }), "NOT_FOUND", "invitationId"),
    ] {
        let payload = stranger.accept(input.clone()).await;
        assert_eq!(codes(&payload), [code], "{input}");
        assert_eq!(payload["userErrors"][0]["path"], json!([path]), "{input}");
    }
    assert_eq!(stranger.accept(with_account(&token)).await["userErrors"], json!([]));
}

#[tokio::test]
async fn the_inviters_word_for_the_name_is_the_default() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    owner.invite(json!({ "email": "ann@x.test", "name": "Ann Example" })).await;
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token.unwrap();
    let payload = app.stranger().accept(json!({ "token": token, "password": PASSWORD })).await;
    assert_eq!(payload["viewer"]["name"], "Ann Example");
}

#[tokio::test]
async fn t46_what_is_no_token_is_invalid_in_one_shape() {
    let app = TestApp::with(&["--limit-tokens-per-ip=1000"]).await;
    let owner = app.owner().await;
    let token = token_for(&app, &owner, "ann@x.test").await;
    let flipped = format!("{}{}", &token[..token.len() - 1], if token.ends_with('A') { "B" } else { "A" });
    let refresh = owner.refresh.clone().unwrap();
    let stranger = app.stranger();
    let zeros = format!("gl_inv_{}", "0".repeat(48));
    let texts = ["", "gl_inv_", "nonsense", &zeros, &flipped, &refresh, &owner.access.clone().unwrap()];
    for text in texts {
        let payload = stranger.accept(json!({ "token": text, "name": "Ann", "password": PASSWORD })).await;
        let expected = json!([{ "code": "TOKEN_INVALID", "path": ["token"],
            "message": "This token is not valid. Use the latest link, or ask for a new one." }]);
        assert_eq!(payload["userErrors"], expected, "{text}");
        assert_eq!(payload["invitation"], Value::Null);
    }
    assert_eq!(
        stranger.accept(with_account(&token)).await["userErrors"],
        json!([]),
        "guesses use no invitation up"
    );
}

#[tokio::test]
async fn guesses_are_throttled_and_good_tokens_are_not() {
    let app = TestApp::with(&["--limit-tokens-per-ip=3"]).await;
    let owner = app.owner().await;
    let token = token_for(&app, &owner, "ann@x.test").await;
    let stranger = app.stranger();
    for _ in 0..3 {
        assert_eq!(codes(&stranger.accept(json!({ "token": "gl_inv_x" })).await), ["TOKEN_INVALID"]);
    }
    assert_eq!(stranger.mutate_err("acceptInvitation", json!({ "token": "gl_inv_x" })).await, "RATE_LIMITED");
    assert_eq!(stranger.accept(with_account(&token)).await["userErrors"], json!([]));
    app.advance(TimeDelta::minutes(1));
    assert_eq!(codes(&stranger.accept(json!({ "token": "gl_inv_x" })).await), ["TOKEN_INVALID"]);
}

#[tokio::test]
async fn t62_a_suspended_tenant_cannot_be_joined_and_the_invitation_waits() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let token = token_for(&app, &owner, "ann@x.test").await;
    app.sql("UPDATE tenant SET status = 'suspended'").await;
    assert_eq!(codes(&app.stranger().accept(with_account(&token)).await), ["TENANT_UNAVAILABLE"]);
    app.sql("UPDATE tenant SET status = 'active'").await;
    assert_eq!(app.stranger().accept(with_account(&token)).await["invitation"]["status"], "ACCEPTED");
}

#[tokio::test]
async fn t35_an_invitation_of_somebody_who_lost_the_right_is_cancelled_when_it_counts() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for (email, change) in [
        (
            "adam@acme.test",
            "UPDATE membership SET status = 'suspended' WHERE user_id = (SELECT id FROM \"user\" WHERE email = 'adam@acme.test')",
        ),
        (
            "bea@acme.test",
            "UPDATE membership SET role_id = (SELECT id FROM role WHERE key = 'member') WHERE user_id = (SELECT id FROM \"user\" WHERE email = 'bea@acme.test')",
        ),
        ("cleo@acme.test", "UPDATE \"user\" SET status = 'suspended' WHERE email = 'cleo@acme.test'"),
    ] {
        let inviter = app.member(&owner, email, "admin").await;
        let invitee = format!("by-{email}");
        let token = token_for(&app, &inviter, &invitee).await;
        app.sql(change).await;
        let payload = app.stranger().accept(with_account(&token)).await;
        assert_eq!(codes(&payload), ["NOT_PENDING"], "{email}");
        assert_eq!(payload["invitation"]["cancelReason"], "INVITER_LOST_RIGHTS");
        assert_eq!(app.number(&format!("SELECT COUNT(*) FROM \"user\" WHERE email = '{invitee}'")).await, 0);
    }
}

#[tokio::test]
async fn whoever_invited_hears_of_it_while_they_belong_there() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "admin@x.test", "admin").await;
    app.tick().await;
    let news = app.news_to("owner@acme.test").await;
    assert_eq!(
        news.len(),
        1,
        "of the administrator, and not of their own joining, for an operator invited them"
    );
    assert_eq!(news[0].subject, "Your invitation to ACME was accepted");
    assert!(news[0].text.contains("Max Member (admin@x.test) accepted your invitation to ACME as Admin"));
    assert!(news[0].text.contains("/console/members"), "{}", news[0].text);

    // The same person accepts again: the answer is the same, and nobody hears of it twice.
    let token = token_for(&app, &admin, "ann@x.test").await;
    let mut ann = app.stranger();
    ann.adopt(&ann.accept(with_account(&token)).await["tokens"]);
    assert_eq!(ann.accept(json!({ "token": token })).await["userErrors"], json!([]));
    app.tick().await;
    assert_eq!(app.news_to("admin@x.test").await.len(), 1);

    // Who has left meanwhile does not hear of it.
    let token = token_for(&app, &admin, "bea@x.test").await;
    app.stranger().accept(with_account(&token)).await;
    let tenant = admin.me().await["activeMembership"]["tenant"]["id"].clone();
    admin.mutate("leaveTenant", "leftTenantId", json!({ "tenantId": tenant })).await;
    app.tick().await;
    assert_eq!(app.news_to("admin@x.test").await.len(), 1);
    assert_eq!(app.number("SELECT COUNT(*) FROM outbox WHERE state = 'suppressed'").await, 1);
}

#[tokio::test]
async fn fifty_times_a_day_are_enough() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    for number in 0..52 {
        if number == 51 {
            app.tick().await;
            assert_eq!(app.news_to("owner@acme.test").await.len(), 50);
            app.advance(TimeDelta::days(1));
            owner = app.signed_in("owner@acme.test").await;
        }
        let email = format!("ann{number}@x.test");
        let payload = owner.invite(json!({ "email": email, "delivery": "LINK_ONLY" })).await;
        let token = payload["link"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
        assert_eq!(app.stranger().accept(with_account(&token)).await["userErrors"], json!([]));
    }
    app.tick().await;
    assert_eq!(app.news_to("owner@acme.test").await.len(), 51);
}
