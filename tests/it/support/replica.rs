//! The real binary under load, killed and started again: who sends what, what was acknowledged, what arrived.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::PASSWORD;
use super::process::{Serving, ask, run_with_input};
use super::smtp_server::{Received, SmtpServer};

pub const INVITE: &str = "mutation I($input: InviteInput!) { invite(input: $input) {
    invitation { id } created link userErrors { code message } } }";

/// Settings for load: no quota stands in the way, mail is tried again soon, tokens live as long as the test.
pub const LOAD: [(&str, &str); 7] = [
    ("GUESTLIST_MAIL_RETRY_SCALE", "0.001"),
    ("GUESTLIST_LIMIT_INVITES_PER_HOUR", "1000000"),
    ("GUESTLIST_LIMIT_INVITES_PER_TENANT_DAY", "1000000"),
    ("GUESTLIST_LIMIT_PENDING_PER_TENANT", "1000000"),
    ("GUESTLIST_LIMIT_LOGIN_PER_IP", "1000000"),
    ("GUESTLIST_LIMIT_LOGIN_PER_ADDRESS", "1000000"),
    ("GUESTLIST_ACCESS_TTL", "2h"),
];

/// Settings of every replica of one test, and where its first one listens.
pub struct Stage {
    pub env: Vec<(String, String)>,
    pub post_office: SmtpServer,
    pub folder: tempfile::TempDir,
}

impl Stage {
    pub fn new() -> Self {
        let post_office = SmtpServer::start();
        let smtp = ("GUESTLIST_SMTP_URL".to_owned(), format!("smtp://{}", post_office.address));
        let load = LOAD.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { env: load.chain([smtp]).collect(), post_office, folder: tempfile::tempdir().unwrap() }
    }

    pub fn start(&self) -> Serving {
        self.start_with(&[])
    }

    pub fn start_with(&self, more: &[(&str, &str)]) -> Serving {
        let own = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let env: Vec<(&str, &str)> = own.chain(more.iter().copied()).collect();
        Serving::start(self.folder.path(), &env)
    }

    /// Starts another replica, which is reached at the same public URL as the first.
    pub fn beside(&self, first: &Serving) -> Serving {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let public = first.url.replace("127.0.0.1", "localhost");
        let mut second = self.start_with(&[("GUESTLIST_LISTEN", &listen), ("GUESTLIST_PUBLIC_URL", &public)]);
        second.url = format!("http://{listen}");
        second
    }

    /// Starts it again where it listened before.
    pub fn again(&self, url: &str) -> Serving {
        self.start_with(&[("GUESTLIST_LISTEN", url.trim_start_matches("http://"))])
    }
}

/// Makes an administrator who owns a tenant; the access token.
pub async fn owner(folder: &Path, server: &Serving) -> String {
    let args = ["create-superuser", "--email", "root@platform.test", "--name", "Root", "--password-stdin"];
    let made = run_with_input(folder, &args, PASSWORD);
    assert!(made.status.success(), "{}", super::process::stderr(&made));
    own_a_tenant(server).await
}

/// Signs the administrator in and gives them a tenant; the access token.
pub async fn own_a_tenant(server: &Serving) -> String {
    let token = sign_in(server).await;
    let create =
        "mutation { createTenant(input: { name: \"Acme\", slug: \"acme\" }) { userErrors { code } } }";
    server.ask(Some(&token), create, json!({})).await.unwrap();
    token
}

pub async fn sign_in(server: &Serving) -> String {
    let login = "mutation L($input: LoginInput!) { login(input: $input) { tokens { accessToken } } }";
    let input = json!({ "input": { "email": "root@platform.test", "password": PASSWORD } });
    let answer = server.ask(None, login, input).await.unwrap();
    answer["data"]["login"]["tokens"]["accessToken"].as_str().expect("a token").to_owned()
}

/// What clients were told.
#[derive(Default)]
pub struct Ledger {
    /// Identifier of the invitation by address.
    pub acknowledged: Mutex<BTreeMap<String, String>>,
    /// Requests that got no answer, or that they should try again.
    pub lost: AtomicUsize,
}

/// Clients that invite `count` addresses together, each again and again until it is acknowledged, at whichever server.
pub fn inviting(
    urls: Vec<String>,
    token: &str,
    clients: usize,
    count: usize,
) -> (Arc<Ledger>, tokio::task::JoinSet<()>) {
    let (ledger, next) = (Arc::new(Ledger::default()), Arc::new(AtomicUsize::new(0)));
    let http = reqwest::Client::builder().timeout(Duration::from_secs(15)).build().unwrap();
    let mut asking = tokio::task::JoinSet::new();
    for client in 0..clients {
        let (ledger, next, http, token) = (ledger.clone(), next.clone(), http.clone(), token.to_owned());
        let urls = urls.clone();
        asking.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let email = format!("guest{number}@x.test");
                let mut tries = client + number;
                loop {
                    let input = json!({ "input": { "email": email } });
                    let url = &urls[tries % urls.len()];
                    let answer = ask(&http, url, Some(&token), INVITE, input).await;
                    let id = answer
                        .ok()
                        .and_then(|a| a["data"]["invite"]["invitation"]["id"].as_str().map(str::to_owned));
                    if let Some(id) = id {
                        ledger.acknowledged.lock().unwrap().insert(email, id);
                        break;
                    }
                    tries += 1;
                    ledger.lost.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
    }
    (ledger, asking)
}

/// Waits until so many are acknowledged.
pub async fn until(ledger: &Ledger, count: usize) {
    while ledger.acknowledged.lock().unwrap().len() < count {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Every invitation that is stored, by address; fails for one address twice.
pub async fn stored(server: &Serving, token: &str) -> BTreeMap<String, String> {
    let mut stored = BTreeMap::new();
    let mut after = Value::Null;
    loop {
        let query = "query Q($after: String) { invitations(first: 100, after: $after, orderBy: { field: EMAIL, direction: ASC }) {
            nodes { id email } pageInfo { hasNextPage endCursor } } }";
        let page = server.ask(Some(token), query, json!({ "after": after })).await.unwrap();
        let page = &page["data"]["invitations"];
        for node in page["nodes"].as_array().unwrap() {
            let email = node["email"].as_str().unwrap().to_owned();
            assert!(stored.insert(email, node["id"].as_str().unwrap().to_owned()).is_none(), "doubled");
        }
        if page["pageInfo"]["hasNextPage"] == false {
            return stored;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

fn message_id_and_link(raw: &[u8]) -> (String, String) {
    let mail = mail_parser::MessageParser::new().parse(raw).unwrap();
    let text = mail.body_text(0).unwrap();
    let link = text.lines().find(|line| line.contains("#gl_inv_")).unwrap().to_owned();
    (mail.message_id().unwrap().to_owned(), link)
}

/// Waits until every address has its mail, and counts copies; each has the Message-ID and the link of the first.
pub async fn copies(post_office: &SmtpServer, expected: impl Iterator<Item = String>) -> usize {
    let expected: HashSet<String> = expected.collect();
    let reached = |taken: &Vec<Received>| {
        let reached: HashSet<&String> = taken.iter().flat_map(|mail| &mail.to).collect();
        expected.iter().all(|email| reached.contains(email))
    };
    let taken = post_office.taken_when(reached).await;
    let mut first: HashMap<String, (String, String)> = HashMap::new();
    for mail in &taken {
        assert!(expected.contains(&mail.to[0]), "{} was not invited", mail.to[0]);
        let copy = message_id_and_link(&mail.raw);
        let seen = first.entry(mail.to[0].clone()).or_insert_with(|| copy.clone());
        assert_eq!(*seen, copy, "copies share Message-ID and link");
    }
    taken.len() - first.len()
}

/// Numbers without a pattern, the same in every run.
pub struct Dice(u64);

impl Dice {
    pub fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        least + (self.0 >> 33) % (most - least)
    }
}
