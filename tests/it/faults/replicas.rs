//! Several replicas over one PostgreSQL.

mod postgres_only {
    use std::time::Duration;

    use serde_json::{Value, json};

    use crate::support::PASSWORD;
    use crate::support::process::{ask, command, stdout};
    use crate::support::replica::{INVITE, Stage, copies, inviting, owner, stored};

    /// R12: two replicas, every mail once.
    async fn mails(count: usize) {
        let stage = Stage::new();
        let one = stage.start();
        let two = stage.beside(&one);
        let token = owner(stage.folder.path(), &one).await;
        let urls = vec![one.url.clone(), two.url.clone()];
        let (ledger, mut asking) = inviting(urls, &token, 32, count);
        while asking.join_next().await.is_some() {}
        let acknowledged = ledger.acknowledged.lock().unwrap().clone();
        assert_eq!(stored(&two, &token).await, acknowledged);
        assert_eq!(copies(&stage.post_office, acknowledged.keys().cloned()).await, 0);
        println!("R12: two replicas, {count} invitations, {count} mails, none twice");
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn r12_two_replicas_send_each_mail_once() {
        mails(300).await;
    }

    mod chaos {
        #[tokio::test(flavor = "multi_thread")]
        #[ignore = "takes minutes: just chaos"]
        async fn r12_two_replicas_send_5000_mails_once_each() {
            super::mails(5_000).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn r13_accepts_and_refreshes_at_two_replicas_have_one_winner() {
        let stage = Stage::new();
        let one = stage.start();
        let two = stage.beside(&one);
        let token = owner(stage.folder.path(), &one).await;
        let http = reqwest::Client::new();
        let accept = "mutation A($input: AcceptInvitationInput!) { acceptInvitation(input: $input) {
            tokens { refreshToken } userErrors { code } } }";
        let refresh = "mutation R($input: RefreshInput!) { refresh(input: $input) { tokens { refreshToken } userErrors { code } } }";
        for round in 0..5 {
            let input = json!({ "email": format!("guest{round}@x.test"), "delivery": "LINK_ONLY" });
            let answer = one.ask(Some(&token), INVITE, json!({ "input": input })).await.unwrap();
            let link =
                answer["data"]["invite"]["link"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
            let everywhere = async |query: &'static str, input: Value| {
                let mut asking = tokio::task::JoinSet::new();
                for n in 0..40 {
                    let url = if n % 2 == 0 { one.url.clone() } else { two.url.clone() };
                    let (http, input) = (http.clone(), input.clone());
                    asking.spawn(async move {
                        ask(&http, &url, None, query, json!({ "input": input })).await.unwrap()["data"]
                            .clone()
                    });
                }
                asking.join_all().await
            };
            let input = json!({ "token": link, "name": "Guest", "password": PASSWORD });
            let answers = everywhere(accept, input).await;
            let joined: Vec<&Value> =
                answers.iter().map(|a| &a["acceptInvitation"]).filter(|p| p["tokens"].is_object()).collect();
            assert_eq!(joined.len(), 1, "{answers:?}");
            let told = |code: &str| {
                answers.iter().filter(|a| a["acceptInvitation"]["userErrors"][0]["code"] == code).count()
            };
            assert_eq!(told("ALREADY_ACCEPTED"), 39, "{answers:?}");
            let first = joined[0]["tokens"]["refreshToken"].clone();
            let answers = everywhere(refresh, json!({ "refreshToken": first })).await;
            let next: std::collections::BTreeSet<String> =
                answers.iter().map(|a| a["refresh"]["tokens"]["refreshToken"].to_string()).collect();
            assert_eq!(next.len(), 1, "one successor: {answers:?}");
            assert!(next.first().unwrap().contains("gl_ref_"), "{next:?}");
        }
        println!("R13: 40 at once at two replicas, 5 times: one acceptance, one successor each");
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    async fn r11_what_a_frozen_replica_had_begun_is_finished_by_another_and_stays_so() {
        let stage = Stage::new();
        let server = stage.start();
        let token = owner(stage.folder.path(), &server).await;
        stage.post_office.think(300);
        let input = json!({ "input": { "email": "ann@x.test" } });
        server.ask(Some(&token), INVITE, input).await.unwrap();
        let frozen = |signal: &str| {
            std::process::Command::new("kill").args([signal, &server.pid().to_string()]).status().unwrap();
        };
        frozen("-STOP");
        let other = stage.beside(&server);
        // Its lease is over at once, instead of in a minute.
        let query = "{ invitations { nodes { delivery { state attempts } } } }";
        let state = async || {
            let answer = other.ask(Some(&token), query, json!({})).await.unwrap();
            answer["data"]["invitations"]["nodes"][0]["delivery"].clone()
        };
        crate::support::database::end_leases(stage.folder.path());
        while state().await["state"] != "SENT" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let sent = state().await;
        frozen("-CONT");
        assert_eq!(
            server.stop(),
            Some(0),
            "it finishes what it had begun, and records nothing over the other's"
        );
        assert_eq!(state().await, sent);
    }

    #[test]
    #[ignore = "needs PostgreSQL: run by tests/postgres.rs"]
    fn r21_replicas_that_migrate_at_once_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let migrating: Vec<_> = (0..6)
            .map(|_| {
                let mut command = command(folder.path(), &["migrate"]);
                command.stdout(std::process::Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let said: Vec<String> = migrating
            .into_iter()
            .map(|child| {
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success());
                stdout(&output)
            })
            .collect();
        let count = |text: &str| said.iter().filter(|line| line.starts_with(text)).count();
        assert_eq!((count("23 migrations"), count("0 migrations")), (1, 5), "{said:?}");
    }
}
