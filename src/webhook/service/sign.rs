//! Secrets of endpoints, and signatures as the Standard Webhooks specification has them: `v1,` and base64 of HMAC-SHA-256
//! over identifier, time and body.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use super::fault;
use crate::app::App;
use crate::clock::Instant;
use crate::error::{Error, Result};
use crate::id::{TypedId as _, WebhookEndpointId};
use crate::keys;
use crate::webhook::WebhookEndpoint;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// A sealed key belongs to one endpoint: moved to another row, it does not open.
fn label(id: WebhookEndpointId) -> String {
    format!("webhook/{}", id.uuid())
}

/// A fresh secret, to be shown once, and its key as it is stored.
pub(super) fn fresh(app: &App, id: WebhookEndpointId) -> Result<(SecretString, String)> {
    let key = keys::fresh_bytes().map_err(|e| Error::internal(e.to_string()))?;
    let sealed = app.keys.seal(&label(id), &key).map_err(fault)?;
    Ok((format!("{PREFIX}{}", STANDARD.encode(key)).into(), sealed))
}

/// The same key sealed under the present root secret; `None` when it is already.
pub(super) fn resealed(app: &App, id: WebhookEndpointId, sealed: &str) -> Result<Option<String>> {
    let (key, present) = app.keys.unseal(&label(id), sealed).map_err(fault)?;
    if present {
        return Ok(None);
    }
    app.keys.seal(&label(id), &key).map(Some).map_err(fault)
}

/// The value of `webhook-signature`: one signature, or two while the secret before signs as well.
pub(super) fn signatures(
    app: &App,
    endpoint: &WebhookEndpoint,
    id: &str,
    at: Instant,
    body: &[u8],
) -> Result<String> {
    let previous = endpoint.sealed_previous.as_ref();
    let previous = previous.filter(|_| endpoint.previous_until.is_some_and(|until| at < until));
    let mut signatures = Vec::with_capacity(2);
    for sealed in std::iter::once(&endpoint.sealed_secret).chain(previous) {
        let (key, _) = app.keys.unseal(&label(endpoint.id), sealed).map_err(fault)?;
        signatures.push(signature(&key, id, at, body));
    }
    Ok(signatures.join(" "))
}

fn signature(key: &[u8], id: &str, at: Instant, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    context.update(format!("{id}.{}.", at.timestamp()).as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specifications_example() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Instant::from_timestamp(1_614_265_330, 0).unwrap();
        let made = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, br#"{"test": 2432232314}"#);
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
