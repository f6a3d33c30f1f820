//! Mails as those see them who look after a tenant or the platform: listing, trying again, stopping.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::{Client, TestApp, codes, reset};

const ROW: &str = "id kind state recipient attempts createdAt lastAttemptAt nextAttemptAt lastReply";

async fn mails(client: &Client, arguments: &str) -> Value {
    let query = format!(
        "{{ tenant(by: {{ slug: \"acme\" }}) {{ mails{arguments} {{ totalCount nodes {{ {ROW} }}
            pageInfo {{ hasNextPage startCursor endCursor }} }} }} }}"
    );
    let answer = client.ask(&query, json!({})).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["tenant"]["mails"].clone()
}

fn recipients(list: &Value) -> Vec<&str> {
    list["nodes"].as_array().unwrap().iter().map(|node| node["recipient"].as_str().unwrap()).collect()
}

/// The mail of the invitation of an address.
async fn mail_of(client: &Client, email: &str) -> Value {
    let list = mails(client, "(first: 100, filter: { kind: [INVITATION] })").await;
    let found = list["nodes"].as_array().unwrap().iter().find(|node| node["recipient"] == email);
    found.unwrap_or_else(|| panic!("{list}")).clone()
}

async fn act(client: &Client, name: &str, id: &Value) -> Value {
    client.mutate(name, &format!("mail {{ {ROW} }}"), json!({ "mailId": id })).await
}

/// Puts the mail of an address into a state, as an attempt right now would leave it.
async fn stage(app: &TestApp, email: &str, state: &str) {
    let at = app.now().to_rfc3339();
    let next = if state == "retrying" { format!("'{at}'") } else { "NULL".to_owned() };
    let sql = format!(
        "UPDATE outbox SET state = '{state}', attempts = 1, last_attempt_at = '{at}', next_attempt_at = {next},
            last_reply = '550 no such user' WHERE subject_id = (SELECT id FROM invitation WHERE email = '{email}')"
    );
    assert_eq!(app.sql(&sql).await, 1);
}

#[tokio::test]
async fn who_manages_a_tenant_sees_all_its_mails_and_nothing_of_their_text() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "max@acme.test", "member").await;
    app.owner_of("globex").await;
    for email in ["ann@x.test", "bob@x.test"] {
        owner.invited(email).await;
    }
    app.tick().await;
    stage(&app, "bob@x.test", "failed").await;
    owner.invited("cid@x.test").await;
    let all = mails(&owner, "").await;
    let latest_first =
        ["cid@x.test", "bob@x.test", "ann@x.test", "owner@acme.test", "max@acme.test", "owner@acme.test"];
    assert_eq!((recipients(&all), &all["totalCount"]), (latest_first.to_vec(), &json!(6)));
    let bob = json!({ "kind": "INVITATION", "state": "FAILED", "attempts": 1, "lastReply": "550 no such user",
        "createdAt": "2026-03-02T12:00:00.000Z", "lastAttemptAt": "2026-03-02T12:00:00.000Z", "nextAttemptAt": null });
    for (field, value) in bob.as_object().unwrap() {
        assert_eq!(&all["nodes"][1][field], value, "{field}");
    }
    assert!(!all.to_string().contains("gl_inv_"), "no link: {all}");
    for (filter, found) in [
        ("state: [QUEUED]", vec!["cid@x.test"]),
        ("state: [FAILED, QUEUED]", vec!["cid@x.test", "bob@x.test"]),
        ("kind: [INVITATION_ACCEPTED]", vec!["owner@acme.test"]),
        ("kind: [INVITATION], state: [SENT]", vec!["ann@x.test", "max@acme.test", "owner@acme.test"]),
        ("kind: [RESET_LINK]", vec![]),
        ("state: []", vec![]),
    ] {
        let list = mails(&owner, &format!("(filter: {{ {filter} }})")).await;
        assert_eq!(
            (recipients(&list), &list["totalCount"]),
            (found.clone(), &json!(found.len())),
            "{filter}"
        );
    }
    let first = mails(&owner, "(first: 4)").await;
    let end = first["pageInfo"]["endCursor"].as_str().unwrap();
    let rest = mails(&owner, &format!("(first: 4, after: \"{end}\")")).await;
    assert_eq!(
        (recipients(&rest), &rest["pageInfo"]["hasNextPage"]),
        (latest_first[4..].to_vec(), &json!(false))
    );
    let start = rest["pageInfo"]["startCursor"].as_str().unwrap();
    let back = mails(&owner, &format!("(last: 2, before: \"{start}\")")).await;
    assert_eq!(recipients(&back), latest_first[2..4]);
    app.mails().await;
}

#[tokio::test]
async fn a_mail_that_failed_is_tried_again_and_the_invitation_says_so() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    owner.invited("ann@x.test").await;
    stage(&app, "ann@x.test", "failed").await;
    let id = mail_of(&owner, "ann@x.test").await["id"].clone();
    let soon = act(&owner, "retryMail", &id).await;
    assert_eq!((codes(&soon), &soon["mail"]["state"]), (vec!["TOO_SOON"], &json!("FAILED")));
    app.advance(TimeDelta::seconds(60));
    let retried = act(&owner, "retryMail", &id).await;
    assert_eq!(retried["userErrors"], json!([]));
    assert_eq!(
        (&retried["mail"]["state"], &retried["mail"]["nextAttemptAt"]),
        (&json!("RETRYING"), &json!("2026-03-02T12:01:00.000Z"))
    );
    let listed =
        owner.ask("{ invitations(filter: { delivery: [RETRYING] }) { nodes { email } } }", json!({})).await;
    assert_eq!(listed["data"]["invitations"]["nodes"], json!([{ "email": "ann@x.test" }]));
    app.tick().await;
    assert!(app.mail_to("ann@x.test").await.token.is_some());
    let sent = act(&owner, "retryMail", &id).await;
    assert_eq!((codes(&sent), &sent["mail"]["state"]), (vec!["BAD_USER_INPUT"], &json!("SENT")));
    assert_eq!(
        app.events(id.as_str().unwrap()).await,
        ["mail.retried"],
        "once, and not for what was refused"
    );
    let shown =
        owner.ask("query Q($id: ID!) { node(id: $id) { ... on Mail { state } } }", json!({ "id": id })).await;
    assert_eq!(shown["data"]["node"], json!({ "state": "SENT" }));

    // One whose reason is gone is not sent when its turn comes.
    let bob = owner.invited("bob@x.test").await["id"].clone();
    stage(&app, "bob@x.test", "failed").await;
    owner.act("cancelInvitation", &bob).await;
    app.advance(TimeDelta::seconds(61));
    let id = mail_of(&owner, "bob@x.test").await["id"].clone();
    assert_eq!(act(&owner, "retryMail", &id).await["mail"]["state"], "RETRYING");
    app.tick().await;
    assert_eq!(mail_of(&owner, "bob@x.test").await["state"], "SUPPRESSED");
    assert_eq!(codes(&act(&owner, "retryMail", &id).await), ["BAD_USER_INPUT"]);
}

#[tokio::test]
async fn a_mail_that_waits_is_stopped_and_its_invitation_can_be_sent_again() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let invitation = owner.invited("ann@x.test").await["id"].clone();
    let id = mail_of(&owner, "ann@x.test").await["id"].clone();
    assert_eq!(act(&owner, "retryMail", &id).await["mail"]["state"], "QUEUED", "it waits already");
    for _ in 0..2 {
        let stopped = act(&owner, "cancelMail", &id).await;
        assert_eq!((&stopped["userErrors"], &stopped["mail"]["state"]), (&json!([]), &json!("SUPPRESSED")));
    }
    assert_eq!(app.events(id.as_str().unwrap()).await, ["mail.cancelled"]);
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 0);
    let query = "query Q($id: ID!) { node(id: $id) { ... on Invitation { status delivery { state } } } }";
    let shown = owner.ask(query, json!({ "id": invitation })).await["data"]["node"].clone();
    assert_eq!(shown, json!({ "status": "PENDING", "delivery": { "state": "SUPPRESSED" } }));
    app.advance(TimeDelta::seconds(61));
    let again = owner.act("resendInvitation", &invitation).await;
    assert_eq!(again["invitation"]["delivery"]["state"], "QUEUED");
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 1);
    for state in ["failed", "sent"] {
        app.sql(&format!("UPDATE outbox SET state = '{state}'")).await;
        assert_eq!(codes(&act(&owner, "cancelMail", &id).await), ["BAD_USER_INPUT"], "{state}");
    }
}

#[tokio::test]
async fn mails_are_for_who_manages_their_tenant_and_those_of_none_for_the_platform() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "ada@acme.test", "admin").await;
    let globex = app.owner_of("globex").await;
    owner.invited("ann@x.test").await;
    let id = mail_of(&owner, "ann@x.test").await["id"].clone();
    let node = "query Q($id: ID!) { node(id: $id) { id } }";
    for mutation in ["retryMail", "cancelMail"] {
        assert_eq!(admin.mutate_err(mutation, json!({ "mailId": id })).await, "FORBIDDEN");
        assert_eq!(codes(&act(&globex, mutation, &id).await), ["NOT_FOUND"]);
    }
    for client in [&admin, &globex] {
        assert_eq!(client.ask(node, json!({ "id": id })).await["data"], json!({ "node": null }));
    }

    let root = app.superuser().await;
    reset::asked(&app, &owner, "ada@acme.test").await;
    app.sql("UPDATE outbox SET state = 'failed' WHERE kind = 'reset_requested'").await;
    let query = format!("{{ platform {{ mails {{ totalCount nodes {{ {ROW} }} }} }} }}");
    let answer = root.ask(&query, json!({})).await;
    let mail = &answer["data"]["platform"]["mails"]["nodes"][0];
    assert_eq!((&mail["kind"], &mail["state"]), (&json!("RESET_REQUESTED"), &json!("FAILED")), "{answer}");
    assert_eq!(
        codes(&act(&owner, "cancelMail", &mail["id"]).await),
        ["NOT_FOUND"],
        "it belongs to no tenant"
    );
    assert_eq!(owner.ask(node, json!({ "id": mail["id"] })).await["data"]["node"], Value::Null);
    let mut browser = Browser::signed_in(&app, "root@platform.test").await;
    let page = browser.get("/platform/health").await.text;
    assert!(page.contains("reset requested") && page.contains("Try again"), "{page}");
    app.advance(TimeDelta::seconds(61));
    let path = format!("/platform/mail/{}", mail["id"].as_str().unwrap());
    let retried = browser.post(&format!("{path}/retry"), &[]).await;
    assert_eq!(retried.header("location"), "/platform/health?done=retried", "{}", retried.text);
    let stopped = browser.post(&format!("{path}/cancel"), &[]).await;
    assert_eq!(stopped.header("location"), "/platform/health?done=stopped", "{}", stopped.text);
    assert_eq!(browser.post(&format!("{path}/dance"), &[]).await.status, 404);
    app.mails().await;
}

#[tokio::test]
async fn the_page_of_mails_shows_all_to_who_manages_and_invitations_to_who_invites() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.member(&owner, "ada@acme.test", "admin").await;
    app.tick().await;
    for email in ["ann@x.test", "bob@x.test"] {
        owner.invited(email).await;
    }
    stage(&app, "ann@x.test", "failed").await;
    app.advance(TimeDelta::seconds(60));
    let mut browser = Browser::signed_in(&app, "owner@acme.test").await;
    let page = browser.get("/console/mail").await.text;
    for says in
        ["<strong>1</strong> Queued", "<strong>1</strong> Failed", "550 no such user", "data-live=\"yes\""]
    {
        assert!(page.contains(says), "{says}: {page}");
    }
    let accepted = browser.get("/console/mail?kind=INVITATION_ACCEPTED").await.text;
    assert!(accepted.contains("invitation accepted") && !accepted.contains("bob@x.test"), "{accepted}");
    let both = browser.get("/console/mail?status=FAILED&kind=INVITATION").await.text;
    assert!(both.contains("ann@x.test") && !both.contains("bob@x.test"), "{both}");
    let of = |page: &str, action: &str| {
        let end = page.split(&format!("/{action}\"")).next().unwrap();
        end.rsplit("/console/mail/").next().unwrap().to_owned()
    };
    let (ann, bob) =
        (of(&both, "retry"), of(&browser.get("/console/mail?status=QUEUED").await.text, "cancel"));
    let retried = browser.post(&format!("/console/mail/{ann}/retry"), &[]).await;
    assert_eq!(retried.header("location"), "/console/mail?done=retried", "{}", retried.text);
    let stopped = browser.post(&format!("/console/mail/{bob}/cancel"), &[]).await;
    assert_eq!(stopped.header("location"), "/console/mail?done=stopped", "{}", stopped.text);
    let page = browser.get("/console/mail?status=SUPPRESSED").await.text;
    assert!(page.contains("bob@x.test") && page.contains(">stopped</span>"), "{page}");
    assert_eq!(browser.get("/console/mail?status=NONSENSE").await.header("location"), "/console/mail");
    assert_eq!(browser.get("/console/mail?kind=NONSENSE").await.header("location"), "/console/mail");

    let mut ada = Browser::signed_in(&app, "ada@acme.test").await;
    let page = ada.get("/console/mail").await.text;
    assert!(page.contains("of the invitations to ACME") && !page.contains("Stop</button>"), "{page}");
    assert_eq!(ada.post(&format!("/console/mail/{bob}/retry"), &[]).await.status, 403);
    app.tick().await;
    app.mails().await;
}
