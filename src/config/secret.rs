//! Secrets in files, and which of them are too weak.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use crate::{db, keys};

/// Shorter than 32 bytes, or made of fewer than 8 different ones.
pub(super) fn weak(secret: &SecretString) -> bool {
    let bytes = secret.expose_secret().as_bytes();
    let distinct = bytes.iter().collect::<std::collections::BTreeSet<_>>().len();
    bytes.len() < keys::SECRET_MIN || distinct < 8
}

/// Reads a secret from a file.
pub(super) fn read(path: &Path) -> Result<SecretString, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}.", path.display()))?;
    Ok(text.trim().to_owned().into())
}

/// The secret of a development set-up: made once, and kept in the data folder.
pub(super) fn load_or_make(folder: &Path) -> Result<SecretString, String> {
    let path = folder.join("secret_key");
    if path.exists() {
        return read(&path);
    }
    let failed = |e: std::io::Error| {
        format!("cannot write {}: {e}. Choose another folder with GUESTLIST_DATA_DIR.", path.display())
    };
    let secret = keys::fresh_secret().map_err(|_| "the system gave no random bytes.".to_owned())?;
    fs::create_dir_all(folder).map_err(failed)?;
    let mut file =
        db::private_file(OpenOptions::new().create_new(true).write(true), &path).map_err(failed)?;
    file.write_all(secret.expose_secret().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(secret)
}
