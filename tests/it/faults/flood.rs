//! More people sign in than the machine can hash passwords for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::support::PASSWORD;
use crate::support::process::{Serving, run_with_input};

const LOGIN: &str =
    "mutation L($input: LoginInput!) { login(input: $input) { tokens { accessToken } userErrors { code } } }";
/// Memory of one hash with the default settings, in KiB.
const HASH: u64 = 19_456;

/// What the process holds in memory, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse().unwrap()
}

/// Signs in wrongly many times at once, and meanwhile asks `me`: refused logins, memory in KiB beyond that of an idle
/// process, and the 99th percentile of `me`.
async fn flood(logins: usize) -> (usize, u64, Duration) {
    let folder = tempfile::tempdir().unwrap();
    let args = ["create-superuser", "--email=root@x.test", "--password-stdin"];
    assert!(run_with_input(folder.path(), &args, PASSWORD).status.success());
    let open = [
        ("GUESTLIST_ARGON2_M", "19456"),
        ("GUESTLIST_ARGON2_T", "2"),
        ("GUESTLIST_LIMIT_LOGIN_PER_IP", "1000000"),
    ];
    let server = Arc::new(Serving::start(folder.path(), &open));
    let input = json!({ "input": { "email": "root@x.test", "password": PASSWORD } });
    let signed_in = server.ask(None, LOGIN, input).await.unwrap();
    let access = signed_in["data"]["login"]["tokens"]["accessToken"].as_str().unwrap().to_owned();
    let idle = resident(server.pid());

    let over = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let (server, over) = (server.clone(), over.clone());
        async move {
            let (mut took, mut most) = (Vec::new(), 0);
            let client = reqwest::Client::new();
            while !over.load(Ordering::SeqCst) {
                let begun = Instant::now();
                let seen = client
                    .post(format!("{}/graphql", server.url))
                    .bearer_auth(&access)
                    .json(&json!({ "query": "{ me { id } }" }))
                    .send()
                    .await
                    .unwrap();
                assert_eq!(seen.status(), 200);
                took.push(begun.elapsed());
                most = most.max(resident(server.pid()));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            took.sort();
            (took[took.len() * 99 / 100], most)
        }
    });
    let mut guesses = tokio::task::JoinSet::new();
    for n in 0..logins {
        let server = server.clone();
        guesses.spawn(async move {
            let input = json!({ "input": { "email": format!("guest{n}@x.test"), "password": "a guess" } });
            server.ask(None, LOGIN, input).await.unwrap()
        });
    }
    let answers = guesses.join_all().await;
    over.store(true, Ordering::SeqCst);
    let (p99, most) = asking.await.unwrap();
    let refused = answers.iter().filter(|a| a["errors"][0]["extensions"]["code"] == "OVERLOADED").count();
    let wrong = |a: &&serde_json::Value| a["data"]["login"]["userErrors"][0]["code"] == "INVALID_CREDENTIALS";
    assert_eq!(refused + answers.iter().filter(wrong).count(), logins, "each is answered in one of two ways");
    (refused, most.saturating_sub(idle), p99)
}

#[tokio::test(flavor = "multi_thread")]
async fn t10_a_flood_of_logins_is_bounded_in_memory_and_refused_beyond_that() {
    let (refused, grown, _) = flood(300).await;
    assert!(refused > 0, "a full queue refuses");
    let permits = std::thread::available_parallelism().unwrap().get() as u64;
    // A processor that is busy with something else may leave as many hashes behind as are made at a time.
    assert!(grown < 2 * permits * HASH + 40 * 1024, "{grown} KiB");
}

mod chaos {
    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "measures: just chaos"]
    async fn t10_me_stays_quick_under_a_flood_of_logins() {
        let (refused, grown, p99) = super::flood(1_000).await;
        eprintln!("T10: {refused} of 1,000 logins refused, {grown} KiB more, 99 of 100 `me` within {p99:?}");
        assert!(p99 < std::time::Duration::from_millis(200), "{p99:?}");
    }
}
