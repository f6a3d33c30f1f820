//! Attacks that are about no single operation.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::process::Serving;
use crate::support::{PASSWORD, TestApp, codes};

#[tokio::test]
async fn t7_failing_on_purpose_locks_nobody_out_for_good() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    for n in 0..60 {
        let input = json!({ "email": "owner@acme.test", "password": format!("guess {n}") });
        let query = "mutation L($input: LoginInput!) { login(input: $input) { userErrors { code } } }";
        app.stranger().ask(query, json!({ "input": input })).await;
    }
    assert_eq!(owner.me().await["email"], "owner@acme.test", "who is signed in stays so");
    owner.renew().await;
    let input = json!({ "email": "owner@acme.test", "password": PASSWORD });
    assert_eq!(app.stranger().mutate_err("login", input).await, "RATE_LIMITED");
    let asked =
        app.stranger().mutate("requestReset", "accepted", json!({ "email": "owner@acme.test" })).await;
    assert_eq!(asked["accepted"], true, "and whoever is not can ask for a reset");
    app.advance(TimeDelta::minutes(15));
    assert!(
        app.stranger().login("owner@acme.test", PASSWORD).await.is_ok(),
        "after 15 minutes all is as before"
    );
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn t23_a_refresh_that_fails_uses_nothing_up() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let token = owner.refresh.clone().unwrap();
    for round in 0..3 {
        app.sql("ALTER TABLE membership RENAME COLUMN last_seen_at TO away").await;
        let failed = owner.mutate_err("refresh", json!({ "refreshToken": token })).await;
        assert_eq!(failed, "INTERNAL", "round {round}");
        app.sql("ALTER TABLE membership RENAME COLUMN away TO last_seen_at").await;
    }
    owner.renew().await;
    assert_ne!(owner.refresh, Some(token));
    assert_eq!(owner.me().await["sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn t60_who_is_invited_again_inherits_nothing() {
    let app = TestApp::with(&["--access-ttl=1d"]).await;
    let owner = app.owner().await;
    let ann = app.member(&owner, "ann@x.test", "admin").await;
    let before = ann.me().await["activeMembership"]["id"].clone();
    let removed =
        owner.mutate("removeMember", "removedMembershipId", json!({ "membershipId": before })).await;
    assert_eq!(removed["userErrors"], json!([]), "{removed}");
    owner.invited("ann@x.test").await;
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token.unwrap();
    assert_eq!(
        ann.ask("{ members: invitations { totalCount } }", json!({})).await["data"]["members"],
        Value::Null
    );
    let joined = ann.accept(json!({ "token": token })).await;
    assert_eq!(joined["membership"]["role"]["key"], "member", "{joined}");
    assert_ne!(joined["membership"]["id"], before);
    let denied = ann.mutate_err("invite", json!({ "email": "bob@x.test" })).await;
    assert_eq!(denied, "FORBIDDEN", "what she could do as an administrator is gone");
}

#[tokio::test]
async fn t58_names_with_markup_stay_text() {
    let app = TestApp::new().await;
    let root = app.superuser().await;
    let markup = "<img src=x onerror=alert(1)>";
    let made =
        root.mutate("createTenant", "tenant { id name }", json!({ "name": markup, "slug": "acme" })).await;
    assert_eq!(made["tenant"]["name"], markup, "{made}");
    let invited = root.invite(json!({ "email": "ann@x.test", "note": "<script>alert(2)</script>" })).await;
    assert_eq!(codes(&invited), [""; 0], "{invited}");
    app.tick().await;
    app.mails().await;
    let page = app.stranger().get("/dev/mail").await;
    assert!(page.text.contains("&lt;img src"), "{}", page.text);
    assert!(!page.text.contains("<img src") && !page.text.contains("<script>alert"));
    for path in ["/accept", "/reset", "/forgot", "/login", "/dev/mail"] {
        let reply = app.stranger().get(path).await;
        let policy = reply.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert!(!policy.contains("script-src 'unsafe") && !reply.text.contains(" onclick="), "{path}");
        assert!(!reply.text.contains("<script>"), "{path}: no script stands in a page");
    }
}

#[tokio::test]
async fn t50_no_token_or_password_reaches_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let made = crate::support::process::run_with_input(
        folder.path(),
        &["create-superuser", "--email=root@x.test", "--password-stdin"],
        PASSWORD,
    );
    assert!(made.status.success());
    let server = Serving::start_logging(folder.path(), std::fs::File::create(&log).unwrap());
    let login =
        "mutation L($input: LoginInput!) { login(input: $input) { tokens { accessToken refreshToken } } }";
    let input = json!({ "input": { "email": "root@x.test", "password": PASSWORD } });
    let tokens = server.ask(None, login, input).await.unwrap()["data"]["login"]["tokens"].clone();
    let (access, refresh) =
        (tokens["accessToken"].as_str().unwrap(), tokens["refreshToken"].as_str().unwrap());
    let tenant = "mutation T($input: CreateTenantInput!) { createTenant(input: $input) { tenant { id } } }";
    server.ask(Some(access), tenant, json!({ "input": { "name": "Acme", "slug": "acme" } })).await.unwrap();
    let invite = "mutation I($input: InviteInput!) { invite(input: $input) { link } }";
    let input =
        json!({ "input": { "email": "ann@x.test", "delivery": "LINK_ONLY", "note": "a word in private" } });
    let invited = server.ask(Some(access), invite, input).await.unwrap();
    let link = invited["data"]["invite"]["link"].as_str().unwrap();
    let token = link.split('#').nth(1).unwrap();
    let accept = "mutation A($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { tokens { refreshToken } userErrors { code } } }";
    let input =
        json!({ "input": { "token": token, "name": "Ann", "password": "another horse battery staple" } });
    let accepted = server.ask(None, accept, input).await.unwrap();
    let second = accepted["data"]["acceptInvitation"]["tokens"]["refreshToken"].as_str().unwrap().to_owned();
    let renew = "mutation R($input: RefreshInput!) { refresh(input: $input) { tokens { accessToken } } }";
    server.ask(None, renew, json!({ "input": { "refreshToken": refresh } })).await.unwrap();
    assert_eq!(server.stop(), Some(0));
    let text = std::fs::read_to_string(log).unwrap();
    assert!(text.matches("/graphql").count() >= 5, "every request is logged: {text}");
    let signature = access.rsplit('.').next().unwrap();
    for secret in [PASSWORD, "another horse", token, refresh, &second, signature, "gl_inv_", "gl_ref_"] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
