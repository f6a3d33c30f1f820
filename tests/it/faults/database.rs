//! A PostgreSQL that goes away, comes back, or is slow.

mod postgres_only {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use serde_json::json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::Instant;

    use crate::support::cluster::{Cluster, programs};
    use crate::support::process::{Serving, ask};
    use crate::support::replica::{INVITE, Stage, copies, inviting, stored, until};

    /// A server of PostgreSQL with an empty database, and what leads there.
    async fn durable() -> (Cluster, String) {
        let cluster = Cluster::start(&programs().expect("PostgreSQL is installed"), true);
        let url = cluster.url.clone();
        let begun = Instant::now();
        let db = loop {
            match sea_orm::Database::connect(format!("{url}/postgres")).await {
                Ok(db) => break db,
                Err(error) if begun.elapsed() > Duration::from_secs(60) => panic!("{error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        use sea_orm::ConnectionTrait as _;
        db.execute_unprepared("CREATE DATABASE guestlist").await.unwrap();
        db.close().await.unwrap();
        (cluster, format!("{url}/guestlist"))
    }

    async fn status(server: &Serving, path: &str) -> u16 {
        reqwest::get(format!("{}{path}", server.url)).await.unwrap().status().as_u16()
    }

    async fn until_ready(server: &Serving) {
        while status(server, "/readyz").await != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// R14: crashes of the database under load.
    async fn crashes(count: usize, crashes: usize, pause: Duration) {
        let (mut cluster, url) = durable().await;
        let mut stage = Stage::new();
        stage.env.push(("GUESTLIST_DATABASE_URL".to_owned(), url));
        let server = stage.start();
        let token = stage_owner(&stage, &server).await;
        let (ledger, mut asking) = inviting(vec![server.url.clone()], &token, 16, count);
        for crash in 1..=crashes {
            until(&ledger, count * crash / (crashes + 2)).await;
            tokio::task::block_in_place(|| cluster.crash(Duration::ZERO));
        }
        // Away for a while: quick answers that say so, and nobody restarts the service.
        let away = tokio::task::spawn_blocking(move || {
            cluster.crash(pause);
            cluster
        });
        let http = reqwest::Client::new();
        tokio::time::sleep(pause / 4).await;
        let begun = Instant::now();
        let answer = http
            .post(format!("{}/graphql", server.url))
            .bearer_auth(&token)
            .json(&json!({ "query": "{ me { id } }" }))
            .send()
            .await
            .unwrap();
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert_eq!(answer.status().as_u16(), 503);
        assert!(answer.headers().contains_key("retry-after"));
        let body: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(body["errors"][0]["extensions"]["code"], "OVERLOADED", "{body}");
        assert_eq!((status(&server, "/livez").await, status(&server, "/readyz").await), (200, 503));
        let cluster = away.await.unwrap();
        until_ready(&server).await;
        while asking.join_next().await.is_some() {}
        let acknowledged = ledger.acknowledged.lock().unwrap().clone();
        assert_eq!(stored(&server, &token).await, acknowledged);
        let url = stage.env.last().unwrap().1.clone();
        crate::support::database::end_leases_at(url);
        let copied = copies(&stage.post_office, acknowledged.keys().cloned()).await;
        assert_eq!(server.stop(), Some(0));
        drop(cluster);
        println!(
            "R14: {} crashes of PostgreSQL under 16 clients, {count} acknowledged, {} requests to be tried again; \
             0 lost, 0 doubled, {copied} copies of mails",
            crashes + 1,
            ledger.lost.load(Ordering::Relaxed)
        );
    }

    async fn stage_owner(stage: &Stage, server: &Serving) -> String {
        let url = &stage.env.last().unwrap().1;
        let args =
            ["create-superuser", "--email", "root@platform.test", "--name", "Root", "--password-stdin"];
        let mut command = crate::support::process::command(stage.folder.path(), &args);
        command.env("GUESTLIST_DATABASE_URL", url);
        let made = crate::support::process::feed(command, crate::support::PASSWORD);
        assert!(made.status.success(), "{}", crate::support::process::stderr(&made));
        crate::support::replica::own_a_tenant(server).await
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn r14_a_database_that_crashes_is_met_with_quick_answers_and_loses_nothing() {
        crashes(150, 1, Duration::from_secs(5)).await;
    }

    mod chaos {
        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "takes minutes: just chaos"]
        async fn r14_five_crashes_and_ten_seconds_away() {
            super::crashes(2_000, 5, std::time::Duration::from_secs(10)).await;
        }
    }

    /// A way to a server on which everything takes longer by so many milliseconds.
    async fn slow(server: String) -> (u16, Arc<AtomicU64>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, delay) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
        let latency = delay.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, latency) = (TcpStream::connect(&server).await, latency.clone());
                let Ok(server) = server else { continue };
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
                tokio::spawn(async move {
                    let mut buffer = vec![0; 16_384];
                    while let Ok(read) = from_client.read(&mut buffer).await {
                        tokio::time::sleep(Duration::from_millis(latency.load(Ordering::Relaxed))).await;
                        if read == 0 || to_server.write_all(&buffer[..read]).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        (port, delay)
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn r15_a_slow_database_is_met_with_refusals_and_heals() {
        let (cluster, url) = durable().await;
        let (port, delay) = slow(cluster.url.rsplit('@').next().unwrap().to_owned()).await;
        let mut stage = Stage::new();
        let through = url.replace(cluster.url.rsplit(':').next().unwrap(), &port.to_string());
        stage.env.push(("GUESTLIST_DATABASE_URL".to_owned(), through));
        let server = stage.start();
        let token = stage_owner(&stage, &server).await;
        delay.store(4_000, Ordering::Relaxed);
        let http = reqwest::Client::new();
        let mut asking = tokio::task::JoinSet::new();
        for n in 0..60 {
            let (http, url, token) = (http.clone(), server.url.clone(), token.clone());
            asking.spawn(async move {
                let begun = Instant::now();
                let input = json!({ "input": { "email": format!("guest{n}@x.test") } });
                let answer = ask(&http, &url, Some(&token), INVITE, input).await.unwrap();
                (answer["errors"][0]["extensions"]["code"].clone(), begun.elapsed())
            });
        }
        let begun = Instant::now();
        assert_eq!((status(&server, "/livez").await, status(&server, "/readyz").await), (200, 503));
        assert!(begun.elapsed() < Duration::from_secs(4));
        for (code, took) in asking.join_all().await {
            assert_eq!(code, "OVERLOADED");
            assert!(took < Duration::from_secs(6), "{took:?}");
        }
        delay.store(0, Ordering::Relaxed);
        until_ready(&server).await;
        let input = json!({ "input": { "email": "ann@x.test" } });
        let answer = server.ask(Some(&token), INVITE, input).await.unwrap();
        assert_eq!(answer["data"]["invite"]["created"], true, "{answer}");
    }
}
