//! Events that somebody with the database in hand, and without the secret, changes behind the service's back.

use guestlist::event::service::{Head, Report, log_heads, seal_due, verify};

use crate::support::process::{run, run_with_input, stderr, stdout};
use crate::support::{Client, TestApp};

async fn history(app: &TestApp) -> Client {
    let owner = app.owner().await;
    for n in 0..5 {
        owner.invited(&format!("guest{n}@x.test")).await;
    }
    seal_due(&app.app).await.unwrap();
    owner
}

async fn findings(app: &TestApp) -> Vec<String> {
    let report = verify(&app.app, &[]).await.unwrap();
    report
        .findings
        .iter()
        .map(|finding| finding.to_string().split_whitespace().next().unwrap().to_owned())
        .collect()
}

const FIRST: &str = "(SELECT id FROM event WHERE kind = 'invitation.created' ORDER BY id LIMIT 1)";
const LAST: &str = "(SELECT id FROM event WHERE tenant_id IS NOT NULL ORDER BY position DESC LIMIT 1)";

#[tokio::test]
async fn t61_what_was_recorded_is_whole_and_new_events_are_sealed_later() {
    let app = TestApp::new().await;
    let owner = history(&app).await;
    assert_eq!(seal_due(&app.app).await.unwrap(), 0, "nothing is sealed twice");
    owner.invited("late@x.test").await;
    let Report { events, unsealed, heads, findings } = verify(&app.app, &[]).await.unwrap();
    assert_eq!((unsealed, findings.len()), (1, 0), "{findings:?}");
    assert_eq!(heads.len(), 2, "the tenant's, and that of what belongs to none");
    assert!(events > 8);
    seal_due(&app.app).await.unwrap();
    assert_eq!(verify(&app.app, &heads).await.unwrap().findings, [], "an earlier head is still in its chain");
}

#[tokio::test]
async fn t61_an_event_that_says_something_else_is_found() {
    for change in [
        "kind = 'invitation.cancelled'",
        "data = '{\"role\":\"owner\"}'",
        "actor_id = subject_id",
        "ip_address = '192.0.2.1'",
        "subject_type = 'User'",
        "request_id = 'x'",
        "mac = 'AAAA'",
    ] {
        let app = TestApp::new().await;
        history(&app).await;
        app.sql(&format!("UPDATE event SET {change} WHERE id = {FIRST}")).await;
        assert_eq!(findings(&app).await, ["edited"], "{change}");
    }
}

#[tokio::test]
async fn t61_an_event_that_is_gone_is_found() {
    let app = TestApp::new().await;
    history(&app).await;
    app.sql(&format!("DELETE FROM event WHERE id = {FIRST}")).await;
    assert_eq!(findings(&app).await, ["deleted"]);

    let app = TestApp::new().await;
    history(&app).await;
    app.sql(&format!("DELETE FROM event WHERE id = {LAST}")).await;
    assert_eq!(findings(&app).await, ["cut"]);
    // Whoever winds the head back as well is found by a head that was logged.
    let heads = app.number("SELECT COUNT(*) FROM event_chain").await;
    assert_eq!(heads, 2);
    let logged = verify(&app.app, &[]).await.unwrap().heads;
    app.sql(
        "UPDATE event_chain SET position = (SELECT MAX(position) FROM event WHERE tenant_id = chain),
        seal = (SELECT seal FROM event WHERE tenant_id = chain ORDER BY position DESC LIMIT 1)
        WHERE chain IN (SELECT tenant_id FROM event)",
    )
    .await;
    assert_eq!(findings(&app).await, [""; 0]);
    let report = verify(&app.app, &logged).await.unwrap();
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert!(logged.iter().any(|head| report.findings[0].to_string().contains(&head.to_string())));
}

#[tokio::test]
async fn t61_an_event_that_was_put_in_or_moved_is_found() {
    let columns = "tenant_id, kind, at, actor_id, subject_type, subject_id, data, ip_address, request_id";
    for (id, mac, place) in [
        ("'00000000-0000-7000-8000-000000000001'", "mac", "position, seal"),
        ("'00000000-0000-7000-8000-000000000001'", "NULL", "NULL, NULL"),
        ("'00000000-0000-7000-8000-000000000001'", "mac", "NULL, NULL"),
        ("'00000000-0000-7000-8000-000000000001'", "mac", "position + 100, seal"),
    ] {
        let app = TestApp::new().await;
        history(&app).await;
        let id = if guestlist::db::sqlite_path(&app.app.config.database_url).is_some() {
            "x'00000000000070008000000000000001'"
        } else {
            id
        };
        app.sql(&format!(
            "INSERT INTO event (id, {columns}, mac, position, seal) SELECT {id}, {columns}, {mac}, {place} FROM event WHERE id = {FIRST}"
        )).await;
        seal_due(&app.app).await.unwrap();
        assert!(!findings(&app).await.is_empty(), "{mac} {place}");
        assert_eq!(app.number("SELECT COUNT(*) FROM event WHERE seal IS NULL").await, 0, "the queue goes on");
    }
    let app = TestApp::new().await;
    history(&app).await;
    // Two events change places.
    app.sql(&format!("UPDATE event SET position = -1 WHERE id = {FIRST}")).await;
    assert!(!findings(&app).await.is_empty());
}

#[tokio::test]
async fn heads_are_logged_once_and_can_be_read_back() {
    let app = TestApp::new().await;
    history(&app).await;
    log_heads(&app.app).await.unwrap();
    assert_eq!(app.number("SELECT COUNT(*) FROM event_chain WHERE position > logged_position").await, 0);
    for head in verify(&app.app, &[]).await.unwrap().heads {
        assert_eq!(head.to_string().parse::<Head>().unwrap(), head);
    }
    for text in [
        "",
        "x",
        "x:1:y",
        "00000000-0000-0000-0000-000000000000:1",
        "00000000-0000-0000-0000-000000000000:one:x",
    ] {
        assert!(text.parse::<Head>().is_err(), "{text}");
    }
}

#[test]
fn t61_the_command_names_what_it_found_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let made = run_with_input(
        folder.path(),
        &["create-superuser", "--email=a@x.test", "--password-stdin"],
        crate::support::PASSWORD,
    );
    assert!(made.status.success(), "{}", stderr(&made));
    let good = run(folder.path(), &["events", "verify", "--json"]);
    assert!(good.status.success(), "{}", stderr(&good));
    let report: serde_json::Value = serde_json::from_str(&stdout(&good)).unwrap();
    assert_eq!((&report["events"], &report["findings"]), (&1.into(), &serde_json::json!([])));
    let head = "00000000-0000-0000-0000-000000000000:7:AAAA";
    let cut = run(folder.path(), &["events", "verify", "--head", head]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(stdout(&cut).contains(&format!("cut       {head}")), "{}", stdout(&cut));
    assert_eq!(run(folder.path(), &["events", "verify", "--head=x"]).status.code(), Some(2));
}
