//! Who may decide a reset, by which policy, and what becomes of one whose ground is gone.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::reset::{self, NEW};
use crate::support::{Client, PASSWORD, TestApp, codes};

async fn seen(client: &Client, id: &Value) -> Value {
    let query = "query N($id: ID!) { node(id: $id) { ... on ResetRequest { status decidedBy { email } } } }";
    client.ask(query, json!({ "id": id })).await["data"]["node"].clone()
}

async fn policy(client: &Client, policy: &str) {
    let payload =
        client.mutate("updateTenant", "tenant { resetPolicy }", json!({ "resetPolicy": policy })).await;
    assert_eq!(payload["tenant"]["resetPolicy"], policy);
}

#[tokio::test]
async fn t48_who_may_decide_has_every_permission_of_the_requester_and_is_somebody_else() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@x.test", "admin").await;
    let ann = app.member(&owner, "ann@x.test", "member").await;
    let member = app.member(&owner, "max@x.test", "member").await;
    let stranger = app.owner_of("globex").await;
    let root = app.superuser().await;

    let hers = reset::asked(&app, &owner, "ann@x.test").await;
    assert_eq!(app.count_mails_to("adam@x.test").await, 2, "an admin is told");
    let decide = json!({ "resetRequestId": hers });
    assert_eq!(app.stranger().mutate_err("approveReset", decide.clone()).await, "UNAUTHENTICATED");
    assert_eq!(member.mutate_err("approveReset", decide.clone()).await, "FORBIDDEN");
    assert_eq!(member.mutate_err("rejectReset", decide.clone()).await, "FORBIDDEN");
    for name in [reset::approve(&stranger, &hers).await, reset::reject(&stranger, &hers, None).await] {
        assert_eq!((codes(&name), &name["resetRequest"]), (vec!["NOT_FOUND"], &Value::Null));
    }
    assert_eq!(codes(&reset::approve(&ann, &hers).await), ["NOT_ELIGIBLE"], "her own");
    assert_eq!(seen(&member, &hers).await, Value::Null);
    assert_eq!(seen(&stranger, &hers).await, Value::Null);
    assert_eq!(seen(&ann, &hers).await["status"], "REQUESTED");
    assert_eq!(reset::approve(&admin, &hers).await["userErrors"], json!([]));
    assert_eq!(
        seen(&ann, &hers).await,
        json!({ "status": "APPROVED", "decidedBy": { "email": "adam@x.test" } })
    );

    let theirs = reset::asked(&app, &root, "owner@acme.test").await;
    assert_eq!(codes(&reset::approve(&admin, &theirs).await), ["NOT_ELIGIBLE"], "an owner is above an admin");
    assert_eq!(codes(&reset::approve(&owner, &theirs).await), ["NOT_ELIGIBLE"], "never oneself");
    assert_eq!(app.count_mails_to("root@platform.test").await, 1, "nobody else: the platform is told");
    assert_eq!(reset::approve(&root, &theirs).await["userErrors"], json!([]));
    assert_eq!(
        seen(&owner, &theirs).await,
        json!({ "status": "APPROVED", "decidedBy": null }),
        "who administers the platform is nobody's business"
    );

    let forbidden = member.ask("{ resetRequests { totalCount } }", json!({})).await;
    assert_eq!(forbidden["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let listed = async |client: &Client| {
        let answer = client.ask("{ resetRequests { totalCount nodes { user { email } } } }", json!({})).await;
        answer["data"]["resetRequests"]["totalCount"].clone()
    };
    assert_eq!(listed(&owner).await, 1, "not their own");
    assert_eq!(listed(&admin).await, 1, "nor one from above");
    assert_eq!(listed(&stranger).await, 0);
    assert_eq!(listed(&root).await, 2, "all of the platform");
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn an_administrator_of_the_platform_is_decided_about_by_another_one_only() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    policy(&owner, "SELF_SERVICE").await;
    let root = app.superuser().await;
    let invitation = owner.invited("root@platform.test").await;
    root.accept(json!({ "invitationId": invitation["id"] })).await;
    reset::ask(&app.stranger(), "root@platform.test").await;
    app.tick().await;
    let mails = app.mails().await;
    assert!(mails.iter().all(|mail| !mail.subject.contains("password")), "nobody may decide");
    let own = reset::open_of(&root).await;
    assert_eq!(own["status"], "REQUESTED");
    assert_eq!(codes(&reset::approve(&owner, &own["id"]).await), ["NOT_ELIGIBLE"]);
    assert_eq!(codes(&reset::approve(&root, &own["id"]).await), ["NOT_ELIGIBLE"]);
    let list = owner.ask("{ resetRequests { totalCount } }", json!({})).await;
    assert_eq!(list["data"]["resetRequests"]["totalCount"], 0);
}

#[tokio::test]
async fn the_strictest_policy_of_ones_tenants_counts() {
    let app = TestApp::with(&["--access-ttl=1d"]).await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let ann = app.member(&acme, "ann@x.test", "member").await;
    ann.accept(json!({ "invitationId": globex.invited("ann@x.test").await["id"] })).await;
    app.tick().await;
    app.mails().await;
    for (one, other, outcome) in [
        ("OFF", "OFF", Value::Null),
        ("OFF", "SELF_SERVICE", json!("APPROVED")),
        ("SELF_SERVICE", "SELF_SERVICE", json!("APPROVED")),
        ("SELF_SERVICE", "APPROVAL", json!("REQUESTED")),
        ("APPROVAL", "OFF", json!("REQUESTED")),
    ] {
        policy(&acme, one).await;
        policy(&globex, other).await;
        app.advance(TimeDelta::minutes(30));
        reset::ask(&app.stranger(), "ann@x.test").await;
        app.tick().await;
        let open = reset::open_of(&app.signed_in("ann@x.test").await).await;
        assert_eq!(open["status"], outcome, "{one} and {other}");
        let got_link = app.mail_to("ann@x.test").await.at == app.now();
        assert_eq!(got_link, outcome == "APPROVED", "{one} and {other}");
        let client = app.signed_in("ann@x.test").await;
        let withdrawn = reset::cancel(&client).await;
        assert_eq!(withdrawn["resetRequest"].is_object(), !outcome.is_null());
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM reset_request WHERE status = 'cancelled'").await, 4);
    app.mails().await;
}

#[tokio::test]
async fn a_request_ends_after_72_hours_and_a_rejected_one_is_explained() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "ann@x.test", "member").await;
    let id = reset::asked(&app, &owner, "ann@x.test").await;
    app.advance(TimeDelta::hours(72));
    let owner = app.signed_in("owner@acme.test").await;
    let late = reset::approve(&owner, &id).await;
    assert_eq!((codes(&late), &late["resetRequest"]["status"]), (vec!["ALREADY_DECIDED"], &json!("EXPIRED")));
    let next = reset::asked(&app, &owner, "ann@x.test").await;
    assert_ne!(next, id, "the overdue one is recorded and another one opened");
    assert_eq!(app.events(id.as_str().unwrap()).await, ["reset.requested", "reset.expired"]);
    let long = reset::reject(&owner, &next, Some(&"x".repeat(501))).await;
    assert_eq!((codes(&long), &long["userErrors"][0]["path"]), (vec!["BAD_USER_INPUT"], &json!(["reason"])));
    let rejected = reset::reject(&owner, &next, Some("Call me first.")).await;
    assert_eq!(rejected["resetRequest"]["reason"], "Call me first.");
    app.tick().await;
    let mail = app.mail_to("ann@x.test").await;
    assert!(mail.subject == "Your password was not reset" && mail.text.contains("Call me first."));
    assert_eq!(codes(&reset::reject(&owner, &next, None).await), ["ALREADY_DECIDED"]);
    assert_eq!(codes(&reset::approve(&owner, &next).await), ["ALREADY_DECIDED"]);
}

#[tokio::test]
async fn an_approval_outlives_its_approver_and_can_be_taken_back() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@x.test", "admin").await;
    app.member(&owner, "ann@x.test", "member").await;
    app.member(&owner, "bob@x.test", "member").await;
    let token = reset::approved(&app, &admin, "ann@x.test").await;
    let other = reset::approved(&app, &admin, "bob@x.test").await;
    let membership = admin.me().await["activeMembership"]["id"].clone();
    owner.mutate("removeMember", "removedMembershipId", json!({ "membershipId": membership })).await;
    assert_eq!(reset::set(&app.stranger(), &token, NEW).await["userErrors"], json!([]));
    app.advance(TimeDelta::seconds(1));
    let query = "{ resetRequests(filter: { status: [APPROVED] }) { nodes { id user { email } decidedBy { email } } } }";
    let approved = owner.ask(query, json!({})).await["data"]["resetRequests"]["nodes"][0].clone();
    assert_eq!((&approved["user"]["email"], &approved["decidedBy"]), (&json!("bob@x.test"), &Value::Null));
    let taken_back = reset::reject(&owner, &approved["id"], None).await;
    assert_eq!(taken_back["resetRequest"]["status"], "REJECTED");
    assert_eq!(codes(&reset::set(&app.stranger(), &other, NEW).await), ["TOKEN_INVALID"]);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn a_changed_password_a_suspension_or_the_requester_ends_a_request() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let mut ann = app.member(&owner, "ann@x.test", "member").await;
    let token = reset::approved(&app, &owner, "ann@x.test").await;
    let input = json!({ "currentPassword": PASSWORD, "newPassword": NEW });
    let changed = ann.mutate("changePassword", "tokens { accessToken refreshToken }", input).await;
    ann.adopt(&changed["tokens"]);
    assert_eq!(codes(&reset::set(&app.stranger(), &token, PASSWORD).await), ["TOKEN_INVALID"]);
    assert_eq!(reset::open_of(&ann).await, Value::Null);

    let id = reset::asked(&app, &owner, "ann@x.test").await;
    assert_eq!(reset::cancel(&ann).await["resetRequest"], json!({ "id": id, "status": "CANCELLED" }));
    assert_eq!(reset::cancel(&ann).await, json!({ "resetRequest": null, "userErrors": [] }), "again");
    let late = reset::approve(&owner, &id).await;
    assert_eq!(
        (codes(&late), &late["resetRequest"]["status"]),
        (vec!["ALREADY_DECIDED"], &json!("CANCELLED"))
    );
    let answer = app.stranger().ask("mutation { cancelReset { userErrors { code } } }", json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");

    let id = reset::asked(&app, &owner, "ann@x.test").await;
    app.sql("UPDATE \"user\" SET status = 'suspended' WHERE email_norm = 'ann@x.test'").await;
    let gone = reset::approve(&owner, &id).await;
    assert_eq!(
        (codes(&gone), &gone["resetRequest"]["status"]),
        (vec!["ALREADY_DECIDED"], &json!("CANCELLED"))
    );
    assert_eq!(app.events(id.as_str().unwrap()).await, ["reset.requested", "reset.cancelled"]);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn t5_guessed_reset_tokens_are_counted() {
    let app = TestApp::with(&["--limit-tokens-per-ip=5"]).await;
    for _ in 0..5 {
        assert_eq!(codes(&reset::set(&app.stranger(), "gl_rst_guess", NEW).await), ["TOKEN_INVALID"]);
    }
    let limited =
        app.stranger().mutate_err("resetPassword", json!({ "token": "x", "newPassword": NEW })).await;
    assert_eq!(limited, "RATE_LIMITED");
}

#[tokio::test]
async fn the_host_makes_a_link_where_nobody_can_approve() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let before = reset::asked(&app, &app.superuser().await, "owner@acme.test").await;
    let (link, ends) =
        guestlist::password_reset::service::reset_link(&app.app, "OWNER@acme.test").await.unwrap();
    assert_eq!(ends, app.now() + TimeDelta::minutes(15));
    assert_eq!(app.events(before.as_str().unwrap()).await, ["reset.requested", "reset.cancelled"]);
    let token = link.split('#').nth(1).unwrap();
    let again = guestlist::password_reset::service::reset_link(&app.app, "owner@acme.test").await.unwrap().0;
    assert_eq!(
        codes(&reset::set(&owner, token, NEW).await),
        ["TOKEN_INVALID"],
        "the second link voids the first"
    );
    let token = again.split('#').nth(1).unwrap();
    assert_eq!(reset::set(&app.stranger(), token, NEW).await["user"]["email"], "owner@acme.test");
    assert!(guestlist::password_reset::service::reset_link(&app.app, "nobody@x.test").await.is_err());
    app.tick().await;
    app.mails().await;
}
