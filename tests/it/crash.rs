//! The real binary, told to stop or started again.

use serde_json::json;
use tempfile::TempDir;

use crate::support::PASSWORD;
use crate::support::process::{Serving, ask};
use crate::support::replica::{INVITE, owner};

async fn owned(folder: &TempDir) -> (Serving, String) {
    let server = Serving::start(folder.path(), &[]);
    let token = owner(folder.path(), &server).await;
    (server, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn r20_a_server_told_to_stop_finishes_and_exits_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let (server, token) = owned(&folder).await;
    let client = reqwest::Client::new();
    let mut asking = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (client, url, token) = (client.clone(), server.url.clone(), token.clone());
        asking.spawn(async move {
            let input = json!({ "input": { "email": format!("guest{n}@x.test") } });
            ask(&client, &url, Some(&token), INVITE, input)
                .await
                .map(|answer| answer["data"]["invite"]["created"] == true)
        });
    }
    let first = asking.join_next().await.unwrap().unwrap();
    assert!(first.unwrap());
    assert_eq!(server.stop(), Some(0));
    while let Some(answer) = asking.join_next().await {
        // A request that was taken is finished; one that came too late finds nobody.
        if let Ok(created) = answer.unwrap() {
            assert!(created);
        }
    }
    assert!(!folder.path().join("data/guestlist.db-wal").exists(), "the log is folded into the file");
}

#[tokio::test(flavor = "multi_thread")]
async fn t20_a_rotated_token_is_still_refused_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _) = owned(&folder).await;
    let login = "mutation L($input: LoginInput!) { login(input: $input) { tokens { refreshToken } } }";
    let input = json!({ "input": { "email": "root@platform.test", "password": PASSWORD } });
    let first =
        server.ask(None, login, input).await.unwrap()["data"]["login"]["tokens"]["refreshToken"].clone();
    let refresh = "mutation R($input: RefreshInput!) { refresh(input: $input) { tokens { refreshToken } userErrors { code } } }";
    let mut token = first.clone();
    for _ in 0..2 {
        let answer = server.ask(None, refresh, json!({ "input": { "refreshToken": token } })).await.unwrap();
        token = answer["data"]["refresh"]["tokens"]["refreshToken"].clone();
    }
    server.kill();
    let server = Serving::start(folder.path(), &[]);
    for token in [first, token] {
        let answer = server.ask(None, refresh, json!({ "input": { "refreshToken": token } })).await.unwrap();
        assert_eq!(answer["data"]["refresh"]["userErrors"][0]["code"], "TOKEN_INVALID");
    }
}

/// Makes a tenant under a key and goes on asking, whatever happens to the server, until it has an answer.
async fn make_tenant(client: &reqwest::Client, url: &str, token: &str, number: usize) -> String {
    let query = "mutation T($i: CreateTenantInput!) { createTenant(input: $i) { tenant { id } userErrors { code } } }";
    let input = json!({ "i": { "name": "Acme", "slug": format!("acme-{number}") } });
    let body = json!({ "query": query, "variables": input });
    loop {
        let request = client.post(format!("{url}/graphql")).bearer_auth(token).json(&body);
        let request = request.header("idempotency-key", format!("tenant {number}"));
        let Ok(reply) = request.send().await else {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        let Ok(answer) = reply.json::<serde_json::Value>().await else { continue };
        match answer["errors"][0]["extensions"]["code"].as_str() {
            None => {
                let payload = &answer["data"]["createTenant"];
                assert_eq!(
                    payload["userErrors"],
                    json!([]),
                    "a tenant that was made is not made again: {answer}"
                );
                return "answered".to_owned();
            }
            Some("OVERLOADED") => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            Some(code) => return code.to_owned(),
        }
    }
}

async fn count_tenants(server: &Serving, token: &str) -> u64 {
    let answer = server.ask(Some(token), "{ tenants(first: 1) { totalCount } }", json!({})).await.unwrap();
    answer["data"]["tenants"]["totalCount"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn r28_what_is_sent_again_under_its_key_after_a_kill_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut server, token) = owned(&folder).await;
    let listen = server.url.trim_start_matches("http://").to_owned();
    let before = count_tenants(&server, &token).await;
    let client = reqwest::Client::new();
    let mut making = tokio::task::JoinSet::new();
    for number in 0..120 {
        let (client, url, token) = (client.clone(), server.url.clone(), token.clone());
        making.spawn(async move { make_tenant(&client, &url, &token, number).await });
    }
    let env = [("GUESTLIST_LISTEN", listen.as_str()), ("GUESTLIST_REQUEST_TIMEOUT", "1s")];
    let mut said = std::collections::BTreeMap::<String, usize>::new();
    while let Some(answer) = making.join_next().await {
        *said.entry(answer.unwrap()).or_default() += 1;
        if said.values().sum::<usize>() % 25 == 1 {
            server.kill();
            server = Serving::start(folder.path(), &env);
        }
    }
    println!("r28: {said:?}");
    assert!(said.keys().all(|said| ["answered", "ALREADY_EXECUTED"].contains(&said.as_str())), "{said:?}");
    assert_eq!(count_tenants(&server, &token).await - before, 120);
}
