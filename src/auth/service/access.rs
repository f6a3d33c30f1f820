//! Access tokens: JWTs signed with Ed25519 (RFC 8037), of type `at+jwt` (RFC 9068).

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{SubsecRound as _, TimeDelta};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::model::signing_key;
use crate::clock::Instant;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::id::{SessionId, TenantId, TypedId as _, UserId};
use crate::keys::Keys;
use crate::permission::Permissions;

/// How far two clocks may disagree.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// Type of the token in its header.
const TYPE: &str = "at+jwt";

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    permissions: Vec<String>,
    iat: i64,
    exp: i64,
}

/// What an access token says.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Whose it is.
    pub user_id: UserId,
    /// The session it belongs to.
    pub session_id: SessionId,
    /// The tenant it speaks for.
    pub tenant_id: Option<TenantId>,
    /// Key of the role in that tenant.
    pub role: Option<String>,
    /// What the role permits.
    pub permissions: Permissions,
}

struct Verifying {
    kid: String,
    x: String,
    key: DecodingKey,
}

/// The key that signs, and those that verify.
pub struct AccessKeys {
    kid: String,
    signing: EncodingKey,
    verifying: Vec<Verifying>,
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeys").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl AccessKeys {
    /// Reads the keys, making the first one where there is none, and sealing the present one anew after a change
    /// of `SECRET_KEY`, so that the earlier secret can be forgotten in time.
    ///
    /// # Errors
    /// When a key was sealed under a secret that is not known any more.
    pub async fn load(db: &Db, keys: &Keys, now: Instant) -> Result<Self> {
        let mut rows = signing_key::all(db.reader()).await?;
        if rows.is_empty() {
            signing_key::insert(db.writer(), generate(keys, now)?).await?;
            rows = signing_key::all(db.reader()).await?;
        }
        let current = rows.iter().find(|row| row.retired_at.is_none());
        let current = current.ok_or_else(|| Error::internal("every signing key is retired"))?;
        let (private, sealed_now) =
            keys.unseal(&current.kid, &current.sealed_private_key).map_err(Error::internal)?;
        if !sealed_now {
            let sealed = keys.seal(&current.kid, &private).map_err(Error::internal)?;
            signing_key::reseal(db.writer(), &current.kid, sealed).await?;
        }
        let verifying = rows.iter().map(|row| {
            let key = DecodingKey::from_ed_components(&row.public_key).map_err(Error::internal)?;
            Ok(Verifying { kid: row.kid.clone(), x: row.public_key.clone(), key })
        });
        Ok(Self {
            kid: current.kid.clone(),
            signing: EncodingKey::from_ed_der(&private),
            verifying: verifying.collect::<Result<_>>()?,
        })
    }

    /// Signs an access token and says when it ends.
    ///
    /// # Errors
    /// When signing fails, which a sound key rules out.
    pub fn sign(&self, app: &App, grant: Grant) -> Result<(String, Instant)> {
        let now = app.clock.now();
        // A JWT counts whole seconds; what is said beside it is the same moment.
        let expires_at = (now + app.config.access_ttl).trunc_subsecs(0);
        let claims = Claims {
            iss: app.config.public_url.clone(),
            aud: app.config.public_url.clone(),
            sub: grant.user_id.global(),
            sid: grant.session_id.global(),
            tid: grant.tenant_id.map(TenantId::global),
            role: grant.role,
            permissions: grant.permissions.iter().map(|p| p.as_str().to_owned()).collect(),
            iat: now.timestamp(),
            exp: expires_at.timestamp(),
        };
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let token = jsonwebtoken::encode(&header, &claims, &self.signing).map_err(Error::internal)?;
        Ok((token, expires_at))
    }

    /// The session that a token speaks for; `None` unless signature, type, issuer, audience and times are good.
    ///
    /// Times are compared with the service's own clock, 30 seconds either way.
    #[must_use]
    pub fn verify(&self, app: &App, token: &str) -> Option<SessionId> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() != Some(TYPE) || header.alg != Algorithm::EdDSA {
            return None;
        }
        let kid = header.kid?;
        let known = self.verifying.iter().find(|key| key.kid == kid)?;
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_issuer(&[&app.config.public_url]);
        rules.set_audience(&[&app.config.public_url]);
        rules.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        rules.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &known.key, &rules).ok()?.claims;
        let now = app.clock.now();
        let issued = Instant::from_timestamp(claims.iat, 0)?;
        let expires = Instant::from_timestamp(claims.exp, 0)?;
        if now >= expires + LEEWAY || issued > now + LEEWAY {
            return None;
        }
        SessionId::from_global(&claims.sid)
    }

    /// The public keys as a JSON Web Key Set (RFC 7517) for services that verify tokens themselves.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let key = |key: &Verifying| json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": key.x });
        json!({ "keys": self.verifying.iter().map(key).collect::<Vec<_>>() })
    }
}

fn generate(keys: &Keys, now: Instant) -> Result<signing_key::Model> {
    let pair = Ed25519KeyPair::generate().map_err(|e| Error::internal(e.to_string()))?;
    let private = pair.to_pkcs8v1().map_err(|e| Error::internal(e.to_string()))?;
    let public_key = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    // The name is a fingerprint of the key, so that two replicas never use one name for two keys.
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, pair.public_key().as_ref());
    let kid = URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12]);
    let sealed_private_key = keys.seal(&kid, private.as_ref()).map_err(Error::internal)?;
    Ok(signing_key::Model { kid, public_key, sealed_private_key, created_at: now, retired_at: None })
}
