//! What administrators do all day in the console: overview, search, many rows at once, files, settings, the platform.

use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::{TestApp, codes};

#[tokio::test]
async fn the_overview_counts_and_leads_to_what_it_counts() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "max@acme.test", "member").await;
    for n in 0..3 {
        owner.invited(&format!("guest{n}@x.test")).await;
    }
    app.tick().await;
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let page = browser.get("/console").await.text;
    let figures: Vec<&str> =
        page.split("<strong>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(
        figures,
        ["3", "0", "0", "0", "2"],
        "pending, expiring, not delivered, resets, members: {page}"
    );
    assert!(page.contains("1 owner, 1 member"), "{page}");
    assert!(!page.contains("First steps"), "they are taken");
    for link in page.split("href=\"/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let link = format!("/{link}");
        let link = link.as_str();
        assert_eq!(browser.get(link).await.status, 200, "{link}");
    }
    app.advance(chrono::TimeDelta::days(6));
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    assert!(browser.get("/console").await.text.contains("<strong>3</strong> Expiring"));
    assert!(browser.get("/console/invitations?status=EXPIRING").await.text.contains("guest1@x.test"));
    let mut max = Browser::signed_in(&app, "max@acme.test").await;
    let his = max.get("/console").await.text;
    assert!(his.contains("<strong>2</strong> Members") && !his.contains("Pending"), "{his}");
    app.mails().await;
}

#[tokio::test]
async fn lists_are_searched_by_their_address_and_answer_what_they_do_not_know() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "max@acme.test", "member").await;
    for email in ["ann@x.test", "bob@y.test"] {
        owner.invited(email).await;
    }
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let found = browser.get("/console/invitations?q=X.test").await.text;
    assert!(found.contains("<strong>ann@x.test") && !found.contains("bob@y.test"), "{found}");
    assert!(found.contains("value=\"X.test\""), "the search stays to be seen");
    let none = browser.get("/console/invitations?q=%3Cb%3E").await.text;
    assert!(none.contains("&lt;b&gt;") && !none.contains("<b>"), "{none}");
    for page in ["invitations", "members", "events", "settings"] {
        let empty = browser.get(&format!("/console/{page}")).await.text;
        assert!(!empty.contains("value=\"None\""), "what is not there is not shown: {page}");
    }
    let members = browser.get("/console/members?q=max&status=ACTIVE").await.text;
    assert!(members.contains("max@acme.test") && !members.contains("<small>owner@acme.test"));
    assert!(!browser.get("/console/members?status=SUSPENDED").await.text.contains("max@acme.test"));
    let events = browser.get("/console/events?q=invitation.created").await.text;
    assert!(events.contains("invitation.created") && !events.contains("<code>user.created"));
    for (path, to) in [
        ("/console/invitations?status=NONSENSE", "/console/invitations"),
        ("/console/members?status=x", "/console/members"),
    ] {
        assert_eq!(browser.get(path).await.header("location"), to);
    }
    assert_eq!(browser.get("/console/invitations?after=nonsense").await.status, 422);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn several_rows_are_cancelled_at_once_and_refusals_are_counted() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let ids: Vec<String> = [owner.invited("ann@x.test").await, owner.invited("bob@x.test").await]
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let cancel = "/console/invitations/selected/cancel";
    assert!(browser.post(cancel, &[]).await.text.contains("Choose at least one row"));
    let mixed = browser.post(cancel, &[("id", &ids[0]), ("id", "inv_nonsense")]).await;
    assert!(mixed.status == 422 && mixed.text.contains("Done for 1 of 2"), "{}", mixed.text);
    let both = browser.post(cancel, &[("id", &ids[0]), ("id", &ids[1])]).await;
    assert_eq!(both.header("location"), "/console/invitations?done=cancelled");
    assert_eq!(app.number("SELECT COUNT(*) FROM invitation WHERE status = 'cancelled'").await, 2);
}

#[tokio::test]
async fn downloads_hold_every_row_and_nothing_that_a_spreadsheet_executes() {
    let app = TestApp::with(&["--limit-invites-per-tenant-day=1000"]).await;
    let owner = app.owner().await;
    let rows: Vec<Value> = (0..230)
        .map(|n| json!({ "email": format!("guest{n}@x.test"), "name": format!("=HYPERLINK(\"evil\";{n})") }))
        .collect();
    owner.mutate("inviteMany", "invited", json!({ "rows": rows })).await;
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let refused = browser.get("/console/invitations.csv?status=NOPE").await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    let file = browser.get("/console/invitations.csv").await;
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"invitations.csv\"");
    let mut reader = csv::Reader::from_reader(file.text.as_bytes());
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 230, "all pages");
    assert!(records.iter().all(|record| record[1].starts_with("'=HYPERLINK") && &record[3] == "PENDING"));
    let found = browser.get("/console/invitations.csv?q=guest22").await.text;
    assert_eq!(found.lines().count(), 1 + 11, "as searched for: {found}");
    for file in ["members", "events"] {
        let reply = browser.get(&format!("/console/{file}.csv")).await;
        assert!(reply.status == 200 && reply.text.lines().count() > 1, "{}", reply.text);
    }
    app.member(&owner, "max@acme.test", "member").await;
    let mut max = Browser::signed_in(&app, "max@acme.test").await;
    assert_eq!(max.get("/console/invitations.csv").await.status, 403);
    assert_eq!(Browser::new(&app).get("/console/members.csv").await.status, 303);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn t26_a_download_ends_with_the_right_to_it() {
    let app = TestApp::with(&["--limit-invites-per-tenant-day=1000"]).await;
    let owner = app.owner().await;
    let adam = app.member(&owner, "adam@acme.test", "admin").await;
    let membership = adam.me().await["memberships"][0]["id"].clone();
    let rows: Vec<Value> = (0..330).map(|n| json!({ "email": format!("guest{n}@x.test") })).collect();
    owner.mutate("inviteMany", "invited", json!({ "rows": rows })).await;
    let browser = Browser::signed_in(&app, "adam@acme.test").await;
    let lines = async |act: Option<(&str, Value)>| {
        let file = browser.open("/console/invitations.csv").await;
        let mut pages = file.into_body().into_bytes_stream();
        let mut text = pages.next().await.unwrap().unwrap().to_vec();
        if let Some((name, input)) = act {
            assert!(codes(&owner.mutate(name, "__typename", input).await).is_empty());
        }
        let mut ended = false;
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => text.extend(page),
                Err(_) => ended = true,
            }
        }
        (String::from_utf8(text).unwrap().lines().count(), ended)
    };
    assert_eq!(lines(None).await, (1 + 330, false));
    let demoted = json!({ "membershipId": membership, "roleKey": "member" });
    assert_eq!(lines(Some(("changeMemberRole", demoted))).await, (1 + 100, true));
    let admin = json!({ "membershipId": membership, "roleKey": "admin" });
    owner.mutate("changeMemberRole", "__typename", admin).await;
    assert_eq!(lines(Some(("removeMember", json!({ "membershipId": membership })))).await, (1 + 100, true));
    app.mails().await;
}

#[tokio::test]
async fn settings_change_the_tenant_and_its_roles() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let fields = [("name", "Acme Ltd"), ("slug", "acme-ltd"), ("policy", "SELF_SERVICE")];
    assert_eq!(
        browser.post("/console/settings", &fields).await.header("location"),
        "/console/settings?done=saved"
    );
    let page = browser.get("/console/settings").await.text;
    assert!(
        page.contains("value=\"acme-ltd\"") && page.contains("value=\"SELF_SERVICE\" selected"),
        "{page}"
    );
    let bad =
        browser.post("/console/settings", &[("name", "Acme"), ("slug", "No!"), ("policy", "OFF")]).await;
    assert!(bad.status == 422 && bad.text.contains("role=\"alert\""));

    let role = [("name", "Host"), ("key", "host"), ("permission", "INVITE"), ("permission", "VIEW_EVENTS")];
    assert_eq!(browser.post("/console/roles", &role).await.header("location"), "/console/settings?done=made");
    let strange = [("name", "Cooks"), ("key", "cooks"), ("permission", "COOK")];
    let refused = browser.post("/console/roles", &strange).await;
    assert_eq!(refused.status, 422, "what is no permission is the form's fault: {}", refused.text);
    assert!(refused.text.contains("COOK"), "{}", refused.text);
    let twice = browser.post("/console/roles", &role).await;
    assert!(twice.status == 422 && twice.text.contains("value=\"host\""), "{}", twice.text);
    let page = browser.get("/console/settings").await.text;
    let id = page.split("/console/roles/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let fields = [("name", "Hosts"), ("permission", "INVITE")];
    let updated = browser.post(&format!("/console/roles/{id}/update"), &fields).await;
    assert_eq!(updated.header("location"), "/console/settings?done=saved");
    let roles =
        owner.ask("{ me { activeMembership { tenant { roles { name permissions } } } } }", json!({})).await;
    let roles = roles["data"]["me"]["activeMembership"]["tenant"]["roles"].as_array().unwrap().clone();
    assert!(roles.contains(&json!({ "name": "Hosts", "permissions": ["INVITE"] })), "{roles:?}");
    let deleted = browser.post(&format!("/console/roles/{id}/delete"), &[]).await;
    assert_eq!(deleted.header("location"), "/console/settings?done=deleted");

    let kept = browser.post("/console/settings", &[("step", "delete"), ("confirm", "acme")]).await;
    assert_eq!(kept.status, 422, "the slug has to be right");
    let gone = browser.post("/console/settings", &[("step", "delete"), ("confirm", "acme-ltd")]).await;
    assert_eq!(gone.header("location"), "/login/tenant?done=deleted", "{}", gone.text);
    assert_eq!(browser.get("/console").await.header("location"), "/login/tenant");
    assert!(browser.get("/login/tenant").await.text.contains("You belong to no tenant yet"));
}

#[tokio::test]
async fn administrators_of_the_platform_keep_its_tenants() {
    let app = TestApp::new().await;
    app.owner().await;
    assert_eq!(Browser::signed_in(&app, "owner@acme.test").await.get("/platform").await.status, 403);
    app.superuser().await;
    let mut root = Browser::signed_in(&app, "root@platform.test").await;
    let made =
        root.post("/platform", &[("name", "Globex"), ("slug", "globex"), ("owner", "gus@globex.test")]).await;
    assert_eq!(made.header("location"), "/platform?done=made", "{}", made.text);
    let taken = root.post("/platform", &[("name", "Globex 2"), ("slug", "globex")]).await;
    assert!(taken.status == 422 && taken.text.contains("value=\"Globex 2\""), "{}", taken.text);
    let found = root.get("/platform?q=glob").await.text;
    assert!(found.contains("<strong>Globex") && !found.contains("<strong>Acme"), "{found}");
    let id = found.split("/platform/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    for (action, fields, word, state) in [
        ("suspend", vec![], "suspended", "suspended"),
        ("reinstate", vec![], "reinstated", "active"),
        ("delete", vec![("confirm", "globex")], "deleted", "deleted"),
        ("reinstate", vec![], "reinstated", "active"),
    ] {
        let reply = root.post(&format!("/platform/{id}/{action}"), &fields).await;
        assert_eq!(reply.header("location"), format!("/platform?done={word}"), "{}", reply.text);
        assert_eq!(app.value::<String>("SELECT status FROM tenant WHERE slug = 'globex'").await, state);
    }
    assert_eq!(root.post(&format!("/platform/{id}/delete"), &[("confirm", "acme")]).await.status, 422);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn the_account_leaves_withdraws_and_ends_sessions() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "max@acme.test", "member").await;
    let mut max = Browser::signed_in(&app, "max@acme.test").await;
    Browser::new(&app).post("/forgot", &[("email", "max@acme.test")]).await;
    app.tick().await;
    assert!(max.get("/account").await.text.contains("Withdraw the request"));
    assert_eq!(max.post("/account/reset/withdraw", &[]).await.header("location"), "/account?done=withdrawn");
    assert!(!max.get("/account").await.text.contains("Withdraw the request"));
    let page = max.get("/account").await.text;
    let tenant = page.split("name=\"tenant\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert_eq!(
        max.post("/account/leave", &[("tenant", &tenant)]).await.header("location"),
        "/account?done=left"
    );
    assert_eq!(max.get("/console").await.header("location"), "/login/tenant");
    let mut other = Browser::signed_in(&app, "max@acme.test").await;
    assert_eq!(max.post("/account/sessions/end", &[]).await.header("location"), "/login");
    for browser in [&mut max, &mut other] {
        assert_eq!(browser.get("/account").await.status, 303, "both are signed out");
    }
    app.mails().await;
}
