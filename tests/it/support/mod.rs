//! What tests stand on: a service with a clock that stands still, mail kept in memory, and real requests.

pub mod browser;
pub mod client;
pub mod cluster;
pub mod database;
pub mod hook_server;
pub mod plans;
pub mod process;
pub mod replica;
pub mod reset;
pub mod smtp_server;
pub mod watched;

use std::cell::Cell;
use std::task::{Context, Poll, Waker};

use chrono::TimeDelta;
use clap::Parser;
use guestlist::app::App;
use guestlist::clock::{Clock, Instant};
use guestlist::config::{Config, MailTarget, Options};
use guestlist::db::Db;
use guestlist::http::{self, BoxEndpoint, Readiness};
use guestlist::mail::capture::CapturedMail;
use guestlist::{membership, role, tenant, user, worker};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use client::{Client, Reply, codes};

/// A password that every rule likes.
pub const PASSWORD: &str = "correct horse battery staple";
/// When every test begins: a Monday in UTC.
pub const START: &str = "2026-03-02T12:00:00Z";

#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    options: Options,
}

/// Settings as the service reads them, in a data folder of their own.
pub fn options(folder: &TempDir, args: &[&str]) -> Options {
    let data = format!("--data-dir={}", folder.path().display());
    let cheap = ["--argon2-m=8", "--argon2-t=1"];
    let defaults = cheap.into_iter().filter(|arg| !args.iter().any(|given| given.starts_with(&arg[..10])));
    let all = ["guestlist", &data].into_iter().chain(defaults).chain(args.iter().copied());
    Settings::try_parse_from(all).unwrap().options
}

/// A running service, without a socket.
pub struct TestApp {
    pub app: App,
    endpoint: std::sync::Arc<BoxEndpoint<'static>>,
    seen: Cell<usize>,
    _folder: TempDir,
    _database: Option<database::Fresh>,
}

impl TestApp {
    pub async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With settings of its own.
    pub async fn with(args: &[&str]) -> Self {
        let mut config = {
            let folder = tempfile::tempdir().unwrap();
            let config = options(&folder, args).check().unwrap();
            (config, folder)
        };
        if matches!(config.0.mail, MailTarget::Captured(_)) {
            config.0.mail = MailTarget::Memory;
        }
        Self::over(config.0, config.1).await
    }

    /// Over checked settings.
    pub async fn over(mut config: Config, folder: TempDir) -> Self {
        // Whoever names a database has one already.
        let named = !config.database_url.starts_with("sqlite:");
        let database = if named { None } else { database::Fresh::new() };
        if let Some(database) = &database {
            config.database_url = database.url.clone().into();
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let db = Db::open(&config.database_url).await.unwrap();
        db.migrate().await.unwrap();
        let start: Instant = START.parse().unwrap();
        let app = App::new(config, db, Clock::fixed(start)).await.unwrap();
        let endpoint = std::sync::Arc::new(http::endpoint(&app, Readiness::default()).unwrap());
        Self { app, endpoint, seen: Cell::new(0), _folder: folder, _database: database }
    }

    /// Another process on the same database, as far as one process can be two.
    pub async fn replica(&self) -> App {
        let db = Db::open(&self.app.config.database_url).await.unwrap();
        App::new(self.app.config.clone(), db, Clock::fixed(self.app.clock.now())).await.unwrap()
    }

    /// Somebody without a session.
    pub fn stranger(&self) -> Client {
        Client::new(self.endpoint.clone())
    }

    /// An administrator of the platform, signed in.
    pub async fn superuser(&self) -> Client {
        let password = PASSWORD.to_owned().into();
        let made = user::service::create_superuser(&self.app, "root@platform.test", "Root", &password).await;
        made.unwrap();
        self.signed_in("root@platform.test").await
    }

    /// Somebody who has an account, signed in.
    pub async fn signed_in(&self, email: &str) -> Client {
        self.signed_in_with(email, PASSWORD).await
    }

    /// Somebody who has an account with another password than tests give, signed in.
    pub async fn signed_in_with(&self, email: &str, password: &str) -> Client {
        let mut client = self.stranger();
        client.login(email, password).await.unwrap();
        client
    }

    /// The owner of the tenant `acme`, signed in.
    pub async fn owner(&self) -> Client {
        self.owner_of("acme").await
    }

    /// The owner of a new tenant, signed in; made the way operators do it.
    pub async fn owner_of(&self, slug: &str) -> Client {
        let operator = guestlist::actor::Actor::operator();
        let email = format!("owner@{slug}.test");
        let name = slug.to_uppercase();
        guestlist::onboarding::service::create_tenant(&self.app, &operator, &name, slug, Some(&email))
            .await
            .unwrap();
        self.join(&email, "Olivia Owner").await
    }

    /// Accepts the latest invitation mailed to an address, with a new account.
    pub async fn join(&self, email: &str, name: &str) -> Client {
        self.tick().await;
        let token = self.mail_to(email).await.token.unwrap();
        let mut client = self.stranger();
        let payload = client.accept(json!({ "token": token, "name": name, "password": PASSWORD })).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        client.adopt(&payload["tokens"]);
        client
    }

    /// Invites somebody in the name of `inviter` and lets them join.
    pub async fn member(&self, inviter: &Client, email: &str, role: &str) -> Client {
        let payload = inviter.invite(json!({ "email": email, "roleKey": role })).await;
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        self.join(email, "Max Member").await
    }

    pub fn now(&self) -> Instant {
        self.app.clock.now()
    }

    pub fn advance(&self, by: TimeDelta) {
        self.app.clock.advance(by);
    }

    /// Runs every task once.
    pub async fn tick(&self) {
        worker::tick(&self.app).await.unwrap();
    }

    /// Every mail sent so far, oldest first; from here on they count as looked at. Inviters hear of everybody who joins,
    /// which is in [`Self::news_to`].
    pub async fn mails(&self) -> Vec<CapturedMail> {
        let mut mails = self.app.mailer.captured().await.unwrap();
        mails.retain(|mail| !is_news(mail));
        self.seen.set(mails.len());
        mails
    }

    /// Mails that told somebody of an invitation of theirs that was accepted.
    pub async fn news_to(&self, email: &str) -> Vec<CapturedMail> {
        let mails = self.app.mailer.captured().await.unwrap();
        mails.into_iter().filter(|mail| is_news(mail) && mail.to == email).collect()
    }

    /// The latest mail to an address.
    pub async fn mail_to(&self, email: &str) -> CapturedMail {
        let mails = self.mails().await;
        mails.into_iter().rfind(|mail| mail.to == email).unwrap_or_else(|| panic!("no mail to {email}"))
    }

    /// How many mails an address has got.
    pub async fn count_mails_to(&self, email: &str) -> usize {
        self.mails().await.iter().filter(|mail| mail.to == email).count()
    }

    /// Names of what happened to an object, oldest first.
    pub async fn events(&self, global_id: &str) -> Vec<String> {
        let uuid = global_id.split('_').nth(1).unwrap().parse().unwrap();
        let rows = guestlist::event::service::of_subject(self.app.db.reader(), uuid).await.unwrap();
        rows.into_iter().map(|row| row.kind).collect()
    }

    /// Puts somebody who has an account into a tenant, past invitations; whoever is in it stays as they are.
    pub async fn put(&self, slug: &str, email: &str, role: &str) {
        let db = self.app.db.writer();
        let tenant = tenant::service::by_slug(db, slug).await.unwrap().unwrap();
        let email = guestlist::email::Email::parse(email).unwrap();
        let user = user::service::by_email(db, &email).await.unwrap().unwrap();
        let role = role::service::by_key(db, tenant.id, role).await.unwrap();
        membership::service::join(&self.app, db, tenant.id, user.id, role.id).await.unwrap();
    }

    /// Changes rows behind the service's back, to stage what it cannot do yet by itself.
    pub async fn sql(&self, statement: &str) -> u64 {
        use sea_orm::ConnectionTrait as _;
        self.app.db.writer().execute_unprepared(statement).await.unwrap().rows_affected()
    }

    /// The single number that a query returns.
    pub async fn number(&self, query: &str) -> i64 {
        self.value(query).await
    }

    /// The single value that a query returns.
    pub async fn value<T: sea_orm::TryGetable>(&self, query: &str) -> T {
        use sea_orm::ConnectionTrait as _;
        let db = self.app.db.reader();
        let statement = sea_orm::Statement::from_string(db.get_database_backend(), query);
        db.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }
}

fn is_news(mail: &CapturedMail) -> bool {
    mail.template == "invitation_accepted"
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let mut captured = Box::pin(self.app.mailer.captured());
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(Ok(mails)) = captured.as_mut().poll(&mut context) {
            let unseen: Vec<_> = mails
                .iter()
                .filter(|mail| !is_news(mail))
                .skip(self.seen.get())
                .map(|m| (&m.to, &m.subject))
                .collect();
            assert!(unseen.is_empty(), "mails were sent that nobody looked at: {unseen:?}");
        }
    }
}

/// The fields of an invitation that tests look at.
pub const INVITATION: &str =
    "id email name status cancelReason invitedByName note metadata locale createdAt expiresAt
    expiresInSeconds decidedAt role { key } invitedBy { email } acceptedBy { email } tenant { slug }
    delivery { state attempts lastReply lastAttemptAt nextAttemptAt }";

/// `{"input": …}`.
pub fn input(value: Value) -> Value {
    json!({ "input": value })
}

/// Posts a body to the endpoint with the headers given.
pub async fn post(app: &TestApp, content_type: Option<&str>, accept: Option<&str>, body: &str) -> Reply {
    let mut request = poem::Request::builder().method(poem::http::Method::POST).uri_str("/graphql");
    if let Some(content_type) = content_type {
        request = request.content_type(content_type);
    }
    if let Some(accept) = accept {
        request = request.header("accept", accept);
    }
    app.stranger().send(request.body(body.to_owned())).await
}

/// Posts a body as JSON.
pub async fn json_post(app: &TestApp, body: &str) -> Reply {
    post(app, Some("application/json"), None, body).await
}
