//! Argon2id over memory that is used again.
//!
//! A fresh block of 19 MiB for each hash leaves the allocator with hundreds of MiB under a flood of sign-ins, for each
//! thread keeps what it has had. Here there are as many blocks as hashes are made at a time, and they are kept until none was made
//! for a while.

use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::rand;

use crate::error::{Error, Result};

const SALT_LEN: usize = 16;
const HASH_LEN: usize = 32;
const ALGORITHM: Algorithm = Algorithm::Argon2id;
const VERSION: Version = Version::V0x13;

/// Hashes with one set of parameters, and verifies with any.
#[derive(Debug)]
pub(super) struct Argon {
    params: Params,
}

/// Memory for hashes that are made one after another.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    /// Gives the memory back that no hash is made in.
    pub(super) fn rest(&self) {
        let kept = std::mem::take(&mut *self.blocks());
        // Given back while others can have what they keep.
        drop(kept);
    }

    fn blocks(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Argon {
    pub(super) fn new(memory: u32, passes: u32, lanes: u32) -> Result<Self> {
        let params = Params::new(memory, passes, lanes, Some(HASH_LEN)).map_err(failed)?;
        Ok(Self { params })
    }

    /// Hashes `text` under a fresh salt; a PHC string.
    pub(super) fn hash(&self, memory: &Memory, text: &str) -> Result<String> {
        let salt = random::<SALT_LEN>()?;
        let mut out = [0; HASH_LEN];
        let argon2 = Argon2::new(ALGORITHM, VERSION, self.params.clone());
        self.fill(memory, argon2, (text, &salt), &mut out).map_err(failed)?;
        self.phc(&salt, &out)
    }

    /// A hash of nothing that is known, for it is random: verifying against it costs what a real one costs, and never succeeds.
    pub(super) fn dummy(&self) -> Result<String> {
        self.phc(&random::<SALT_LEN>()?, &random::<HASH_LEN>()?)
    }

    fn phc(&self, salt: &[u8], out: &[u8]) -> Result<String> {
        let hash = PasswordHash {
            algorithm: ALGORITHM.ident(),
            version: Some(VERSION.into()),
            params: ParamsString::try_from(&self.params).map_err(failed)?,
            salt: Some(Salt::new(salt).map_err(failed)?),
            hash: Some(Output::new(out).map_err(failed)?),
        };
        Ok(hash.to_string())
    }

    /// Whether `text` is what `hash` was made of, with whatever parameters it names.
    pub(super) fn verify(&self, memory: &Memory, text: &str, hash: &str) -> bool {
        let Ok(parsed) = PasswordHash::new(hash) else { return false };
        let (Some(salt), Some(expected)) = (&parsed.salt, &parsed.hash) else { return false };
        let algorithm = Algorithm::try_from(parsed.algorithm.as_str());
        let version = parsed.version.map_or(Ok(Version::V0x13), Version::try_from);
        let (Ok(algorithm), Ok(version), Ok(params)) = (algorithm, version, Params::try_from(&parsed)) else {
            return false;
        };
        let mut out = vec![0; expected.as_bytes().len()];
        let argon2 = Argon2::new(algorithm, version, params);
        let filled = self.fill(memory, argon2, (text, salt), &mut out);
        // Compared in constant time.
        filled.is_ok() && Output::new(&out).is_ok_and(|out| out == *expected)
    }

    /// Whether `hash` was made with other parameters than these.
    pub(super) fn is_outdated(&self, hash: &str) -> bool {
        let params = PasswordHash::new(hash).ok().and_then(|parsed| Params::try_from(&parsed).ok());
        let cost = |p: &Params| (p.m_cost(), p.t_cost(), p.p_cost());
        params.is_none_or(|params| cost(&params) != cost(&self.params))
    }

    fn fill(
        &self,
        memory: &Memory,
        argon2: Argon2<'_>,
        (text, salt): (&str, &[u8]),
        out: &mut [u8],
    ) -> argon2::Result<()> {
        let (own, needed) = (self.params.block_count(), argon2.params().block_count());
        if needed > own {
            // A hash of a time when hashes cost more: the memory is for this once.
            let blocks = vec![Block::new(); needed];
            return argon2.hash_password_into_with_memory(text.as_bytes(), salt, out, blocks);
        }
        let kept = memory.blocks().pop();
        let mut blocks = kept.unwrap_or_else(|| vec![Block::new(); own]);
        let done = argon2.hash_password_into_with_memory(text.as_bytes(), salt, out, &mut blocks[..needed]);
        memory.blocks().push(blocks);
        done
    }
}

fn random<const LEN: usize>() -> Result<[u8; LEN]> {
    let mut bytes = [0; LEN];
    #[expect(clippy::disallowed_methods, reason = "a salt, or a hash that nothing has")]
    rand::fill(&mut bytes).map_err(|_| Error::internal("the system gave no random bytes"))?;
    Ok(bytes)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::{Argon, Memory};

    #[test]
    fn memory_is_used_again_and_given_back() {
        let (argon, memory) = (Argon::new(64, 1, 1).unwrap(), Memory::default());
        let kept = || memory.blocks().len();
        let hash = argon.hash(&memory, "one").unwrap();
        assert!(argon.verify(&memory, "one", &hash) && !argon.verify(&memory, "two", &hash));
        assert_eq!(kept(), 1);
        memory.rest();
        assert_eq!(kept(), 0);
        assert!(argon.verify(&memory, "one", &hash));
    }
}
