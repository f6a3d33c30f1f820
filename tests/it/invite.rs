//! Inviting: every row of the table about `invite`.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{TestApp, codes};

#[tokio::test]
async fn an_invitation_shows_what_was_asked_for_and_lasts_seven_days() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let payload = owner
        .invite(json!({
            "email": " Ann@Example.COM ", "name": "Ann", "roleKey": "admin", "note": "Welcome\naboard",
            "metadata": { "crm": 7 }, "locale": "pt-BR",
        }))
        .await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["created"], true);
    assert_eq!(payload["link"], Value::Null);
    let invitation = &payload["invitation"];
    assert_eq!(invitation["email"], "Ann@Example.COM");
    assert_eq!(invitation["status"], "PENDING");
    assert_eq!(invitation["role"]["key"], "admin");
    assert_eq!(invitation["note"], "Welcome\naboard");
    assert_eq!(invitation["metadata"], json!({ "crm": 7 }));
    assert_eq!(invitation["locale"], "pt-BR");
    assert_eq!(invitation["invitedByName"], "Olivia Owner");
    assert_eq!(invitation["invitedBy"]["email"], "owner@acme.test");
    assert_eq!(invitation["expiresInSeconds"], 604_800);
    assert_eq!(invitation["createdAt"], "2026-03-02T12:00:00.000Z");
    assert_eq!(invitation["expiresAt"], "2026-03-09T12:00:00.000Z");
    assert_eq!(invitation["delivery"]["state"], "QUEUED");
    assert_eq!(app.events(invitation["id"].as_str().unwrap()).await, ["invitation.created"]);
    app.tick().await;
    assert_eq!(app.count_mails_to("Ann@example.com").await, 1);
}

#[tokio::test]
async fn a_stranger_is_unauthenticated_and_a_member_without_the_permission_forbidden() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let member = app.member(&owner, "max@acme.test", "member").await;
    assert_eq!(app.stranger().mutate_err("invite", json!({ "email": "a@x.test" })).await, "UNAUTHENTICATED");
    assert_eq!(member.mutate_err("invite", json!({ "email": "a@x.test" })).await, "FORBIDDEN");
}

#[tokio::test]
async fn a_member_and_oneself_cannot_be_invited() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "max@acme.test", "member").await;
    for email in ["max@acme.test", "MAX@ACME.test", "owner@acme.test"] {
        let payload = owner.invite(json!({ "email": email, "roleKey": "admin" })).await;
        assert_eq!(codes(&payload), ["ALREADY_MEMBER"], "{email}");
        assert_eq!(payload["userErrors"][0]["path"], json!(["email"]));
    }
    app.tick().await;
    assert_eq!(app.count_mails_to("owner@acme.test").await, 1, "the mail that made the owner, and no other");
}

#[tokio::test]
async fn inviting_again_with_the_same_role_changes_nothing() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let first = owner.invited("ann@x.test").await;
    let again = owner.invite(json!({ "email": "ANN@x.test" })).await;
    assert_eq!(again["created"], false);
    assert_eq!(again["invitation"]["id"], first["id"]);
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 1);
    assert_eq!(app.events(first["id"].as_str().unwrap()).await, ["invitation.created"]);
}

#[tokio::test]
async fn another_role_is_refused_or_replaces_the_pending_one() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let first = owner.invited("ann@x.test").await;
    let refused = owner.invite(json!({ "email": "ann@x.test", "roleKey": "admin" })).await;
    assert_eq!(codes(&refused), ["PENDING_WITH_OTHER_ROLE"]);
    assert_eq!(refused["invitation"]["id"], first["id"], "the one in the way is shown");

    let replaced =
        owner.invite(json!({ "email": "ann@x.test", "roleKey": "admin", "onConflict": "REPLACE" })).await;
    assert_eq!(replaced["created"], true);
    assert_ne!(replaced["invitation"]["id"], first["id"]);
    let events = app.events(first["id"].as_str().unwrap()).await;
    assert_eq!(events, ["invitation.created", "invitation.cancelled"]);
    let query = "query Q($id: ID!) { node(id: $id) { ... on Invitation { status cancelReason delivery { state } } } }";
    let old = owner.ask(query, json!({ "id": first["id"] })).await;
    assert_eq!(
        old["data"]["node"],
        json!({ "status": "CANCELLED", "cancelReason": "SUPERSEDED", "delivery": { "state": "SUPPRESSED" } })
    );
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 1);
}

#[tokio::test]
async fn an_overdue_invitation_is_recorded_as_expired_and_a_new_one_made() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let first = owner.invited("ann@x.test").await;
    app.advance(TimeDelta::days(7));
    owner.renew().await;
    let second = owner.invite(json!({ "email": "ann@x.test" })).await;
    assert_eq!(second["created"], true);
    assert_ne!(second["invitation"]["id"], first["id"]);
    let events = app.events(first["id"].as_str().unwrap()).await;
    assert_eq!(events, ["invitation.created", "invitation.expired"]);
}

#[tokio::test]
async fn a_final_state_blocks_no_new_invitation() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let first = owner.invited("ann@x.test").await;
    owner.act("cancelInvitation", &first["id"]).await;
    let second = owner.invite(json!({ "email": "ann@x.test" })).await;
    assert_eq!(second["created"], true);
    assert_ne!(second["invitation"]["id"], first["id"]);
}

#[tokio::test]
async fn t34_a_role_above_ones_own_cannot_be_granted() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    let refused = admin.invite(json!({ "email": "ann@x.test", "roleKey": "owner" })).await;
    assert_eq!(codes(&refused), ["ROLE_NOT_ALLOWED"]);
    assert_eq!(refused["userErrors"][0]["path"], json!(["roleKey"]));
    let granted = admin.invite(json!({ "email": "ann@x.test", "roleKey": "admin" })).await;
    assert_eq!(granted["created"], true);
    for role in ["OWNER", "Admin", "", "nobody", "member\0"] {
        let unknown = owner.invite(json!({ "email": "bob@x.test", "roleKey": role })).await;
        assert_eq!(codes(&unknown), ["BAD_USER_INPUT"], "{role}");
        assert_eq!(unknown["userErrors"][0]["path"], json!(["roleKey"]));
    }
}

#[tokio::test]
async fn bad_values_are_named_and_nothing_is_made() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let big = json!({ "x": "y".repeat(4_100) });
    for (field, value) in [
        ("email", json!("nobody")),
        ("email", json!("a@x.test\r\nBcc: e@x.test")),
        ("name", json!("x".repeat(101))),
        ("note", json!("x".repeat(501))),
        ("metadata", big),
        ("metadata", json!([1])),
        ("metadata", json!("text")),
        ("locale", json!("english!")),
        ("expiresInSeconds", json!(0)),
        ("expiresInSeconds", json!(-5)),
        ("expiresInSeconds", json!(2_592_001)),
    ] {
        let mut input = json!({ "email": "ann@x.test" });
        input[field] = value;
        let payload = owner.invite(input).await;
        assert_eq!(codes(&payload), ["BAD_USER_INPUT"], "{field}: {payload}");
        assert_eq!(payload["userErrors"][0]["path"], json!([field]));
        assert_eq!(payload["invitation"], Value::Null);
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM invitation WHERE email_norm = 'ann@x.test'").await, 0);
}

#[tokio::test]
async fn metadata_of_4096_bytes_and_a_note_of_500_characters_are_taken() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let metadata = json!({ "x": "y".repeat(4_096 - 8) });
    assert_eq!(metadata.to_string().len(), 4_096);
    let payload =
        owner.invite(json!({ "email": "ann@x.test", "metadata": metadata, "note": "é".repeat(500) })).await;
    assert_eq!(payload["userErrors"], json!([]));
    assert_eq!(payload["invitation"]["metadata"], metadata);
}

#[tokio::test]
async fn one_address_can_be_invited_by_several_tenants_independently() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let one = acme.invited("ann@x.test").await;
    let other = globex.invited("ann@x.test").await;
    assert_ne!(one["id"], other["id"]);
    acme.act("cancelInvitation", &one["id"]).await;
    app.tick().await;
    assert_eq!(
        app.count_mails_to("ann@x.test").await,
        1,
        "one tenant's cancellation leaves the other's mail alone"
    );
}

#[tokio::test]
async fn another_tenant_is_not_found_whether_or_not_it_exists() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let foreign = globex.me().await["activeMembership"]["tenant"]["id"].clone();
    for id in [foreign, json!("ten_00000000000070008000000000000000"), json!("nonsense"), json!("")] {
        for (email, role) in [("ann@x.test", "member"), ("ann@x.test", "member\0"), ("nonsense", "member")] {
            let payload = acme.invite(json!({ "email": email, "roleKey": role, "tenantId": id })).await;
            assert_eq!(codes(&payload), ["NOT_FOUND"], "{id}");
            assert_eq!(payload["userErrors"][0]["path"], json!(["tenantId"]));
        }
    }
}

#[tokio::test]
async fn whether_an_address_has_an_account_elsewhere_makes_no_difference() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    app.owner_of("globex").await;
    let known = acme.invite(json!({ "email": "owner@globex.test" })).await;
    let unknown = acme.invite(json!({ "email": "nobody@globex.test" })).await;
    let shape = |payload: &Value| {
        let mut payload = payload.clone();
        payload["invitation"]["id"] = json!("same");
        payload["invitation"]["email"] = json!("same");
        payload
    };
    assert_eq!(shape(&known), shape(&unknown));
}

#[tokio::test]
async fn a_suspended_tenant_invites_nobody() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.sql("UPDATE tenant SET status = 'suspended'").await;
    let payload = owner.invite(json!({ "email": "ann@x.test" })).await;
    assert_eq!(codes(&payload), ["TENANT_UNAVAILABLE"]);
}

#[tokio::test]
async fn a_link_only_invitation_hands_its_link_over_once_and_mails_nothing() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let payload = owner.invite(json!({ "email": "ann@x.test", "delivery": "LINK_ONLY" })).await;
    let link = payload["link"].as_str().unwrap();
    assert!(link.starts_with("http://localhost:8000/accept#gl_inv_"), "{link}");
    assert_eq!(payload["invitation"]["delivery"]["state"], "NONE");
    let again = owner.invite(json!({ "email": "ann@x.test", "delivery": "LINK_ONLY" })).await;
    assert_eq!((&again["created"], &again["link"]), (&json!(false), &Value::Null));
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 0);
}

#[tokio::test]
async fn t40_quotas_bound_what_is_sent_and_refused_attempts_use_nothing_up() {
    let app = TestApp::with(&["--limit-invites-per-hour=3"]).await;
    let mut owner = app.owner().await;
    for n in 0..3 {
        owner.invited(&format!("a{n}@x.test")).await;
    }
    for n in 3..6 {
        let refused = owner.invite(json!({ "email": format!("a{n}@x.test") })).await;
        assert_eq!(codes(&refused), ["QUOTA_EXCEEDED"]);
    }
    assert_eq!(
        owner.invite(json!({ "email": "a0@x.test" })).await["created"],
        false,
        "finding one costs nothing"
    );
    app.advance(TimeDelta::hours(1));
    owner.renew().await;
    owner.invited("a3@x.test").await;
}

#[tokio::test]
async fn t40_an_address_gets_five_invitations_a_day_from_all_tenants_together() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    for n in 0..5 {
        let inviter = if n % 2 == 0 { &acme } else { &globex };
        let invitation = inviter.invited("ann@x.test").await;
        inviter.act("cancelInvitation", &invitation["id"]).await;
    }
    assert_eq!(codes(&globex.invite(json!({ "email": "ann@x.test" })).await), ["QUOTA_EXCEEDED"]);
}

#[tokio::test]
async fn a_tenant_has_bounded_pending_invitations_and_daily_mails() {
    let app = TestApp::with(&["--limit-pending-per-tenant=2", "--limit-invites-per-tenant-day=5"]).await;
    let owner = app.owner().await;
    let first = owner.invited("a@x.test").await;
    owner.invited("b@x.test").await;
    assert_eq!(codes(&owner.invite(json!({ "email": "c@x.test" })).await), ["QUOTA_EXCEEDED"]);
    owner.act("cancelInvitation", &first["id"]).await;
    let mut last = owner.invited("c@x.test").await;
    for _ in 0..1 {
        owner.act("cancelInvitation", &last["id"]).await;
        last = owner.invited("d@x.test").await;
    }
    owner.act("cancelInvitation", &last["id"]).await;
    // The owner's own invitation was the first of this day's five.
    assert_eq!(codes(&owner.invite(json!({ "email": "e@x.test" })).await), ["QUOTA_EXCEEDED"]);
}

#[tokio::test]
async fn a_superuser_invites_into_any_tenant_that_is_named() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let root = app.superuser().await;
    let tenant = owner.me().await["activeMembership"]["tenant"]["id"].clone();
    let nowhere = root.invite(json!({ "email": "ann@x.test" })).await;
    assert_eq!(codes(&nowhere), ["BAD_USER_INPUT"]);
    assert_eq!(nowhere["userErrors"][0]["path"], json!(["tenantId"]));
    let payload = root.invite(json!({ "email": "ann@x.test", "roleKey": "owner", "tenantId": tenant })).await;
    assert_eq!(payload["created"], true);
}

#[tokio::test]
async fn t36_fields_that_are_not_of_the_input_are_refused() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for field in ["status", "token", "accepted", "invitedById", "emailVerified", "isSuperuser"] {
        let query = "mutation M($input: InviteInput!) { invite(input: $input) { created } }";
        let answer = owner.ask(query, json!({ "input": { "email": "ann@x.test", field: true } })).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{field}: {answer}");
        assert!(answer.get("data").is_none());
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM invitation WHERE email_norm = 'ann@x.test'").await, 0);
}
