//! Rating a password before it is chosen: the same judgement as choosing it, kept nowhere, and limited.

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::{Client, PASSWORD, TestApp, codes};

async fn rate(client: &Client, password: &str, context: &[&str]) -> Value {
    let input = json!({ "password": password, "context": context });
    client.mutate("ratePassword", "score required acceptable hint", input).await
}

#[tokio::test]
async fn a_rating_says_what_choosing_the_password_would() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let stranger = app.stranger();
    let long = "correct horse battery staple ".repeat(10);
    for (password, score, acceptable) in [
        ("password", 0, false),
        ("", 0, false),
        ("Annabel Lee", 0, false),
        ("xK4", 0, false),
        (PASSWORD, 4, true),
        (&long, 0, false),
    ] {
        let rated = rate(&stranger, password, &["Annabel Lee", "ann@x.test"]).await;
        assert_eq!(
            (&rated["required"], &rated["acceptable"]),
            (&json!(3), &json!(acceptable)),
            "{password}: {rated}"
        );
        assert_eq!(rated["score"], score, "{password}: {rated}");
        assert_eq!(rated["hint"].is_null(), acceptable, "{password}: {rated}");
        let link = owner.invite(json!({ "email": "ann@x.test", "delivery": "LINK_ONLY", "onConflict": "REPLACE", "roleKey": "admin" })).await;
        let Some(link) = link["link"].as_str() else { panic!("{link}") };
        let token = link.split('#').nth(1).unwrap();
        let chosen =
            stranger.accept(json!({ "token": token, "name": "Annabel Lee", "password": password })).await;
        if acceptable {
            assert_eq!(chosen["userErrors"], json!([]), "{password}");
            break;
        }
        assert_eq!(codes(&chosen), ["WEAK_PASSWORD"], "{password}");
        assert_eq!(chosen["userErrors"][0]["message"], rated["hint"], "{password}");
        owner.act("cancelInvitation", &cancelled(&owner).await).await;
    }
    assert_eq!(rate(&stranger, "annabellee", &[]).await["score"], 1);
    assert_eq!(
        rate(&stranger, "annabellee", &["annabellee"]).await["score"],
        0,
        "what is known of somebody counts"
    );
}

/// The invitation that is pending.
async fn cancelled(owner: &Client) -> Value {
    let query = "{ invitations(filter: { status: [PENDING] }) { nodes { id } } }";
    owner.ask(query, json!({})).await["data"]["invitations"]["nodes"][0]["id"].clone()
}

#[tokio::test]
async fn ratings_are_bounded_in_size_and_number_and_nothing_is_kept() {
    let app = TestApp::with(&["--limit-ratings-per-ip=3"]).await;
    let stranger = app.stranger();
    let many = ["x"; 11];
    let long = "x".repeat(255);
    for context in [&many[..], &[long.as_str()]] {
        let refused = rate(&stranger, PASSWORD, context).await;
        assert_eq!(
            (codes(&refused), &refused["userErrors"][0]["path"]),
            (vec!["BAD_USER_INPUT"], &json!(["context"]))
        );
        assert_eq!((&refused["score"], &refused["acceptable"]), (&Value::Null, &json!(false)));
    }
    for _ in 0..3 {
        rate(&stranger, PASSWORD, &["Ann"]).await;
    }
    assert_eq!(stranger.mutate_err("ratePassword", json!({ "password": PASSWORD })).await, "RATE_LIMITED");
    assert_eq!(app.number("SELECT COUNT(*) FROM rate_limit").await, 1, "one window of one network");
    app.advance(chrono::TimeDelta::minutes(5));
    assert_eq!(rate(&stranger, PASSWORD, &[]).await["acceptable"], true);
    let two = "mutation { a: ratePassword(input: { password: \"x\" }) { score } b: ratePassword(input: { password: \"y\" }) { score } }";
    let answer = stranger.ask(two, json!({})).await;
    assert_eq!(answer["errors"][0]["extensions"]["limit"], "secrets", "one in a document: {answer}");
}

#[tokio::test]
async fn the_meters_of_the_pages_are_answered_for_our_own_pages_and_know_who_is_signed_in() {
    let app = TestApp::with(&["--limit-ratings-per-ip=4"]).await;
    let owner = app.owner().await;
    app.member(&owner, "annabellee@acme.test", "member").await;
    let mut browser = Browser::new(&app);
    let ask = [("password", "annabellee"), ("context", "Ann"), ("context", "")];
    let answer = browser.post("/password/strength", &ask).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    assert_eq!((&answer.json()["score"], &answer.json()["acceptable"]), (&json!(1), &json!(false)));
    let known = [("password", "annabellee"), ("context", "annabellee@acme.test")];
    assert_eq!(browser.post("/password/strength", &known).await.json()["score"], 0);
    let mut max = Browser::signed_in(&app, "annabellee@acme.test").await;
    assert_eq!(max.post("/password/strength", &ask).await.json()["score"], 0, "the session says who it is");
    assert_eq!(browser.post_from("https://evil.test", "/password/strength", &ask).await.status, 403);
    assert_eq!(
        browser.get("/password/strength?password=x").await.status,
        405,
        "it never stands in an address"
    );
    browser.post("/password/strength", &ask).await;
    let refused = browser.post("/password/strength", &ask).await;
    assert_eq!((refused.status, refused.text.as_str()), (429, ""));

    let meter = "<span class=\"strength\" id=\"password-strength\" hidden>";
    assert!(browser.get("/reset").await.text.contains(meter));
    assert!(!browser.get("/login").await.text.contains("<meter"), "only where a password is chosen");
    assert!(max.get("/account").await.text.contains("id=\"new-strength\" hidden"));
    let token = owner.invite(json!({ "email": "bob@x.test", "delivery": "LINK_ONLY" })).await["link"].clone();
    let token = token.as_str().unwrap().split('#').nth(1).unwrap().to_owned();
    assert!(browser.post("/accept", &[("token", &token)]).await.text.contains(meter));
    assert!(Browser::new(&TestApp::new().await).get("/setup").await.text.contains(meter));
    app.mails().await;
}
