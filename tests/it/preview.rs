//! `invitation(token)`: what the holder of a token sees, and what to do next.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

const QUERY: &str = "query Q($t: String!) { invitation(token: $t) {
    email tenantName invitedByName roleName note status expiresAt nextStep } }";

async fn look(client: &Client, token: &str) -> Value {
    client.ask(QUERY, json!({ "t": token })).await["data"]["invitation"].clone()
}

async fn token_for(app: &TestApp, inviter: &Client, email: &str) -> (String, Value) {
    let invitation = inviter.invited(email).await;
    app.tick().await;
    (app.mail_to(email).await.token.unwrap(), invitation["id"].clone())
}

#[tokio::test]
async fn a_stranger_with_the_token_sees_who_invites_them_to_what() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    owner.invite(json!({ "email": "Ann@x.test", "roleKey": "admin", "note": "Hello" })).await;
    app.tick().await;
    let token = app.mail_to("Ann@x.test").await.token.unwrap();
    let seen = look(&app.stranger(), &token).await;
    assert_eq!(
        seen,
        json!({ "email": "Ann@x.test", "tenantName": "ACME", "invitedByName": "Olivia Owner", "roleName": "Admin",
            "note": "Hello", "status": "PENDING", "expiresAt": "2026-03-09T12:00:00.000Z", "nextStep": "CREATE_ACCOUNT" })
    );
}

#[tokio::test]
async fn the_next_step_depends_on_who_looks_and_on_the_state() {
    let app = TestApp::new().await;
    let mut acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let step = async |client: &Client, token: &str| {
        look(client, token).await["nextStep"].as_str().unwrap().to_owned()
    };

    let (token, id) = token_for(&app, &acme, "owner@globex.test").await;
    assert_eq!(step(&app.stranger(), &token).await, "SIGN_IN");
    assert_eq!(step(&acme, &token).await, "SWITCH_ACCOUNT");
    assert_eq!(step(&globex, &token).await, "ACCEPT");
    app.sql("UPDATE tenant SET status = 'suspended' WHERE slug = 'acme'").await;
    assert_eq!(step(&globex, &token).await, "NOT_USABLE");
    app.sql("UPDATE tenant SET status = 'active'").await;
    globex.accept(json!({ "invitationId": id })).await;
    assert_eq!(step(&globex, &token).await, "ALREADY_MEMBER");
    assert_eq!(step(&app.stranger(), &token).await, "SIGN_IN");

    let (token, id) = token_for(&app, &acme, "ann@x.test").await;
    acme.act("cancelInvitation", &id).await;
    assert_eq!(step(&app.stranger(), &token).await, "NOT_USABLE");

    let (token, _) = token_for(&app, &acme, "bob@x.test").await;
    app.advance(TimeDelta::days(7));
    acme.renew().await;
    assert_eq!(step(&app.stranger(), &token).await, "ASK_FOR_NEW");
    assert_eq!(look(&acme, &token).await["status"], "EXPIRED");
}

#[tokio::test]
async fn t39_looking_changes_nothing_however_often() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let (token, id) = token_for(&app, &owner, "ann@x.test").await;
    let before = app.events(id.as_str().unwrap()).await;
    for _ in 0..20 {
        look(&app.stranger(), &token).await;
        app.stranger().get("/accept").await;
    }
    assert_eq!(app.events(id.as_str().unwrap()).await, before);
    assert_eq!(look(&app.stranger(), &token).await["nextStep"], "CREATE_ACCOUNT");
}

#[tokio::test]
async fn an_unknown_token_is_a_top_level_error_beside_null() {
    let app = TestApp::new().await;
    let answer = app.stranger().ask(QUERY, json!({ "t": "gl_inv_nonsense" })).await;
    assert_eq!(answer["data"], json!({ "invitation": null }));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "TOKEN_INVALID");
    assert_eq!(answer["errors"][0]["path"], json!(["invitation"]));
    assert!(answer["errors"][0]["extensions"]["requestId"].is_string());
}
