//! What can be typed: flags, and environment variables of the same name.

use std::net::SocketAddr;
use std::path::PathBuf;

use chrono::TimeDelta;
use clap::Args;
use secrecy::SecretString;
use url::Url;

use super::{Environment, Given, LogFormat, MetricsListen};
use crate::tenant::ResetPolicy;

/// Settings as they are given: flags, or environment variables of the same name.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub struct Options {
    /// What was set, and what was left as it is. It stands first: whoever reads a value takes it.
    #[command(flatten)]
    pub given: Given,
    /// Address and port to listen on.
    #[arg(
        long,
        env = "GUESTLIST_LISTEN",
        default_value = "127.0.0.1:8000",
        global = true,
        hide_short_help = true
    )]
    pub listen: SocketAddr,
    /// URL that people reach the service at; every link in a mail begins with it. From the listening address in development.
    #[arg(long, env = "GUESTLIST_PUBLIC_URL", global = true, hide_short_help = true)]
    pub public_url: Option<Url>,
    /// `development` on a loopback address unless said otherwise, else `production`.
    #[arg(long, env = "GUESTLIST_ENVIRONMENT", value_enum, global = true, hide_short_help = true)]
    pub environment: Option<Environment>,
    /// `sqlite://FILE`, or `postgres://…` for several processes. `guestlist.db` in the data folder by default.
    #[arg(
        long,
        env = "GUESTLIST_DATABASE_URL",
        global = true,
        hide_short_help = true,
        hide_env_values = true
    )]
    pub database_url: Option<SecretString>,
    /// Folder for the database, the generated secret and captured mail.
    #[arg(long, env = "GUESTLIST_DATA_DIR", default_value = "data", global = true, hide_short_help = true)]
    pub data_dir: PathBuf,
    /// Root secret, at least 32 random bytes; every link and refresh token depends on it. Generated in development.
    #[arg(env = "GUESTLIST_SECRET_KEY", long, global = true, hide = true, hide_env_values = true)]
    pub secret_key: Option<SecretString>,
    /// File that holds the root secret.
    #[arg(long, env = "GUESTLIST_SECRET_KEY_FILE", global = true, hide_short_help = true)]
    pub secret_key_file: Option<PathBuf>,
    /// Earlier root secrets that are still accepted, separated by commas.
    #[arg(
        long,
        env = "GUESTLIST_SECRET_KEY_PREVIOUS",
        value_delimiter = ',',
        global = true,
        hide = true,
        hide_env_values = true
    )]
    pub secret_key_previous: Vec<SecretString>,
    /// `smtp://user:password@host:587?tls=required`, `smtps://…` or `file:///folder`. Mail is captured without it.
    #[arg(long, env = "GUESTLIST_SMTP_URL", global = true, hide = true, hide_env_values = true)]
    pub smtp_url: Option<SecretString>,
    /// File that holds the SMTP URL.
    #[arg(long, env = "GUESTLIST_SMTP_URL_FILE", global = true, hide_short_help = true)]
    pub smtp_url_file: Option<PathBuf>,
    /// PEM file with the certificate authority of the mail server, where the system does not know it.
    #[arg(long, env = "GUESTLIST_SMTP_CA_FILE", global = true, hide_short_help = true)]
    pub smtp_ca_file: Option<PathBuf>,
    /// Address that mail comes from.
    #[arg(
        long,
        env = "GUESTLIST_MAIL_FROM",
        default_value = "guestlist@localhost.localdomain",
        global = true,
        hide_short_help = true
    )]
    pub mail_from: String,
    /// Folder with mail templates in place of ours of the same name; `guestlist mail preview` shows them.
    #[arg(long, env = "GUESTLIST_MAIL_TEMPLATES", global = true, hide_short_help = true)]
    pub mail_templates: Option<PathBuf>,
    /// Language of pages and mails for whoever asks for none that is here.
    #[arg(long, env = "GUESTLIST_LANGUAGE", default_value = "en", global = true, hide_short_help = true)]
    pub language: String,
    /// Folder with other languages, a Fluent file each, such as `de.ftl`; `guestlist words export` prints the English one.
    #[arg(long, env = "GUESTLIST_WORDS_DIR", global = true, hide_short_help = true)]
    pub words_dir: Option<PathBuf>,
    /// Factor on the waiting times between attempts to send a mail (1 m, 5 m, 15 m, 1 h, 3 h, 6 h …).
    #[arg(
        long,
        env = "GUESTLIST_MAIL_RETRY_SCALE",
        default_value_t = 1.0,
        global = true,
        hide_short_help = true
    )]
    pub mail_retry_scale: f64,
    /// Where invitees land, with `{token}` in it, when not on our own page.
    #[arg(long, env = "GUESTLIST_ACCEPT_URL", global = true, hide_short_help = true)]
    pub accept_url: Option<String>,
    /// How long an invitation is good for.
    #[arg(long, env = "GUESTLIST_INVITATION_TTL", default_value = "7d", value_parser = span, global = true, hide_short_help = true)]
    pub invitation_ttl: TimeDelta,
    /// Longest lifetime that a caller may ask for an invitation.
    #[arg(long, env = "GUESTLIST_INVITATION_MAX_TTL", default_value = "30d", value_parser = span, global = true, hide_short_help = true)]
    pub invitation_max_ttl: TimeDelta,
    /// Where the link of an approved reset leads, with `{token}` in it, when not to our own page.
    #[arg(long, env = "GUESTLIST_RESET_URL", global = true, hide_short_help = true)]
    pub reset_url: Option<String>,
    /// How long the link of an approved reset is good for.
    #[arg(long, env = "GUESTLIST_RESET_TTL", default_value = "60m", value_parser = span, global = true, hide_short_help = true)]
    pub reset_ttl: TimeDelta,
    /// How long a request for a reset waits for a decision.
    #[arg(long, env = "GUESTLIST_RESET_REQUEST_TTL", default_value = "72h", value_parser = span, global = true, hide_short_help = true)]
    pub reset_request_ttl: TimeDelta,
    /// Reset policy of new tenants, and of accounts that are in none.
    #[arg(
        long,
        env = "GUESTLIST_RESET_POLICY",
        value_enum,
        default_value = "approval",
        global = true,
        hide_short_help = true
    )]
    pub reset_policy: ResetPolicy,
    /// How long an access token is good for.
    #[arg(long, env = "GUESTLIST_ACCESS_TTL", default_value = "10m", value_parser = span, global = true, hide_short_help = true)]
    pub access_ttl: TimeDelta,
    /// How long a refresh token is good for; each rotation begins it anew.
    #[arg(long, env = "GUESTLIST_REFRESH_TTL", default_value = "14d", value_parser = span, global = true, hide_short_help = true)]
    pub refresh_ttl: TimeDelta,
    /// How long a session may last at most.
    #[arg(long, env = "GUESTLIST_SESSION_MAX", default_value = "90d", value_parser = span, global = true, hide_short_help = true)]
    pub session_max: TimeDelta,
    /// Whether any signed-in user may make tenants.
    #[arg(long, env = "GUESTLIST_ALLOW_TENANT_CREATION", default_value_t = false, action = clap::ArgAction::Set, global = true, hide_short_help = true)]
    pub allow_tenant_creation: bool,
    /// Whether webhooks may be posted over plain HTTP and to private networks; for development and tests.
    #[arg(long, env = "GUESTLIST_WEBHOOK_ALLOW_PRIVATE", default_value_t = false, action = clap::ArgAction::Set, global = true, hide_short_help = true)]
    pub webhook_allow_private: bool,
    /// Origins of browser frontends that may call the API, such as `https://app.example.com`, separated by commas.
    #[arg(
        long,
        env = "GUESTLIST_ALLOWED_ORIGINS",
        value_delimiter = ',',
        global = true,
        hide_short_help = true
    )]
    pub allowed_origins: Vec<String>,
    /// Hosts that requests may name besides that of the public URL, separated by commas.
    #[arg(
        long,
        env = "GUESTLIST_ALLOWED_HOSTS",
        value_delimiter = ',',
        global = true,
        hide_short_help = true
    )]
    pub allowed_hosts: Vec<String>,
    /// Addresses of proxies whose `X-Forwarded-For` is believed, such as `10.0.0.0/8`, separated by commas.
    #[arg(
        long,
        env = "GUESTLIST_TRUSTED_PROXIES",
        value_delimiter = ',',
        global = true,
        hide_short_help = true
    )]
    pub trusted_proxies: Vec<String>,
    /// Connections that are open at once, WebSockets among them; further ones wait.
    #[arg(
        long,
        env = "GUESTLIST_MAX_CONNECTIONS",
        default_value_t = 4_096,
        global = true,
        hide_short_help = true
    )]
    pub max_connections: u32,
    /// How long a client may take to send the head or the body of a request, or to read an answer, and hold a WebSocket without signing in or asking.
    #[arg(long, env = "GUESTLIST_CLIENT_TIMEOUT", default_value = "15s", value_parser = span, global = true, hide_short_help = true)]
    pub client_timeout: TimeDelta,
    /// Whether `/graphiql` is served; on in development.
    #[arg(long, env = "GUESTLIST_GRAPHIQL", global = true, hide_short_help = true)]
    pub graphiql: Option<bool>,
    /// Whether strangers may introspect the schema; on in development.
    #[arg(long, env = "GUESTLIST_INTROSPECTION", global = true, hide_short_help = true)]
    pub introspection: Option<bool>,
    /// Memory of one password hash, in KiB.
    #[arg(long, env = "GUESTLIST_ARGON2_M", default_value_t = 19_456, global = true, hide_short_help = true)]
    pub argon2_m: u32,
    /// Passes of one password hash.
    #[arg(long, env = "GUESTLIST_ARGON2_T", default_value_t = 2, global = true, hide_short_help = true)]
    pub argon2_t: u32,
    /// Lanes of one password hash.
    #[arg(long, env = "GUESTLIST_ARGON2_P", default_value_t = 1, global = true, hide_short_help = true)]
    pub argon2_p: u32,
    /// Fewest characters of a password.
    #[arg(long, env = "GUESTLIST_PASSWORD_MIN", default_value_t = 8, global = true, hide_short_help = true)]
    pub password_min: u32,
    /// Least zxcvbn score of a password, 0 to 4.
    #[arg(long, env = "GUESTLIST_PASSWORD_SCORE", default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=4), global = true, hide_short_help = true)]
    pub password_score: u8,
    /// Sign-ins per address in 15 minutes.
    #[arg(
        long,
        env = "GUESTLIST_LIMIT_LOGIN_PER_ADDRESS",
        default_value_t = 10,
        global = true,
        hide_short_help = true
    )]
    pub limit_login_per_address: u32,
    /// Sign-ins per client network in 15 minutes.
    #[arg(
        long,
        env = "GUESTLIST_LIMIT_LOGIN_PER_IP",
        default_value_t = 100,
        global = true,
        hide_short_help = true
    )]
    pub limit_login_per_ip: u32,
    /// Invalid tokens per client network in a minute.
    #[arg(
        long,
        env = "GUESTLIST_LIMIT_TOKENS_PER_IP",
        default_value_t = 20,
        global = true,
        hide_short_help = true
    )]
    pub limit_tokens_per_ip: u32,
    /// Passwords that are rated per client network in 5 minutes.
    #[arg(
        long,
        env = "GUESTLIST_LIMIT_RATINGS_PER_IP",
        default_value_t = 120,
        global = true,
        hide_short_help = true
    )]
    pub limit_ratings_per_ip: u32,
    /// Invitations per inviter in an hour.
    #[arg(
        long,
        env = "GUESTLIST_LIMIT_INVITES_PER_HOUR",
        default_value_t = 60,
        global = true,
        hide_short_help = true
    )]
    pub limit_invites_per_hour: u32,
    /// Invitations per tenant in a day.
    #[arg(
        long,
        env = "GUESTLIST_LIMIT_INVITES_PER_TENANT_DAY",
        default_value_t = 500,
        global = true,
        hide_short_help = true
    )]
    pub limit_invites_per_tenant_day: u32,
    /// Invitations per invited address in a day, from all tenants together.
    #[arg(
        long,
        env = "GUESTLIST_LIMIT_INVITES_PER_RECIPIENT_DAY",
        default_value_t = 5,
        global = true,
        hide_short_help = true
    )]
    pub limit_invites_per_recipient_day: u32,
    /// Pending invitations of a tenant.
    #[arg(
        long,
        env = "GUESTLIST_LIMIT_PENDING_PER_TENANT",
        default_value_t = 1_000,
        global = true,
        hide_short_help = true
    )]
    pub limit_pending_per_tenant: u32,
    /// Wishes for a reset per address in an hour.
    #[arg(
        long,
        env = "GUESTLIST_LIMIT_RESETS_PER_ADDRESS",
        default_value_t = 3,
        global = true,
        hide_short_help = true
    )]
    pub limit_resets_per_address: u32,
    /// Deepest nesting of a GraphQL document.
    #[arg(long, env = "GUESTLIST_MAX_DEPTH", default_value_t = 10, global = true, hide_short_help = true)]
    pub max_depth: usize,
    /// Highest cost of a GraphQL document: 1 for a selection, fragments counted where they are spread, 5 for a list.
    #[arg(
        long,
        env = "GUESTLIST_MAX_COMPLEXITY",
        default_value_t = 500,
        global = true,
        hide_short_help = true
    )]
    pub max_complexity: usize,
    /// Most aliases of a GraphQL document.
    #[arg(long, env = "GUESTLIST_MAX_ALIASES", default_value_t = 30, global = true, hide_short_help = true)]
    pub max_aliases: usize,
    /// Most root fields of a GraphQL operation.
    #[arg(
        long,
        env = "GUESTLIST_MAX_ROOT_FIELDS",
        default_value_t = 10,
        global = true,
        hide_short_help = true
    )]
    pub max_root_fields: usize,
    /// Most directives on one selection of a GraphQL document.
    #[arg(
        long,
        env = "GUESTLIST_MAX_DIRECTIVES",
        default_value_t = 5,
        global = true,
        hide_short_help = true
    )]
    pub max_directives: usize,
    /// Most lexical tokens of a GraphQL document.
    #[arg(
        long,
        env = "GUESTLIST_MAX_TOKENS",
        default_value_t = 2_000,
        global = true,
        hide_short_help = true
    )]
    pub max_tokens: usize,
    /// Most rows in a page of a list.
    #[arg(long, env = "GUESTLIST_MAX_PAGE", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000), global = true, hide_short_help = true)]
    pub max_page: u32,
    /// Longest time that one operation may take.
    #[arg(long, env = "GUESTLIST_REQUEST_TIMEOUT", default_value = "10s", value_parser = span, global = true, hide_short_help = true)]
    pub request_timeout: TimeDelta,
    /// Largest request body in bytes.
    #[arg(
        long,
        env = "GUESTLIST_BODY_LIMIT",
        default_value_t = 65_536,
        global = true,
        hide_short_help = true
    )]
    pub body_limit: usize,
    /// Largest request body of `inviteMany` in bytes, for who is signed in.
    #[arg(
        long,
        env = "GUESTLIST_BULK_BODY_LIMIT",
        default_value_t = 1_048_576,
        global = true,
        hide_short_help = true
    )]
    pub bulk_body_limit: usize,
    /// Address and port of `/metrics`, or `off`. `127.0.0.1:9464` by default, where that is free.
    #[arg(long, env = "GUESTLIST_METRICS_LISTEN", global = true, hide_short_help = true)]
    pub metrics_listen: Option<MetricsListen>,
    /// Base address of a collector that traces go to by OTLP over HTTP, such as `http://127.0.0.1:4318`; none by default.
    #[arg(long, env = "GUESTLIST_OTLP_ENDPOINT", value_parser = collector, global = true, hide_short_help = true)]
    pub otlp_endpoint: Option<Url>,
    /// What is logged, in the words of tracing's `EnvFilter`.
    #[arg(
        long,
        env = "GUESTLIST_LOG",
        default_value = "info,sea_orm_migration=warn,sqlx=warn,poem=warn",
        global = true,
        hide_short_help = true
    )]
    pub log: String,
    /// How log lines look.
    #[arg(
        long,
        env = "GUESTLIST_LOG_FORMAT",
        value_enum,
        default_value = "auto",
        global = true,
        hide_short_help = true
    )]
    pub log_format: LogFormat,
}

fn collector(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let plain = url.filter(|url| url.has_host() && url.query().is_none() && url.fragment().is_none());
    plain.ok_or_else(|| "must be the base address of a collector, such as http://127.0.0.1:4318".to_owned())
}

fn span(text: &str) -> Result<TimeDelta, String> {
    let span = humantime::parse_duration(text).map_err(|e| format!("{e}; write it like 10m, 72h or 7d"))?;
    match TimeDelta::from_std(span) {
        Ok(span) if span > TimeDelta::zero() && span <= TimeDelta::days(3_650) => Ok(span),
        _ => Err("must be more than nothing and at most ten years".to_owned()),
    }
}

#[derive(clap::Parser)]
pub(super) struct Shape {
    #[command(flatten)]
    pub(super) options: Options,
}
