//! A server whose statements can be looked at.

use chrono::TimeDelta;
use guestlist::app::App;
use guestlist::clock::Clock;
use guestlist::db::Db;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use super::PASSWORD;
use super::process::{Serving, command, run_with_input};

/// A server without a worker that writes down every statement, and the file that it writes to.
pub struct Watched {
    pub server: Serving,
    pub folder: tempfile::TempDir,
    token: String,
}

impl Watched {
    /// A tenant with 120 invitations.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let args = ["create-superuser", "--email=root@platform.test", "--name=Root", "--password-stdin"];
        assert!(run_with_input(folder.path(), &args, PASSWORD).status.success());
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut serve = command(folder.path(), &["serve", "--no-worker"]);
        serve
            .env("GUESTLIST_LISTEN", "127.0.0.1:0")
            .env("GUESTLIST_LOG", "guestlist=info,sqlx::query=trace")
            .env("GUESTLIST_LOG_FORMAT", "json")
            .env("GUESTLIST_LIMIT_INVITES_PER_TENANT_DAY", "2000")
            .stderr(log);
        let server = Serving::spawn(serve);
        let token = crate::support::replica::own_a_tenant(&server).await;
        let watched = Self { server, folder, token };
        watched.invite(0..120).await;
        watched
    }

    /// Invites guests with these numbers.
    pub async fn invite(&self, numbers: std::ops::Range<u32>) {
        let rows: Vec<Value> = numbers.map(|n| json!({ "email": format!("guest{n}@x.test") })).collect();
        let many = "mutation M($i: InviteManyInput!) { inviteMany(input: $i) { invited } }";
        self.ask(many, json!({ "i": { "rows": rows } })).await;
    }

    /// Changes the database behind the server's back.
    pub async fn sql(&self, sql: &str) {
        let url = super::database::of_folder(self.folder.path());
        let url =
            url.unwrap_or_else(|| format!("sqlite://{}/data/guestlist.db", self.folder.path().display()));
        let db = sea_orm::Database::connect(url).await.unwrap();
        db.execute_unprepared(sql).await.unwrap();
        db.close().await.unwrap();
    }

    /// Lays addresses in blocks, as a worker does that comes by later.
    pub async fn index(&self) -> u64 {
        let mut options = super::options(&self.folder, &[]);
        options.data_dir = self.folder.path().join("data");
        let mut config = options.check().unwrap();
        if let Some(url) = super::database::of_folder(self.folder.path()) {
            config.database_url = url.into();
        }
        let db = Db::open(&config.database_url).await.unwrap();
        let later = Clock::System.now() + TimeDelta::minutes(3);
        let app = App::new(config, db, Clock::fixed(later)).await.unwrap();
        guestlist::invitation::service::index_addresses(&app).await.unwrap()
    }

    /// The data that an operation answers with, which may have no errors.
    pub async fn ask(&self, query: &str, variables: Value) -> Value {
        let answer = self.server.ask(Some(&self.token), query, variables).await.unwrap();
        assert!(answer.get("errors").is_none(), "{query}: {answer}");
        answer["data"].clone()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The statements that were sent while an operation was executed.
    async fn statements(&self, query: &str) -> Vec<String> {
        let before = self.log().len();
        self.ask(query, json!({})).await;
        let log = self.log();
        let lines = log[before..].lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter(|line| line["target"] == "sqlx::query")
            // What other replicas are told comes a moment later, and belongs to whichever operation that is.
            .filter(|line| !line["summary"].as_str().is_some_and(|summary| summary.contains("pg_notify")))
            .map(|line| {
                let whole = line["db.statement"].as_str().unwrap_or_default().trim();
                if whole.is_empty() { line["summary"].as_str().unwrap().to_owned() } else { whole.to_owned() }
            })
            .collect()
    }

    /// As [`Watched::statements`], the fewest of several tries: who was last seen is written down in the background, and what
    /// is committed makes the next request look its session up.
    pub async fn fewest(&self, query: &str) -> Vec<String> {
        let mut fewest = self.statements(&query.replace("%d", "first")).await;
        for n in 0..10 {
            let sent = self.statements(&query.replace("%d", &n.to_string())).await;
            fewest = if sent.len() < fewest.len() { sent } else { fewest };
        }
        fewest
    }
}
