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
