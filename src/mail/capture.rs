//! Mail that is kept instead of sent: one JSON file each, readable at `/dev/mail`; or one `.eml` each.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use lettre::Message;
use serde::{Deserialize, Serialize};

use super::render::Rendered;
use super::{Mail, SendError};
use crate::clock::Instant;
use crate::id::{OutboxId, TypedId as _};

/// Mails that are kept; older ones make room.
const KEPT: usize = 500;
/// After how many mails the oldest are removed.
const SWEEP: usize = 64;
/// Mails that this process has stored.
static STORED: AtomicUsize = AtomicUsize::new(0);

/// A mail as it would have been sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CapturedMail {
    /// Global id of the outbox row.
    pub id: String,
    /// Name of its templates; empty where it was kept without.
    #[serde(default)]
    pub template: String,
    /// When it was sent.
    pub at: Instant,
    /// Address that it is for.
    pub to: String,
    /// Subject line.
    pub subject: String,
    /// Text part.
    pub text: String,
    /// HTML part.
    pub html: String,
    /// The link in it, if it has one.
    pub link: Option<String>,
    /// The token in it, if it has one.
    pub token: Option<String>,
    /// The whole message, headers and all.
    pub raw: String,
}

impl CapturedMail {
    pub(super) fn new(
        id: OutboxId,
        mail: &Mail,
        rendered: &Rendered,
        message: &Message,
        now: Instant,
    ) -> Self {
        let (to, link, token) = match mail {
            Mail::Invitation(mail) => (&mail.to, Some(mail.link.clone()), Some(mail.token.clone())),
            Mail::InvitationAccepted(mail) => (&mail.to, Some(mail.link.clone()), None),
            Mail::ResetRequested(mail) => (&mail.to, Some(mail.link.clone()), None),
            Mail::ResetLink { to, link, token, .. } | Mail::Setup { to, link, token, .. } => {
                (to, Some(link.clone()), Some(token.clone()))
            }
            Mail::ResetRejected { to, .. } | Mail::PasswordChanged { to, .. } | Mail::Test { to } => {
                (to, None, None)
            }
        };
        Self {
            id: id.global(),
            template: mail.template().to_owned(),
            at: now,
            to: to.email.to_string(),
            subject: rendered.subject.clone(),
            text: rendered.text.clone(),
            html: rendered.html.clone(),
            link,
            token,
            raw: String::from_utf8_lossy(&message.formatted()).into_owned(),
        }
    }
}

fn unwritable(error: &io::Error) -> SendError {
    SendError::PutOff(format!("cannot write to the mail folder: {error}"))
}

/// Writes a file whole or not at all.
async fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    // Mails hold links that are good: nobody else on the machine reads them.
    let mut builder = tokio::fs::DirBuilder::new();
    #[cfg(unix)]
    builder.mode(0o700);
    builder.recursive(true).create(folder).await?;
    let partial = folder.join(format!(".{name}.partial"));
    tokio::fs::write(&partial, bytes).await?;
    tokio::fs::rename(&partial, folder.join(name)).await
}

pub(super) async fn write_eml(folder: &Path, id: OutboxId, bytes: &[u8]) -> Result<String, SendError> {
    let name = format!("{}.eml", id.global());
    write(folder, &name, bytes).await.map_err(|e| unwritable(&e))?;
    Ok(format!("250 written to {name}"))
}

pub(super) async fn store(folder: &Path, mail: CapturedMail) -> Result<String, SendError> {
    let bytes = serde_json::to_vec_pretty(&mail).map_err(|e| SendError::PutOff(e.to_string()))?;
    let name = format!("{}.json", mail.id);
    write(folder, &name, &bytes).await.map_err(|e| unwritable(&e))?;
    // Looking through the whole folder costs more than writing a mail.
    if STORED.fetch_add(1, Ordering::Relaxed).is_multiple_of(SWEEP) {
        for old in names(folder).await.unwrap_or_default().into_iter().rev().skip(KEPT) {
            let _ = tokio::fs::remove_file(folder.join(old)).await;
        }
    }
    Ok("250 captured".to_owned())
}

/// Names of captured mails, oldest first: identifiers sort by time.
async fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut entries = match tokio::fs::read_dir(folder).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut names = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

pub(super) async fn list(folder: &Path) -> io::Result<Vec<CapturedMail>> {
    let mut mails = Vec::new();
    for name in names(folder).await? {
        let bytes = tokio::fs::read(folder.join(&name)).await?;
        match serde_json::from_slice(&bytes) {
            Ok(mail) => mails.push(mail),
            Err(error) => tracing::warn!(%name, %error, "a captured mail cannot be read"),
        }
    }
    Ok(mails)
}
