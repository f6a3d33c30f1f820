//! The real binary, killed in the middle of its work.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::support::PASSWORD;
use crate::support::process::{Serving, ask, run_with_input};
use crate::support::smtp_server::{Received, SmtpServer};

const INVITE: &str = "mutation I($input: InviteInput!) { invite(input: $input) { invitation { id } created userErrors { code message } } }";

/// A serving binary with an administrator who owns a tenant; the access token.
async fn owned(folder: &TempDir, env: &[(&str, &str)]) -> (Serving, String) {
    let server = Serving::start(folder.path(), env);
    let args = ["create-superuser", "--email", "root@platform.test", "--name", "Root", "--password-stdin"];
    assert!(run_with_input(folder.path(), &args, PASSWORD).status.success());
    let token = sign_in(&server).await;
    let create =
        "mutation { createTenant(input: { name: \"Acme\", slug: \"acme\" }) { userErrors { code } } }";
    server.ask(Some(&token), create, json!({})).await.unwrap();
    (server, token)
}

async fn sign_in(server: &Serving) -> String {
    let login = "mutation L($input: LoginInput!) { login(input: $input) { tokens { accessToken } } }";
    let input = json!({ "input": { "email": "root@platform.test", "password": PASSWORD } });
    let answer = server.ask(None, login, input).await.unwrap();
    answer["data"]["login"]["tokens"]["accessToken"].as_str().unwrap().to_owned()
}

fn message_id_and_link(raw: &[u8]) -> (String, String) {
    let mail = mail_parser::MessageParser::new().parse(raw).unwrap();
    let text = mail.body_text(0).unwrap();
    let link = text.lines().find(|line| line.contains("#gl_inv_")).unwrap().to_owned();
    (mail.message_id().unwrap().to_owned(), link)
}

#[tokio::test(flavor = "multi_thread")]
async fn r1_kill_9_during_200_concurrent_invites_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let post_office = SmtpServer::start();
    let smtp = format!("smtp://{}", post_office.address);
    let env = [
        ("GUESTLIST_SMTP_URL", smtp.as_str()),
        ("GUESTLIST_MAIL_RETRY_SCALE", "0.001"),
        ("GUESTLIST_LIMIT_INVITES_PER_HOUR", "10000"),
        ("GUESTLIST_LIMIT_INVITES_PER_TENANT_DAY", "10000"),
    ];
    let (server, token) = owned(&folder, &env).await;

    let acknowledged: Arc<watch::Sender<HashMap<String, String>>> =
        Arc::new(watch::Sender::new(HashMap::new()));
    let client = reqwest::Client::new();
    let mut asking = tokio::task::JoinSet::new();
    for n in 0..200 {
        let (client, url, token) = (client.clone(), server.url.clone(), token.clone());
        let acknowledged = acknowledged.clone();
        asking.spawn(async move {
            let email = format!("guest{n}@x.test");
            let answer =
                ask(&client, &url, Some(&token), INVITE, json!({ "input": { "email": email } })).await;
            if let Ok(answer) = answer
                && let Some(id) = answer["data"]["invite"]["invitation"]["id"].as_str()
            {
                acknowledged.send_modify(|all| drop(all.insert(email, id.to_owned())));
            }
        });
    }
    let mut so_far = acknowledged.subscribe();
    let forty = so_far.wait_for(|all| all.len() >= 40);
    tokio::time::timeout(Duration::from_secs(30), forty).await.expect("forty are acknowledged").unwrap();
    let address = server.url.clone();
    server.kill();
    while asking.join_next().await.is_some() {}
    let acknowledged = acknowledged.borrow().clone();

    // The same address again: links carry it.
    let address = address.trim_start_matches("http://").to_owned();
    let again: Vec<(&str, &str)> = env.into_iter().chain([("GUESTLIST_LISTEN", address.as_str())]).collect();
    let server = Serving::start(folder.path(), &again);
    let token = sign_in(&server).await;
    let mut stored: HashMap<String, String> = HashMap::new();
    let mut after = Value::Null;
    loop {
        let query = "query Q($after: String) { invitations(first: 100, after: $after, orderBy: { field: EMAIL, direction: ASC }) {
            nodes { id email } pageInfo { hasNextPage endCursor } } }";
        let page = server.ask(Some(&token), query, json!({ "after": after })).await.unwrap();
        let page = &page["data"]["invitations"];
        for node in page["nodes"].as_array().unwrap() {
            let email = node["email"].as_str().unwrap().to_owned();
            assert!(stored.insert(email, node["id"].as_str().unwrap().to_owned()).is_none(), "doubled");
        }
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
    for (email, id) in &acknowledged {
        assert_eq!(stored.get(email), Some(id), "{email} was acknowledged");
    }
    let expected: HashSet<String> = stored.keys().cloned().collect();
    let reached =
        |taken: &Vec<Received>| taken.iter().flat_map(|mail| mail.to.clone()).collect::<HashSet<_>>();
    let taken = post_office.taken_when(|taken| reached(taken) == expected).await;
    let mut first: HashMap<String, (String, String)> = HashMap::new();
    for mail in &taken {
        let copy = message_id_and_link(&mail.raw);
        let seen = first.entry(mail.to[0].clone()).or_insert_with(|| copy.clone());
        assert_eq!(*seen, copy, "copies share Message-ID and link");
    }
    assert!(taken.len() - first.len() <= 8, "at most one copy for each mail that was under way");
    assert_eq!(server.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn r20_a_server_told_to_stop_finishes_and_exits_with_0() {
    let folder = tempfile::tempdir().unwrap();
    let (server, token) = owned(&folder, &[]).await;
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
    let (server, _) = owned(&folder, &[]).await;
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
