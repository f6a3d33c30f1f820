//! A forgotten password: asked for by a stranger, approved by somebody else, set by who reads the mailbox.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::reset::{self, NEW};
use crate::support::{Client, PASSWORD, TestApp, codes};

async fn waiting(client: &Client) -> Value {
    let query =
        "{ resetRequests(filter: { status: [REQUESTED] }) { nodes { id user { email } } totalCount } }";
    client.ask(query, json!({})).await["data"]["resetRequests"].clone()
}

#[tokio::test]
async fn a_reset_is_asked_for_approved_and_used_once() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let member = app.member(&owner, "ann@x.test", "member").await;
    let id = reset::asked(&app, &owner, "Ann@X.test").await;

    let news = app.mail_to("owner@acme.test").await;
    assert_eq!(news.subject, "A password reset waits for your decision");
    assert!(news.text.contains("ann@x.test") && news.text.contains("a member of ACME"), "{}", news.text);
    assert!(news.link.unwrap().ends_with(&format!("/console/resets/{}", id.as_str().unwrap())));
    assert!(news.token.is_none() && !news.html.contains("gl_rst_"));
    assert_eq!(app.count_mails_to("ann@x.test").await, 1, "her invitation");

    let open = reset::open_of(&member).await;
    assert_eq!(open, json!({ "id": id, "status": "REQUESTED" }));
    let approved = reset::approve(&owner, &id).await;
    assert_eq!(approved["userErrors"], json!([]));
    assert_eq!(
        approved["resetRequest"],
        json!({
            "id": id, "status": "APPROVED", "reason": null, "ipAddress": null,
            "user": { "email": "ann@x.test" }, "decidedBy": { "email": "owner@acme.test" },
            "createdAt": "2026-03-02T12:00:00.000Z", "expiresAt": "2026-03-02T13:00:00.000Z",
            "decidedAt": "2026-03-02T12:00:00.000Z",
        })
    );
    app.tick().await;
    let mail = app.mail_to("ann@x.test").await;
    assert_eq!(mail.subject, "Choose a new password");
    let token = mail.token.unwrap();
    assert!(mail.link.unwrap().ends_with(&format!("/reset#{token}")) && mail.html.contains(&token));

    let payload = reset::set(&app.stranger(), &token, NEW).await;
    assert_eq!((&payload["user"]["email"], &payload["userErrors"]), (&json!("ann@x.test"), &json!([])));
    assert_eq!(codes(&reset::set(&app.stranger(), &token, "another fine long one").await), ["TOKEN_INVALID"]);
    app.tick().await;
    assert_eq!(app.mail_to("ann@x.test").await.subject, "Your password was changed");
    assert!(app.stranger().login("ann@x.test", PASSWORD).await.is_err());
    let ann = app.signed_in_with("ann@x.test", NEW).await;
    assert_eq!(reset::open_of(&ann).await, Value::Null);
    assert_eq!(
        app.events(id.as_str().unwrap()).await,
        ["reset.requested", "reset.approved", "reset.completed"]
    );
    let query = "query E($id: ID!) { events(filter: { subjectId: $id }) { nodes { kind actor { email } data
        subject { ... on ResetRequest { status } } } } }";
    let events = owner.ask(query, json!({ "id": id })).await["data"]["events"]["nodes"].clone();
    assert_eq!(events[0]["actor"]["email"], "ann@x.test");
    assert_eq!(events[0]["data"], json!({ "approvedById": owner.me().await["id"] }));
    assert_eq!(
        (&events[1]["kind"], &events[1]["actor"]["email"]),
        (&json!("reset.approved"), &json!("owner@acme.test"))
    );
    assert_eq!((&events[2]["actor"], &events[2]["subject"]["status"]), (&Value::Null, &json!("COMPLETED")));
}

#[tokio::test]
async fn t3_whoever_asks_is_answered_alike_and_only_a_real_account_leaves_a_request() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "ann@x.test", "member").await;
    app.member(&owner, "sue@x.test", "member").await;
    app.sql("UPDATE \"user\" SET status = 'suspended' WHERE email_norm = 'sue@x.test'").await;
    let link = owner.invite(json!({ "email": "lee@x.test", "delivery": "LINK_ONLY" })).await["link"].clone();
    let token = link.as_str().unwrap().split('#').nth(1).unwrap().to_owned();
    app.stranger().accept(json!({ "token": token, "name": "Lee", "password": PASSWORD })).await;
    for email in ["ann@x.test", "sue@x.test", "lee@x.test", "nobody@x.test", "ANN@x.test"] {
        let payload = reset::ask(&app.stranger(), email).await;
        assert_eq!(payload, json!({ "accepted": true, "userErrors": [] }), "{email}");
    }
    let malformed = reset::ask(&app.stranger(), "not an address").await;
    assert_eq!((codes(&malformed), &malformed["accepted"]), (vec!["BAD_USER_INPUT"], &json!(false)));
    app.tick().await;
    assert_eq!(app.number("SELECT COUNT(*) FROM reset_intake").await, 0);
    assert_eq!(waiting(&owner).await["totalCount"], 1, "suspended, unverified and unknown ones leave none");
    assert_eq!(app.count_mails_to("owner@acme.test").await, 2, "an invitation, and one request asked twice");
}

#[tokio::test]
async fn t40_one_request_is_open_and_nobody_is_mailed_again_within_15_minutes() {
    let app = TestApp::with(&["--access-ttl=1d"]).await;
    let owner = app.owner().await;
    app.member(&owner, "ann@x.test", "member").await;
    let id = reset::asked(&app, &owner, "ann@x.test").await;
    assert_eq!(app.count_mails_to("owner@acme.test").await, 2);
    app.advance(TimeDelta::minutes(14));
    assert_eq!(reset::asked(&app, &owner, "ann@x.test").await, id);
    assert_eq!(app.count_mails_to("owner@acme.test").await, 2);
    app.advance(TimeDelta::minutes(1));
    assert_eq!(reset::asked(&app, &owner, "ann@x.test").await, id);
    assert_eq!(app.count_mails_to("owner@acme.test").await, 3);
    let limited = app.stranger().mutate_err("requestReset", json!({ "email": "ANN@x.test" })).await;
    assert_eq!(limited, "RATE_LIMITED", "three an hour for an address");
    for _ in 0..3 {
        reset::ask(&app.stranger(), "nobody@x.test").await;
    }
    let limited = app.stranger().mutate_err("requestReset", json!({ "email": "nobody@x.test" })).await;
    assert_eq!(limited, "RATE_LIMITED", "with an account or without");
    assert_eq!(app.events(id.as_str().unwrap()).await, ["reset.requested"]);

    reset::approve(&owner, &id).await;
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token.unwrap();
    app.advance(TimeDelta::minutes(46));
    reset::ask(&app.stranger(), "ann@x.test").await;
    app.tick().await;
    assert_eq!(app.mail_to("ann@x.test").await.token.unwrap(), token, "an approved one: the same link again");
    assert_eq!(app.count_mails_to("ann@x.test").await, 3);
}

#[tokio::test]
async fn t45_a_second_recipient_is_no_address() {
    let app = TestApp::new().await;
    app.owner().await;
    for email in ["owner@acme.test,me@evil.test", "owner@acme.test;me@evil.test", "Me <owner@acme.test>"] {
        assert_eq!(codes(&reset::ask(&app.stranger(), email).await), ["BAD_USER_INPUT"], "{email}");
    }
    let query =
        "mutation { requestReset(input: { email: [\"owner@acme.test\", \"me@evil.test\"] }) { accepted } }";
    let answer = app.stranger().ask(query, json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
    assert_eq!(app.number("SELECT COUNT(*) FROM reset_intake").await, 0);
}

#[tokio::test]
async fn t47_no_step_can_be_skipped() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "ann@x.test", "member").await;
    let id = reset::asked(&app, &owner, "ann@x.test").await;
    app.mails().await;
    let forge = |generation| {
        let uuid = id.as_str().unwrap().split('_').nth(1).unwrap().parse().unwrap();
        app.app.keys.token(guestlist::keys::TokenKind::Reset, uuid, generation)
    };
    let stranger = app.stranger();
    for token in [forge(0), forge(1), id.as_str().unwrap().to_owned(), String::new(), "null".to_owned()] {
        assert_eq!(codes(&reset::set(&stranger, &token, NEW).await), ["TOKEN_INVALID"], "before: {token}");
    }
    reset::approve(&owner, &id).await;
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token.unwrap();
    assert_eq!(token, forge(1));
    assert_eq!(codes(&reset::set(&stranger, &forge(2), NEW).await), ["TOKEN_INVALID"]);
    app.advance(TimeDelta::minutes(59));
    let weak = reset::set(&stranger, &token, "password1").await;
    assert_eq!(
        (codes(&weak), &weak["userErrors"][0]["path"]),
        (vec!["WEAK_PASSWORD"], &json!(["newPassword"]))
    );
    app.advance(TimeDelta::minutes(1));
    let late = reset::set(&stranger, &token, NEW).await;
    assert_eq!((codes(&late), &late["userErrors"][0]["path"]), (vec!["TOKEN_EXPIRED"], &json!(["token"])));
    app.tick().await;
    assert_eq!(codes(&reset::set(&stranger, &token, NEW).await), ["TOKEN_EXPIRED"], "recorded as well");
    assert_eq!(
        app.events(id.as_str().unwrap()).await,
        ["reset.requested", "reset.approved", "reset.expired"]
    );
    assert!(app.stranger().login("ann@x.test", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn t25_three_sessions_and_one_reset_leave_no_token_good() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let mut sessions = vec![app.member(&owner, "ann@x.test", "member").await];
    for _ in 0..2 {
        sessions.push(app.signed_in("ann@x.test").await);
    }
    let token = reset::approved(&app, &owner, "ann@x.test").await;
    assert_eq!(reset::set(&app.stranger(), &token, NEW).await["userErrors"], json!([]));
    for session in &sessions {
        assert_eq!(session.me().await, Value::Null);
        assert_eq!(codes(&session.refresh_with(session.refresh.as_ref().unwrap()).await), ["TOKEN_INVALID"]);
    }
    app.tick().await;
    app.mails().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t49_of_fifty_parallel_uses_one_succeeds() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "ann@x.test", "member").await;
    let token = reset::approved(&app, &owner, "ann@x.test").await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let (stranger, token) = (app.stranger(), token.clone());
        tasks.spawn(async move { reset::set(&stranger, &token, &format!("{NEW} {n}")).await });
    }
    let payloads = tasks.join_all().await;
    assert_eq!(payloads.iter().filter(|p| p["user"].is_object()).count(), 1);
    assert_eq!(payloads.iter().filter(|p| codes(p) == ["TOKEN_INVALID"]).count(), 49, "{payloads:?}");
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 3, "invitation, link, one notice");
}

#[tokio::test(flavor = "multi_thread")]
async fn approve_against_reject_has_one_decision_200_times() {
    let app =
        TestApp::with(&["--limit-resets-per-address=1000", "--access-ttl=13d", "--refresh-ttl=90d"]).await;
    let owner = app.owner().await;
    app.member(&owner, "ann@x.test", "member").await;
    let (mut approvals, mut rejections) = (0, 0);
    for round in 0..200 {
        let id = reset::asked(&app, &owner, "ann@x.test").await;
        let (one, other) = (owner.clone(), owner.clone());
        let (for_one, for_other) = (id.clone(), id.clone());
        let approve = tokio::spawn(async move { reset::approve(&one, &for_one).await });
        let reject = tokio::spawn(async move { reset::reject(&other, &for_other, None).await });
        let (approved, rejected) = (approve.await.unwrap(), reject.await.unwrap());
        let decided = [&approved, &rejected].iter().filter(|p| p["userErrors"] == json!([])).count();
        assert_eq!(decided, 1, "{approved} {rejected}");
        let (loser, state) = if approved["userErrors"] == json!([]) {
            approvals += 1;
            (&rejected, "APPROVED")
        } else {
            rejections += 1;
            (&approved, "REJECTED")
        };
        assert_eq!(
            (codes(loser), &loser["resetRequest"]["status"]),
            (vec!["ALREADY_DECIDED"], &json!(state))
        );
        assert_eq!(loser["resetRequest"]["decidedBy"]["email"], "owner@acme.test");
        app.advance(TimeDelta::minutes(61));
        app.tick().await;
        if round % 20 == 0 {
            app.mails().await;
        }
    }
    assert!(approvals > 0 && rejections > 0, "{approvals} approvals, {rejections} rejections");
    app.mails().await;
}
