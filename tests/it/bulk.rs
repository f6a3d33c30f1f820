//! Inviting many at once.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::process::{run, run_with_input, stderr, stdout};
use crate::support::{Client, TestApp, codes, post};

const FIELDS: &str = "invited results { row email outcome message invitation { id email status role { key }
    delivery { state } note metadata } }";

async fn many(client: &Client, rows: Value, dry_run: bool) -> Value {
    client.mutate("inviteMany", FIELDS, json!({ "rows": rows, "dryRun": dry_run })).await
}

fn outcomes(payload: &Value) -> Vec<&str> {
    let results = payload["results"].as_array().unwrap();
    results.iter().map(|result| result["outcome"].as_str().unwrap()).collect()
}

fn people(count: usize) -> Value {
    (0..count).map(|n| json!({ "email": format!("p{n}@x.test") })).collect()
}

#[tokio::test]
async fn every_row_has_its_outcome_and_a_dry_run_changes_nothing() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    owner.invited("pending@x.test").await;
    owner.invite(json!({ "email": "other@x.test", "roleKey": "admin" })).await;
    let old =
        owner.invite(json!({ "email": "old@x.test", "expiresInSeconds": 300 })).await["invitation"].clone();
    app.advance(TimeDelta::minutes(5));
    let rows = json!([
        { "email": "Ann@X.test", "name": "Ann", "note": "Hello", "metadata": { "a": 1 } },
        { "email": "owner@acme.test" },
        { "email": "ADAM@acme.test" },
        { "email": "pending@x.test" },
        { "email": "other@x.test" },
        { "email": "ann@x.test", "roleKey": "admin" },
        { "email": "top@x.test", "roleKey": "owner" },
        { "email": "none@x.test", "roleKey": "nonsense" },
        { "email": "not an address" },
        { "email": "long@x.test", "note": "x".repeat(501) },
        { "email": "old@x.test" },
        { "email": "bob@x.test", "roleKey": "admin" },
    ]);
    let expected = |invited| {
        [
            invited,
            "ALREADY_MEMBER",
            "ALREADY_MEMBER",
            "PENDING",
            "PENDING_WITH_OTHER_ROLE",
            "DUPLICATE_IN_BATCH",
            "ROLE_NOT_ALLOWED",
            "ROLE_NOT_ALLOWED",
            "INVALID_EMAIL",
            "INVALID_ROW",
            invited,
            invited,
        ]
    };
    let before = app.number("SELECT COUNT(*) FROM event").await;
    let dry = many(&admin, rows.clone(), true).await;
    assert_eq!((outcomes(&dry), &dry["invited"]), (expected("WILL_INVITE").to_vec(), &json!(3)));
    assert_eq!(app.number("SELECT COUNT(*) FROM event").await, before);

    let real = many(&admin, rows.clone(), false).await;
    assert_eq!((outcomes(&real), &real["invited"]), (expected("INVITED").to_vec(), &json!(3)));
    let results = real["results"].as_array().unwrap();
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["row"], index);
        assert_eq!(result["message"].is_null(), result["outcome"] == "INVITED", "{result}");
    }
    let ann = &results[0]["invitation"];
    assert_eq!(
        (&ann["email"], &ann["note"], &ann["metadata"], &ann["delivery"]["state"], &ann["role"]["key"]),
        (&json!("Ann@X.test"), &json!("Hello"), &json!({ "a": 1 }), &json!("QUEUED"), &json!("member"))
    );
    assert_eq!(results[4]["invitation"]["role"]["key"], "admin", "the one that is pending");
    assert_eq!(results[9]["message"], "A note has at most 500 characters.");
    assert_eq!(app.events(ann["id"].as_str().unwrap()).await, ["invitation.created"]);
    assert_eq!(app.events(old["id"].as_str().unwrap()).await, ["invitation.created", "invitation.expired"]);
    app.tick().await;
    let mail = app.mail_to("Ann@x.test").await;
    assert!(mail.text.contains("Hello"));
    app.join("bob@x.test", "Bob").await;

    let again = many(&admin, rows, false).await;
    assert_eq!(again["invited"], 0, "it is safe to repeat: {again}");
    assert_eq!(outcomes(&again)[0], "PENDING");
    assert_eq!(outcomes(&again)[11], "ALREADY_MEMBER");
    app.mails().await;
}

#[tokio::test]
async fn the_whole_is_refused_without_the_right_or_with_too_many_rows() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let member = app.member(&owner, "max@x.test", "member").await;
    let input = json!({ "rows": [{ "email": "ann@x.test" }] });
    assert_eq!(app.stranger().mutate_err("inviteMany", input.clone()).await, "UNAUTHENTICATED");
    assert_eq!(member.mutate_err("inviteMany", input).await, "FORBIDDEN");
    let refused = many(&owner, people(1_001), false).await;
    assert_eq!((codes(&refused), &refused["results"]), (vec!["BAD_USER_INPUT"], &json!([])));
    assert_eq!(refused["userErrors"][0]["path"], json!(["rows"]));
    assert_eq!(many(&owner, json!([]), false).await["results"], json!([]));
    app.sql("UPDATE tenant SET status = 'suspended'").await;
    assert_eq!(codes(&many(&owner, people(1), false).await), ["TENANT_UNAVAILABLE"]);
}

#[tokio::test]
async fn t40_rows_count_against_tenant_and_address_and_the_call_counts_once() {
    let limits = [
        "--limit-invites-per-hour=2",
        "--limit-invites-per-tenant-day=7",
        "--limit-invites-per-recipient-day=1",
        "--limit-pending-per-tenant=100",
    ];
    let app = TestApp::with(&limits).await;
    let owner = app.owner().await;
    let dry = many(&owner, people(8), true).await;
    assert_eq!(
        (outcomes(&dry)[5], outcomes(&dry)[6]),
        ("WILL_INVITE", "OVER_QUOTA"),
        "one went to the owner"
    );
    let first = many(&owner, people(4), false).await;
    assert_eq!(first["invited"], 4, "a dry run uses nothing up");
    for result in first["results"].as_array().unwrap() {
        owner.act("cancelInvitation", &result["invitation"]["id"]).await;
    }
    let mut rows = people(2).as_array().unwrap().clone();
    rows.extend((10..13).map(|n| json!({ "email": format!("p{n}@x.test") })));
    let second = many(&owner, json!(rows), false).await;
    assert_eq!(
        outcomes(&second),
        ["OVER_QUOTA", "OVER_QUOTA", "INVITED", "INVITED", "OVER_QUOTA"],
        "two addresses were mailed today, and there is room for two more in the tenant's day"
    );
    let third = many(&owner, json!([{ "email": "new@x.test" }]), false).await;
    assert_eq!(codes(&third), ["QUOTA_EXCEEDED"], "two calls an hour");
    app.advance(TimeDelta::hours(24));
    let owner = app.signed_in("owner@acme.test").await;
    assert_eq!(outcomes(&many(&owner, json!([{ "email": "new@x.test" }]), false).await), ["INVITED"]);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn a_thousand_rows_are_taken_at_once_from_who_is_signed_in() {
    let app = TestApp::with(&["--limit-invites-per-tenant-day=5000", "--limit-pending-per-tenant=999"]).await;
    let owner = app.owner().await;
    let rows: Value = (0..1_000)
        .map(|n| json!({ "email": format!("p{n}@x.test"), "note": "A word to the wise. ".repeat(10) }))
        .collect();
    assert!(rows.to_string().len() > 200_000);
    let payload = many(&owner, rows.clone(), false).await;
    assert_eq!(payload["invited"], 999);
    assert_eq!(outcomes(&payload)[999], "OVER_QUOTA", "the most that can be pending");
    assert_eq!(app.number("SELECT COUNT(*) FROM outbox WHERE state = 'queued'").await, 999);
    assert_eq!(app.number("SELECT COUNT(*) FROM event WHERE kind = 'invitation.created'").await, 1_000);

    let query = "mutation M($input: InviteManyInput!) { inviteMany(input: $input) { invited } }";
    let body = json!({ "query": query, "variables": { "input": { "rows": rows } } }).to_string();
    let reply = post(&app, Some("application/json"), None, &body).await;
    assert_eq!(reply.status, 413, "a stranger");
    let padded = json!({ "query": "{ me { id } }", "variables": { "x": "x".repeat(70_000) } });
    let reply = owner.send(owner.request(&padded.to_string())).await;
    assert_eq!(reply.status, 413, "another operation");
    let long = format!("{} {{ me {{ id }} }}", "#\n".repeat(40_000));
    let reply = owner.send(owner.request(&json!({ "query": long }).to_string())).await;
    assert_eq!(reply.status, 413, "a long document");
    let huge =
        json!({ "query": query, "variables": { "input": { "rows": [{ "email": "x".repeat(1_100_000) }] } } });
    assert_eq!(owner.send(owner.request(&huge.to_string())).await.status, 413, "more than bulk may have");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_list_twice_at_once_invites_everybody_once() {
    let app = TestApp::with(&["--limit-invites-per-tenant-day=5000"]).await;
    let owner = app.owner().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let owner = owner.clone();
        tasks.spawn(async move { many(&owner, people(50), false).await["invited"].as_i64().unwrap() });
    }
    assert_eq!(tasks.join_all().await.iter().sum::<i64>(), 50);
    assert_eq!(app.number("SELECT COUNT(*) FROM invitation WHERE status = 'pending'").await, 50);
}

#[tokio::test]
async fn a_character_that_cannot_be_stored_is_refused_where_it_stands() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let rows = json!([
        { "email": "ann@x.test" },
        { "email": "bob@x.test", "metadata": { "deep": [{ "a": "\0" }] } },
        { "email": "cat@x.test", "metadata": { "\0": 1 } },
        { "email": "dan@x.test", "name": "D\0" },
        { "email": "eve@x.test", "note": "E\0" },
        { "email": "fay@x.test", "roleKey": "member\0" },
    ]);
    let payload = many(&owner, rows, false).await;
    let outcomes: Vec<&str> =
        payload["results"].as_array().unwrap().iter().map(|r| r["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes[0], "INVITED", "{payload}");
    assert_eq!(outcomes[1..5], ["INVALID_ROW"; 4], "{payload}");
    assert_eq!(outcomes[5], "ROLE_NOT_ALLOWED");
    let tenant = owner.me().await["activeMembership"]["tenant"]["id"].clone();
    let questions = [
        "query($t: ID!, $x: String!) { tenant(by: { id: $t }) { members(filter: { search: $x }) { totalCount } } }",
        "query($t: ID!, $x: String!) { invitations(tenantId: $t, filter: { emailContains: $x }) { totalCount } }",
        "query($t: ID!, $x: String!) { invitations(tenantId: $t, filter: { roleKey: [$x] }) { totalCount } }",
        "query($t: ID!, $x: String!) { events(tenantId: $t, filter: { kind: [$x] }) { totalCount } }",
        "mutation($t: ID!, $x: String!) { invite(input: { tenantId: $t, email: \"gil@x.test\", roleKey: $x }) { userErrors { code } } }",
    ];
    for question in questions {
        let answer = owner.ask(question, json!({ "t": tenant, "x": "a\0b" })).await;
        let code = answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none");
        assert!(["none", "BAD_USER_INPUT"].contains(&code), "{question}: {answer}");
    }
    app.tick().await;
    app.mails().await;
}

#[test]
fn a_file_of_people_is_invited_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    run(at, &["tenant", "create", "Acme", "--slug", "acme", "--owner", "olivia@x.test"]);
    let people = "\u{feff}Email,Name,Role,Metadata\nann@x.test,Ann,admin,\"{\"\"team\"\": 1}\"\n\
        bob@x.test,,,\nolivia@x.test,,owner,\nnonsense,,,\n";
    std::fs::write(at.join("people.csv"), people).unwrap();
    let args = ["invite", "--csv", "people.csv", "--tenant", "acme"];
    let dry = run(at, &[&args[..], &["--dry-run"]].concat());
    assert_eq!(dry.status.code(), Some(1), "a row needs a look");
    assert!(stdout(&dry).contains("    1  WILL_INVITE              ann@x.test\n"), "{}", stdout(&dry));
    assert!(stderr(&dry).contains("2 would be invited, 1 stand already, 1 need a look."), "{}", stderr(&dry));
    let real = run(at, &[&args[..], &["--json"]].concat());
    let rows: Value = serde_json::from_str(&stdout(&real)).unwrap();
    assert_eq!(rows[0]["outcome"], "INVITED");
    assert!(rows[0]["invitationId"].as_str().unwrap().starts_with("inv_"));
    assert_eq!((&rows[2]["outcome"], &rows[3]["outcome"]), (&json!("PENDING"), &json!("INVALID_EMAIL")));
    let again = run_with_input(
        at,
        &["invite", "--csv", "-", "--tenant", "acme", "--role", "admin"],
        "email\nann@x.test\n",
    );
    assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
    assert!(stdout(&again).contains("PENDING"));
    for (text, says) in [
        ("address\nann@x.test\n", "no column is called \"address\""),
        ("name\nAnn\n", "one of them is email"),
        ("email,metadata\nann@x.test,{\n", "the metadata of row 1 is no JSON"),
    ] {
        let refused = run_with_input(at, &["invite", "--csv", "-", "--tenant", "acme"], text);
        assert_eq!(refused.status.code(), Some(2));
        assert!(stderr(&refused).contains(says), "{}", stderr(&refused));
    }
    assert_eq!(run(at, &["invite", "--csv", "gone.csv", "--tenant", "acme"]).status.code(), Some(2));
    assert_eq!(run(at, &["invite", "--tenant", "acme"]).status.code(), Some(2), "neither address nor file");
}
