//! `info`: what this binary is, and what it works with. It makes no database.

use serde_json::{Value, json};

use super::output::{say, say_json};
use super::{Outcome, checked};
use crate::config::{Environment, Options};
use crate::db::{self, Db};
use crate::error::Error;
use crate::http;
use crate::mail::Mailer;

pub(super) async fn info(options: &Options, json: bool) -> Outcome {
    let config = checked(options)?;
    let path = db::sqlite_path(&config.database_url);
    let there = path.as_ref().is_none_or(|path| path.exists());
    let (server, pending) = if there {
        let db = Db::open(&config.database_url).await?;
        let found = (Some(db.server_version().await.map_err(Error::from)?), Some(db.pending().await?.len()));
        db.close().await;
        found
    } else {
        (None, None)
    };
    let bytes = path.as_ref().and_then(|path| std::fs::metadata(path).ok()).map(|file| file.len());
    let known = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "platform": format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
        "explorer": if http::holds_explorer() { "in the binary" } else { "not in the binary" },
        "environment": if config.environment == Environment::Development { "development" } else { "production" },
        "publicUrl": config.public_url,
        "database": path.map_or_else(|| db::redact(&config.database_url), |path| path.display().to_string()),
        "databaseServer": server,
        "databaseBytes": bytes,
        "pendingMigrations": pending,
        "mail": Mailer::new(&config)?.describe(),
    });
    if json {
        say_json(&known);
        return Ok(());
    }
    for (name, value) in known.as_object().into_iter().flatten() {
        match value {
            Value::Null => say(format_args!("{name:18} not there yet")),
            Value::String(text) => say(format_args!("{name:18} {text}")),
            other => say(format_args!("{name:18} {other}")),
        }
    }
    Ok(())
}
