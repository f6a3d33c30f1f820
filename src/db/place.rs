//! Where the data is: the URL, and for SQLite its file and the lock beside it.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use super::OpenError;

/// Where the data is. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl Deref for DatabaseUrl {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.0))
    }
}

/// The file behind a `sqlite:` URL, `None` for other URLs.
#[must_use]
pub fn sqlite_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    Some(PathBuf::from(path.split('?').next().unwrap_or(path)))
}

/// The database's own name: the file's for SQLite, the last part of the path otherwise.
#[must_use]
pub fn name(url: &str) -> String {
    let last = url.rsplit('/').next().unwrap_or(url);
    last.split('?').next().unwrap_or(last).to_owned()
}

/// The URL with stars for its password, and without parameters, which can hold one. Of a URL that cannot be told apart into its
/// parts nothing is left but its kind.
#[must_use]
pub fn redact(url: &str) -> String {
    if sqlite_path(url).is_some() {
        return url.to_owned();
    }
    let Some(mut shown) = told_apart(url) else {
        return url.split_once("://").map_or("…".to_owned(), |(kind, _)| format!("{kind}://…"));
    };
    shown.set_query(None);
    if shown.password().is_some() {
        let _ = shown.set_password(Some("***"));
    }
    shown.to_string()
}

/// What is wrong with a URL that [`told_apart`] cannot.
pub const MISREAD: &str =
    "cannot be told apart: of a user name and password, write : / ? # @ % as %3A %2F %3F %23 %40 %25.";

/// Whether a URL names a PostgreSQL server.
#[must_use]
pub fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// The parts of the URL of a database server; `None` where a character of its password may stand for something else.
#[must_use]
pub fn told_apart(url: &str) -> Option<url::Url> {
    let parsed = url::Url::parse(url).ok()?;
    let rest = [Some(parsed.path()), parsed.query(), parsed.fragment()];
    let misread = parsed.fragment().is_some() || rest.into_iter().flatten().any(|part| part.contains('@'));
    Some(parsed).filter(|_| !misread)
}

pub(super) fn prepare_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    private_file(OpenOptions::new().create(true).append(true), path).map(drop)
}

/// Opens a file that, when it is made, only its owner may read.
///
/// # Errors
/// Whatever the system says.
pub fn private_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Held by the process that serves a SQLite file; given back when dropped or when the process ends.
#[derive(Debug)]
pub struct ServeLock {
    _file: Option<File>,
}

impl ServeLock {
    /// Takes the lock beside the SQLite file of `url`; other databases need none.
    ///
    /// # Errors
    /// [`OpenError::InUse`] when another process holds it.
    pub fn take(url: &str) -> Result<Self, OpenError> {
        let Some(path) = sqlite_path(url) else { return Ok(Self { _file: None }) };
        let not_writable = |cause| OpenError::NotWritable { path: path.clone(), cause };
        prepare_file(&path).map_err(not_writable)?;
        let lock = path.with_extension("lock");
        let file = private_file(OpenOptions::new().create(true).append(true), &lock).map_err(not_writable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path)),
            Err(TryLockError::Error(cause)) => Err(OpenError::NotWritable { path: lock, cause }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_their_database_and_hide_their_password() {
        assert_eq!(sqlite_path("sqlite://data/guestlist.db"), Some(PathBuf::from("data/guestlist.db")));
        assert_eq!(sqlite_path("sqlite:///srv/g.db?mode=rwc"), Some(PathBuf::from("/srv/g.db")));
        assert_eq!(sqlite_path("postgres://h/g"), None);
        assert_eq!(name("sqlite://data/guestlist.db"), "guestlist.db");
        assert_eq!(name("postgres://u:p@h/guests?sslmode=require"), "guests");
    }

    #[test]
    fn no_spelling_of_a_url_shows_a_password() {
        assert_eq!(redact("postgres://u:p@h/g"), "postgres://u:***@h/g");
        assert_eq!(redact("postgres://h/g?user=u&password=hunter2"), "postgres://h/g");
        assert_eq!(redact("sqlite://data/guestlist.db?mode=rwc"), "sqlite://data/guestlist.db?mode=rwc");
        for misread in [
            "postgres://u:hun#ter2@h/g",
            "postgres://u:12#hunter2@h/g",
            "postgres://u:12?hunter2@h/g",
            "postgresql://u:12/hunter2@h/g",
            "postgres://u:hun ter2@h/g:x",
            "hunter2",
        ] {
            let shown = redact(misread);
            assert!(!shown.contains("ter2") && !shown.contains("12"), "{misread}: {shown}");
        }
        assert!(told_apart("postgres://u:hun%23ter2@h:5432/g?sslmode=require").is_some());
        assert!(told_apart("postgres://u:hun#ter2@h/g").is_none());
    }

    #[test]
    fn r18_a_second_process_is_told_that_the_file_is_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/g.db", folder.path().display());
        let held = ServeLock::take(&url).unwrap();
        assert!(matches!(ServeLock::take(&url), Err(OpenError::InUse(_))));
        drop(held);
        assert!(ServeLock::take(&url).is_ok());
    }
}
