//! The key that events are signed and sealed with.
//!
//! Whoever can write to the database and does not have `SECRET_KEY` can change, put in or take out an event, and cannot
//! make it look right. The key is made once and lives in the database, sealed under `SECRET_KEY`, so that it outlives a
//! change of that.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use uuid::Uuid;

use crate::db::Db;
use crate::error::{Error, Result};
use crate::event::model::{Model, chain};
use crate::id::TypedId as _;
use crate::keys::{self, Keys};

const LABEL: &str = "event-key";

/// Signs and seals events.
#[derive(Debug)]
pub struct EventKey(hmac::Key);

impl EventKey {
    /// Reads the key, or makes it in a database that has none.
    ///
    /// # Errors
    /// When the database does not answer, or no known secret opens the key.
    pub async fn load(db: &Db, keys: &Keys) -> Result<Self> {
        if chain::find_key(db.reader()).await?.is_none() {
            let fresh = keys::fresh_secret().map_err(|e| Error::internal(e.to_string()))?;
            let sealed = keys.seal(LABEL, fresh.expose_secret().as_bytes()).map_err(Error::internal)?;
            chain::offer_key(db.writer(), sealed).await?;
        }
        let sealed = chain::find_key(db.reader()).await?;
        let sealed = sealed.ok_or_else(|| Error::internal("there is no key for events"))?;
        let (plain, by_present_secret) = keys.unseal(LABEL, &sealed).map_err(Error::internal)?;
        if !by_present_secret {
            let anew = keys.seal(LABEL, &plain).map_err(Error::internal)?;
            chain::reseal_key(db.writer(), anew).await?;
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &plain)))
    }

    /// Signature of what an event says: HMAC-SHA-256 over its fields as a JSON array with sorted keys.
    pub(in crate::event) fn sign(&self, event: &Model) -> String {
        let fields = serde_json::json!([
            event.id.uuid(),
            event.tenant_id.map(|id| id.uuid()),
            event.kind,
            event.at.timestamp_micros(),
            event.actor_id.map(|id| id.uuid()),
            event.subject_type,
            event.subject_id,
            canonical(&event.data),
            event.ip_address,
            event.request_id,
        ]);
        self.mac("event", &[fields.to_string().as_bytes()])
    }

    /// Whether an event says what it said when it was recorded.
    pub(in crate::event) fn is_signed(&self, event: &Model) -> bool {
        event.mac.as_ref().is_some_and(|mac| same(mac, &self.sign(event)))
    }

    /// Seal of an event at its place in a chain, over the seal of the one before it.
    pub(in crate::event) fn seal(&self, chain: Uuid, position: i64, before: &str, mac: &str) -> String {
        self.mac(
            "seal",
            &[chain.as_bytes(), &position.to_be_bytes(), before.as_bytes(), b"/", mac.as_bytes()],
        )
    }

    fn mac(&self, label: &str, parts: &[&[u8]]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(label.as_bytes());
        context.update(&[0]);
        parts.iter().for_each(|part| context.update(part));
        URL_SAFE_NO_PAD.encode(context.sign().as_ref())
    }
}

/// Whether two signatures are one, without saying where they differ.
pub(in crate::event) fn same(one: &str, other: &str) -> bool {
    constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// JSON with the keys of objects in order: databases keep an order of their own.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            Value::Object(fields.into_iter().map(|(name, value)| (name.clone(), canonical(value))).collect())
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        other => other.clone(),
    }
}
