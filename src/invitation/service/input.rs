//! Whom somebody invites, and how: what is asked for, and what of it is sound.

use chrono::TimeDelta;
use serde_json::Value;

use crate::app::App;
use crate::email::Email;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::text;

/// Largest metadata, in bytes of compact JSON.
const METADATA_MAX: usize = 4_096;
/// Shortest lifetime of an invitation.
const LIFETIME_MIN: TimeDelta = TimeDelta::minutes(5);

/// How the link reaches the invitee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// By mail to the invited address.
    Email,
    /// Returned to the inviter, once; proves nothing about the address.
    LinkOnly,
}

/// What to do when an invitation with another role is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// Leave it and refuse.
    Keep,
    /// Cancel it and make the one asked for.
    Replace,
}

/// Whom to invite, and how.
#[derive(Clone, Debug)]
pub struct Invite {
    /// The tenant; the active one by default.
    pub tenant_id: Option<TenantId>,
    /// Address as typed.
    pub email: String,
    /// Name of the invitee.
    pub name: Option<String>,
    /// Key of the role on offer.
    pub role_key: String,
    /// Note to the invitee.
    pub note: Option<String>,
    /// JSON object of the inviting application.
    pub metadata: Option<Value>,
    /// Language of the mail.
    pub locale: Option<String>,
    /// Lifetime in seconds.
    pub expires_in_seconds: Option<i32>,
    /// How the link travels.
    pub delivery: Delivery,
    /// What to do about a pending one with another role.
    pub on_conflict: OnConflict,
}

impl Invite {
    /// An invitation by mail with nothing but an address and a role.
    #[must_use]
    pub fn plain(tenant_id: Option<TenantId>, email: &str, role_key: &str) -> Self {
        Self {
            tenant_id,
            email: email.to_owned(),
            name: None,
            role_key: role_key.to_owned(),
            note: None,
            metadata: None,
            locale: None,
            expires_in_seconds: None,
            delivery: Delivery::Email,
            on_conflict: OnConflict::Keep,
        }
    }
}

/// The same, checked.
pub(super) struct Checked {
    pub(super) email: Email,
    pub(super) name: Option<String>,
    pub(super) note: Option<String>,
    pub(super) metadata: Option<Value>,
    pub(super) locale: String,
    pub(super) lifetime: TimeDelta,
    pub(super) delivery: Delivery,
    pub(super) on_conflict: OnConflict,
}

/// What is asked for, where every value of it is sound.
pub(super) fn check(app: &App, input: &Invite) -> Result<Checked> {
    let email = Email::parse(&input.email).map_err(|e| Error::bad_input("email", e.to_string()))?;
    let name = input.name.as_deref().filter(|name| !name.trim().is_empty());
    let language = app.config.words.default_language().tag();
    Ok(Checked {
        email,
        name: name.map(|name| text::name("name", name)).transpose()?,
        note: input.note.as_deref().map_or(Ok(None), |note| text::note("note", note))?,
        metadata: input.metadata.as_ref().filter(|value| !value.is_null()).map(check_metadata).transpose()?,
        locale: text::locale("locale", input.locale.as_deref().unwrap_or(language))?,
        lifetime: check_lifetime(app, input.expires_in_seconds)?,
        delivery: input.delivery,
        on_conflict: input.on_conflict,
    })
}

fn check_metadata(value: &Value) -> Result<Value> {
    if !value.is_object() {
        return Err(Error::bad_input("metadata", "Metadata is a JSON object."));
    }
    // PostgreSQL can keep it nowhere.
    if holds_nul(value) {
        return Err(Error::bad_input("metadata", "Metadata cannot hold the character U+0000."));
    }
    let size = serde_json::to_vec(value).map_or(usize::MAX, |bytes| bytes.len());
    if size > METADATA_MAX {
        return Err(Error::bad_input("metadata", "Metadata has at most 4096 bytes as compact JSON."));
    }
    Ok(value.clone())
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(holds_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

fn check_lifetime(app: &App, seconds: Option<i32>) -> Result<TimeDelta> {
    let Some(seconds) = seconds else { return Ok(app.config.invitation_ttl) };
    let lifetime = TimeDelta::seconds(i64::from(seconds));
    let longest = app.config.invitation_max_ttl;
    if lifetime < LIFETIME_MIN || lifetime > longest {
        let message = format!("An invitation lasts from 300 to {} seconds.", longest.num_seconds());
        return Err(Error::bad_input("expiresInSeconds", message));
    }
    Ok(lifetime)
}
