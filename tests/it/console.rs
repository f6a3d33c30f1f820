//! The pages that have a session, in process: who sees what, what a form of another site can do, what a wrong one says.

use chrono::TimeDelta;
use poem::Request;
use poem::http::Method;
use serde_json::json;

use crate::support::browser::{Browser, OWN};
use crate::support::{PASSWORD, TestApp};

async fn setup_token(app: &TestApp) -> String {
    let setup = guestlist::onboarding::service::setup_link(&app.app).await.unwrap().unwrap();
    assert_eq!(setup.link, format!("http://localhost:8000/setup#{}", setup.token));
    assert_eq!(setup.expires_at, app.now() + TimeDelta::minutes(30));
    setup.token
}

fn first<'f>(token: &'f str, slug: &'f str) -> Vec<(&'f str, &'f str)> {
    vec![
        ("token", token),
        ("name", "Olivia"),
        ("email", "olivia@acme.test"),
        ("password", PASSWORD),
        ("tenant_name", "Acme"),
        ("slug", slug),
    ]
}

#[tokio::test]
async fn the_printed_link_makes_the_first_administrator_once() {
    let app = TestApp::new().await;
    let token = setup_token(&app).await;
    let mut browser = Browser::new(&app);
    let hint = "Open the link that it printed";
    assert!(browser.get("/login").await.text.contains(hint), "whoever comes too early is told what to do");
    let refused = browser.post("/setup", &first("gl_set_nonsense", "acme")).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.text.contains("not the link that the service printed")
            && refused.text.contains("olivia@acme.test")
    );
    assert!(!refused.text.contains(PASSWORD), "a password is never sent back");
    let refused = browser.post("/setup", &first(&token, "No Slug!")).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let operator = guestlist::actor::Actor::operator();
    let owner = Some("owner@taken.test");
    let taken = guestlist::onboarding::service::create_tenant(&app.app, &operator, "Taken", "taken", owner);
    taken.await.unwrap();
    let refused = browser.post("/setup", &first(&token, "taken")).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains("slug") && browser.cookie.is_empty(), "{}", refused.text);
    for table in ["\"user\"", "session"] {
        assert_eq!(app.number(&format!("SELECT COUNT(*) FROM {table}")).await, 0, "nothing is half done");
    }

    let made = browser.post("/setup", &first(&token, "acme")).await;
    assert_eq!((made.status, made.header("location")), (303, "/console"), "{}", made.text);
    assert!(browser.get("/console").await.text.contains("First steps"));
    assert!(browser.get("/console/members").await.text.contains("olivia@acme.test"));
    assert!(!Browser::new(&app).get("/login").await.text.contains(hint));
    for _ in 0..2 {
        let again = Browser::new(&app).post("/setup", &first(&token, "other")).await;
        assert_eq!(again.status, 410);
    }
    assert_eq!(Browser::new(&app).get("/setup").await.status, 410);
    assert!(guestlist::onboarding::service::setup_link(&app.app).await.unwrap().is_none());
}

#[tokio::test]
async fn the_link_ends_after_half_an_hour_and_guesses_are_counted() {
    let app = TestApp::with(&["--limit-tokens-per-ip=2"]).await;
    let token = setup_token(&app).await;
    app.advance(chrono::TimeDelta::minutes(31));
    let late = Browser::new(&app).post("/setup", &first(&token, "acme")).await;
    assert!(late.text.contains("This link has ended"), "{}", late.text);
    for _ in 0..2 {
        Browser::new(&app).post("/setup", &first("gl_set_x", "acme")).await;
    }
    assert_eq!(Browser::new(&app).post("/setup", &first("gl_set_x", "acme")).await.status, 429);
    let foreign = TestApp::new().await;
    let token = setup_token(&foreign).await;
    app.advance(chrono::TimeDelta::minutes(1));
    let refused = Browser::new(&app).post("/setup", &first(&token, "acme")).await;
    assert!(refused.text.contains("not the link"), "another instance's link opens nothing here");
}

#[tokio::test]
async fn of_two_who_set_up_at_once_one_succeeds() {
    let app = TestApp::new().await;
    let token = setup_token(&app).await;
    let (mut one, mut two) = (Browser::new(&app), Browser::new(&app));
    let (form_one, mut form_two) = (first(&token, "acme"), first(&token, "globex"));
    form_two[2].1 = "eve@globex.test";
    let (a, b) = tokio::join!(one.post("/setup", &form_one), two.post("/setup", &form_two));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 410]);
    assert_eq!(app.number("SELECT COUNT(*) FROM \"user\"").await, 1);
}

#[tokio::test]
async fn each_role_sees_its_own_pages_and_strangers_are_asked_to_sign_in() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "ann@acme.test", "admin").await;
    app.member(&owner, "max@acme.test", "member").await;
    app.mails().await;
    let pages = ["invitations", "members", "resets", "events"].map(|page| format!("/console/{page}"));
    for (email, statuses) in [
        ("owner@acme.test", [200, 200, 200, 200]),
        ("ann@acme.test", [200, 200, 200, 200]),
        ("max@acme.test", [403, 200, 403, 403]),
    ] {
        let mut browser = Browser::signed_in(&app, email).await;
        for (page, status) in pages.iter().zip(statuses) {
            let reply = browser.get(page).await;
            assert_eq!(reply.status, status, "{email} {page}: {}", reply.text);
        }
        let members = browser.get("/console/members").await.text;
        assert_eq!(members.contains("/remove\""), email != "max@acme.test", "{email}");
        assert_eq!(members.contains(">Events</a>"), email != "max@acme.test", "{email}");
        assert_eq!(browser.get("/account").await.status, 200);
    }
    let mut stranger = Browser::new(&app);
    for page in pages.iter().map(String::as_str).chain(["/console", "/account"]) {
        let reply = stranger.get(page).await;
        let next = page.replace('/', "%2F");
        let asked = if page == "/console" { "/login".to_owned() } else { format!("/login?next={next}") };
        assert_eq!((reply.status, reply.header("location")), (303, asked.as_str()), "{page}");
    }
}

#[tokio::test]
async fn t51_a_form_of_another_site_does_nothing() {
    let app = TestApp::new().await;
    app.owner().await;
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    for origin in ["https://evil.test", "null", "http://localhost:8001", "http://localhost:8000.evil.test"] {
        let forged = [("email", "eve@evil.test"), ("role", "admin")];
        let reply = browser.post_from(origin, "/console/invitations", &forged).await;
        assert_eq!(reply.status, 403, "{origin}");
        assert_eq!(browser.post_from(origin, "/logout", &[]).await.status, 403, "{origin}");
        assert_eq!(browser.post_from(origin, "/login", &[("email", "x")]).await.status, 403, "{origin}");
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM invitation WHERE email = 'eve@evil.test'").await, 0);
    let request = Request::builder()
        .method(Method::POST)
        .uri_str("/logout")
        .header("cookie", &browser.cookie)
        .header("origin", OWN)
        .header("sec-fetch-site", "cross-site");
    assert_eq!(
        browser.send(request.finish()).await.status,
        403,
        "what the browser says about itself counts first"
    );
    assert_eq!(browser.get("/account").await.status, 200);
}

#[tokio::test]
async fn the_buttons_of_the_lists_do_what_they_say() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "max@acme.test", "member").await;
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let invited = browser.post("/console/invitations", &[("email", "ann@x.test"), ("role", "member")]).await;
    assert_eq!(invited.header("location"), "/console/invitations?done=invited");
    let again = browser.post("/console/invitations", &[("email", "ann@x.test"), ("role", "member")]).await;
    assert_eq!(again.header("location"), "/console/invitations?done=standing");
    let wrong = browser.post("/console/invitations", &[("email", "no address"), ("role", "member")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("value=\"no address\"") && wrong.text.contains("role=\"alert\""));
    app.tick().await;
    app.mails().await;

    let listed = browser.get("/console/invitations").await.text;
    let id = listed.split("/console/invitations/inv_").nth(1).unwrap().split('/').next().unwrap();
    let cancel = format!("/console/invitations/inv_{id}/cancel");
    assert_eq!(browser.post(&cancel, &[]).await.header("location"), "/console/invitations?done=cancelled");
    assert!(browser.get("/console/invitations?status=CANCELLED").await.text.contains("ann@x.test"));

    let members = owner
        .ask(
            "{ me { activeMembership { tenant { members(first: 9) { nodes { id user { email } } } } } } }",
            json!({}),
        )
        .await;
    let nodes =
        members["data"]["me"]["activeMembership"]["tenant"]["members"]["nodes"].as_array().unwrap().clone();
    let max = nodes.iter().find(|node| node["user"]["email"] == "max@acme.test").unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for (action, fields, word) in [
        ("role", vec![("role", "admin")], "role"),
        ("suspend", vec![], "suspended"),
        ("reinstate", vec![], "reinstated"),
        ("remove", vec![], "removed"),
    ] {
        let reply = browser.post(&format!("/console/members/{max}/{action}"), &fields).await;
        assert_eq!(reply.header("location"), format!("/console/members?done={word}"), "{}", reply.text);
    }
    assert_eq!(
        browser.post(&format!("/console/members/{max}/remove"), &[]).await.status,
        422,
        "gone is gone"
    );
    assert_eq!(browser.post(&format!("/console/members/{max}/dance"), &[]).await.status, 404);

    let password = [("current", PASSWORD), ("new", "a battery of correct staples")];
    let before = browser.cookie.clone();
    assert_eq!(
        browser.post("/account/password", &password).await.header("location"),
        "/account?done=password"
    );
    assert_ne!(browser.cookie, before, "the session goes on with another token");
    assert_eq!(browser.get("/account").await.status, 200);
    let out = browser.post("/logout", &[]).await;
    assert_eq!(out.header("location"), "/login");
    browser.cookie = before;
    assert_eq!(browser.get("/account").await.status, 303);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn a_list_is_looked_at_before_it_is_sent() {
    let app = TestApp::new().await;
    app.owner().await;
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let list = "email,name,role\nann@x.test,Ann,admin\nnobody\nann@x.test\nbob@x.test,<b>Bob</b>\n";
    let looked = browser.post("/console/import", &[("list", list), ("step", "look")]).await;
    assert_eq!(looked.status, 200, "{}", looked.text);
    for says in ["2 of 4 would be invited", "invalid email", "duplicate in batch", "Invite 2"] {
        assert!(looked.text.contains(says), "{says}: {}", looked.text);
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM invitation WHERE email LIKE '%@x.test'").await, 0);
    let sent = browser.post("/console/import", &[("list", list), ("step", "send")]).await;
    assert!(sent.text.contains("2 of 4 were invited"), "{}", sent.text);
    assert_eq!(app.number("SELECT COUNT(*) FROM invitation WHERE email LIKE '%@x.test'").await, 2);
    let again = browser.post("/console/import", &[("list", list), ("step", "send")]).await;
    assert!(again.text.contains("0 of 4 were invited"), "it is safe to send it again");
    for (list, says) in [("", "The list is empty"), ("a@x.test,b,c,d", "Line 1 has more")] {
        let refused = browser.post("/console/import", &[("list", list), ("step", "look")]).await;
        assert_eq!(refused.status, 422);
        assert!(refused.text.contains(says), "{}", refused.text);
    }
    let many: String = (0..1_001).map(|n| format!("guest{n}@x.test\n")).collect();
    let refused = browser.post("/console/import", &[("list", &many), ("step", "look")]).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn the_cookie_of_the_pages_is_exchanged_once_in_a_while_and_the_session_goes_on() {
    let app = TestApp::new().await;
    app.owner().await;
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let first = browser.cookie.clone();
    app.advance(TimeDelta::minutes(59));
    assert_eq!(browser.get("/console").await.header("set-cookie"), "");
    app.advance(TimeDelta::minutes(1));
    let mut tab = Browser::new(&app);
    tab.cookie.clone_from(&first);
    let reply = browser.get("/console/members").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.header("set-cookie").contains("; Max-Age=1209600; "), "{}", reply.header("set-cookie"));
    assert_ne!(browser.cookie, first);
    // Another tab asked at the same moment, or the answer was lost: it comes again.
    assert_eq!(tab.get("/console").await.status, 200);
    assert_eq!(tab.cookie, browser.cookie);
    tab.cookie.clone_from(&first);
    let form = tab.post("/account/name", &[("name", "Olive")]).await;
    assert_eq!((form.status, form.header("location")), (303, "/account?done=saved"), "{}", form.text);
    for _ in 0..20 {
        app.advance(TimeDelta::days(1));
        for astray in ["/console/nope/none", "/console/settings/x", "/account/name"] {
            let reply = browser.get(astray).await;
            assert!(
                reply.status >= 400 && reply.header("set-cookie").is_empty(),
                "{astray}: {}",
                reply.status
            );
        }
        assert_eq!(browser.get("/console").await.status, 200, "a session that is used goes on");
    }
    assert_eq!(app.number("SELECT COUNT(*) FROM event WHERE kind = 'session.reuse_detected'").await, 0);
}

#[tokio::test]
async fn t20_a_token_that_was_taken_out_of_the_cookie_and_exchanged_ends_the_session() {
    let app = TestApp::new().await;
    let thief = app.owner().await;
    let mut victim = Browser::signed_in(&app, "owner@acme.test").await;
    let stolen = victim.cookie.split_once('=').unwrap().1.to_owned();
    let next = thief.refresh_with(&stolen).await["tokens"]["refreshToken"].as_str().unwrap().to_owned();
    assert_eq!(victim.get("/console").await.status, 200, "it may have been a request of the victim's own");
    let next = thief.refresh_with(&next).await["tokens"]["refreshToken"].as_str().unwrap().to_owned();
    app.advance(TimeDelta::seconds(10));
    assert_eq!(victim.get("/console").await.status, 303);
    let refused = thief.refresh_with(&next).await;
    assert_eq!(refused["userErrors"][0]["code"], "TOKEN_INVALID", "{refused}");
    assert_eq!(app.number("SELECT COUNT(*) FROM event WHERE kind = 'session.reuse_detected'").await, 1);
    assert_eq!(victim.get("/console").await.status, 303);
    assert_eq!(app.number("SELECT COUNT(*) FROM event WHERE kind = 'session.reuse_detected'").await, 1);
}
