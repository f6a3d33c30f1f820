//! Access tokens: JWTs signed with Ed25519 (RFC 8037), of type `at+jwt` (RFC 9068).

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest;
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
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::id::{SessionId, TenantId, TypedId as _, UserId};
use crate::keys::Keys;
use crate::permission::Permissions;

/// How far two clocks may disagree.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// Most tokens whose signature is remembered.
const REMEMBERED: usize = 10_000;
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

/// The keys as they were read last.
struct Ring {
    kid: String,
    signing: EncodingKey,
    verifying: Vec<Verifying>,
}

/// The key that signs, and those that verify. Other processes may rotate them: they are read again once a minute before
/// signing, and when a token names a key that is not known.
pub struct AccessKeys {
    ring: RwLock<Arc<Ring>>,
    /// Milliseconds since the Unix epoch.
    read_at: AtomicI64,
    /// Tokens whose signature was found good, by their SHA-256: looking one up is cheaper than verifying it again.
    good: quick_cache::sync::Cache<[u8; 32], Signed>,
}

/// What a token with a good signature says, and the key that signed it.
#[derive(Clone)]
struct Signed {
    kid: Arc<str>,
    session_id: SessionId,
    issued: Instant,
    expires: Instant,
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKeys").field("kid", &self.ring().kid).finish_non_exhaustive()
    }
}

impl AccessKeys {
    /// Reads the keys, making the first one where there is none, and sealing the present one anew after a change
    /// of `SECRET_KEY`, so that the earlier secret can be forgotten in time.
    ///
    /// # Errors
    /// When a key was sealed under a secret that is not known any more.
    pub async fn load(db: &Db, keys: &Keys, config: &Config, now: Instant) -> Result<Self> {
        let ring = read(db, keys, config, now).await?;
        Ok(Self {
            ring: RwLock::new(Arc::new(ring)),
            read_at: AtomicI64::new(now.timestamp_millis()),
            good: quick_cache::sync::Cache::new(REMEMBERED),
        })
    }

    fn ring(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the keys again where the last time was `pause` ago or more; one caller does, the others go on with what is
    /// known.
    async fn read_again(&self, app: &App, pause: TimeDelta) -> Result<()> {
        let (now, before) = (app.clock.now(), self.read_at.load(Ordering::Relaxed));
        let due = now.timestamp_millis().saturating_sub(before) >= pause.num_milliseconds();
        let mine = due
            && self
                .read_at
                .compare_exchange(before, now.timestamp_millis(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if mine {
            let ring = read(&app.db, &app.keys, &app.config, now).await?;
            *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        }
        Ok(())
    }

    /// Sees to it that a key that another process has put in force signs here as well, within a minute.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn before_signing(&self, app: &App) -> Result<()> {
        self.read_again(app, TimeDelta::minutes(1)).await
    }

    /// Looks whether a token that names an unknown key was signed by another process; once a second at the most.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn before_verifying(&self, app: &App, token: &str) -> Result<()> {
        let named = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
        let Some(kid) = named else { return Ok(()) };
        if self.ring().verifying.iter().any(|key| key.kid == kid) {
            return Ok(());
        }
        self.read_again(app, TimeDelta::seconds(1)).await
    }

    /// Puts a new key in force. The one before it verifies until every token that it signed has ended.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn rotate(&self, app: &App) -> Result<String> {
        let new = generate(&app.keys, app.clock.now())?;
        let kid = new.kid.clone();
        let txn = app.db.begin_write().await?;
        signing_key::retire_all(&txn, app.clock.now()).await?;
        signing_key::insert(&txn, new).await?;
        txn.commit().await?;
        self.read_again(app, TimeDelta::MIN).await?;
        Ok(kid)
    }

    /// Signs an access token and says when it ends.
    ///
    /// # Errors
    /// When signing fails, which a sound key rules out.
    pub fn sign(&self, app: &App, grant: Grant) -> Result<(String, Instant)> {
        let now = app.clock.now();
        // A JWT counts whole seconds; what is said beside it is the same moment.
        let expires_at = (now + app.config.access_ttl).trunc_subsecs(0);
        let ring = self.ring();
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
            kid: Some(ring.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let token = jsonwebtoken::encode(&header, &claims, &ring.signing).map_err(Error::internal)?;
        Ok((token, expires_at))
    }

    /// The session that a token speaks for; `None` unless signature, type, issuer, audience and times are good.
    ///
    /// Times are compared with the service's own clock, 30 seconds either way, and the key has to be in force, also where
    /// the signature was verified before.
    #[must_use]
    pub fn verify(&self, app: &App, token: &str) -> Option<SessionId> {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        let ring = self.ring();
        let signed = match self.good.get(&hash) {
            Some(signed) => signed,
            None => {
                let signed = signed(app, &ring, token)?;
                self.good.insert(hash, signed.clone());
                signed
            }
        };
        let now = app.clock.now();
        let in_force = ring.verifying.iter().any(|key| *key.kid == *signed.kid);
        let timely = now < signed.expires + LEEWAY && signed.issued <= now + LEEWAY;
        (in_force && timely).then_some(signed.session_id)
    }

    /// The public keys as a JSON Web Key Set (RFC 7517) for services that verify tokens themselves.
    #[must_use]
    pub fn jwks(&self) -> Value {
        let key = |key: &Verifying| json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key.kid, "x": key.x });
        json!({ "keys": self.ring().verifying.iter().map(key).collect::<Vec<_>>() })
    }
}

/// What a token says, if one of the keys signed it for this service.
fn signed(app: &App, ring: &Ring, token: &str) -> Option<Signed> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    if header.typ.as_deref() != Some(TYPE) || header.alg != Algorithm::EdDSA {
        return None;
    }
    let kid = header.kid?;
    let known = ring.verifying.iter().find(|key| key.kid == kid)?;
    let mut rules = Validation::new(Algorithm::EdDSA);
    rules.set_issuer(&[&app.config.public_url]);
    rules.set_audience(&[&app.config.public_url]);
    rules.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    rules.validate_exp = false;
    let claims = jsonwebtoken::decode::<Claims>(token, &known.key, &rules).ok()?.claims;
    Some(Signed {
        kid: kid.into(),
        session_id: SessionId::from_global(&claims.sid)?,
        issued: Instant::from_timestamp(claims.iat, 0)?,
        expires: Instant::from_timestamp(claims.exp, 0)?,
    })
}

async fn read(db: &Db, keys: &Keys, config: &Config, now: Instant) -> Result<Ring> {
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
    // A replica may have signed with a retired key for a minute more.
    let kept = config.access_ttl + LEEWAY + TimeDelta::minutes(2);
    let in_use = rows.iter().filter(|row| row.retired_at.is_none_or(|at| now < at + kept));
    let verifying = in_use.map(|row| {
        let key = DecodingKey::from_ed_components(&row.public_key).map_err(Error::internal)?;
        Ok(Verifying { kid: row.kid.clone(), x: row.public_key.clone(), key })
    });
    Ok(Ring {
        kid: current.kid.clone(),
        signing: EncodingKey::from_ed_der(&private),
        verifying: verifying.collect::<Result<_>>()?,
    })
}

fn generate(keys: &Keys, now: Instant) -> Result<signing_key::Model> {
    let pair = Ed25519KeyPair::generate().map_err(|e| Error::internal(e.to_string()))?;
    let private = pair.to_pkcs8v1().map_err(|e| Error::internal(e.to_string()))?;
    let public_key = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    // The name is a fingerprint of the key, so that two replicas never use one name for two keys.
    let digest = digest::digest(&digest::SHA256, pair.public_key().as_ref());
    let kid = URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12]);
    let sealed_private_key = keys.seal(&kid, private.as_ref()).map_err(Error::internal)?;
    Ok(signing_key::Model { kid, public_key, sealed_private_key, created_at: now, retired_at: None })
}
