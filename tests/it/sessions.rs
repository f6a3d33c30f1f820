//! Signing in, refreshing, signing out.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, codes};

#[tokio::test]
async fn signing_in_takes_the_address_in_any_case_and_begins_a_session() {
    let app = TestApp::new().await;
    app.owner().await;
    let mut client = app.stranger();
    let payload = client.login(" OWNER@Acme.test ", PASSWORD).await.unwrap();
    assert_eq!(payload["viewer"]["activeMembership"]["tenant"]["slug"], "acme");
    assert_eq!(payload["tokens"]["accessTokenExpiresAt"], "2026-03-02T12:10:00.000Z");
    assert_eq!(payload["tokens"]["refreshTokenExpiresAt"], "2026-03-16T12:00:00.000Z");
    let me = client.me().await;
    assert_eq!(me["sessions"].as_array().unwrap().len(), 2, "accepting began one, signing in another");
    assert_eq!(me["sessions"].as_array().unwrap().iter().filter(|s| s["current"] == true).count(), 1);
}

#[tokio::test]
async fn t1_every_failure_looks_alike() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "suspended@acme.test", "member").await;
    app.sql("UPDATE \"user\" SET status = 'suspended' WHERE email = 'suspended@acme.test'").await;
    app.member(&owner, "removed@acme.test", "member").await;
    app.sql(
        "DELETE FROM membership WHERE user_id = (SELECT id FROM \"user\" WHERE email = 'removed@acme.test')",
    )
    .await;
    owner.invited("invited@x.test").await;
    app.tick().await;
    app.mails().await;
    let wrong = "quite another passphrase";
    let expected = json!([{ "code": "INVALID_CREDENTIALS", "message": "The e-mail address or the password is wrong.", "path": null }]);
    for (email, password) in [
        ("nobody@x.test", wrong),
        ("owner@acme.test", wrong),
        ("removed@acme.test", wrong),
        ("invited@x.test", wrong),
        ("suspended@acme.test", wrong),
        ("suspended@acme.test", PASSWORD),
    ] {
        assert_eq!(app.stranger().login(email, password).await.unwrap_err(), expected, "{email}");
    }
    assert!(
        app.stranger().login("removed@acme.test", PASSWORD).await.is_ok(),
        "an account without a tenant is still one"
    );
}

#[tokio::test]
async fn bad_input_to_login_is_named() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let globex = app.owner_of("globex").await;
    let foreign = globex.me().await["activeMembership"]["tenant"]["id"].clone();
    let long = "x".repeat(1_025);
    for (input, code, path) in [
        (json!({ "email": "nobody", "password": PASSWORD }), "BAD_USER_INPUT", "email"),
        (json!({ "email": "owner@acme.test", "password": long }), "BAD_USER_INPUT", "password"),
        (
            json!({ "email": "owner@acme.test", "password": PASSWORD, "tenantId": foreign }),
            "NOT_FOUND",
            "tenantId",
        ),
        (
            json!({ "email": "owner@acme.test", "password": PASSWORD, "tenantId": "x" }),
            "NOT_FOUND",
            "tenantId",
        ),
    ] {
        let payload = owner.mutate("login", "tokens { accessToken }", input).await;
        assert_eq!(codes(&payload), [code]);
        assert_eq!(payload["userErrors"][0]["path"], json!([path]));
    }
}

#[tokio::test]
async fn a_session_speaks_for_the_tenant_named_or_the_one_used_last() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let id = globex.invited("owner@acme.test").await["id"].clone();
    acme.accept(json!({ "invitationId": id })).await;
    let globex_id = globex.me().await["activeMembership"]["tenant"]["id"].clone();
    let input = json!({ "email": "owner@acme.test", "password": PASSWORD, "tenantId": globex_id });
    let fields = "viewer { activeMembership { tenant { slug } } } tokens { accessToken refreshToken }";
    let named = app.stranger().mutate("login", fields, input).await;
    assert_eq!(named["viewer"]["activeMembership"]["tenant"]["slug"], "globex");
    let again = app.stranger().login("owner@acme.test", PASSWORD).await.unwrap();
    assert_eq!(again["viewer"]["activeMembership"]["tenant"]["slug"], "globex");
}

#[tokio::test]
async fn t8_one_address_has_one_count_of_attempts_however_it_is_spelled() {
    let app = TestApp::with(&["--limit-login-per-address=3"]).await;
    app.owner().await;
    for email in ["OWNER@acme.test", " owner@acme.test", "owner@ACME.test"] {
        app.stranger().login(email, "wrong password").await.unwrap_err();
    }
    let limited = json!({ "email": "owner@acme.test", "password": PASSWORD });
    assert_eq!(app.stranger().mutate_err("login", limited.clone()).await, "RATE_LIMITED");
    let query = "mutation L($input: LoginInput!) { login(input: $input) { tokens { accessToken } } }";
    let answer = app.stranger().ask(query, json!({ "input": limited })).await;
    assert_eq!(answer["errors"][0]["extensions"]["retryAfterSeconds"], 901);
    assert!(
        app.stranger().login("other@acme.test", PASSWORD).await.is_err(),
        "another address is not limited"
    );
    app.advance(TimeDelta::minutes(15));
    assert!(app.stranger().login("owner@acme.test", PASSWORD).await.is_ok(), "nobody is locked out for good");
}

#[tokio::test]
async fn a_clients_network_has_a_count_of_its_own_for_unknown_addresses_too() {
    let app = TestApp::with(&["--limit-login-per-ip=3"]).await;
    for n in 0..3 {
        app.stranger().login(&format!("a{n}@x.test"), "wrong password").await.unwrap_err();
    }
    let input = json!({ "email": "a9@x.test", "password": "wrong password" });
    assert_eq!(app.stranger().mutate_err("login", input).await, "RATE_LIMITED");
}

#[tokio::test]
async fn an_attempt_that_one_limit_refuses_counts_for_neither() {
    let app = TestApp::with(&["--limit-login-per-ip=3", "--limit-login-per-address=2"]).await;
    let limited = async |email: &str| {
        let input = json!({ "email": email, "password": "wrong password" });
        assert_eq!(app.stranger().mutate_err("login", input).await, "RATE_LIMITED");
    };
    for _ in 0..2 {
        app.stranger().login("a@x.test", "wrong password").await.unwrap_err();
    }
    limited("a@x.test").await;
    app.stranger().login("b@x.test", "wrong password").await.unwrap_err();
    limited("c@x.test").await;
    assert_eq!(app.number("SELECT MAX(used) FROM rate_limit").await, 3, "attempts of the network");
    assert_eq!(app.number("SELECT COUNT(*) FROM rate_limit").await, 3, "the network, and two addresses");
}

#[tokio::test]
async fn t4_simultaneous_guesses_do_not_slip_past_the_limit() {
    let app = TestApp::with(&["--limit-login-per-ip=1000"]).await;
    app.owner().await;
    let before = app.app.hasher.verifications();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..300 {
        let stranger = app.stranger();
        tasks.spawn(async move {
            let query = "mutation L($input: LoginInput!) { login(input: $input) { userErrors { code } } }";
            let input = json!({ "email": "owner@acme.test", "password": format!("guess number {n}") });
            stranger.ask(query, json!({ "input": input })).await
        });
    }
    let answers = tasks.join_all().await;
    let limited = answers.iter().filter(|a| a["errors"][0]["extensions"]["code"] == "RATE_LIMITED").count();
    assert_eq!(limited, 290);
    assert_eq!(app.app.hasher.verifications() - before, 10);
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_leads_to_the_next() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let first = owner.refresh.clone().unwrap();
    app.advance(TimeDelta::minutes(11));
    assert_eq!(owner.me().await, Value::Null, "the access token has ended");
    owner.renew().await;
    assert_ne!(owner.refresh.as_ref(), Some(&first));
    assert_eq!(owner.me().await["name"], "Olivia Owner");
}

#[tokio::test]
async fn t21_the_parent_gets_the_same_successor_for_ten_seconds_while_that_is_unused() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let parent = owner.refresh.clone().unwrap();
    owner.renew().await;
    let successor = owner.refresh.clone().unwrap();
    for _ in 0..3 {
        app.advance(TimeDelta::seconds(3));
        let again = owner.refresh_with(&parent).await;
        assert_eq!(again["tokens"]["refreshToken"], json!(successor));
    }
    app.advance(TimeDelta::seconds(1));
    assert_eq!(
        codes(&owner.refresh_with(&parent).await),
        ["TOKEN_INVALID"],
        "asking again does not make it longer"
    );
    assert_eq!(codes(&owner.refresh_with(&successor).await), ["TOKEN_INVALID"], "reuse ended the session");
    assert_eq!(owner.me().await, Value::Null);
}

#[tokio::test]
async fn t20_an_older_token_ends_the_session_and_no_other() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let other = app.signed_in("owner@acme.test").await;
    let first = owner.refresh.clone().unwrap();
    let session =
        owner.me().await["sessions"].as_array().unwrap().iter().find(|s| s["current"] == true).unwrap()["id"]
            .clone();
    owner.renew().await;
    owner.renew().await;
    let reused = owner.refresh_with(&first).await;
    let unknown = owner.refresh_with("gl_ref_nonsense").await;
    assert_eq!(reused, unknown, "reuse looks like a token that never was");
    assert_eq!(owner.me().await, Value::Null);
    assert_eq!(codes(&owner.refresh_with(owner.refresh.as_ref().unwrap()).await), ["TOKEN_INVALID"]);
    assert_eq!(other.me().await["name"], "Olivia Owner");
    assert_eq!(app.events(session.as_str().unwrap()).await, ["session.created", "session.reuse_detected"]);
}

#[tokio::test]
async fn t27_a_session_ends_when_idle_and_at_last_in_any_case() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    for _ in 0..6 {
        app.advance(TimeDelta::days(13));
        owner.renew().await;
    }
    app.advance(TimeDelta::days(11));
    owner.renew().await;
    let payload = owner.refresh_with(owner.refresh.as_ref().unwrap()).await;
    assert_eq!(
        payload["tokens"]["refreshTokenExpiresAt"], "2026-05-31T12:00:00.000Z",
        "90 days from the start"
    );
    owner.adopt(&payload["tokens"]);
    app.advance(TimeDelta::days(1));
    assert_eq!(codes(&owner.refresh_with(owner.refresh.as_ref().unwrap()).await), ["TOKEN_EXPIRED"]);

    let idle = app.signed_in("owner@acme.test").await;
    app.advance(TimeDelta::days(14));
    assert_eq!(codes(&idle.refresh_with(idle.refresh.as_ref().unwrap()).await), ["TOKEN_EXPIRED"]);
}

#[tokio::test]
async fn t24_signing_out_refuses_both_tokens_at_once() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let other = app.signed_in("owner@acme.test").await;
    let answer = owner.ask("mutation { logout { userErrors { code } } }", json!({})).await;
    assert_eq!(answer["data"]["logout"]["userErrors"], json!([]));
    assert_eq!(owner.me().await, Value::Null);
    assert_eq!(codes(&owner.refresh_with(owner.refresh.as_ref().unwrap()).await), ["TOKEN_INVALID"]);
    assert!(other.me().await["id"].is_string(), "the other session goes on");
}

#[tokio::test]
async fn signing_out_with_a_refresh_token_answers_alike_for_any_text() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let stranger = app.stranger();
    for token in
        [owner.refresh.clone().unwrap(), owner.refresh.clone().unwrap(), "nonsense".to_owned(), String::new()]
    {
        let payload = stranger.mutate("logout", "", json!({ "refreshToken": token })).await;
        assert_eq!(payload, json!({ "userErrors": [] }));
    }
    assert_eq!(owner.me().await, Value::Null);
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let other = app.signed_in("owner@acme.test").await;
    let bystander = app.owner_of("globex").await;
    let answer = other.ask("mutation { logoutAll { revokedSessions } }", json!({})).await;
    assert_eq!(answer["data"]["logoutAll"]["revokedSessions"], 2);
    assert_eq!((owner.me().await, other.me().await), (Value::Null, Value::Null));
    assert!(bystander.me().await["id"].is_string());
    let answer = app.stranger().ask("mutation { logoutAll { revokedSessions } }", json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn t26_losing_a_membership_a_role_or_the_account_counts_from_the_next_request() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    admin.invited("a@x.test").await;
    let adam = "user_id = (SELECT id FROM \"user\" WHERE email = 'adam@acme.test')";
    app.sql(&format!(
        "UPDATE membership SET role_id = (SELECT id FROM role WHERE key = 'member') WHERE {adam}"
    ))
    .await;
    assert_eq!(admin.mutate_err("invite", json!({ "email": "b@x.test" })).await, "FORBIDDEN");
    app.sql(&format!("UPDATE membership SET status = 'suspended' WHERE {adam}")).await;
    assert_eq!(
        codes(&admin.invite(json!({ "email": "b@x.test" })).await),
        ["BAD_USER_INPUT"],
        "no tenant is active"
    );
    assert_eq!(admin.me().await["activeMembership"], Value::Null);
    app.sql("UPDATE \"user\" SET status = 'suspended' WHERE email = 'adam@acme.test'").await;
    assert_eq!(admin.me().await, Value::Null);
    assert_eq!(codes(&admin.refresh_with(admin.refresh.as_ref().unwrap()).await), ["TOKEN_INVALID"]);
}

#[tokio::test]
async fn t62_a_suspended_tenant_refuses_to_refresh_and_uses_nothing_up() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    app.sql("UPDATE tenant SET status = 'suspended'").await;
    assert_eq!(codes(&owner.refresh_with(owner.refresh.as_ref().unwrap()).await), ["TENANT_UNAVAILABLE"]);
    let fresh = app.signed_in("owner@acme.test").await;
    assert_eq!(fresh.me().await["activeMembership"], Value::Null, "signing in lists no tenant");
    app.sql("UPDATE tenant SET status = 'active'").await;
    owner.renew().await;
}

#[tokio::test]
async fn a_password_hash_is_renewed_when_the_parameters_grew() {
    let app = TestApp::with(&["--argon2-m=16"]).await;
    let weaker = guestlist::password::Hasher::new(guestlist::config::PasswordRules {
        memory: 8,
        passes: 1,
        lanes: 1,
        min: 8,
        score: 3,
    });
    let old = weaker.unwrap().hash(&PASSWORD.to_owned().into()).await.unwrap();
    app.owner().await;
    app.sql(&format!("UPDATE \"user\" SET password_hash = '{old}'")).await;
    app.signed_in("owner@acme.test").await;
    assert_eq!(
        app.number("SELECT COUNT(*) FROM \"user\" WHERE password_hash LIKE '%m=16,t=1,p=1%'").await,
        1
    );
    app.signed_in("owner@acme.test").await;
}

#[tokio::test]
async fn reuse_is_detected_in_a_suspended_tenant_too() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let first = owner.refresh.clone().unwrap();
    owner.renew().await;
    owner.renew().await;
    app.sql("UPDATE tenant SET status = 'suspended'").await;
    assert_eq!(codes(&owner.refresh_with(&first).await), ["TOKEN_INVALID"]);
    app.sql("UPDATE tenant SET status = 'active'").await;
    assert_eq!(owner.me().await, Value::Null, "the session is ended");
}

#[tokio::test]
async fn sessions_that_ended_long_ago_are_forgotten_but_for_the_latest_of_each_user() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    for _ in 0..3 {
        app.signed_in("owner@acme.test").await;
    }
    let root = app.superuser().await;
    app.advance(TimeDelta::days(119));
    let sessions = "SELECT COUNT(*) FROM session";
    assert_eq!(guestlist::auth::service::forget_ended(&app.app).await.unwrap(), 0);
    app.advance(TimeDelta::days(1));
    assert_eq!(guestlist::auth::service::forget_ended(&app.app).await.unwrap(), 3);
    assert_eq!(app.number(sessions).await, 2, "when somebody signed in last can still be told");
    drop((owner, root));
    app.signed_in("owner@acme.test").await;
    assert_eq!(guestlist::auth::service::forget_ended(&app.app).await.unwrap(), 1);
}
