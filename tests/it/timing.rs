//! How long answers take for different kinds of accounts: it must say nothing. The bounds are generous, for a machine has
//! other things to do; a missing dummy hash, the usual mistake, shows as the whole cost of one.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Client, TestApp};

const SAMPLES: usize = 60;
const CLASSES: [&str; 5] =
    ["nobody@x.test", "owner@acme.test", "suspended@x.test", "invited@x.test", "away@x.test"];

/// One account of each kind: none, usual, suspended, invited only, and one whose tenant is suspended.
async fn accounts(args: &[&str]) -> TestApp {
    let open = [
        "--limit-login-per-address=100000",
        "--limit-login-per-ip=100000",
        "--limit-resets-per-address=100000",
    ];
    let quotas = [
        "--limit-invites-per-hour=100000",
        "--limit-invites-per-tenant-day=100000",
        "--limit-invites-per-recipient-day=100000",
        "--limit-pending-per-tenant=100000",
        "--access-ttl=1d",
    ];
    let app = TestApp::with(&[&open[..], &quotas, args].concat()).await;
    let owner = app.owner().await;
    app.member(&owner, "suspended@x.test", "member").await;
    app.sql("UPDATE \"user\" SET status = 'suspended' WHERE email_norm = 'suspended@x.test'").await;
    owner.invited("invited@x.test").await;
    let globex = app.owner_of("globex").await;
    app.member(&globex, "away@x.test", "member").await;
    app.sql("UPDATE tenant SET status = 'suspended' WHERE slug = 'globex'").await;
    app.tick().await;
    app.mails().await;
    app
}

/// Medians of the time that an operation takes for each class, measured in turns so that the machine's moods hit all alike.
async fn medians(client: &Client, operation: impl Fn(usize, &str) -> (String, Value)) -> Vec<Duration> {
    let mut took = vec![Vec::new(); CLASSES.len()];
    for round in 0..SAMPLES {
        for (class, email) in CLASSES.iter().enumerate() {
            let (query, variables) = operation(round, email);
            let begun = Instant::now();
            let answer = client.ask(&query, variables).await;
            took[class].push(begun.elapsed());
            assert!(answer.get("errors").is_none(), "{answer}");
        }
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    took.into_iter().map(median).collect()
}

/// Measures up to three times: a difference that is there is there each time, one that the machine made is not.
async fn alike(what: &str, client: &Client, operation: impl Fn(usize, &str) -> (String, Value)) {
    let mut seen = Vec::new();
    for _ in 0..3 {
        let medians = medians(client, &operation).await;
        let (least, most) = (*medians.iter().min().unwrap(), *medians.iter().max().unwrap());
        if most - least <= Duration::from_millis(5).max(most / 10) {
            return;
        }
        seen.push(medians);
    }
    panic!("{what}: {seen:?}");
}

#[tokio::test]
async fn t2_signing_in_takes_as_long_for_every_kind_of_account() {
    // A hash that takes some 30 ms here, so that leaving it out could not be overlooked; twice with another cost.
    for cost in [["--argon2-m=19456", "--argon2-t=2"], ["--argon2-m=9728", "--argon2-t=6"]] {
        let app = accounts(&cost).await;
        let query = "mutation L($input: LoginInput!) { login(input: $input) { userErrors { code } } }";
        let wrong = |round: usize, email: &str| {
            (
                query.to_owned(),
                json!({ "input": { "email": email, "password": format!("wrong passphrase {round}") } }),
            )
        };
        alike("login", &app.stranger(), wrong).await;
    }
}

#[tokio::test]
async fn t3_asking_for_a_reset_takes_as_long_for_every_kind_of_account() {
    let app = accounts(&[]).await;
    let query = "mutation R($input: RequestResetInput!) { requestReset(input: $input) { accepted } }";
    let asking = |_: usize, email: &str| (query.to_owned(), json!({ "input": { "email": email } }));
    alike("requestReset", &app.stranger(), asking).await;
}

#[tokio::test]
async fn t3_inviting_takes_as_long_for_every_kind_of_account() {
    let app = accounts(&[]).await;
    let globex = app.owner_of("initech").await;
    let query = "mutation I($input: InviteInput!) { invite(input: $input) { userErrors { code } } }";
    // A reader of the answer sees the same in each case as well: an invitation.
    let inviting = |_: usize, email: &str| {
        (query.to_owned(), json!({ "input": { "email": email, "delivery": "LINK_ONLY" } }))
    };
    alike("invite", &globex, inviting).await;
}
