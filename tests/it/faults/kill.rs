//! Killed without warning, again and again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::process::{Serving, ask};
use crate::support::replica::{Dice, INVITE, Stage, copies, inviting, owner, sign_in, stored, until};
use crate::support::{PASSWORD, database};

const ACCEPT: &str = "mutation A($input: AcceptInvitationInput!) { acceptInvitation(input: $input) {
    tokens { accessToken } userErrors { code } } }";

/// Kills the server at moments without a pattern and starts it again, until `done` says so or it was killed often enough.
async fn kill_and_restart(
    stage: &Stage,
    mut server: Serving,
    kills: usize,
    done: impl Fn() -> bool,
) -> (Serving, usize) {
    let (mut dice, url) = (Dice::new(), server.url.clone());
    let mut killed = 0;
    while killed < kills && !done() {
        tokio::time::sleep(Duration::from_millis(dice.between(50, 500))).await;
        server.kill();
        killed += 1;
        server = stage.again(&url);
    }
    (server, killed)
}

/// R1 and R3: every acknowledged invitation is there once, every mail arrives, and at most those under way at a kill arrive
/// twice.
async fn invites(clients: usize, count: usize, kills: usize) {
    let stage = Stage::new();
    stage.post_office.think(20);
    let server = stage.start();
    let token = owner(stage.folder.path(), &server).await;
    let (ledger, mut asking) = inviting(vec![server.url.clone()], &token, clients, count);
    until(&ledger, 1).await;
    let enough = || ledger.acknowledged.lock().unwrap().len() >= count;
    let (server, killed) = kill_and_restart(&stage, server, kills, enough).await;
    while asking.join_next().await.is_some() {}
    let token = sign_in(&server).await;
    let acknowledged = ledger.acknowledged.lock().unwrap().clone();
    assert_eq!(acknowledged.len(), count);
    assert_eq!(
        stored(&server, &token).await,
        acknowledged,
        "what was acknowledged is there, once, and nothing else"
    );
    // What a killed process had begun is taken up when its lease is over, or at once by the one process of a SQLite file.
    database::end_leases(stage.folder.path());
    let copied = copies(&stage.post_office, acknowledged.keys().cloned()).await;
    assert!(copied <= killed * 8, "{copied} copies after {killed} kills");
    assert_eq!(server.stop(), Some(0));
    let lost = ledger.lost.load(Ordering::Relaxed);
    println!(
        "R1, R3: {clients} clients, {killed} kills, {count} acknowledged, {lost} requests without an answer; \
         0 lost, 0 doubled, {copied} copies of mails with equal Message-ID"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_r3_killed_while_it_invites_and_mails_it_loses_and_doubles_nothing() {
    invites(16, 200, 4).await;
}

/// R2: of each invitation there is one member in the end, whatever was killed in between.
async fn accepts(clients: usize, count: usize, kills: usize) {
    let stage = Stage::new();
    let server = stage.start();
    let token = owner(stage.folder.path(), &server).await;
    let mut links = Vec::new();
    for n in 0..count {
        let input = json!({ "input": { "email": format!("guest{n}@x.test"), "delivery": "LINK_ONLY" } });
        let answer = server.ask(Some(&token), INVITE, input).await.unwrap();
        let link = answer["data"]["invite"]["link"].as_str().unwrap().to_owned();
        links.push(link.split('#').nth(1).unwrap().to_owned());
    }
    let answers: Arc<Mutex<BTreeMap<usize, String>>> = Arc::default();
    let (links, next, lost) = (Arc::new(links), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let http = reqwest::Client::builder().timeout(Duration::from_secs(15)).build().unwrap();
    let mut accepting = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let (links, next, answers, lost) = (links.clone(), next.clone(), answers.clone(), lost.clone());
        let (http, url) = (http.clone(), server.url.clone());
        accepting.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some(link) = links.get(n) else { return };
                loop {
                    let input = json!({ "token": link, "name": "Guest", "password": PASSWORD });
                    let answer = ask(&http, &url, None, ACCEPT, json!({ "input": input })).await;
                    let payload = answer.map(|a| a["data"]["acceptInvitation"].clone()).unwrap_or_default();
                    let outcome = if payload["tokens"].is_object() {
                        Some("joined".to_owned())
                    } else {
                        payload["userErrors"][0]["code"].as_str().map(str::to_owned)
                    };
                    if let Some(outcome) = outcome {
                        answers.lock().unwrap().insert(n, outcome);
                        break;
                    }
                    lost.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
    }
    let enough = || answers.lock().unwrap().len() >= count;
    let (server, killed) = kill_and_restart(&stage, server, kills, enough).await;
    while accepting.join_next().await.is_some() {}
    let answers = answers.lock().unwrap().clone();
    for (n, outcome) in &answers {
        // Told before its answer was lost: the same person asks again.
        assert!(["joined", "ALREADY_ACCEPTED"].contains(&outcome.as_str()), "{n}: {outcome}");
    }
    let token = sign_in(&server).await;
    let query = "{ tenant(by: { slug: \"acme\" }) { members { totalCount } } invitations(filter: { status: [ACCEPTED] }) { totalCount } }";
    let counts = server.ask(Some(&token), query, Value::Null).await.unwrap()["data"].clone();
    assert_eq!(counts["tenant"]["members"]["totalCount"], count + 1, "and the owner");
    assert_eq!(counts["invitations"]["totalCount"], count);
    assert_eq!(server.stop(), Some(0));
    println!(
        "R2: {clients} clients, {killed} kills, {} acceptances acknowledged, {} requests without an answer; \
         {count} members, 0 lost, 0 doubled",
        answers.len(),
        lost.load(Ordering::Relaxed)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn r2_killed_while_people_join_it_makes_each_a_member_once() {
    accepts(16, 60, 3).await;
}

mod chaos {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "takes minutes: just chaos"]
    async fn r1_r3_twenty_kills_during_1000_invites_of_64_clients() {
        invites(64, 1_000, 20).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "takes minutes: just chaos"]
    async fn r2_twenty_kills_during_1000_acceptances_of_64_clients() {
        accepts(64, 1_000, 20).await;
    }
}
