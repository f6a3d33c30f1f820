//! The hosted pages for who comes with a link, without scripts: every next step of an invitation, and a forgotten password from
//! asking to signing in.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::browser::Browser;
use crate::support::{Client, PASSWORD, TestApp};

async fn token_for(app: &TestApp, inviter: &Client, email: &str) -> String {
    inviter.invited(email).await;
    app.tick().await;
    app.mail_to(email).await.token.unwrap()
}

#[tokio::test]
async fn a_new_person_accepts_and_is_signed_in() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let token = token_for(&app, &owner, "ann@x.test").await;
    let mut browser = Browser::new(&app);
    assert!(browser.get("/accept").await.text.contains("Code from your mail"));
    let unknown = browser.post("/accept", &[("token", "gl_inv_nonsense")]).await;
    assert_eq!(unknown.status, 422, "{}", unknown.text);
    assert!(unknown.text.contains("role=\"alert\"") && unknown.text.contains("Look it up"));
    let seen = browser.post("/accept", &[("token", &token)]).await;
    assert!(seen.text.contains("to join <strong>ACME</strong>") && seen.text.contains("Choose a password"));
    let weak = [("token", token.as_str()), ("step", "accept"), ("name", "Ann"), ("password", "password")];
    let refused = browser.post("/accept", &weak).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(
        refused.text.contains("value=\"Ann\"") && refused.text.contains("Choose a password"),
        "nothing is lost"
    );
    let good = [("token", token.as_str()), ("step", "accept"), ("name", "Ann"), ("password", PASSWORD)];
    let joined = browser.post("/accept", &good).await;
    assert_eq!((joined.status, joined.header("location")), (303, "/console?done=joined"), "{}", joined.text);
    assert!(browser.get("/console?done=joined").await.text.contains("You are a member"));
    let again = browser.post("/accept", &[("token", &token)]).await;
    assert!(again.text.contains("You are a member already"), "{}", again.text);
}

#[tokio::test]
async fn whoever_has_an_account_signs_in_on_the_page_and_lands_in_the_new_tenant() {
    let app = TestApp::new().await;
    let (acme, globex) = (app.owner().await, app.owner_of("globex").await);
    app.member(&acme, "ann@acme.test", "member").await;
    let token = token_for(&app, &globex, "ann@acme.test").await;
    let mut browser = Browser::new(&app);
    let seen = browser.post("/accept", &[("token", &token)]).await;
    assert!(seen.text.contains("Sign in and accept") && !seen.text.contains("Choose a password"));
    let wrong = browser.post("/accept", &[("token", &token), ("step", "sign-in"), ("password", "no")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("Sign in and accept"), "{}", wrong.text);
    let right = [("token", token.as_str()), ("step", "sign-in"), ("password", PASSWORD)];
    let joined = browser.post("/accept", &right).await;
    assert_eq!(joined.header("location"), "/console?done=joined", "{}", joined.text);
    let page = browser.get("/console").await.text;
    assert!(page.contains(">GLOBEX</a>"), "the session speaks for the tenant that was joined: {page}");
    let choice = browser.get("/login/tenant").await.text;
    assert!(choice.contains("<h2>ACME</h2>") && choice.contains("<h2>GLOBEX</h2>"));
}

#[tokio::test]
async fn somebody_else_signs_out_first_and_the_right_person_just_accepts() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let globex = app.owner_of("globex").await;
    app.member(&globex, "bob@x.test", "member").await;
    let token = token_for(&app, &owner, "bob@x.test").await;
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let seen = browser.post("/accept", &[("token", &token)]).await;
    assert!(seen.text.contains("You are signed in as owner@acme.test"), "{}", seen.text);
    let switched = browser.post("/accept", &[("token", &token), ("step", "switch")]).await;
    assert!(switched.text.contains("Password of bob@x.test"), "{}", switched.text);
    assert_eq!(browser.get("/account").await.status, 303, "signed out");

    let mut bob = Browser::signed_in(&app, "bob@x.test").await;
    let choice = bob.get("/login/tenant").await.text;
    assert!(choice.contains("invites you as Member"), "{choice}");
    let seen = bob.post("/accept", &[("token", &token)]).await;
    assert!(seen.text.contains(">Accept</button>") && !seen.text.contains("type=\"password\""));
    let joined = bob.post("/accept", &[("token", &token), ("step", "accept")]).await;
    assert_eq!(joined.header("location"), "/console?done=joined");
}

#[tokio::test]
async fn an_invitation_is_answered_from_the_list_of_tenants() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let globex = app.owner_of("globex").await;
    for (email, action, members) in [("bob@x.test", "accept", 2), ("eve@x.test", "decline", 2)] {
        app.member(&globex, email, "member").await;
        owner.invited(email).await;
        let mut browser = Browser::new(&app);
        let signed = browser.post("/login", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!(signed.header("location"), "/login/tenant", "{}", signed.text);
        let page = browser.get("/login/tenant").await.text;
        let id = page.split("/account/invitations/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let answered = browser.post(&format!("/account/invitations/{id}/{action}"), &[]).await;
        assert_eq!(answered.status, 303, "{}", answered.text);
        let found = owner
            .ask("{ me { activeMembership { tenant { members(first: 1) { totalCount } } } } }", json!({}));
        let count = &found.await["data"]["me"]["activeMembership"]["tenant"]["members"]["totalCount"];
        assert_eq!(*count, json!(members), "{email}");
    }
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn declining_takes_the_invited_address_and_ends_say_what_to_do() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let token = token_for(&app, &owner, "ann@x.test").await;
    let mut browser = Browser::new(&app);
    let other = [("token", token.as_str()), ("step", "decline"), ("address", "bob@x.test")];
    assert_eq!(browser.post("/accept", &other).await.status, 422);
    let hers = [("token", token.as_str()), ("step", "decline"), ("address", "Ann@X.test")];
    assert_eq!(browser.post("/accept", &hers).await.header("location"), "/accept?done=declined");
    assert!(browser.post("/accept", &[("token", &token)]).await.text.contains("cannot be used any more"));
    let late = token_for(&app, &owner, "late@x.test").await;
    app.advance(TimeDelta::days(8));
    let seen = browser.post("/accept", &[("token", &late)]).await;
    assert!(seen.text.contains("to send it again"), "{}", seen.text);
}

#[tokio::test]
async fn a_forgotten_password_from_asking_to_signing_in() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "max@acme.test", "member").await;
    let mut max = Browser::new(&app);
    for email in ["max@acme.test", "nobody@x.test"] {
        let asked = max.post("/forgot", &[("email", email)]).await;
        assert_eq!(asked.header("location"), "/forgot?done=asked", "{}", asked.text);
    }
    assert!(max.get("/forgot?done=asked").await.text.contains("If there is such an account"));
    assert_eq!(max.post("/forgot", &[("email", "no address")]).await.status, 422);
    app.tick().await;
    let link = app.mail_to("owner@acme.test").await.link.unwrap();
    let page = link.strip_prefix("http://localhost:8000").unwrap();

    let mut decider = Browser::new(&app);
    let asked = decider.get(page).await;
    let (to, _) = (asked.header("location").to_owned(), asked);
    assert!(to.starts_with("/login?next=%2Fconsole%2Fresets%2F"), "{to}");
    assert!(decider.get(&to).await.text.contains("name=\"next\""));
    let fields = [("email", "owner@acme.test"), ("password", PASSWORD), ("next", page)];
    assert_eq!(decider.post("/login", &fields).await.header("location"), page);
    let shown = decider.get(page).await.text;
    assert!(shown.contains("max@acme.test") && shown.contains("/approve"), "{shown}");
    let approved = decider.post(&format!("{page}/approve"), &[]).await;
    assert_eq!(approved.header("location"), "/console/resets?done=approved", "{}", approved.text);
    app.tick().await;

    let token = app.mail_to("max@acme.test").await.token.unwrap();
    let weak = max.post("/reset", &[("token", &token), ("password", "password")]).await;
    assert_eq!(weak.status, 422);
    assert!(weak.text.contains(&token), "the code need not be pasted again");
    let new = "seven quiet lanterns drifting";
    let set = max.post("/reset", &[("token", &token), ("password", new)]).await;
    assert_eq!(set.header("location"), "/login?done=reset", "{}", set.text);
    assert_eq!(max.post("/reset", &[("token", &token), ("password", PASSWORD)]).await.status, 422, "once");
    let signed = max.post("/login", &[("email", "max@acme.test"), ("password", new)]).await;
    assert_eq!(signed.header("location"), "/console", "{}", signed.text);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn signing_in_leads_to_pages_of_ours_only() {
    let app = TestApp::new().await;
    app.owner().await;
    for (next, to) in [
        ("/console/events?q=user.created", "/console/events?q=user.created"),
        ("/platform", "/platform"),
        ("//evil.test", "/console"),
        ("https://evil.test/console", "/console"),
        ("/console@evil.test", "/console"),
        ("/console/\\evil", "/console"),
        ("/logout", "/console"),
        ("/consolevil", "/console"),
    ] {
        let mut browser = Browser::new(&app);
        let fields = [("email", "owner@acme.test"), ("password", PASSWORD), ("next", next)];
        assert_eq!(browser.post("/login", &fields).await.header("location"), to, "{next}");
    }
}
