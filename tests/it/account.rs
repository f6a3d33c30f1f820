//! One's own account: name, password, sessions, tenants.

use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, codes};

const NEW: &str = "seven quiet lanterns drifting";

async fn change(client: &Client, current: &str, new: &str) -> Value {
    let input = json!({ "currentPassword": current, "newPassword": new });
    client.mutate("changePassword", "tokens { accessToken refreshToken }", input).await
}

async fn switch(client: &Client, tenant: &Value) -> Value {
    let fields = "accessToken accessTokenExpiresAt membership { tenant { slug } role { key } }";
    client.mutate("switchTenant", fields, json!({ "tenantId": tenant })).await
}

#[tokio::test]
async fn t25_a_new_password_ends_every_session_but_this_one_which_is_issued_anew() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let others = [app.signed_in("owner@acme.test").await, app.signed_in("owner@acme.test").await];
    let old = owner.refresh.clone().unwrap();
    let payload = change(&owner, PASSWORD, NEW).await;
    assert_eq!(payload["userErrors"], json!([]));
    owner.adopt(&payload["tokens"]);
    assert_eq!(owner.me().await["sessions"].as_array().unwrap().len(), 1);
    for other in &others {
        assert_eq!(other.me().await, Value::Null);
        assert_eq!(codes(&other.refresh_with(other.refresh.as_ref().unwrap()).await), ["TOKEN_INVALID"]);
    }
    owner.renew().await;
    assert!(app.stranger().login("owner@acme.test", PASSWORD).await.is_err());
    assert!(app.stranger().login("owner@acme.test", NEW).await.is_ok());
    let events = app.events(owner.me().await["id"].as_str().unwrap()).await;
    assert_eq!(events, ["user.created", "user.password_changed"]);
    assert_eq!(codes(&owner.refresh_with(&old).await), ["TOKEN_INVALID"], "the token from before is no good");
}

#[tokio::test]
async fn t12_a_mail_tells_the_mailbox_that_the_password_was_changed() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    change(&owner, PASSWORD, NEW).await;
    app.tick().await;
    let mail = app.mail_to("owner@acme.test").await;
    assert_eq!(mail.subject, "Your password was changed");
    assert!(
        mail.text.contains("Hello Olivia Owner") && mail.text.contains("2 March 2026 at 12:00 UTC"),
        "{}",
        mail.text
    );
    assert!(mail.link.is_none() && !mail.html.contains("gl_"));
}

#[tokio::test]
async fn what_is_wrong_with_either_password_is_named_and_changes_nothing() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for (current, new, code, field) in [
        ("not the password at all", NEW, "INVALID_CREDENTIALS", "currentPassword"),
        ("", NEW, "INVALID_CREDENTIALS", "currentPassword"),
        (PASSWORD, "password", "WEAK_PASSWORD", "newPassword"),
        (PASSWORD, "Olivia Owner", "WEAK_PASSWORD", "newPassword"),
        (PASSWORD, "short", "WEAK_PASSWORD", "newPassword"),
    ] {
        let payload = change(&owner, current, new).await;
        assert_eq!(codes(&payload), [code], "{current} {new}");
        assert_eq!(payload["userErrors"][0]["path"], json!([field]));
        assert_eq!(payload["tokens"], Value::Null);
    }
    assert!(app.stranger().login("owner@acme.test", PASSWORD).await.is_ok());
    let input = json!({ "currentPassword": PASSWORD, "newPassword": NEW });
    assert_eq!(app.stranger().mutate_err("changePassword", input).await, "UNAUTHENTICATED");
}

#[tokio::test]
async fn guessing_the_current_password_is_throttled() {
    let app = TestApp::with(&["--limit-login-per-address=2"]).await;
    let owner = app.owner().await;
    for _ in 0..2 {
        change(&owner, "not the password at all", NEW).await;
    }
    let input = json!({ "currentPassword": PASSWORD, "newPassword": NEW });
    assert_eq!(owner.mutate_err("changePassword", input).await, "RATE_LIMITED");
}

#[tokio::test]
async fn a_session_is_ended_by_its_user_only_and_once() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let other = app.signed_in("owner@acme.test").await;
    let stranger = app.owner_of("globex").await;
    let sessions = owner.me().await["sessions"].clone();
    let id = sessions.as_array().unwrap().iter().find(|s| s["current"] == false).unwrap()["id"].clone();
    let revoke = async |client: &Client| {
        client.mutate("revokeSession", "session { id current }", json!({ "sessionId": id })).await
    };
    assert_eq!(codes(&revoke(&stranger).await), ["NOT_FOUND"]);
    assert!(other.me().await["id"].is_string());
    let payload = revoke(&owner).await;
    assert_eq!(payload["session"], json!({ "id": id, "current": false }));
    assert_eq!(other.me().await, Value::Null);
    assert_eq!(revoke(&owner).await["userErrors"], json!([]), "again");
    assert_eq!(app.events(id.as_str().unwrap()).await, ["session.created", "session.revoked"]);
    assert_eq!(
        app.stranger().mutate_err("revokeSession", json!({ "sessionId": id })).await,
        "UNAUTHENTICATED"
    );
    for id in ["", "nonsense", "ses_00000000000070008000000000000000"] {
        let payload = owner.mutate("revokeSession", "session { id }", json!({ "sessionId": id })).await;
        assert_eq!(codes(&payload), ["NOT_FOUND"], "{id}");
    }
}

#[tokio::test]
async fn a_session_can_speak_for_another_tenant_of_its_user() {
    let app = TestApp::new().await;
    let mut acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let theirs = globex.me().await["activeMembership"]["tenant"]["id"].clone();
    let refused = switch(&acme, &theirs).await;
    assert_eq!(
        (codes(&refused), &refused["userErrors"][0]["path"]),
        (vec!["NOT_FOUND"], &json!(["tenantId"]))
    );
    let id = globex.invited("owner@acme.test").await["id"].clone();
    acme.accept(json!({ "invitationId": id })).await;
    let switched = switch(&acme, &theirs).await;
    assert_eq!(
        switched["membership"],
        json!({ "tenant": { "slug": "globex" }, "role": { "key": "member" } })
    );
    assert_eq!(
        acme.me().await["activeMembership"]["tenant"]["slug"],
        "globex",
        "the session itself, from now on"
    );
    acme.access = Some(switched["accessToken"].as_str().unwrap().to_owned());
    assert_eq!(
        acme.mutate_err("invite", json!({ "email": "x@x.test" })).await,
        "FORBIDDEN",
        "a member there"
    );
    acme.renew().await;
    assert_eq!(acme.me().await["activeMembership"]["tenant"]["slug"], "globex");
    let again = app.stranger().login("owner@acme.test", PASSWORD).await.unwrap();
    assert_eq!(again["viewer"]["activeMembership"]["tenant"]["slug"], "globex");
    app.sql("UPDATE tenant SET status = 'suspended' WHERE slug = 'globex'").await;
    assert_eq!(codes(&switch(&acme, &theirs).await), ["TENANT_UNAVAILABLE"]);
    assert_eq!(
        app.stranger().mutate_err("switchTenant", json!({ "tenantId": theirs })).await,
        "UNAUTHENTICATED"
    );
}

#[tokio::test]
async fn a_name_can_be_changed_and_invitations_keep_the_one_they_were_made_with() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let before = owner.invited("ann@x.test").await;
    let update =
        async |name: Value| owner.mutate("updateProfile", "viewer { name }", json!({ "name": name })).await;
    assert_eq!(update(json!("  Olive  ")).await["viewer"]["name"], "Olive");
    assert_eq!(update(Value::Null).await["viewer"]["name"], "Olive", "an absent value stays as it is");
    for name in ["", " ", "a\nb", &"x".repeat(101)] {
        let payload = update(json!(name)).await;
        assert_eq!(
            (codes(&payload), &payload["userErrors"][0]["path"]),
            (vec!["BAD_USER_INPUT"], &json!(["name"]))
        );
    }
    let events = app.events(owner.me().await["id"].as_str().unwrap()).await;
    assert_eq!(events, ["user.created", "user.updated"]);
    assert_eq!(owner.invited("bob@x.test").await["invitedByName"], "Olive");
    assert_eq!(before["invitedByName"], "Olivia Owner");
    assert_eq!(app.stranger().mutate_err("updateProfile", json!({ "name": "X" })).await, "UNAUTHENTICATED");
}
