//! Endpoints in the console: every form, what is shown once, and for whom the pages are.

use serde_json::json;

use super::*;
use crate::support::browser::Browser;

/// The secret that a page shows.
fn secret(page: &str) -> String {
    let shown = page.split("id=\"secret\">").nth(1).unwrap_or_else(|| panic!("{page}"));
    shown.split('<').next().unwrap().replace("&#x2f;", "/")
}

/// The page of the one endpoint that is listed.
async fn page_of(browser: &mut Browser) -> String {
    let listed = browser.get("/console/webhooks").await.text;
    let id = listed.split("href=\"/console/webhooks/").nth(1).unwrap_or_else(|| panic!("{listed}"));
    format!("/console/webhooks/{}", id.split('"').next().unwrap())
}

#[tokio::test]
async fn an_endpoint_is_made_changed_and_deleted_by_forms_and_its_secret_is_shown_once() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let url = server.url();
    let refused = browser
        .post("/console/webhooks", &[("url", "ftp://x.test"), ("description", "CRM"), ("kind", "role")])
        .await;
    assert_eq!(refused.status, 422);
    for kept in ["role=\"alert\"", "value=\"ftp:", "value=\"CRM\"", "value=\"role\" checked"] {
        assert!(refused.text.contains(kept), "{kept}: {}", refused.text);
    }
    let fields =
        [("url", url.as_str()), ("description", "CRM"), ("kind", "invitation"), ("kind", "role.created")];
    let made = browser.post("/console/webhooks", &fields).await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert_eq!(made.header("cache-control"), "no-store");
    let first = secret(&made.text);
    assert!(first.starts_with("whsec_"));
    let page = page_of(&mut browser).await;
    for path in ["/console/webhooks", page.as_str()] {
        let again = browser.get(path).await.text;
        assert!(again.contains("invitation, role.created") && again.contains("enabled"), "{again}");
        assert!(!again.contains("whsec_"), "{path} shows the secret again");
        assert!(again.contains("aria-current=\"page\">Webhooks</a>"), "{again}");
    }

    let rotated = browser.post(&format!("{page}/rotate"), &[]).await;
    let second = secret(&rotated.text);
    assert!(rotated.status == 200 && second != first && rotated.text.contains("24 hours"));
    invite(&owner, "ann@x.test").await;
    app.tick().await;
    let [posted] = &server.posted()[..] else { panic!("one event is posted") };
    let both = format!("{} {}", signature(&second, posted), signature(&first, posted));
    assert_eq!(posted.header("webhook-signature"), both, "both secrets sign");

    let changed = [("url", url.as_str()), ("description", "Mail")];
    let saved = browser.post(&format!("{page}/update"), &changed).await;
    assert_eq!(saved.header("location"), format!("{page}?done=saved"), "{}", saved.text);
    let refused =
        browser.post(&format!("{page}/update"), &[("url", "nothing"), ("description", "Mail")]).await;
    assert!(refused.status == 422 && refused.text.contains("value=\"nothing\""), "{}", refused.text);
    for (action, state) in [("disable", "disabled"), ("enable", "enabled")] {
        let done = browser.post(&format!("{page}/{action}"), &[]).await;
        assert_eq!(done.header("location"), format!("{page}?done={state}"));
        let shown = browser.get(&page).await.text;
        assert!(shown.contains(&format!("class=\"state {state}\"")), "{shown}");
    }
    assert_eq!(browser.post(&format!("{page}/dance"), &[]).await.status, 404);
    let deleted = browser.post(&format!("{page}/delete"), &[]).await;
    assert_eq!(deleted.header("location"), "/console/webhooks?done=deleted");
    assert_eq!(browser.get(&page).await.status, 404);
    assert_eq!(app.number("SELECT COUNT(*) FROM webhook_endpoint").await, 0);
}

#[tokio::test]
async fn deliveries_are_shown_with_their_answers_and_posted_again() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    let (id, _) = endpoint(&owner, &server).await;
    server.answer(500, "<b>no room</b>");
    invite(&owner, "ann@x.test").await;
    app.tick().await;
    server.posted();
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let page = page_of(&mut browser).await;
    for path in ["/console/webhooks", page.as_str()] {
        let shown = browser.get(path).await.text;
        for says in ["class=\"state retrying\"", "<code>500</code>", "&lt;b&gt;no room"] {
            assert!(shown.contains(says), "{path} {says}: {shown}");
        }
    }
    let delivery = latest(&owner, &id).await["id"].as_str().unwrap().to_owned();
    let again = browser.post(&format!("{page}/redeliver"), &[("delivery", &delivery)]).await;
    assert_eq!(again.header("location"), format!("{page}?done=redelivered"), "{}", again.text);
    app.tick().await;
    assert_eq!(server.posted().len(), 1);
    let shown = browser.get(&page).await.text;
    assert!(shown.contains("class=\"state delivered\"") && shown.contains("<td>2<br>"), "{shown}");
    for wrong in ["", "dlv_nonsense"] {
        let refused = browser.post(&format!("{page}/redeliver"), &[("delivery", wrong)]).await;
        assert_eq!(refused.status, 422, "{wrong}");
    }

    // A page of deliveries leads to the one before it.
    for n in 0..51 {
        invite(&owner, &format!("guest{n}@x.test")).await;
    }
    app.tick().await;
    let shown = browser.get(&page).await.text;
    let older = shown.split("?after=").nth(1).unwrap_or_else(|| panic!("{shown}"));
    let older = format!("{page}?after={}", older.split('"').next().unwrap());
    let shown = browser.get(&older).await.text;
    assert_eq!(shown.matches("/redeliver\"").count(), 2, "{shown}");
}

#[tokio::test]
async fn t35_pages_of_webhooks_are_for_who_manages_and_reads() {
    let (app, server) = start().await;
    let owner = app.owner().await;
    endpoint(&owner, &server).await;
    let page = page_of(&mut Browser::signed_in(&app, "owner@acme.test").await).await;
    for (key, permissions) in [
        ("keeper", json!(["MANAGE_TENANT"])),
        ("reader", json!(["VIEW_EVENTS"])),
        ("both", json!(["MANAGE_TENANT", "VIEW_EVENTS"])),
    ] {
        let input = json!({ "key": key, "name": key, "permissions": permissions });
        owner.mutate("createRole", "role { id }", input).await;
        app.member(&owner, &format!("{key}@acme.test"), key).await;
        let mut browser = Browser::signed_in(&app, &format!("{key}@acme.test")).await;
        let may = key == "both";
        assert_eq!(browser.get("/console").await.text.contains(">Webhooks</a>"), may, "{key}");
        assert_eq!(browser.get("/console/webhooks").await.status, if may { 200 } else { 403 }, "{key}");
        assert_eq!(browser.get(&page).await.status, if may { 200 } else { 404 }, "{key}");
        let disabled = browser.post(&format!("{page}/disable"), &[]).await.status;
        assert_eq!(disabled, if may { 303 } else { 403 }, "{key}");
    }
    let mut stranger = Browser::new(&app);
    assert_eq!(
        stranger.get("/console/webhooks").await.header("location"),
        "/login?next=%2Fconsole%2Fwebhooks"
    );
    let forged =
        stranger.post_from("https://evil.test", "/console/webhooks", &[("url", &server.url())]).await;
    assert_eq!(forged.status, 403);
    app.owner_of("globex").await;
    let mut other = Browser::signed_in(&app, "owner@globex.test").await;
    assert_eq!(other.get(&page).await.status, 404, "another tenant's is hidden");
    assert_eq!(other.post(&format!("{page}/delete"), &[]).await.status, 422);
    app.mails().await;
}
