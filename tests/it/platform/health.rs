//! Whether the service is well, as every process can tell, and how it is set.

use chrono::TimeDelta;
use guestlist::actor::Actor;
use guestlist::app::App;
use guestlist::{outbox, platform};
use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::{Client, START, TestApp};

const KEY: &str = "kJ8sPq2vXw9zL4mN7bR1tY6uI3oA5dF0";

async fn ask(root: &Client, fields: &str) -> Value {
    let answer = root.ask(&format!("{{ platform {{ {fields} }} }}"), json!({})).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["platform"].clone()
}

/// The job of a name.
async fn job(root: &Client, name: &str) -> Value {
    let jobs =
        ask(root, "jobs { name periodSeconds lastSucceededAt lastFailedAt isLate }").await["jobs"].clone();
    let found = jobs.as_array().unwrap().iter().find(|job| job["name"] == name);
    found.unwrap_or_else(|| panic!("{jobs}")).clone()
}

#[tokio::test]
async fn administrators_see_version_database_and_mail() {
    let app = TestApp::with(&["--access-ttl=1d"]).await;
    let owner = app.owner().await;
    let root = app.superuser().await;
    app.advance(TimeDelta::hours(1));
    let found = ask(&root, "version startedAt database { server place migrations pendingMigrations }").await;
    assert_eq!(
        (&found["version"], &found["startedAt"]),
        (&json!(env!("CARGO_PKG_VERSION")), &json!("2026-03-02T12:00:00.000Z"))
    );
    assert!(START.starts_with("2026-03-02T12:00:00"));
    let database = &found["database"];
    assert_eq!((&database["migrations"], &database["pendingMigrations"]), (&json!(23), &json!([])));
    let server = database["server"].as_str().unwrap();
    assert!(server.starts_with("SQLite 3.") || server.starts_with("PostgreSQL "), "{server}");

    let mail = "mail { target queued retrying failed oldestQueuedAt heldBecause restingUntil }";
    let nothing = json!({ "mail": { "target": "captured, not sent", "queued": 0, "retrying": 0, "failed": 0,
        "oldestQueuedAt": null, "heldBecause": null, "restingUntil": null } });
    assert_eq!(ask(&root, mail).await, nothing);
    for email in ["ann@x.test", "bob@x.test", "cid@x.test", "dan@x.test"] {
        owner.invited(email).await;
    }
    outbox::service::hold(&app.app, "looked at").await.unwrap();
    app.sql("UPDATE outbox SET state = 'failed' WHERE subject_id = (SELECT id FROM invitation WHERE email = 'ann@x.test')").await;
    app.sql("UPDATE outbox SET state = 'retrying' WHERE subject_id = (SELECT id FROM invitation WHERE email = 'bob@x.test')").await;
    let now = ask(&root, mail).await["mail"].clone();
    assert_eq!((&now["queued"], &now["retrying"], &now["failed"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(
        (&now["oldestQueuedAt"], &now["heldBecause"]),
        (&json!("2026-03-02T13:00:00.000Z"), &json!("looked at"))
    );
    let mut browser = Browser::signed_in(&app, "root@platform.test").await;
    let page = browser.get("/platform/health").await.text;
    for says in [
        "<strong>2</strong> Mails queued",
        "All mail is held back: looked at",
        "23 applied",
        "data-live=\"yes\"",
    ] {
        assert!(page.contains(says), "{says}: {page}");
    }
}

#[tokio::test]
async fn a_mail_server_that_rests_is_named() {
    let app = TestApp::with(&["--smtp-url=smtp://127.0.0.1:1?tls=none"]).await;
    let root = app.superuser().await;
    let create = json!({ "name": "Acme", "slug": "acme", "ownerEmail": "ann@x.test" });
    root.mutate("createTenant", "tenant { id }", create).await;
    app.tick().await;
    let mail = ask(&root, "mail { target retrying restingUntil }").await["mail"].clone();
    assert_eq!(
        (&mail["retrying"], &mail["restingUntil"]),
        (&json!(1), &json!("2026-03-02T12:00:05.000Z")),
        "{mail}"
    );
    let mut browser = Browser::signed_in(&app, "root@platform.test").await;
    assert!(browser.get("/platform/health").await.text.contains("The mail server could not be used"));
    app.advance(TimeDelta::seconds(5));
    assert_eq!(ask(&root, "mail { restingUntil }").await, json!({ "mail": { "restingUntil": null } }));
}

#[tokio::test]
async fn jobs_are_known_to_every_process_and_late_when_nobody_does_them() {
    let app = TestApp::new().await;
    let root = app.superuser().await;
    assert_eq!(ask(&root, "jobs { name }").await, json!({ "jobs": [] }), "no worker has run");
    app.tick().await;
    let sealing = job(&root, "seal-events").await;
    let fine = json!({ "name": "seal-events", "periodSeconds": 10, "lastSucceededAt": "2026-03-02T12:00:00.000Z",
        "lastFailedAt": null, "isLate": false });
    assert_eq!(sealing, fine);

    // Another process over the same database has no worker of its own.
    let other = App::new(app.app.config.clone(), app.app.db.clone(), app.app.clock.clone()).await.unwrap();
    let seen = async || platform::service::jobs(&other, &Actor::operator()).await.unwrap();
    let there = seen().await;
    assert!(
        there.len() > 10 && there.iter().any(|job| job.name == "seal-events" && job.succeeded_at.is_some())
    );
    assert!(there.iter().all(|job| !job.is_late));
    app.advance(TimeDelta::minutes(6));
    let late: Vec<String> = seen().await.into_iter().filter(|job| job.is_late).map(|job| job.name).collect();
    assert!(
        late.contains(&"deliver-mail".to_owned()) && !late.contains(&"erase-tenants".to_owned()),
        "{late:?}"
    );
    assert_eq!(job(&root, "deliver-mail").await["isLate"], true);
    let mut browser = Browser::signed_in(&app, "root@platform.test").await;
    let page = browser.get("/platform/health").await.text;
    assert!(page.contains(">late</span>") && page.contains("every 1 h"), "{page}");
    app.tick().await;
    assert!(seen().await.iter().all(|job| !job.is_late));

    // A failure is kept beside the last success.
    app.sql("ALTER TABLE rate_limit RENAME TO elsewhere").await;
    app.advance(TimeDelta::minutes(1));
    assert!(guestlist::worker::tick(&app.app).await.is_err());
    app.sql("ALTER TABLE elsewhere RENAME TO rate_limit").await;
    let failed = job(&root, "prune-limits").await;
    assert_eq!(
        (&failed["lastFailedAt"], &failed["isLate"]),
        (&json!("2026-03-02T12:07:00.000Z"), &json!(false))
    );
    app.tick().await;
    let written: Vec<_> = seen().await.into_iter().filter(|job| job.failed_at.is_some()).collect();
    assert_eq!((written.len(), written[0].name.as_str()), (1, "prune-limits"));

    // What no worker does any more is forgotten.
    app.sql(
        "UPDATE job SET name = 'gone', seen_at = '2026-01-01T00:00:00+00:00' WHERE name = 'erase-tenants'",
    )
    .await;
    app.tick().await;
    assert!(seen().await.iter().all(|job| job.name != "gone"));
}

#[tokio::test]
async fn readiness_names_a_worker_that_is_not_heard_of_and_takes_requests_all_the_same() {
    let app = TestApp::new().await;
    let readyz = async || {
        let reply = app.stranger().get("/readyz").await;
        (reply.status, reply.text)
    };
    assert_eq!(readyz().await, (200, "ok\nno worker was heard of yet\n".to_owned()));
    app.tick().await;
    assert_eq!(readyz().await, (200, "ok\n".to_owned()));
    app.advance(TimeDelta::minutes(5));
    assert_eq!(readyz().await, (200, "ok\n".to_owned()));
    app.advance(TimeDelta::minutes(1));
    let since = "ok\nno worker was heard of since 2026-03-02T12:00:00Z\n";
    assert_eq!(readyz().await, (200, since.to_owned()));
}

#[tokio::test]
async fn settings_are_shown_without_a_secret() {
    let key = format!("--secret-key={KEY}");
    let previous = format!("--secret-key-previous={}", KEY.to_lowercase());
    let smtp = "--smtp-url=smtp://me:hunter2@mail.example.com:587?tls=none";
    let app = TestApp::with(&[&key, &previous, smtp, "--invitation-ttl=3d"]).await;
    let root = app.superuser().await;
    let settings =
        ask(&root, "settings { name description value defaultValue isSet isSecret }").await["settings"]
            .clone();
    let of = |name: &str| {
        let rows = settings.as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}")).clone()
    };
    let ttl = of("GUESTLIST_INVITATION_TTL");
    assert_eq!(
        (&ttl["value"], &ttl["defaultValue"], &ttl["isSet"]),
        (&json!("3d"), &json!("7d"), &json!(true))
    );
    let access = of("GUESTLIST_ACCESS_TTL");
    assert_eq!((&access["value"], &access["isSet"]), (&json!("10m"), &json!(false)));
    assert_eq!(
        of("GUESTLIST_PUBLIC_URL")["value"],
        "http://localhost:8000",
        "what follows from others is shown too"
    );
    assert_eq!(of("GUESTLIST_ENVIRONMENT")["value"], "development");
    let secret = of("GUESTLIST_SECRET_KEY");
    assert_eq!(
        (&secret["value"], &secret["isSet"], &secret["isSecret"]),
        (&Value::Null, &json!(true), &json!(true))
    );
    assert_eq!(of("GUESTLIST_SMTP_URL")["value"], "smtp://mail.example.com:587");
    let example = guestlist::config::env_example();
    let all: Vec<&str> =
        example.lines().filter_map(|line| line.strip_prefix("#GUESTLIST_")?.split('=').next()).collect();
    assert_eq!(settings.as_array().unwrap().len(), all.len());
    let mut browser = Browser::signed_in(&app, "root@platform.test").await;
    let page = browser.get("/platform/settings").await.text;
    assert!(page.contains("GUESTLIST_INVITATION_TTL"));
    for text in [settings.to_string(), page] {
        for hidden in [KEY, &KEY.to_lowercase(), "hunter2", "me:"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
    }
}
