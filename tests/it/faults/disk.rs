//! What becomes of the SQLite file: full disks, long readers, copies.

mod sqlite_only {
    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::support::process::{Serving, ask, command, run, stderr, stdout};
    use crate::support::replica::{INVITE, Stage, inviting, owner, sign_in, stored, until};
    use crate::support::{Client, PASSWORD, TestApp};

    async fn invite(client: &Client, email: &str) -> Value {
        let query = "mutation I($input: InviteInput!) { invite(input: $input) { created } }";
        client.ask(query, json!({ "input": { "email": email } })).await
    }

    #[tokio::test]
    async fn r16_a_file_that_cannot_grow_refuses_writes_reads_on_and_heals() {
        let app =
            TestApp::with(&["--limit-invites-per-hour=10000", "--limit-invites-per-tenant-day=10000"]).await;
        let owner = app.owner().await;
        let pages = app.number("SELECT page_count FROM pragma_page_count").await;
        app.sql(&format!("PRAGMA max_page_count = {}", pages + 4)).await;
        let mut acknowledged = 0;
        let refused = loop {
            let answer = invite(&owner, &format!("guest{acknowledged}@x.test")).await;
            if answer["data"]["invite"]["created"] != true {
                break answer;
            }
            acknowledged += 1;
        };
        assert_eq!(refused["errors"][0]["extensions"]["code"], "OVERLOADED", "{refused}");
        let query = "{ invitations(filter: { status: [PENDING] }) { totalCount } }";
        let listed = async || owner.ask(query, json!({})).await["data"]["invitations"]["totalCount"].clone();
        assert_eq!(listed().await, acknowledged, "reads go on, and nothing of the refused one is there");
        // SQLite rolled back by itself: what is acknowledged after that is really there. The bound goes with its connection.
        for n in 0..5 {
            let healed = invite(&owner, &format!("late{n}@x.test")).await;
            assert_eq!(healed["data"]["invite"]["created"], true, "{healed}");
            acknowledged += 1;
            assert_eq!(listed().await, acknowledged);
        }
        assert_eq!(
            app.number("SELECT COUNT(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'").await,
            1
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn r22_a_copy_taken_under_load_is_consistent_and_holds_its_mail_back() {
        let stage = Stage::new();
        let server = stage.start();
        let token = owner(stage.folder.path(), &server).await;
        let (ledger, mut asking) = inviting(vec![server.url.clone()], &token, 8, 300);
        until(&ledger, 60).await;
        let before = ledger.acknowledged.lock().unwrap().clone();
        let copy = stage.folder.path().join("copy.db");
        let copied = run(stage.folder.path(), &["backup", copy.to_str().unwrap()]);
        assert!(copied.status.success(), "{}", stderr(&copied));
        while asking.join_next().await.is_some() {}
        let again = run(stage.folder.path(), &["backup", copy.to_str().unwrap()]);
        assert_eq!(again.status.code(), Some(2), "nothing is overwritten");
        assert_eq!(server.stop(), Some(0));

        // Restored where nothing else is but the secret.
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("data")).unwrap();
        for (from, to) in
            [(copy.clone(), "guestlist.db"), (stage.folder.path().join("data/secret_key"), "secret_key")]
        {
            std::fs::copy(from, place.path().join("data").join(to)).unwrap();
        }
        let taken = stage.post_office.taken().len();
        let env: Vec<(&str, &str)> =
            stage.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let server = Serving::start(place.path(), &env);
        assert!(server.banner.contains("held back (restored from a backup)"), "{}", server.banner);
        let token = sign_in(&server).await;
        let restored = stored(&server, &token).await;
        for (email, id) in &before {
            assert_eq!(restored.get(email), Some(id), "{email} was acknowledged before the copy");
        }
        let invite = async |email: &str| {
            let answer =
                server.ask(Some(&token), INVITE, json!({ "input": { "email": email } })).await.unwrap();
            assert_eq!(answer["data"]["invite"]["created"], true, "{answer}");
        };
        invite("new@x.test").await;
        let listed = run(place.path(), &["mail", "list"]);
        assert!(
            stderr(&listed).contains("held back") && stdout(&listed).contains("queued"),
            "{}",
            stdout(&listed)
        );
        assert_eq!(stage.post_office.taken().len(), taken, "nothing is sent a second time");
        let released = run(place.path(), &["outbox", "release", "--discard"]);
        assert!(stdout(&released).contains("suppressed"), "{}", stdout(&released));
        invite("later@x.test").await;
        let all =
            stage.post_office.taken_when(|taken| taken.iter().any(|mail| mail.to == ["later@x.test"])).await;
        assert!(all.iter().all(|mail| mail.to != ["new@x.test"]), "what waited was discarded");
        let held = run(place.path(), &["outbox", "hold"]);
        assert!(held.status.success());
        println!(
            "R22: copied under 8 clients with {} acknowledged before; all of them in the copy",
            before.len()
        );
    }

    mod chaos {
        use super::*;

        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "takes minutes: just chaos"]
        async fn r17_64_writers_for_30_seconds_beside_a_long_reader_meet_no_busy_database() {
            let stage = Stage::new();
            let server = stage.start();
            let token = owner(stage.folder.path(), &server).await;
            let url = format!("sqlite://{}/data/guestlist.db", stage.folder.path().display());
            let reader = sea_orm::Database::connect(&url).await.unwrap();
            use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
            #[expect(clippy::disallowed_methods, reason = "a reader that stays")]
            let snapshot = reader.begin().await.unwrap();
            snapshot.execute_unprepared("SELECT COUNT(*) FROM invitation").await.unwrap();
            let (http, refused, done) = (reqwest::Client::new(), AtomicUsize::new(0), AtomicUsize::new(0));
            let (refused, done) = (std::sync::Arc::new(refused), std::sync::Arc::new(done));
            let mut writing = tokio::task::JoinSet::new();
            for client in 0..64 {
                let (http, url, token) = (http.clone(), server.url.clone(), token.clone());
                let (refused, done) = (refused.clone(), done.clone());
                writing.spawn(async move {
                    let begun = tokio::time::Instant::now();
                    for n in 0.. {
                        if begun.elapsed() > Duration::from_secs(30) {
                            return;
                        }
                        let input = json!({ "input": { "email": format!("c{client}n{n}@x.test") } });
                        let answer = ask(&http, &url, Some(&token), INVITE, input).await.unwrap();
                        let counter =
                            if answer["data"]["invite"]["created"] == true { &done } else { &refused };
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            while writing.join_next().await.is_some() {}
            assert_eq!(refused.load(Ordering::Relaxed), 0);
            snapshot.rollback().await.unwrap();
            println!("R17: 64 writers, 30 s, {} invitations, 0 refused", done.load(Ordering::Relaxed));
        }

        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "takes minutes, and the right to mount: just chaos"]
        async fn r16_a_full_disk_refuses_writes_reads_on_and_heals() {
            let stage = Stage::new();
            let data = stage.folder.path().join("data");
            std::fs::create_dir(&data).unwrap();
            // A small disk of its own that only the server and its children see.
            let script = format!(
                "mount -t tmpfs -o size=6m tmpfs '{}' && printf %s '{PASSWORD}' | \"$0\" create-superuser \
                 --email root@platform.test --name Root --password-stdin >&2 && exec \"$0\" serve",
                data.display()
            );
            let mut small = Command::new("unshare");
            small.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]);
            let server = Serving::start_by(command(stage.folder.path(), &[]), small, &stage.env);
            let inside = format!("/proc/{}/root{}", server.pid(), data.display());
            let filler = format!("{inside}/filler");
            let token = crate::support::replica::own_a_tenant(&server).await;
            let full = Command::new("dd")
                .args(["if=/dev/zero", &format!("of={filler}"), "bs=64k"])
                .stderr(Stdio::null())
                .status();
            assert!(!full.unwrap().success(), "the disk is full");
            let (mut acknowledged, mut refused) = (0, 0);
            for n in 0..200 {
                let input = json!({ "input": { "email": format!("guest{n}@x.test") } });
                let answer = server.ask(Some(&token), INVITE, input).await.unwrap();
                if answer["data"]["invite"]["created"] == true {
                    acknowledged += 1;
                } else {
                    assert_eq!(answer["errors"][0]["extensions"]["code"], "OVERLOADED", "{answer}");
                    refused += 1;
                }
            }
            assert!(refused > 0);
            assert_eq!(stored(&server, &token).await.len(), acknowledged, "reads go on");
            std::fs::remove_file(&filler).unwrap();
            let input = json!({ "input": { "email": "late@x.test" } });
            let healed = server.ask(Some(&token), INVITE, input).await.unwrap();
            assert_eq!(healed["data"]["invite"]["created"], true, "{healed}");
            assert_eq!(stored(&server, &token).await.len(), acknowledged + 1);
            println!(
                "R16: {acknowledged} acknowledged, {refused} refused while the disk was full; reads went on, and it healed"
            );
        }
    }
}
