//! Passwords: rules, hashing and a bounded amount of hashing at a time.
//!
//! Text is composed (NFC) before it is hashed, as NIST SP 800-63B §3.1.1.2 advises, so that the same
//! characters typed on two systems are the same password.

mod argon;
mod kind;
mod threads;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tracing::Instrument as _;
use unicode_normalization::UnicodeNormalization as _;

use self::argon::{Argon, Memory};
use self::threads::Threads;
use crate::config::PasswordRules;
use crate::error::{Error, ErrorCode, Result};
use crate::telemetry::{metrics, traces};

/// Most characters of a password.
pub const MAX_CHARS: usize = 256;
/// Most bytes of a password.
pub const MAX_BYTES: usize = 1_024;
/// Hashes that may wait for their turn before new ones are refused.
const QUEUE: usize = 64;
/// How long memory for hashes is kept that nobody needs: 19 MiB for each that was made at a time.
const REST: Duration = Duration::from_secs(10);

/// Hashes and verifies passwords on a bounded number of threads.
#[derive(Clone, Debug)]
pub struct Hasher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: PasswordRules,
    argon: Argon,
    /// A random hash: verifying against it costs what a real one costs, and never succeeds.
    dummy: String,
    permits: Arc<Semaphore>,
    threads: Arc<Threads<Memory>>,
    waiting: AtomicUsize,
    verified: AtomicUsize,
}

/// How hard a password is to guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strength {
    /// From 0, the first to be tried, to 4 (zxcvbn).
    pub score: u8,
    /// What the service asks for.
    pub required: u8,
    /// What to do better; `None` for one that can be chosen.
    pub hint: Option<String>,
}

/// A place in the queue, given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Hasher {
    /// A hasher with as many permits as there are cores.
    ///
    /// # Errors
    /// When the parameters are out of bounds, or there is no randomness for the dummy hash.
    pub fn new(rules: PasswordRules) -> Result<Self> {
        let argon = Argon::new(rules.memory, rules.passes, rules.lanes)?;
        let dummy = argon.dummy()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self(Arc::new(Inner {
            rules,
            argon,
            dummy,
            permits: Arc::new(Semaphore::new(cores)),
            threads: Threads::start(cores, REST, Memory::rest).map_err(Error::internal)?,
            waiting: AtomicUsize::new(0),
            verified: AtomicUsize::new(0),
        })))
    }

    /// Checks a password that somebody chooses. `context` is what must not be in it: name, address, tenant.
    ///
    /// # Errors
    /// `WEAK_PASSWORD` with advice.
    pub fn check(&self, password: &SecretString, context: &[&str]) -> Result<()> {
        let strength = self.rate(password, context);
        match strength.hint {
            Some(hint) => Err(Error::refused(ErrorCode::WeakPassword, hint)),
            None => Ok(()),
        }
    }

    /// How hard a password is to guess for who knows `context`: name, address, tenant.
    #[must_use]
    pub fn rate(&self, password: &SecretString, context: &[&str]) -> Strength {
        let required = self.0.rules.score;
        let rated = |score: u8, hint: Option<String>| Strength { score, required, hint };
        let text = normalise(password);
        let chars = text.chars().count();
        let min = self.0.rules.min as usize;
        if chars > MAX_CHARS || text.len() > MAX_BYTES {
            return rated(0, Some(format!("Use at most {MAX_CHARS} characters.")));
        }
        let local_parts = context.iter().filter_map(|c| c.split_once('@').map(|(local, _)| local));
        let words: Vec<&str> = context.iter().copied().chain(local_parts).chain(["guestlist"]).collect();
        let estimate = zxcvbn::zxcvbn(&text, &words);
        let score = u8::from(estimate.score());
        if chars < min {
            return rated(score, Some(format!("Use at least {min} characters.")));
        }
        if score >= required {
            return rated(score, None);
        }
        let feedback = estimate.feedback();
        let warning = feedback.and_then(|f| f.warning()).map(|w| format!("{w} ")).unwrap_or_default();
        let hint =
            format!("{warning}Choose a password that is harder to guess: a few unrelated words do well.");
        rated(score, Some(hint))
    }

    /// Hashes a password with the present parameters (a PHC string).
    ///
    /// # Errors
    /// `OVERLOADED` when too many are waiting.
    pub async fn hash(&self, password: &SecretString) -> Result<String> {
        let text = normalise(password);
        self.run(move |inner, memory| inner.argon.hash(memory, &text)).await?
    }

    /// Whether `password` belongs to `hash`. Without a hash the same work is done, and the answer is no.
    ///
    /// # Errors
    /// `OVERLOADED` when too many are waiting.
    pub async fn verify(&self, password: &SecretString, hash: Option<String>) -> Result<bool> {
        let text = normalise(password);
        let sound = text.len() <= MAX_BYTES;
        let known = hash.is_some();
        let verified = self.run(move |inner, memory| {
            let text = if sound { text.as_str() } else { "" };
            inner.argon.verify(memory, text, hash.as_deref().unwrap_or(&inner.dummy))
        });
        let verified = verified.await?;
        self.0.verified.fetch_add(1, Ordering::SeqCst);
        Ok(verified && known && sound)
    }

    /// Whether `hash` was made with other parameters than the present ones.
    #[must_use]
    pub fn is_outdated(&self, hash: &str) -> bool {
        self.0.argon.is_outdated(hash)
    }

    /// How many hashes are made at a time.
    #[must_use]
    pub fn at_once(&self) -> usize {
        self.0.permits.available_permits()
    }

    /// How many passwords were compared with a hash since the start.
    #[must_use]
    pub fn verifications(&self) -> usize {
        self.0.verified.load(Ordering::SeqCst)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&Inner, &Memory) -> T + Send + Sync + 'static,
    ) -> Result<T> {
        self.work(work).instrument(traces::step("password hash")).await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl Fn(&Inner, &Memory) -> T + Send + Sync + 'static,
    ) -> Result<T> {
        let inner = &self.0;
        let _place = Place(&inner.waiting);
        if inner.waiting.fetch_add(1, Ordering::SeqCst) >= QUEUE + inner.permits.available_permits() {
            return Err(Error::Overloaded(Duration::from_secs(1)));
        }
        let permit = Arc::clone(&inner.permits).acquire_owned().await.map_err(Error::internal)?;
        let (threads, inner) = (Arc::clone(&inner.threads), Arc::clone(inner));
        // In a task of its own: a hash that nobody waits for any more has its permit until it is made.
        let hashing = tokio::spawn(async move {
            let _permit = permit;
            let made = threads.run(move |memory| work(&inner, memory)).await?;
            metrics::hash(made.took);
            Some(made.value)
        });
        let made = hashing.await.map_err(Error::internal)?;
        made.ok_or_else(|| Error::internal("hashing a password ended unexpectedly"))
    }
}

fn normalise(password: &SecretString) -> String {
    password.expose_secret().nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(memory: u32) -> PasswordRules {
        PasswordRules { memory, passes: 1, lanes: 1, min: 8, score: 3 }
    }

    fn hasher() -> Hasher {
        Hasher::new(rules(8)).unwrap()
    }

    fn secret(text: &str) -> SecretString {
        text.to_owned().into()
    }

    #[test]
    fn t11_weak_and_contextual_passwords_are_refused() {
        let hasher = hasher();
        let context = ["Annabel Lee", "annabel.lee@example.com", "Kingdom by the Sea"];
        for text in [
            "password",
            "12345678",
            "qwertyuiop",
            "iloveyou1",
            "Passw0rd!",
            "letmein123",
            "annabel.lee",
            "annabellee1",
            "guestlist1",
            "aaaaaaaaaa",
            "abcdefghij",
            "short",
            "",
            "11111111",
            "password123",
            "trustno1!",
            "sunshine1",
            "football1",
            "Annabel Lee",
            "kingdom by the sea",
        ] {
            let error = hasher.check(&secret(text), &context).unwrap_err();
            assert_eq!(error.code(), ErrorCode::WeakPassword, "{text}");
        }
        assert!(hasher.check(&secret("correct horse battery staple"), &context).is_ok());
    }

    #[tokio::test]
    async fn t9_length_is_bounded_and_every_character_counts() {
        let hasher = hasher();
        let long: String =
            (0_u32..256).filter_map(|i| char::from_u32(0xE0 + (i * i * 7 + i * 13) % 60)).collect();
        assert!(hasher.check(&secret(&long), &[]).is_ok());
        assert!(hasher.check(&secret(&format!("{long}x")), &[]).is_err());
        let hash = hasher.hash(&secret(&long)).await.unwrap();
        assert!(hasher.verify(&secret(&long), Some(hash.clone())).await.unwrap());
        for at in [72, 255] {
            let other: String =
                long.chars().enumerate().map(|(i, c)| if i == at { 'x' } else { c }).collect();
            assert!(!hasher.verify(&secret(&other), Some(hash.clone())).await.unwrap(), "character {at}");
        }
    }

    #[tokio::test]
    async fn t13_composed_and_decomposed_letters_are_the_same_password() {
        let hasher = hasher();
        let hash = hasher.hash(&secret("caf\u{e9} noir du matin")).await.unwrap();
        assert!(hasher.verify(&secret("cafe\u{301} noir du matin"), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn t2_the_dummy_never_verifies_and_costs_what_a_hash_costs() {
        let hasher = hasher();
        for text in ["", "password", "dummy", "guestlist", &hasher.0.dummy.clone()] {
            assert!(!hasher.verify(&secret(text), None).await.unwrap(), "{text}");
        }
        assert!(!hasher.is_outdated(&hasher.0.dummy));
    }

    #[tokio::test]
    async fn a_hash_of_the_reference_implementation_verifies() {
        // From the test vectors of the reference implementation: more memory than these parameters keep.
        let reference =
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(hasher().verify(&secret("password"), Some(reference.to_owned())).await.unwrap());
        assert!(!hasher().verify(&secret("Password"), Some(reference.to_owned())).await.unwrap());
        for broken in [
            "",
            "$",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$",
            "$scrypt$x",
        ] {
            assert!(
                !hasher().verify(&secret("password"), Some(broken.to_owned())).await.unwrap(),
                "{broken}"
            );
        }
    }

    #[tokio::test]
    async fn other_parameters_make_a_hash_outdated() {
        let hash = hasher().hash(&secret("some password")).await.unwrap();
        let stronger = Hasher::new(rules(16)).unwrap();
        assert!(stronger.is_outdated(&hash));
        assert!(stronger.verify(&secret("some password"), Some(hash)).await.unwrap());
        assert!(stronger.is_outdated("nonsense"));
    }

    #[tokio::test]
    async fn t10_a_full_queue_refuses_at_once_and_drains() {
        let hasher = hasher();
        let held = hasher
            .0
            .permits
            .clone()
            .acquire_many_owned(hasher.0.permits.available_permits() as u32)
            .await
            .unwrap();
        let waiting: Vec<_> = (0..QUEUE)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.hash(&secret("x")).await })
            })
            .collect();
        while hasher.0.waiting.load(Ordering::SeqCst) < QUEUE {
            tokio::task::yield_now().await;
        }
        assert_eq!(hasher.hash(&secret("x")).await.unwrap_err().code(), ErrorCode::Overloaded);
        drop(held);
        for task in waiting {
            assert!(task.await.unwrap().is_ok());
        }
        assert_eq!(hasher.0.waiting.load(Ordering::SeqCst), 0);
    }
}
