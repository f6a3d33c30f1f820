//! Settings: one clap struct gives flags, environment variables, `--help` and `.env.example`.
//!
//! [`Options`] is what was typed; [`Options::check`] turns it into a [`Config`] that the service can rely
//! on, or into every problem at once, each with the way out.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use clap::{Args, CommandFactory, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::db;
use crate::keys;
use crate::mail::smtp::SmtpUrl;

/// How much is allowed and how much must be configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Environment {
    /// Loopback only; secrets are generated, mail is captured, GraphiQL and introspection are on.
    Development,
    /// Nothing is assumed: a missing or weak setting is fatal.
    Production,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Pretty,
    /// For machines, one object a line.
    Json,
}

/// Settings as they are given: flags, or environment variables of the same name.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Settings")]
pub struct Options {
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
    pub database_url: Option<String>,
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
    /// Deepest nesting of a GraphQL document.
    #[arg(long, env = "GUESTLIST_MAX_DEPTH", default_value_t = 10, global = true, hide_short_help = true)]
    pub max_depth: usize,
    /// Most selections of a GraphQL document, fragments counted where they are spread.
    #[arg(
        long,
        env = "GUESTLIST_MAX_COMPLEXITY",
        default_value_t = 500,
        global = true,
        hide_short_help = true
    )]
    pub max_complexity: usize,
    /// Largest request body in bytes.
    #[arg(
        long,
        env = "GUESTLIST_BODY_LIMIT",
        default_value_t = 65_536,
        global = true,
        hide_short_help = true
    )]
    pub body_limit: usize,
    /// What is logged, in the words of tracing's `EnvFilter`.
    #[arg(
        long,
        env = "GUESTLIST_LOG",
        default_value = "info,sea_orm_migration=warn,poem=warn",
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

fn span(text: &str) -> Result<TimeDelta, String> {
    let span = humantime::parse_duration(text).map_err(|e| format!("{e}; write it like 10m, 72h or 7d"))?;
    match TimeDelta::from_std(span) {
        Ok(span) if span > TimeDelta::zero() && span <= TimeDelta::days(3_650) => Ok(span),
        _ => Err("must be more than nothing and at most ten years".to_owned()),
    }
}

/// Limits on attempts; behaviour is documented in `docs/OPERATIONS.md`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sign-ins per address in 15 minutes.
    pub login_per_address: u32,
    /// Sign-ins per client network in 15 minutes.
    pub login_per_ip: u32,
    /// Invalid tokens per client network in a minute.
    pub tokens_per_ip: u32,
    /// Invitations per inviter in an hour.
    pub invites_per_hour: u32,
    /// Invitations per tenant in a day.
    pub invites_per_tenant_day: u32,
    /// Invitations per invited address in a day.
    pub invites_per_recipient_day: u32,
    /// Pending invitations of a tenant.
    pub pending_per_tenant: u32,
}

/// Cost and rules of passwords.
#[derive(Clone, Copy, Debug)]
pub struct PasswordRules {
    /// Argon2id memory in KiB.
    pub memory: u32,
    /// Argon2id passes.
    pub passes: u32,
    /// Argon2id lanes.
    pub lanes: u32,
    /// Fewest characters.
    pub min: u32,
    /// Least zxcvbn score, 0 to 4.
    pub score: u8,
}

/// Where mail goes.
#[derive(Clone, Debug)]
pub enum MailTarget {
    /// Kept in a folder and shown at `/dev/mail`.
    Captured(PathBuf),
    /// Written to a folder, a file per mail.
    Folder(PathBuf),
    /// Sent to a mail server.
    Smtp(Box<SmtpUrl>),
    /// Kept in memory, for tests.
    Memory,
}

/// Checked settings. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Base of every link, with no slash at its end.
    pub public_url: String,
    /// Development or production.
    pub environment: Environment,
    /// Where the data is.
    pub database_url: String,
    /// Folder for what is kept on disk.
    pub data_dir: PathBuf,
    /// Root secret.
    pub secret_key: SecretString,
    /// Earlier root secrets.
    pub secret_key_previous: Vec<SecretString>,
    /// Where mail goes.
    pub mail: MailTarget,
    /// Address that mail comes from.
    pub mail_from: String,
    /// Factor on waiting times between attempts.
    pub mail_retry_scale: f64,
    /// Template of the accept link, with `{token}`.
    pub accept_url: String,
    /// Lifetime of an invitation.
    pub invitation_ttl: TimeDelta,
    /// Longest lifetime of an invitation.
    pub invitation_max_ttl: TimeDelta,
    /// Lifetime of an access token.
    pub access_ttl: TimeDelta,
    /// Lifetime of a refresh token.
    pub refresh_ttl: TimeDelta,
    /// Longest life of a session.
    pub session_max: TimeDelta,
    /// Whether anybody may make tenants.
    pub allow_tenant_creation: bool,
    /// Whether `/graphiql` is served.
    pub graphiql: bool,
    /// Whether strangers may introspect.
    pub introspection: bool,
    /// Cost and rules of passwords.
    pub password: PasswordRules,
    /// Limits on attempts.
    pub limits: Limits,
    /// Deepest nesting of a document.
    pub max_depth: usize,
    /// Most selections of a document.
    pub max_complexity: usize,
    /// Largest body in bytes.
    pub body_limit: usize,
}

/// A setting that is missing, weak or wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the variable.
    pub setting: &'static str,
    /// A sentence with the way out.
    pub advice: String,
}

impl Options {
    /// Development or production: as said, else by where the service listens.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.environment.unwrap_or(if self.listen.ip().is_loopback() {
            Environment::Development
        } else {
            Environment::Production
        })
    }

    /// Where the data is, said or by default.
    #[must_use]
    pub fn database_url(&self) -> String {
        let default = || format!("sqlite://{}", self.data_dir.join("guestlist.db").display());
        self.database_url.clone().filter(|url| !url.is_empty()).unwrap_or_else(default)
    }

    /// Checks everything at once. In development a missing secret is generated into the data folder.
    ///
    /// # Errors
    /// Every problem there is, never an empty list.
    pub fn check(&self) -> Result<Config, Vec<Problem>> {
        let mut problems = Problems::default();
        let environment = self.environment();
        let development = environment == Environment::Development;
        if development && !self.listen.ip().is_loopback() {
            problems.add("GUESTLIST_LISTEN", "development listens on loopback only: use 127.0.0.1, or set GUESTLIST_ENVIRONMENT=production.");
        }
        let secret_key = problems.take(self.secret(development));
        for earlier in self.secret_key_previous.iter().filter(|s| weak(s)) {
            let _ = earlier;
            problems.add(
                "GUESTLIST_SECRET_KEY_PREVIOUS",
                "each earlier secret has at least 32 bytes, as it had when it was in use.",
            );
        }
        let public_url = problems.take(self.public_url(development));
        let mail = problems.take(self.mail(development));
        if crate::email::Email::parse(&self.mail_from).is_err() {
            problems.add("GUESTLIST_MAIL_FROM", "must be an address such as guestlist@example.com.");
        }
        if !(self.mail_retry_scale > 0.0 && self.mail_retry_scale <= 100.0) {
            problems.add("GUESTLIST_MAIL_RETRY_SCALE", "must be more than 0 and at most 100.");
        }
        if self.invitation_ttl > self.invitation_max_ttl {
            problems.add("GUESTLIST_INVITATION_TTL", "must not be longer than GUESTLIST_INVITATION_MAX_TTL.");
        }
        if self.accept_url.as_ref().is_some_and(|url| !url.contains("{token}")) {
            problems.add(
                "GUESTLIST_ACCEPT_URL",
                "must hold {token}, for instance https://app.example.com/join#{token}.",
            );
        }
        if argon2::Params::new(self.argon2_m, self.argon2_t, self.argon2_p, None).is_err() {
            problems
                .add("GUESTLIST_ARGON2_M", "Argon2 needs at least 8 KiB per lane, one pass and one lane.");
        }
        if self.password_min < 8 && !development {
            problems.add("GUESTLIST_PASSWORD_MIN", "must be at least 8 in production.");
        }
        if !development && self.argon2_m < 7_168 {
            problems.add("GUESTLIST_ARGON2_M", "must be at least 7168 in production (OWASP).");
        }
        let (Some(secret_key), Some(public_url), Some(mail), true) =
            (secret_key, public_url, mail, problems.0.is_empty())
        else {
            return Err(problems.0);
        };
        Ok(Config {
            listen: self.listen,
            accept_url: self.accept_url.clone().unwrap_or_else(|| format!("{public_url}/accept#{{token}}")),
            public_url,
            environment,
            database_url: self.database_url(),
            data_dir: self.data_dir.clone(),
            secret_key,
            secret_key_previous: self.secret_key_previous.clone(),
            mail,
            mail_from: self.mail_from.clone(),
            mail_retry_scale: self.mail_retry_scale,
            invitation_ttl: self.invitation_ttl,
            invitation_max_ttl: self.invitation_max_ttl,
            access_ttl: self.access_ttl,
            refresh_ttl: self.refresh_ttl,
            session_max: self.session_max,
            allow_tenant_creation: self.allow_tenant_creation,
            graphiql: self.graphiql.unwrap_or(development),
            introspection: self.introspection.unwrap_or(development),
            password: PasswordRules {
                memory: self.argon2_m,
                passes: self.argon2_t,
                lanes: self.argon2_p,
                min: self.password_min,
                score: self.password_score,
            },
            limits: Limits {
                login_per_address: self.limit_login_per_address,
                login_per_ip: self.limit_login_per_ip,
                tokens_per_ip: self.limit_tokens_per_ip,
                invites_per_hour: self.limit_invites_per_hour,
                invites_per_tenant_day: self.limit_invites_per_tenant_day,
                invites_per_recipient_day: self.limit_invites_per_recipient_day,
                pending_per_tenant: self.limit_pending_per_tenant,
            },
            max_depth: self.max_depth,
            max_complexity: self.max_complexity,
            body_limit: self.body_limit,
        })
    }

    fn public_url(&self, development: bool) -> Result<String, Problem> {
        let problem = |advice: &str| Problem { setting: "GUESTLIST_PUBLIC_URL", advice: advice.to_owned() };
        match &self.public_url {
            Some(url) if !matches!(url.scheme(), "http" | "https") || url.host().is_none() => {
                Err(problem("must begin with https:// or http:// and name a host."))
            }
            Some(url) => Ok(url.as_str().trim_end_matches('/').to_owned()),
            None if development => Ok(format!("http://localhost:{}", self.listen.port())),
            None => Err(problem(
                "set it to the URL that people reach the service at, such as https://id.example.com.",
            )),
        }
    }

    fn mail(&self, development: bool) -> Result<MailTarget, Problem> {
        let problem = |advice: String| Problem { setting: "GUESTLIST_SMTP_URL", advice };
        let url = match (&self.smtp_url, &self.smtp_url_file) {
            (Some(url), _) if !url.expose_secret().is_empty() => url.clone(),
            (_, Some(path)) => read_secret(path).map_err(problem)?,
            _ if development => return Ok(MailTarget::Captured(self.data_dir.join("mail"))),
            _ => {
                return Err(problem(
                    "set it to your mail server, such as smtp://user:password@mail.example.com:587."
                        .to_owned(),
                ));
            }
        };
        if let Some(folder) = url.expose_secret().strip_prefix("file://") {
            return Ok(MailTarget::Folder(PathBuf::from(folder)));
        }
        let smtp = SmtpUrl::parse(&url, self.smtp_ca_file.clone()).map_err(problem)?;
        Ok(MailTarget::Smtp(Box::new(smtp)))
    }

    fn secret(&self, development: bool) -> Result<SecretString, Problem> {
        let problem = |advice: String| Problem { setting: "GUESTLIST_SECRET_KEY", advice };
        let secret = match (&self.secret_key, &self.secret_key_file) {
            (Some(secret), _) => secret.clone(),
            (None, Some(path)) => read_secret(path).map_err(problem)?,
            (None, None) if development => load_or_make_secret(&self.data_dir).map_err(problem)?,
            (None, None) => {
                return Err(problem(
                    "set it to at least 32 random bytes, for instance from: openssl rand -base64 32"
                        .to_owned(),
                ));
            }
        };
        if weak(&secret) {
            return Err(problem("is too short or too plain; use at least 32 random bytes, for instance from: openssl rand -base64 32".to_owned()));
        }
        Ok(secret)
    }
}

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, setting: &'static str, advice: &str) {
        self.0.push(Problem { setting, advice: advice.to_owned() });
    }

    fn take<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.0.push(problem)).ok()
    }
}

/// Shorter than 32 bytes, or made of fewer than 8 different ones.
fn weak(secret: &SecretString) -> bool {
    let bytes = secret.expose_secret().as_bytes();
    let distinct = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
    bytes.len() < keys::SECRET_MIN || distinct < 8
}

fn read_secret(path: &Path) -> Result<SecretString, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}.", path.display()))?;
    Ok(text.trim().to_owned().into())
}

fn load_or_make_secret(folder: &Path) -> Result<SecretString, String> {
    let path = folder.join("secret_key");
    if path.exists() {
        return read_secret(&path);
    }
    let failed = |e: std::io::Error| {
        format!("cannot write {}: {e}. Choose another folder with GUESTLIST_DATA_DIR.", path.display())
    };
    let secret = keys::fresh_secret().map_err(|_| "the system gave no random bytes.".to_owned())?;
    fs::create_dir_all(folder).map_err(failed)?;
    let mut file =
        db::private_file(OpenOptions::new().create_new(true).write(true), &path).map_err(failed)?;
    file.write_all(secret.expose_secret().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(secret)
}

#[derive(clap::Parser)]
struct Shape {
    #[command(flatten)]
    options: Options,
}

/// The settings as clap knows them: variable, help, default.
fn settings() -> Vec<(String, String, Option<String>)> {
    let command = Shape::command();
    command
        .get_arguments()
        .filter_map(|arg| {
            let name = arg.get_env()?.to_string_lossy().into_owned();
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let default = arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
            Some((name, help, default))
        })
        .collect()
}

/// The text of `.env.example`: every variable with its meaning, defaults commented out.
#[must_use]
pub fn env_example() -> String {
    let mut text = String::from(
        "# Every setting of Guestlist. Copy to .env and change what you need; all have defaults in development.\n",
    );
    for (name, help, default) in settings() {
        text.push_str(&format!("\n# {help}\n#{name}={}\n", default.unwrap_or_default()));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn options(args: &[&str]) -> Options {
        let folder = tempfile::tempdir().unwrap().keep();
        let data = format!("--data-dir={}", folder.display());
        let all = ["guestlist", &data].into_iter().chain(args.iter().copied());
        Shape::parse_from(all).options
    }

    fn problems(args: &[&str]) -> Vec<&'static str> {
        options(args).check().err().unwrap_or_default().iter().map(|p| p.setting).collect()
    }

    const GOOD: &str = "--secret-key=kJ8sPq2vXw9zL4mN7bR1tY6uI3oA5dF0";

    #[test]
    fn nothing_configured_is_a_sound_development_set_up() {
        let config = options(&[]).check().unwrap();
        assert_eq!(config.environment, Environment::Development);
        assert_eq!(config.public_url, "http://localhost:8000");
        assert_eq!(config.accept_url, "http://localhost:8000/accept#{token}");
        assert!(matches!(config.mail, MailTarget::Captured(_)));
        assert!(config.introspection && config.graphiql);
    }

    #[test]
    fn the_generated_secret_is_kept_and_private() {
        let options = options(&[]);
        let first = options.check().unwrap().secret_key.expose_secret().to_owned();
        assert_eq!(options.check().unwrap().secret_key.expose_secret(), first);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(options.data_dir.join("secret_key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn t57_production_refuses_missing_short_and_plain_secrets() {
        let all = problems(&["--listen=0.0.0.0:80"]);
        assert_eq!(all, ["GUESTLIST_SECRET_KEY", "GUESTLIST_PUBLIC_URL", "GUESTLIST_SMTP_URL"]);
        let rest = [
            "--listen=0.0.0.0:80",
            "--public-url=https://id.example.com",
            "--smtp-url=smtps://m.example.com",
        ];
        for secret in [
            "--secret-key=",
            "--secret-key=secret",
            &format!("--secret-key={}", "x".repeat(31)),
            &format!("--secret-key={}", "x".repeat(64)),
        ] {
            assert_eq!(problems(&[&rest[..], &[secret]].concat()), ["GUESTLIST_SECRET_KEY"], "{secret}");
        }
        let config = options(&[&rest[..], &[GOOD]].concat()).check().unwrap();
        assert!(!config.introspection && !config.graphiql);
    }

    #[test]
    fn t44_production_does_not_start_without_a_public_url() {
        let args = ["--listen=0.0.0.0:80", GOOD, "--smtp-url=smtps://m.example.com"];
        assert_eq!(problems(&args), ["GUESTLIST_PUBLIC_URL"]);
    }

    #[test]
    fn development_stays_on_loopback() {
        assert_eq!(problems(&["--listen=0.0.0.0:80", "--environment=development"]), ["GUESTLIST_LISTEN"]);
    }

    #[test]
    fn wrong_values_are_named_each() {
        let args = [
            "--mail-from=nobody",
            "--accept-url=https://x.example/",
            "--smtp-url=ftp://x",
            "--mail-retry-scale=0",
        ];
        let all = problems(&args);
        for setting in [
            "GUESTLIST_MAIL_FROM",
            "GUESTLIST_ACCEPT_URL",
            "GUESTLIST_SMTP_URL",
            "GUESTLIST_MAIL_RETRY_SCALE",
        ] {
            assert!(all.contains(&setting), "{setting}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let args = [GOOD, "--smtp-url=smtp://user:hunter2hunter2@mail.example.com"];
        let shown = format!("{:?} {:?}", options(&args), options(&args).check().unwrap());
        assert!(!shown.contains("kJ8sPq") && !shown.contains("hunter2"), "{shown}");
    }
}
