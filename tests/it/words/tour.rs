//! A walk through every page, as everybody who may see it, and in every state that a page has words for.

use chrono::TimeDelta;
use serde_json::json;

use crate::support::browser::Browser;
use crate::support::hook_server::HookServer;
use crate::support::{Client, PASSWORD, Reply, TestApp, reset};

/// Every word that an address may ask a page to say (`?done=`).
const DONE: [&str; 30] = [
    "invited",
    "standing",
    "retried",
    "stopped",
    "resent",
    "cancelled",
    "joined",
    "declined",
    "role",
    "suspended",
    "reinstated",
    "removed",
    "transferred",
    "approved",
    "rejected",
    "asked",
    "reset",
    "withdrawn",
    "saved",
    "password",
    "ended",
    "sessions",
    "switched",
    "left",
    "made",
    "deleted",
    "enabled",
    "disabled",
    "redelivered",
    "nonsense",
];

/// Pages as they were answered.
#[derive(Default)]
pub struct Tour(pub Vec<(String, String)>);

impl Tour {
    fn keep(&mut self, name: &str, status: u16, reply: &Reply) {
        assert_eq!(reply.status, status, "{name}: {}", reply.text);
        self.0.push((name.to_owned(), reply.text.clone()));
    }

    async fn get(&mut self, browser: &mut Browser, who: &str, path: &str, status: u16) -> String {
        let reply = browser.get(path).await;
        self.keep(&format!("{who} {path}"), status, &reply);
        reply.text
    }

    async fn post(
        &mut self,
        browser: &mut Browser,
        path: &str,
        fields: &[(&str, &str)],
        status: u16,
    ) -> String {
        let reply = browser.post(path, fields).await;
        self.keep(&format!("POST {path} {fields:?}"), status, &reply);
        reply.text
    }
}

/// What stands between two pieces of a page.
fn between<'p>(page: &'p str, start: &str, end: &str) -> &'p str {
    let rest = page.split(start).nth(1).unwrap_or_else(|| panic!("{start} is not in {page}"));
    rest.split(end).next().unwrap()
}

async fn token_for(app: &TestApp, inviter: &Client, email: &str) -> String {
    inviter.invited(email).await;
    app.tick().await;
    app.mail_to(email).await.token.unwrap()
}

/// Every page there is.
pub async fn take(args: &[&str]) -> Tour {
    let mut tour = Tour::default();
    first_minutes(&mut tour, args).await;
    guests(&mut tour, args).await;
    console(&mut tour, args).await;
    tour
}

async fn first_minutes(tour: &mut Tour, args: &[&str]) {
    let app = TestApp::with(args).await;
    let mut browser = Browser::new(&app);
    for path in ["/setup", "/login", "/forgot", "/forgot?done=asked", "/reset", "/accept"] {
        tour.get(&mut browser, "stranger", path, 200).await;
    }
    let setup = guestlist::onboarding::service::setup_link(&app.app).await.unwrap().unwrap();
    let token = setup.token.as_str();
    let fields = |token: &'static str| {
        vec![("token", token), ("name", "Olivia"), ("email", "olivia@acme.test"), ("password", PASSWORD)]
    };
    tour.post(&mut browser, "/setup", &fields("gl_set_nonsense"), 422).await;
    let mut first = vec![("token", token), ("name", "Olivia"), ("email", "olivia@acme.test")];
    first.extend([("password", PASSWORD), ("tenant_name", "ACME"), ("slug", "acme")]);
    assert_eq!(browser.post("/setup", &first).await.status, 303);
    tour.get(&mut browser, "first", "/console", 200).await;
    tour.get(&mut browser, "first", "/console/invitations", 200).await;
    tour.get(&mut browser, "first", "/platform/health", 200).await;
    tour.get(&mut Browser::new(&app), "stranger", "/setup", 410).await;
    tour.get(&mut Browser::new(&app), "stranger", "/login", 200).await;
    let wrong = [("email", "olivia@acme.test"), ("password", "wrong")];
    tour.post(&mut Browser::new(&app), "/login", &wrong, 422).await;
    let request = [("email", "x")];
    let forged = Browser::new(&app).post_from("https://evil.test", "/login", &request).await;
    tour.keep("forged", 403, &forged);
    let long = "x".repeat(70_000);
    tour.post(&mut browser, "/account/name", &[("name", &long)], 400).await;
    app.app.db.clone().close().await;
}

async fn guests(tour: &mut Tour, args: &[&str]) {
    let app = TestApp::with(args).await;
    let owner = app.owner().await;
    let globex = app.owner_of("globex").await;
    app.member(&globex, "bob@x.test", "member").await;
    let mut browser = Browser::new(&app);

    let token = token_for(&app, &owner, "ann@x.test").await;
    tour.post(&mut browser, "/accept", &[("token", &token)], 200).await;
    tour.post(&mut browser, "/accept", &[("token", "gl_inv_nonsense")], 422).await;
    let other = [("token", token.as_str()), ("step", "decline"), ("address", "x@x.test")];
    tour.post(&mut browser, "/accept", &other, 422).await;
    let mut as_owner = Browser::signed_in(&app, "owner@acme.test").await;
    tour.post(&mut as_owner, "/accept", &[("token", &token)], 200).await;
    let hers = [("token", token.as_str()), ("step", "decline"), ("address", "ann@x.test")];
    assert_eq!(browser.post("/accept", &hers).await.status, 303);
    tour.get(&mut browser, "stranger", "/accept?done=declined", 200).await;
    tour.post(&mut browser, "/accept", &[("token", &token)], 200).await;

    let note = json!({ "email": "bob@x.test", "note": "SEE-YOU" });
    owner.invite(note).await;
    app.tick().await;
    let token = app.mail_to("bob@x.test").await.token.unwrap();
    tour.post(&mut browser, "/accept", &[("token", &token)], 200).await;
    let mut bob = Browser::signed_in(&app, "bob@x.test").await;
    tour.post(&mut bob, "/accept", &[("token", &token)], 200).await;
    tour.get(&mut bob, "invited", "/login/tenant", 200).await;
    tour.get(&mut bob, "invited", "/account", 200).await;
    let joined = bob.post("/accept", &[("token", &token), ("step", "accept")]).await;
    assert_eq!(joined.status, 303, "{}", joined.text);
    tour.post(&mut bob, "/accept", &[("token", &token)], 200).await;
    tour.get(&mut bob, "member of two", "/login/tenant", 200).await;
    Browser::new(&app).post("/forgot", &[("email", "bob@x.test")]).await;
    app.tick().await;
    app.sql("UPDATE membership SET status = 'suspended' WHERE tenant_id = (SELECT id FROM tenant WHERE slug = 'globex') AND user_id = (SELECT id FROM \"user\" WHERE email = 'bob@x.test')").await;
    tour.get(&mut bob, "member", "/account", 200).await;
    tour.get(&mut bob, "member", "/login/tenant", 200).await;
    tour.get(&mut bob, "member", "/console", 200).await;
    tour.get(&mut bob, "member", "/console/members", 200).await;
    tour.get(&mut bob, "member", "/console/invitations", 403).await;
    tour.get(&mut bob, "member", "/console/settings", 200).await;
    tour.post(&mut bob, "/account/password", &[("current", "no"), ("new", "no")], 422).await;

    let late = token_for(&app, &owner, "late@x.test").await;
    app.advance(TimeDelta::days(8));
    tour.post(&mut browser, "/accept", &[("token", &late)], 200).await;
    let weak = [("token", "gl_rst_nonsense"), ("password", "password")];
    tour.post(&mut browser, "/reset", &weak, 422).await;
    tour.post(&mut browser, "/forgot", &[("email", "NOWHERE")], 422).await;
    app.mails().await;
}

async fn console(tour: &mut Tour, args: &[&str]) {
    let settings: Vec<&str> =
        args.iter().copied().chain(["--webhook-allow-private=true", "--access-ttl=13d"]).collect();
    let app = TestApp::with(&settings).await;
    let server = HookServer::start().await;
    let owner = app.owner().await;
    app.member(&owner, "max@acme.test", "member").await;
    app.member(&owner, "ada@acme.test", "admin").await;
    app.superuser().await;
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    invitations(tour, &app, &owner, &mut browser).await;
    mails(tour, &app, &mut browser).await;
    members(tour, &app, &mut browser).await;
    resets(tour, &app, &owner, &mut browser).await;
    webhooks(tour, &app, &owner, &server, &mut browser).await;
    for path in ["/console", "/console/events", "/console/settings", "/account", "/login/tenant"] {
        tour.get(&mut browser, "owner", path, 200).await;
    }
    tour.get(&mut browser, "owner", "/console/events?q=no.such", 200).await;
    let role = [("name", "Cooks"), ("key", "cooks"), ("permission", "INVITE")];
    assert_eq!(browser.post("/console/roles", &role).await.status, 303);
    tour.post(&mut browser, "/console/roles", &role, 422).await;
    tour.post(&mut browser, "/console/settings", &[("step", "delete"), ("confirm", "no")], 422).await;
    for word in DONE {
        tour.get(&mut browser, "owner", &format!("/account?done={word}"), 200).await;
    }
    for path in [
        "/console/members/x/dance",
        "/console/webhooks/x/dance",
        "/platform/x/dance",
        "/platform/mail/x/dance",
    ] {
        tour.post(&mut browser, path, &[], 404).await;
    }
    tour.get(&mut browser, "owner", "/console/resets/nonsense", 404).await;
    tour.get(&mut browser, "owner", "/console/webhooks/nonsense", 404).await;
    tour.post(&mut browser, "/console/invitations/selected/cancel", &[], 422).await;
    platform(tour, &app, &owner).await;
    assert_eq!(
        browser.post("/console/settings", &[("step", "delete"), ("confirm", "acme")]).await.status,
        303
    );
    tour.get(&mut browser, "of none", "/login/tenant", 200).await;
    app.mails().await;
}

async fn invitations(tour: &mut Tour, app: &TestApp, owner: &Client, browser: &mut Browser) {
    let mut ids = Vec::new();
    for n in 0..8 {
        let row = owner.invited(&format!("guest{n}@x.test")).await;
        ids.push(row["id"].as_str().unwrap().to_owned());
    }
    app.tick().await;
    app.mails().await;
    let soon = (app.now() + TimeDelta::hours(1)).to_rfc3339();
    app.sql(&format!("UPDATE invitation SET expires_at = '{soon}' WHERE email = 'guest0@x.test'")).await;
    for (email, status) in [("guest1", "expired"), ("guest2", "cancelled"), ("guest3", "declined")] {
        let sql = format!(
            "UPDATE invitation SET status = '{status}', decided_at = created_at WHERE email = '{email}@x.test'"
        );
        assert_eq!(app.sql(&sql).await, 1);
    }
    for (email, state) in
        [("guest4", "failed"), ("guest5", "retrying"), ("guest6", "queued"), ("guest7", "suppressed")]
    {
        let at = app.now().to_rfc3339();
        let next = if state == "retrying" { format!("'{at}'") } else { "NULL".to_owned() };
        let sql = format!(
            "UPDATE outbox SET state = '{state}', attempts = 1, last_attempt_at = '{at}', next_attempt_at = {next},
                last_reply = '550 5.1.1' WHERE subject_id = (SELECT id FROM invitation WHERE email = '{email}@x.test')"
        );
        assert_eq!(app.sql(&sql).await, 1);
    }
    for status in ["PENDING", "EXPIRING", "FAILED", "ACCEPTED", "EXPIRED", "CANCELLED", "DECLINED"] {
        tour.get(browser, "owner", &format!("/console/invitations?status={status}"), 200).await;
    }
    tour.get(browser, "owner", "/console/invitations?q=NOWHERE", 200).await;
    tour.get(browser, "owner", "/console/invitations?after=nonsense", 422).await;
    let link = [("email", "link@x.test"), ("role", "member"), ("link", "yes")];
    tour.post(browser, "/console/invitations", &link, 200).await;
    tour.post(browser, "/console/invitations", &[("email", "NOWHERE"), ("role", "member")], 422).await;
    let mixed = [("id", ids[6].as_str()), ("id", "inv_nonsense")];
    tour.post(browser, "/console/invitations/selected/cancel", &mixed, 422).await;

    tour.get(browser, "owner", "/console/import", 200).await;
    let list = "one@x.test,Ann,admin\nNOWHERE\none@x.test\nguest0@x.test\nowner@acme.test\ntwo@x.test,,cook\nguest5@x.test,,admin";
    for step in ["look", "send"] {
        tour.post(browser, "/console/import", &[("list", list), ("step", step)], 200).await;
    }
    tour.post(browser, "/console/import", &[("list", "three@x.test"), ("step", "look")], 200).await;
    tour.post(browser, "/console/import", &[("list", "three@x.test"), ("step", "send")], 200).await;
    for list in ["", "a@x.test,b,c,d"] {
        tour.post(browser, "/console/import", &[("list", list), ("step", "look")], 422).await;
    }
}

async fn mails(tour: &mut Tour, app: &TestApp, browser: &mut Browser) {
    for query in [
        "",
        "?status=QUEUED",
        "?status=RETRYING",
        "?status=FAILED",
        "?status=SENT",
        "?status=SUPPRESSED",
        "?kind=INVITATION_ACCEPTED",
    ] {
        tour.get(browser, "owner", &format!("/console/mail{query}"), 200).await;
    }
    let mut ada = Browser::signed_in(app, "ada@acme.test").await;
    for status in ["QUEUED", "RETRYING", "FAILED", "SENT"] {
        tour.get(&mut ada, "admin", &format!("/console/mail?status={status}"), 200).await;
    }
    tour.get(&mut ada, "admin", "/console", 200).await;
    app.tick().await;
    app.mails().await;
}

async fn members(tour: &mut Tour, app: &TestApp, browser: &mut Browser) {
    app.sql("UPDATE membership SET status = 'suspended' WHERE user_id = (SELECT id FROM \"user\" WHERE email = 'max@acme.test')").await;
    for query in ["", "?status=ACTIVE", "?status=SUSPENDED", "?q=NOWHERE"] {
        tour.get(browser, "owner", &format!("/console/members{query}"), 200).await;
    }
    app.sql("UPDATE membership SET status = 'active', last_seen_at = NULL").await;
    tour.get(browser, "owner", "/console/members", 200).await;
}

async fn resets(tour: &mut Tour, app: &TestApp, owner: &Client, browser: &mut Browser) {
    tour.get(browser, "owner", "/console/resets", 200).await;
    let id = reset::asked(app, owner, "max@acme.test").await;
    let path = format!("/console/resets/{}", id.as_str().unwrap());
    tour.get(browser, "owner", "/console/resets", 200).await;
    tour.get(browser, "owner", &path, 200).await;
    for state in ["approved", "completed", "rejected", "cancelled", "expired"] {
        app.sql(&format!("UPDATE reset_request SET status = '{state}', reason = 'NO-REASON'")).await;
        tour.get(browser, "owner", "/console/resets", 200).await;
        tour.get(browser, "owner", &path, 200).await;
    }
    app.mails().await;
}

async fn webhooks(
    tour: &mut Tour,
    app: &TestApp,
    owner: &Client,
    server: &HookServer,
    browser: &mut Browser,
) {
    tour.get(browser, "owner", "/console/webhooks", 200).await;
    tour.post(browser, "/console/webhooks", &[("url", "NO-URL")], 422).await;
    let made = [("url", server.url()), ("description", "CRM".to_owned())];
    let made: Vec<(&str, &str)> = made.iter().map(|(name, value)| (*name, value.as_str())).collect();
    tour.post(browser, "/console/webhooks", &made, 200).await;
    let listed = tour.get(browser, "owner", "/console/webhooks", 200).await;
    let page = format!("/console/webhooks/{}", between(&listed, "href=\"/console/webhooks/", "\""));
    tour.get(browser, "owner", &page, 200).await;
    tour.post(browser, &format!("{page}/rotate"), &[], 200).await;
    tour.post(browser, &format!("{page}/update"), &[("url", "NO-URL")], 422).await;
    server.answer(500, "NO-ROOM");
    (0..9).for_each(|_| server.answer(200, "FINE-BY-ME"));
    owner.invite(json!({ "email": "hook@x.test", "delivery": "LINK_ONLY" })).await;
    tour.get(browser, "owner", &page, 200).await;
    app.tick().await;
    tour.get(browser, "owner", &page, 200).await;
    for state in ["delivered", "failed", "queued"] {
        app.sql(&format!("UPDATE webhook_delivery SET state = '{state}'")).await;
        tour.get(browser, "owner", &page, 200).await;
    }
    tour.get(browser, "owner", "/console/webhooks", 200).await;
    for reason in ["'gone'", "'failing'", "NULL"] {
        app.sql(&format!("UPDATE webhook_endpoint SET status = 'disabled', disabled_reason = {reason}"))
            .await;
        tour.get(browser, "owner", &page, 200).await;
    }
    app.mails().await;
}

async fn platform(tour: &mut Tour, app: &TestApp, owner: &Client) {
    let mut root = Browser::signed_in(app, "root@platform.test").await;
    for path in ["/login/tenant", "/account", "/platform", "/platform?q=acme", "/platform?q=NOWHERE"] {
        tour.get(&mut root, "root", path, 200).await;
    }
    for path in
        ["/platform/users", "/platform/users?admins=yes", "/platform/users?q=NOWHERE", "/platform/settings"]
    {
        tour.get(&mut root, "root", path, 200).await;
    }
    tour.post(&mut root, "/platform", &[("name", "ACME"), ("slug", "acme")], 422).await;
    for status in ["suspended", "active"] {
        app.sql(&format!("UPDATE tenant SET status = '{status}'")).await;
        tour.get(&mut root, "root", "/platform", 200).await;
    }
    tour.get(&mut root, "root", "/platform/health", 200).await;
    reset::asked(app, owner, "ada@acme.test").await;
    for kind in ["reset_requested", "reset_link", "reset_rejected", "password_changed"] {
        for state in ["failed", "retrying", "queued"] {
            let at = app.now().to_rfc3339();
            app.sql(&format!(
                "UPDATE outbox SET kind = '{kind}', state = '{state}', last_attempt_at = '{at}', next_attempt_at = '{at}',
                    last_reply = '550 5.1.1' WHERE tenant_id IS NULL"
            ))
            .await;
            tour.get(&mut root, "root", "/platform/health", 200).await;
        }
    }
    app.mails().await;
    app.advance(TimeDelta::hours(2));
    guestlist::outbox::service::hold(&app.app, "HELD").await.unwrap();
    tour.get(&mut root, "root", "/platform/health", 200).await;
}
