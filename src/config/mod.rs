//! Settings: one clap struct gives flags, environment variables, `--help` and `.env.example`.
//!
//! [`Options`] is what was typed; [`Options::check`] turns it into a [`Config`] that the service can rely
//! on, or into every problem at once, each with the way out.

mod derived;
mod given;
mod network;
mod options;
mod secret;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use clap::ValueEnum;
use secrecy::{ExposeSecret, SecretString};

use crate::db::{self, DatabaseUrl};
use crate::mail::smtp::SmtpUrl;
use crate::tenant::ResetPolicy;
use crate::words::Words;

pub use given::{Given, Setting, env_example};
pub use network::{MetricsListen, Network};
pub use options::Options;
use secret::weak;

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

/// Limits on attempts; behaviour is documented in `docs/OPERATIONS.md`.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Sign-ins per address in 15 minutes.
    pub login_per_address: u32,
    /// Sign-ins per client network in 15 minutes.
    pub login_per_ip: u32,
    /// Invalid tokens per client network in a minute.
    pub tokens_per_ip: u32,
    /// Passwords that are rated per client network in 5 minutes.
    pub ratings_per_ip: u32,
    /// Invitations per inviter in an hour.
    pub invites_per_hour: u32,
    /// Invitations per tenant in a day.
    pub invites_per_tenant_day: u32,
    /// Invitations per invited address in a day.
    pub invites_per_recipient_day: u32,
    /// Pending invitations of a tenant.
    pub pending_per_tenant: u32,
    /// Wishes for a reset per address in an hour.
    pub resets_per_address: u32,
}

/// Limits on GraphQL documents.
#[derive(Clone, Copy, Debug)]
pub struct DocumentLimits {
    /// Deepest nesting.
    pub depth: usize,
    /// Highest cost.
    pub complexity: usize,
    /// Most aliases.
    pub aliases: usize,
    /// Most root fields of an operation.
    pub root_fields: usize,
    /// Most directives on one selection.
    pub directives: usize,
    /// Most lexical tokens.
    pub tokens: usize,
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
    /// What was set, and what was left as it is.
    pub given: Given,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Where `/metrics` is served; where its usual port is free, for none.
    pub metrics_listen: Option<MetricsListen>,
    /// Base of every link, with no slash at its end.
    pub public_url: String,
    /// Development or production.
    pub environment: Environment,
    /// Where the data is.
    pub database_url: DatabaseUrl,
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
    /// Folder with mail templates in place of ours.
    pub mail_templates: Option<PathBuf>,
    /// What pages and mails say, in every language there is.
    pub words: Words,
    /// Factor on waiting times between attempts.
    pub mail_retry_scale: f64,
    /// Template of the accept link, with `{token}`.
    pub accept_url: String,
    /// Lifetime of an invitation.
    pub invitation_ttl: TimeDelta,
    /// Longest lifetime of an invitation.
    pub invitation_max_ttl: TimeDelta,
    /// Template of the reset link, with `{token}`.
    pub reset_url: String,
    /// Lifetime of the link of an approved reset.
    pub reset_ttl: TimeDelta,
    /// How long a reset request waits for a decision.
    pub reset_request_ttl: TimeDelta,
    /// Reset policy of new tenants, and of accounts that are in none.
    pub reset_policy: ResetPolicy,
    /// Lifetime of an access token.
    pub access_ttl: TimeDelta,
    /// Lifetime of a refresh token.
    pub refresh_ttl: TimeDelta,
    /// Longest life of a session.
    pub session_max: TimeDelta,
    /// Whether anybody may make tenants.
    pub allow_tenant_creation: bool,
    /// Whether webhooks may be posted over plain HTTP and to private networks.
    pub webhook_allow_private: bool,
    /// Whether `/graphiql` is served.
    pub graphiql: bool,
    /// Whether strangers may introspect.
    pub introspection: bool,
    /// Cost and rules of passwords.
    pub password: PasswordRules,
    /// Limits on attempts.
    pub limits: Limits,
    /// Limits on GraphQL documents.
    pub documents: DocumentLimits,
    /// Most rows in a page.
    pub max_page: u32,
    /// Longest time of one operation.
    pub request_timeout: Duration,
    /// Who is listened to: hosts, origins, proxies.
    pub network: Network,
    /// Connections that are open at once.
    pub max_connections: usize,
    /// How long a client may take to send or read any part of a request.
    pub client_timeout: Duration,
    /// Largest body in bytes.
    pub body_limit: usize,
    /// Largest body of `inviteMany` in bytes.
    pub bulk_body_limit: usize,
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
    pub fn database_url(&self) -> DatabaseUrl {
        let default = || format!("sqlite://{}", self.data_dir.join("guestlist.db").display());
        let given = self.database_url.as_ref().map(|url| url.expose_secret().to_owned());
        given.filter(|url| !url.is_empty()).unwrap_or_else(default).into()
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
        let database_url = self.database_url();
        if db::is_postgres(&database_url) && db::told_apart(&database_url).is_none() {
            problems.add("GUESTLIST_DATABASE_URL", db::MISREAD);
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
        let words = self.words(&mut problems);
        if self.invitation_ttl > self.invitation_max_ttl {
            problems.add("GUESTLIST_INVITATION_TTL", "must not be longer than GUESTLIST_INVITATION_MAX_TTL.");
        }
        for (setting, url) in
            [("GUESTLIST_ACCEPT_URL", &self.accept_url), ("GUESTLIST_RESET_URL", &self.reset_url)]
        {
            if url.as_ref().is_some_and(|url| !url.contains("{token}")) {
                problems
                    .add(setting, "must hold {token}, for instance https://app.example.com/join#{token}.");
            }
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
        let network = Network::check(self, public_url.as_deref().unwrap_or_default(), development);
        let network = network.unwrap_or_else(|found| {
            problems.0.extend(found);
            Network::default()
        });
        let (Some(secret_key), Some(public_url), Some(mail), Some(words), true) =
            (secret_key, public_url, mail, words, problems.0.is_empty())
        else {
            return Err(problems.0);
        };
        Ok(Config {
            given: self.given.clone(),
            listen: self.listen,
            metrics_listen: self.metrics_listen,
            accept_url: self.accept_url.clone().unwrap_or_else(|| format!("{public_url}/accept#{{token}}")),
            reset_url: self.reset_url.clone().unwrap_or_else(|| format!("{public_url}/reset#{{token}}")),
            public_url,
            environment,
            database_url,
            data_dir: self.data_dir.clone(),
            secret_key,
            secret_key_previous: self.secret_key_previous.clone(),
            mail,
            mail_from: self.mail_from.clone(),
            mail_templates: self.mail_templates.clone(),
            words,
            mail_retry_scale: self.mail_retry_scale,
            invitation_ttl: self.invitation_ttl,
            invitation_max_ttl: self.invitation_max_ttl,
            reset_ttl: self.reset_ttl,
            reset_request_ttl: self.reset_request_ttl,
            reset_policy: self.reset_policy,
            access_ttl: self.access_ttl,
            refresh_ttl: self.refresh_ttl,
            session_max: self.session_max,
            allow_tenant_creation: self.allow_tenant_creation,
            webhook_allow_private: self.webhook_allow_private,
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
                ratings_per_ip: self.limit_ratings_per_ip,
                invites_per_hour: self.limit_invites_per_hour,
                invites_per_tenant_day: self.limit_invites_per_tenant_day,
                invites_per_recipient_day: self.limit_invites_per_recipient_day,
                pending_per_tenant: self.limit_pending_per_tenant,
                resets_per_address: self.limit_resets_per_address,
            },
            documents: DocumentLimits {
                depth: self.max_depth,
                complexity: self.max_complexity,
                aliases: self.max_aliases,
                root_fields: self.max_root_fields,
                directives: self.max_directives,
                tokens: self.max_tokens,
            },
            max_page: self.max_page,
            request_timeout: self.request_timeout.to_std().unwrap_or(Duration::from_secs(10)),
            network,
            client_timeout: self.client_timeout.to_std().unwrap_or(Duration::from_secs(15)),
            max_connections: self.max_connections.max(1) as usize,
            body_limit: self.body_limit,
            bulk_body_limit: self.bulk_body_limit.max(self.body_limit),
        })
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
