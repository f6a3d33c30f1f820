//! Everything that is derived from `SECRET_KEY`: link and refresh tokens, sealed signing keys, limiter keys.
//!
//! No usable token is stored. A token is its prefix and base64url of identifier (16 bytes), generation
//! (4 bytes, big-endian) and the first 16 bytes of HMAC-SHA-256 over kind, identifier and generation, under
//! a key of its kind (HKDF, RFC 5869). The row holds the generation alone, so that a retry renders the same
//! token, a resend voids the one before, and an older one is told apart from a forgery.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{constant_time, hkdf, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// Shortest secret that is accepted, in bytes.
pub const SECRET_MIN: usize = 32;

const MAC_LEN: usize = 16;
const BODY_LEN: usize = 16 + 4 + MAC_LEN;

/// Kind of a token; each has a prefix by which secret scanners find leaks, and a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Link of an invitation.
    Invitation,
    /// Link of an approved password reset.
    Reset,
    /// Refresh token of a session.
    Refresh,
    /// Link that makes the first administrator.
    Setup,
}

impl TokenKind {
    /// What every token of this kind begins with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Invitation => "gl_inv_",
            Self::Reset => "gl_rst_",
            Self::Refresh => "gl_ref_",
            Self::Setup => "gl_set_",
        }
    }
}

/// A token whose MAC is good: what it names, and which generation it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Identifier of the row.
    pub id: Uuid,
    /// Generation, or count of rotations, that it was made for.
    pub generation: u32,
}

/// Keys derived from one root secret.
struct Derived {
    invitation: hmac::Key,
    reset: hmac::Key,
    refresh: hmac::Key,
    setup: hmac::Key,
    limiter: hmac::Key,
    sealing: [u8; 32],
}

struct KeyBytes;

impl hkdf::KeyType for KeyBytes {
    fn len(&self) -> usize {
        32
    }
}

impl Derived {
    fn new(secret: &SecretString) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"guestlist/1");
        let root = salt.extract(secret.expose_secret().as_bytes());
        let bytes = |label: &str| {
            let mut out = [0; 32];
            // Expanding 32 bytes from SHA-256 is within the bounds of HKDF: neither call can fail.
            let info = [label.as_bytes()];
            if let Ok(okm) = root.expand(&info, KeyBytes) {
                let _ = okm.fill(&mut out);
            }
            out
        };
        let mac = |label: &str| hmac::Key::new(hmac::HMAC_SHA256, &bytes(label));
        Self {
            invitation: mac("link/invitation"),
            reset: mac("link/reset"),
            refresh: mac("refresh"),
            setup: mac("setup"),
            limiter: mac("limiter"),
            sealing: bytes("sealing"),
        }
    }

    fn of(&self, kind: TokenKind) -> &hmac::Key {
        match kind {
            TokenKind::Invitation => &self.invitation,
            TokenKind::Reset => &self.reset,
            TokenKind::Refresh => &self.refresh,
            TokenKind::Setup => &self.setup,
        }
    }

    fn mac(&self, kind: TokenKind, opened: Opened) -> [u8; MAC_LEN] {
        let mut context = hmac::Context::with_key(self.of(kind));
        context.update(kind.prefix().as_bytes());
        context.update(opened.id.as_bytes());
        context.update(&opened.generation.to_be_bytes());
        let mut out = [0; MAC_LEN];
        out.copy_from_slice(&context.sign().as_ref()[..MAC_LEN]);
        out
    }
}

/// The service's secrets: the present root and those that are still accepted.
pub struct Keys {
    current: Derived,
    previous: Vec<Derived>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("previous", &self.previous.len()).finish_non_exhaustive()
    }
}

impl Keys {
    /// Derives every key. Tokens are made under `current` and accepted under `previous` as well.
    #[must_use]
    pub fn new(current: &SecretString, previous: &[SecretString]) -> Self {
        Self { current: Derived::new(current), previous: previous.iter().map(Derived::new).collect() }
    }

    /// The token for a row and a generation; the same one each time.
    #[must_use]
    pub fn token(&self, kind: TokenKind, id: Uuid, generation: u32) -> String {
        let mut body = [0; BODY_LEN];
        body[..16].copy_from_slice(id.as_bytes());
        body[16..20].copy_from_slice(&generation.to_be_bytes());
        body[20..].copy_from_slice(&self.current.mac(kind, Opened { id, generation }));
        format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(body))
    }

    /// Reads a token back; `None` when it is not one of this kind that we made.
    #[must_use]
    pub fn open(&self, kind: TokenKind, token: &str) -> Option<Opened> {
        let text = token.strip_prefix(kind.prefix())?;
        let mut body = [0; BODY_LEN];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut body).ok()?;
        if length != BODY_LEN {
            return None;
        }
        let (id, rest) = body.split_first_chunk::<16>()?;
        let (generation, mac) = rest.split_first_chunk::<4>()?;
        let opened = Opened { id: Uuid::from_bytes(*id), generation: u32::from_be_bytes(*generation) };
        let known = std::iter::once(&self.current).chain(&self.previous);
        let mut good = false;
        for keys in known {
            good |= constant_time::verify_slices_are_equal(&keys.mac(kind, opened), mac).is_ok();
        }
        good.then_some(opened)
    }

    /// A name for what is limited that does not show it: MAC of bucket and subject.
    #[must_use]
    pub fn limiter_key(&self, bucket: &str, subject: &str) -> String {
        let mut context = hmac::Context::with_key(&self.current.limiter);
        context.update(bucket.as_bytes());
        context.update(&[0]);
        context.update(subject.as_bytes());
        format!("{bucket}:{}", URL_SAFE_NO_PAD.encode(&context.sign().as_ref()[..MAC_LEN]))
    }

    /// Encrypts `plain` (AES-256-GCM), bound to `label`; base64url of nonce and ciphertext.
    ///
    /// # Errors
    /// [`Unsealable`] when the cipher refuses, which sound input never meets.
    pub fn seal(&self, label: &str, plain: &[u8]) -> Result<String, Unsealable> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &self.current.sealing).map_err(|_| Unsealable)?;
        let mut body = plain.to_vec();
        let nonce =
            key.seal_in_place_append_tag(Aad::from(label.as_bytes()), &mut body).map_err(|_| Unsealable)?;
        let mut out = nonce.as_ref().to_vec();
        out.append(&mut body);
        Ok(URL_SAFE_NO_PAD.encode(out))
    }

    /// Decrypts what [`Keys::seal`] made, under the present secret or a previous one. The second value says
    /// whether it was the present one; else it is time to seal it anew.
    ///
    /// # Errors
    /// [`Unsealable`] when no known secret opens it.
    pub fn unseal(&self, label: &str, sealed: &str) -> Result<(Vec<u8>, bool), Unsealable> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Unsealable)?;
        let (nonce, body) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(Unsealable)?;
        std::iter::once(&self.current)
            .chain(&self.previous)
            .enumerate()
            .find_map(|(age, keys)| {
                let key = RandomizedNonceKey::new(&AES_256_GCM, &keys.sealing).ok()?;
                let mut body = body.to_vec();
                let aad = Aad::from(label.as_bytes());
                let plain = key.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut body).ok()?;
                Some((plain.to_vec(), age == 0))
            })
            .ok_or(Unsealable)
    }
}

/// Something sealed that no known secret opens.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("sealed under another secret: set GUESTLIST_SECRET_KEY_PREVIOUS to the secret that was used before")]
pub struct Unsealable;

/// A fresh root secret: 32 random bytes in base64url.
///
/// # Errors
/// When the system has no randomness to give.
pub fn fresh_secret() -> Result<SecretString, aws_lc_rs::error::Unspecified> {
    Ok(URL_SAFE_NO_PAD.encode(fresh_bytes()?).into())
}

/// 32 random bytes.
///
/// # Errors
/// When the system has no randomness to give.
#[expect(clippy::disallowed_methods, reason = "the one place that draws secrets")]
pub fn fresh_bytes() -> Result<[u8; 32], aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(secret: &str) -> Keys {
        Keys::new(&secret.to_owned().into(), &[])
    }

    const ID: Uuid = Uuid::from_u128(7);

    #[test]
    fn a_token_names_its_row_and_is_the_same_each_time() {
        let keys = keys("a");
        let token = keys.token(TokenKind::Invitation, ID, 3);
        assert!(token.starts_with("gl_inv_"));
        assert_eq!(token, keys.token(TokenKind::Invitation, ID, 3));
        assert_eq!(keys.open(TokenKind::Invitation, &token), Some(Opened { id: ID, generation: 3 }));
    }

    #[test]
    fn t17_a_token_of_one_kind_is_no_token_of_another() {
        let keys = keys("a");
        let kinds = [TokenKind::Invitation, TokenKind::Reset, TokenKind::Refresh, TokenKind::Setup];
        for made in kinds {
            let token = keys.token(made, ID, 1);
            for read in kinds {
                let renamed = token.replace(made.prefix(), read.prefix());
                assert_eq!(keys.open(read, &renamed).is_some(), made == read);
            }
        }
    }

    #[test]
    fn t29_flipping_any_bit_makes_a_forgery() {
        let keys = keys("a");
        let token = keys.token(TokenKind::Refresh, ID, 1);
        let body = URL_SAFE_NO_PAD.decode(&token[7..]).unwrap();
        for bit in 0..body.len() * 8 {
            let mut forged = body.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = format!("gl_ref_{}", URL_SAFE_NO_PAD.encode(forged));
            assert_eq!(keys.open(TokenKind::Refresh, &forged), None, "bit {bit}");
        }
    }

    #[test]
    fn t46_empty_short_and_foreign_tokens_are_not_tokens() {
        let keys = keys("a");
        let foreign = super::tests::keys("b").token(TokenKind::Invitation, ID, 1);
        for text in ["", "gl_inv_", "null", "{}", "[]", &"0".repeat(43), &foreign, "eyJhbGciOiJub25lIn0.e30."]
        {
            assert_eq!(keys.open(TokenKind::Invitation, text), None, "{text}");
        }
    }

    #[test]
    fn a_previous_secret_still_opens_what_it_made() {
        let old = keys("old");
        let both = Keys::new(&"new".to_owned().into(), &["old".to_owned().into()]);
        assert!(both.open(TokenKind::Invitation, &old.token(TokenKind::Invitation, ID, 1)).is_some());
        assert!(old.open(TokenKind::Invitation, &both.token(TokenKind::Invitation, ID, 1)).is_none());
        let sealed = old.seal("kid", b"private").unwrap();
        assert_eq!(both.unseal("kid", &sealed).unwrap(), (b"private".to_vec(), false));
        assert_eq!(old.unseal("kid", &sealed).unwrap(), (b"private".to_vec(), true));
        assert!(both.unseal("other", &sealed).is_err());
        assert!(keys("third").unseal("kid", &sealed).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(gl_inv_)?\\PC{0,80}") {
            prop_assert_eq!(keys("a").open(TokenKind::Invitation, &text), None);
        }
    }
}
