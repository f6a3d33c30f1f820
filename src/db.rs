//! Opening the database, and the one way to begin a write.
//!
//! SQLite is opened twice: a writer with a single connection, whose transactions begin IMMEDIATE, and a
//! pool of readers. A deferred transaction that turns from reading to writing fails at once when another
//! one holds the lock, so `clippy.toml` refuses `begin()` everywhere else. PostgreSQL uses one pool.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use guestlist_migration::{Migrator, TABLES};
use sea_orm::sea_query::LikeExpr;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigratorTrait, SchemaManager};

/// Rows in one statement that inserts or looks up many: a bound on parameters, of which SQLite takes 32,766.
pub const ROWS: usize = 250;
/// First SQLite release without the corruption bug that resetting the write-ahead log could cause.
const SQLITE_FLOOR: (u32, u32, u32) = (3, 51, 3);
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

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

/// Why the database cannot be used; each sentence says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or file cannot be written.
    #[error(
        "cannot write to {path}: {cause}. Choose another folder with GUESTLIST_DATA_DIR or GUESTLIST_DATABASE_URL, or change its owner."
    )]
    NotWritable {
        /// What cannot be written.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Another process serves this file.
    #[error("another guestlist process uses {0}. Stop it first, or use PostgreSQL for several processes.")]
    InUse(PathBuf),
    /// The URL is of no known kind.
    #[error("GUESTLIST_DATABASE_URL must begin with sqlite:// or postgres://.")]
    UnknownKind,
    /// The file was written by a newer release.
    #[error(
        "the database holds migration {0}, which this binary does not know. Run the release that wrote it, or a newer one."
    )]
    Newer(String),
    /// The SQLite library is too old to be trusted with data.
    #[error("SQLite {0} can corrupt its write-ahead log; guestlist needs 3.51.3 or newer.")]
    OldSqlite(String),
    /// Anything the database itself says.
    #[error(
        "the database at {url} cannot be used: {cause}. Check that it runs, and that it is a guestlist database."
    )]
    Database {
        /// The URL without its password.
        url: String,
        /// What the database said.
        cause: DbErr,
    },
}

/// Handles to the database: reads go to [`Db::reader`], writes through [`Db::begin_write`].
#[derive(Clone, Debug)]
pub struct Db {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
}

impl Db {
    /// Opens the database at `url`, making a SQLite file that is not there yet readable by its owner only.
    ///
    /// # Errors
    /// [`OpenError`] with a sentence for the operator.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let failed = |cause| OpenError::Database { url: redact(url), cause };
        if let Some(path) = sqlite_path(url) {
            prepare_file(&path).map_err(|cause| OpenError::NotWritable { path: path.clone(), cause })?;
            let url = format!("sqlite://{}", path.display());
            let writer = Database::connect(sqlite_options(&url, 1, false)).await.map_err(failed)?;
            let reader = Database::connect(sqlite_options(&url, READERS, true)).await.map_err(failed)?;
            let db = Self { writer, reader };
            db.check_sqlite_version().await?;
            return Ok(db);
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let mut options = ConnectOptions::new(url);
            options
                .max_connections(POSTGRES_CONNECTIONS)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .sqlx_logging(false);
            let pool = Database::connect(options).await.map_err(failed)?;
            return Ok(Self { writer: pool.clone(), reader: pool });
        }
        Err(OpenError::UnknownKind)
    }

    async fn check_sqlite_version(&self) -> Result<(), OpenError> {
        let failed = |cause| OpenError::Database { url: "sqlite".to_owned(), cause };
        let statement = Statement::from_string(DbBackend::Sqlite, "SELECT sqlite_version() AS version");
        let row = self.reader.query_one_raw(statement).await.map_err(failed)?;
        let version = row.and_then(|row| row.try_get::<String>("", "version").ok()).unwrap_or_default();
        let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
        let mut next = || parts.next().unwrap_or_default();
        if (next(), next(), next()) < SQLITE_FLOOR {
            return Err(OpenError::OldSqlite(version));
        }
        Ok(())
    }

    /// A connection for reading outside of a transaction.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// A connection for one guarded statement that needs no transaction around it.
    #[must_use]
    pub fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// Whatever the database says; a busy pool becomes `OVERLOADED`.
    #[expect(clippy::disallowed_methods, reason = "the one door to a transaction")]
    pub async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        let immediate = TransactionOptions {
            sqlite_transaction_mode: match self.writer.get_database_backend() {
                DbBackend::Sqlite => Some(SqliteTransactionMode::Immediate),
                _ => None,
            },
            ..TransactionOptions::default()
        };
        self.writer.begin_with_options(immediate).await
    }

    /// Applies every pending migration and says how many there were.
    ///
    /// # Errors
    /// [`OpenError::Newer`] when a newer release has been here; nothing is changed then.
    pub async fn migrate(&self) -> Result<usize, OpenError> {
        let pending = self.pending().await?.len();
        let failed = |cause| OpenError::Database { url: "configured".to_owned(), cause };
        Migrator::up(&self.writer, None).await.map_err(failed)?;
        Ok(pending)
    }

    /// Names of the migrations that are not applied yet.
    ///
    /// # Errors
    /// [`OpenError::Newer`] when the database holds a migration that this binary does not know.
    pub async fn pending(&self) -> Result<Vec<String>, OpenError> {
        let failed = |cause| OpenError::Database { url: "configured".to_owned(), cause };
        let known: Vec<String> = Migrator::migrations().iter().map(|m| m.name().to_owned()).collect();
        let applied = self.applied().await.map_err(failed)?;
        if let Some(newer) = applied.iter().find(|name| !known.contains(name)) {
            return Err(OpenError::Newer(newer.clone()));
        }
        Ok(known.into_iter().filter(|name| !applied.contains(name)).collect())
    }

    /// Names of the migrations that are recorded; none where nothing has been recorded yet. Only reads.
    async fn applied(&self) -> Result<Vec<String>, DbErr> {
        if !SchemaManager::new(&self.reader).has_table("seaql_migrations").await? {
            return Ok(Vec::new());
        }
        let backend = self.reader.get_database_backend();
        let select = Statement::from_string(backend, "SELECT version FROM seaql_migrations");
        let rows = self.reader.query_all_raw(select).await?;
        rows.iter().map(|row| row.try_get("", "version")).collect()
    }

    /// Deletes every row of every table, in one transaction. The schema stays.
    ///
    /// # Errors
    /// Whatever the database says; nothing is deleted then.
    pub async fn flush(&self) -> Result<(), DbErr> {
        let txn = self.begin_write().await?;
        for table in TABLES {
            txn.execute_unprepared(&format!("DELETE FROM \"{table}\"")).await?;
        }
        txn.commit().await
    }

    /// Closes every connection; SQLite folds its write-ahead log into the file.
    pub async fn close(self) {
        let _ = self.reader.close().await;
        let _ = self.writer.close().await;
    }
}

fn sqlite_options(url: &str, connections: u32, read_only: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            let sqlite = sqlite
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5))
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
                .pragma("temp_store", "MEMORY")
                .pragma("mmap_size", "268435456")
                .pragma("cache_size", "-16384");
            if read_only { sqlite.pragma("query_only", "ON") } else { sqlite }
        });
    options
}

/// A LIKE pattern for texts that hold `text`, its wildcards taken as the characters they are.
#[must_use]
pub fn containing(text: &str) -> LikeExpr {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    LikeExpr::new(format!("%{escaped}%")).escape('\\')
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

/// The URL with its password replaced by stars.
#[must_use]
pub fn redact(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            let _ = parsed.set_password(Some("***"));
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

fn prepare_file(path: &Path) -> io::Result<()> {
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
        assert_eq!(redact("postgres://u:p@h/g"), "postgres://u:***@h/g");
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
