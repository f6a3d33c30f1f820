//! Commands about the service itself.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use lettre::message::Mailbox;
use serde_json::json;

use super::actions::Migrate;
use super::output::{say, say_json, talk};
use super::{Failure, Outcome, checked, open};
use crate::clock::Clock;
use crate::config::{self, Environment, Options};
use crate::contract::{self, Weight};
use crate::db::{self, BackupError, Db, ServeLock};
use crate::email::Email;
use crate::event::service::Head;
use crate::http::ROUTES;
use crate::id::IdSource;
use crate::mail::{Mail, Mailer};
use crate::{event, invitation, reference, schema as gql};

pub(super) async fn migrate(options: &Options, action: Migrate) -> Outcome {
    let db = Db::open(&options.database_url()).await?;
    match action {
        Migrate::Up => say(format_args!("{} migrations applied.", db.migrate().await?)),
        Migrate::Status => {
            let pending = db.pending().await?;
            for name in &pending {
                say(format_args!("pending  {name}"));
            }
            talk(format_args!("{} migrations are pending.", pending.len()));
        }
    }
    Ok(())
}

pub(super) async fn mark_expired(options: &Options) -> Outcome {
    let app = open(options).await?;
    let expired = invitation::service::expire_due(&app).await?;
    say(format_args!("{expired} invitations recorded as expired."));
    Ok(())
}

pub(super) fn schema(output: Option<&Path>, check: Option<&Path>, reference: bool) -> Outcome {
    let sdl = gql::sdl();
    let unreadable = |path: &Path, error: std::io::Error| {
        Failure::new(Failure::FAILED, format!("{}: {error}", path.display()))
    };
    let written = if reference {
        reference::page(&sdl).map_err(|error| Failure::new(Failure::FAILED, error.to_string()))?
    } else {
        sdl.clone()
    };
    if let Some(path) = output {
        return std::fs::write(path, &written).map_err(|error| unreadable(path, error));
    }
    if let Some(path) = check {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        return compare(path, &text, &sdl);
    }
    say(written.trim_end());
    Ok(())
}

/// Prints what clients that were written against an earlier schema meet, and fails where it breaks them.
fn compare(path: &Path, old: &str, sdl: &str) -> Outcome {
    let changes = contract::changes(old, sdl)
        .map_err(|error| Failure::new(Failure::USAGE, format!("{}: {error}", path.display())))?;
    for change in &changes {
        let weight = match change.weight {
            Weight::Breaking => "breaking",
            Weight::Dangerous => "dangerous",
            Weight::Addition => "addition",
        };
        say(format_args!("{weight:9}  {} {}", change.place, change.said));
    }
    let breaking = changes.iter().filter(|change| change.weight == Weight::Breaking).count();
    if breaking > 0 {
        let said = format!("{breaking} changes break clients that were written against {}.", path.display());
        return Err(Failure::new(Failure::FAILED, said));
    }
    talk(format_args!("Clients that were written against {} go on working.", path.display()));
    Ok(())
}

pub(super) fn routes(json: bool) -> Outcome {
    if json {
        let rows: Vec<_> = ROUTES
            .iter()
            .map(|(method, path, about)| json!({ "method": method, "path": path, "about": about }))
            .collect();
        say_json(&json!(rows));
        return Ok(());
    }
    for (method, path, about) in ROUTES {
        say(format_args!("{method:5} {path:26} {about}"));
    }
    Ok(())
}

pub(super) async fn check(options: &Options) -> Outcome {
    let config = checked(options)?;
    let mailer = Mailer::new(&config)?;
    let pending = Db::open(&config.database_url).await?.pending().await?.len();
    say("The settings are sound.");
    say(format_args!("  database  {}   {pending} migrations are pending", db::redact(&config.database_url)));
    say(format_args!("  mail      {}", mailer.describe()));
    let languages = config.words.languages().iter().map(|language| match language.missing().len() {
        0 => language.tag().to_owned(),
        missing => format!("{} ({missing} messages in English)", language.tag()),
    });
    say(format_args!("  words     {}", languages.collect::<Vec<_>>().join(", ")));
    Ok(())
}

pub(super) async fn flush(options: &Options, given: Option<String>) -> Outcome {
    let url = options.database_url();
    let name = db::name(&url);
    let given = match given {
        Some(given) => given,
        None if options.environment() == Environment::Development && std::io::stdin().is_terminal() => {
            let mut answer = String::new();
            let mut out = std::io::stderr();
            let asked = write!(out, "This deletes every row of {name}. Type its name to go on: ")
                .and_then(|()| out.flush());
            asked
                .and_then(|()| std::io::stdin().read_line(&mut answer))
                .map_err(|error| Failure::new(Failure::USAGE, error.to_string()))?;
            answer.trim().to_owned()
        }
        None => String::new(),
    };
    if given != name {
        return Err(Failure::new(
            Failure::USAGE,
            format!("nothing was deleted; to delete every row, run: guestlist flush {name}"),
        ));
    }
    let _lock = ServeLock::take(&url)?;
    let db = Db::open(&url).await?;
    db.migrate().await?;
    db.flush().await.map_err(|error| Failure::new(Failure::UNAVAILABLE, error.to_string()))?;
    say(format_args!("Every row of {name} is deleted."));
    Ok(())
}

pub(super) async fn backup(options: &Options, file: &Path) -> Outcome {
    let url = options.database_url();
    if let Some(path) = db::sqlite_path(&url).filter(|path| !path.exists()) {
        return Err(Failure::new(Failure::NOT_FOUND, format!("there is no database at {}", path.display())));
    }
    let db = Db::open(&url).await?;
    db.backup(file).await.map_err(|error| {
        let code = match error {
            BackupError::NotSqlite | BackupError::Exists(_) => Failure::USAGE,
            BackupError::NotWritable { .. } | BackupError::Database(_) => Failure::UNAVAILABLE,
        };
        Failure::new(code, error.to_string())
    })?;
    say(format_args!(
        "{} holds a copy. Mail in it is held back until `guestlist outbox release`.",
        file.display()
    ));
    Ok(())
}

pub(super) async fn rotate_keys(options: &Options) -> Outcome {
    let app = open(options).await?;
    let kid = app.access_keys.rotate(&app).await?;
    say(format_args!("{kid} signs from here on; running processes take it up within a minute."));
    Ok(())
}

pub(super) async fn mail_test(options: &Options, to: &str) -> Outcome {
    let config = checked(options)?;
    let mail = Mail::Test { to: mailbox(to)? };
    send_at_once(&Mailer::new(&config)?, &mail).await
}

/// The mailbox of an address that was typed.
pub(super) fn mailbox(to: &str) -> Result<Mailbox, Failure> {
    let usage = |error: &dyn std::fmt::Display| Failure::new(Failure::USAGE, error.to_string());
    let to = Email::parse(to).map_err(|error| usage(&error))?;
    to.deliverable().parse().map_err(|error| usage(&error))
}

/// Sends a mail that somebody waits for, and says what the server said.
pub(super) async fn send_at_once(mailer: &Mailer, mail: &Mail) -> Outcome {
    let now = Clock::System.now();
    match mailer.send(IdSource::default().fresh(now), mail, now).await {
        Ok(reply) => {
            say(format_args!("Taken: {reply}"));
            Ok(())
        }
        Err(error) => {
            Err(Failure::new(Failure::UNAVAILABLE, format!("{error}. Look at GUESTLIST_SMTP_URL.")))
        }
    }
}

pub(super) fn mail_preview(options: &Options, folder: &Path, eml: bool) -> Outcome {
    let mailer = Mailer::new(&checked(options)?)?;
    let failed =
        |error: std::io::Error| Failure::new(Failure::FAILED, format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    for preview in mailer.preview()? {
        let put = |extension: &str, bytes: &[u8]| {
            std::fs::write(folder.join(format!("{}.{extension}", preview.name)), bytes).map_err(failed)
        };
        put("txt", preview.text.as_bytes())?;
        put("html", preview.html.as_bytes())?;
        if eml {
            put("eml", &preview.message)?;
        }
        say(preview.name);
    }
    Ok(())
}

pub(super) fn config(options: &Options, example: bool) -> Outcome {
    if example {
        say(config::env_example().trim_end());
        return Ok(());
    }
    for setting in checked(options)?.settings() {
        let hidden = if setting.is_secret && setting.is_set { "(hidden)" } else { "" };
        let value = setting.value.as_deref().unwrap_or(hidden);
        let set = if setting.is_set { "  # set" } else { "" };
        say(format_args!("{}={value}{set}", setting.name));
    }
    Ok(())
}

pub(super) async fn verify_events(options: &Options, heads: &[String], json: bool) -> Outcome {
    let app = open(options).await?;
    let expected = heads.iter().map(|text| text.parse::<Head>()).collect::<Result<Vec<_>, _>>();
    let expected = expected.map_err(|error| Failure::new(Failure::USAGE, error))?;
    let report = event::service::verify(&app, &expected).await?;
    if json {
        say_json(&json!({
            "events": report.events,
            "unsealed": report.unsealed,
            "heads": report.heads.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "findings": report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }));
    } else {
        for finding in &report.findings {
            say(format_args!("{finding}"));
        }
        for head in &report.heads {
            say(format_args!("head  {head}"));
        }
        talk(format_args!("{} events, {} of them not sealed yet.", report.events, report.unsealed));
    }
    if report.findings.is_empty() {
        return Ok(());
    }
    let message = format!("{} findings: these events are not what was recorded", report.findings.len());
    Err(Failure::new(Failure::FAILED, message))
}

/// Prints completions for a shell.
pub(super) fn completions(shell: clap_complete::Shell, command: &mut clap::Command) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(shell, command, "guestlist", &mut text);
    say(String::from_utf8_lossy(&text).trim_end());
    Ok(())
}

pub(super) fn man(folder: &Path, command: clap::Command) -> Outcome {
    clap_mangen::generate_to(command, folder)
        .map_err(|error| Failure::new(Failure::FAILED, format!("{}: {error}", folder.display())))
}

/// Asks `/readyz` of the service that listens where the settings say.
pub(super) async fn ready(options: &Options) -> Outcome {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut address = options.listen;
    if address.ip().is_unspecified() {
        let here = if address.is_ipv4() { "127.0.0.1" } else { "::1" };
        address.set_ip(here.parse().unwrap_or(address.ip()));
    }
    let asked = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream
            .write_all(
                format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes(),
            )
            .await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.map(|_| answer)
    };
    let failed = |why: String| Failure::new(Failure::UNAVAILABLE, format!("{address} is not ready: {why}"));
    match tokio::time::timeout(std::time::Duration::from_secs(3), asked).await {
        Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200 ") => {
            say("ready");
            Ok(())
        }
        Ok(Ok(answer)) => Err(failed(answer.lines().last().unwrap_or_default().to_owned())),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed("no answer within 3 seconds".to_owned())),
    }
}
