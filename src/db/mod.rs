//! Opening the database, and the one way to begin a write.
//!
//! It is opened twice, for those who write and for those who read. SQLite has a single connection that writes, whose transactions begin
//! IMMEDIATE: a deferred one that turns from reading to writing fails at once when another one holds the lock, so `clippy.toml`
//! refuses `begin()` everywhere else.

mod backup;
mod batch;
mod bell;
mod insertion;
mod kept;
mod migrate;
pub mod once;
mod options;
mod place;
mod reader;
pub mod record;
mod remembered;
mod stamp;
mod values;
mod write;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, IntoColumnRef, LikeExpr, SimpleExpr};
use sea_orm::{ConnectionTrait, Database, DbBackend, DbErr, Statement};

use tracing::Instrument as _;

use crate::clock::{Clock, Instant};
use crate::page::{Cursor, SortKey};
use crate::telemetry::traces;

use self::kept::{Kept, Terms};
use self::options::{postgres_options, sqlite_options};
use self::stamp::Stamps;
use self::write::Turns;

pub use backup::BackupError;
pub use batch::Batch;
pub use bell::Listener;
pub use insertion::insertion;
pub use place::{
    DatabaseUrl, MISREAD, ServeLock, is_postgres, name, private_file, redact, sqlite_path, told_apart,
};
pub use reader::Reader;
pub use remembered::Remembered;
pub use stamp::Stamp;
pub use values::Values;
pub use write::{Opening, WriteTransaction, settled};
pub use writer::Writer;

/// Rows in one statement that inserts or looks up many: a bound on parameters, of which SQLite takes 32,766.
pub const ROWS: usize = 250;
/// First SQLite release without the corruption bug that resetting the write-ahead log could cause.
const SQLITE_FLOOR: (u32, u32, u32) = (3, 51, 3);
/// Connections that read a SQLite database.
const SQLITE_READERS: u32 = 4;
/// Connections that write to PostgreSQL.
const POSTGRES_WRITERS: u32 = 12;
/// Connections that read from PostgreSQL.
const POSTGRES_READERS: u32 = 8;
/// How long a request waits for its turn to write.
const SQLITE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request waits for a connection, or for the database to come back.
const POSTGRES_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// From how long on a statement is worth a warning; `GUESTLIST_LOG=sqlx::query=trace` shows them all, without values.
const SLOW_STATEMENT: Duration = Duration::from_secs(1);

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
    /// The URL cannot be told apart into its parts.
    #[error("GUESTLIST_DATABASE_URL {MISREAD}")]
    Misread,
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
    url: DatabaseUrl,
    writer: Writer,
    reader: Reader,
    stamps: Option<Arc<Stamps>>,
    turns: Arc<Turns>,
}

impl Db {
    /// Opens the database at `url`, making a SQLite file that is not there yet readable by its owner only.
    ///
    /// # Errors
    /// [`OpenError`] with a sentence for the operator.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let failed = |cause| OpenError::Database { url: redact(url), cause };
        if let Some(path) = sqlite_path(url) {
            place::prepare_file(&path)
                .map_err(|cause| OpenError::NotWritable { path: path.clone(), cause })?;
            let url = format!("sqlite://{}", path.display());
            let writer = Database::connect(sqlite_options(&url, false)).await.map_err(failed)?;
            let reader = Database::connect(sqlite_options(&url, true)).await.map_err(failed)?;
            let reader = Reader::new(reader, SQLITE_READERS, SQLITE_ACQUIRE_TIMEOUT);
            let writer = Writer { pool: writer, kept: None };
            let mut db = Self { url: url.into(), writer, reader, stamps: None, turns: Arc::default() };
            db.check_sqlite_version().await?;
            db.stamps = Stamps::of(&path).map(Arc::new);
            return Ok(db);
        }
        if is_postgres(url) {
            if told_apart(url).is_none() {
                return Err(OpenError::Misread);
            }
            // It opens connections for those who keep them.
            let pool = Database::connect(postgres_options(url)).await.map_err(failed)?;
            let terms = Terms { most: POSTGRES_WRITERS, patience: POSTGRES_ACQUIRE_TIMEOUT, remote: true };
            let kept = Some(Kept::new(pool.get_postgres_connection_pool().clone(), terms));
            return Ok(Self {
                url: url.to_owned().into(),
                reader: Reader::new(pool.clone(), POSTGRES_READERS, POSTGRES_ACQUIRE_TIMEOUT),
                writer: Writer { pool, kept },
                stamps: None,
                turns: Arc::default(),
            });
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
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The state that the database is in, where that can be told without asking it: SQLite in write-ahead mode.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        self.stamps.as_ref()?.now()
    }

    /// A connection for one guarded statement that needs no transaction around it.
    #[must_use]
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Executes a statement that is a transaction by itself, and says how many rows it changed; `None` where it was not executed, since it
    /// had better share a commit with others, or an operation's key has to be claimed with it. For SQLite, whose writers come one
    /// after another.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn execute_alone(&self, statement: Statement) -> Result<Option<u64>, DbErr> {
        if self.writer.get_database_backend() != statement.db_backend || once::is_marked() {
            return Ok(None);
        }
        let Some(_place) = self.turns.alone() else { return Ok(None) };
        Ok(Some(self.writer.execute_raw(statement).await?.rows_affected()))
    }

    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// Whatever the database says; a busy pool becomes `OVERLOADED`.
    pub async fn begin_write(&self) -> Result<WriteTransaction, DbErr> {
        self.begin(false, None).await
    }

    /// As [`Db::begin_write`], and locks something to begin with.
    ///
    /// # Errors
    /// As [`Db::begin_write`].
    pub async fn begin_write_with(&self, opening: Opening) -> Result<WriteTransaction, DbErr> {
        self.begin(false, Some(opening)).await
    }

    /// As [`Db::begin_write`], for what takes long: nobody else waits for its commit.
    ///
    /// # Errors
    /// As [`Db::begin_write`].
    pub async fn begin_long_write(&self) -> Result<WriteTransaction, DbErr> {
        self.begin(true, None).await
    }

    async fn begin(&self, alone: bool, opening: Option<Opening>) -> Result<WriteTransaction, DbErr> {
        // Who claims a key does so before anything is locked, in every transaction, so that no two wait for each other.
        let (at_once, later) = if once::is_marked() { (None, opening) } else { (opening, None) };
        let txn = match &self.writer.kept {
            // Boxed, since every operation that writes would carry it else.
            None => {
                let begun = self.turns.begin(&self.writer.pool, alone, SQLITE_ACQUIRE_TIMEOUT);
                Box::pin(begun.instrument(traces::step("turn to write"))).await?
            }
            Some(kept) => WriteTransaction::own(kept, at_once).await?,
        };
        once::claim(&txn).await?;
        if let Some(opening) = later.filter(|_| self.writer.kept.is_some()) {
            txn.execute_raw(opening.statement()).await?;
        }
        Ok(txn)
    }

    /// Name and version of the database that answers.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn server_version(&self) -> Result<String, DbErr> {
        let (name, query) = match self.reader.get_database_backend() {
            DbBackend::Sqlite => ("SQLite", "SELECT sqlite_version() AS version"),
            _ => ("PostgreSQL", "SELECT current_setting('server_version') AS version"),
        };
        let statement = Statement::from_string(self.reader.get_database_backend(), query);
        let row = self.reader.query_one_raw(statement).await?;
        let version: String = row.map_or_else(|| Ok(String::new()), |row| row.try_get("", "version"))?;
        Ok(format!("{name} {version}"))
    }

    /// The present as leases count it: the database's own time, so that replicas with clocks that disagree do not take
    /// each other's work. One process alone, or a clock that stands still, is its own measure.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn lease_time(&self, clock: &Clock) -> Result<Instant, DbErr> {
        if self.writer.get_database_backend() != DbBackend::Postgres || !matches!(clock, Clock::System) {
            return Ok(clock.now());
        }
        let statement = Statement::from_string(DbBackend::Postgres, "SELECT now() AS at");
        let row = self.reader.query_one_raw(statement).await?;
        row.map_or_else(|| Ok(clock.now()), |row| row.try_get::<DateTime<Utc>>("", "at"))
    }

    /// Closes every connection; SQLite folds its write-ahead log into the file.
    pub async fn close(self) {
        // Where they have one pool, those who write still need it while those who read do not any more.
        self.writer.lend_no_more().await;
        self.reader.close().await;
        let _ = self.writer.pool.close().await;
    }
}

/// Rows on the greater or lesser side of a place in a list that is sorted by `key` and then by `id`. `None` for a cursor that
/// names no time there is, which reading it has ruled out.
#[must_use]
pub fn beside(
    cursor: &Cursor,
    (key, id): (impl IntoColumnRef, impl IntoColumnRef),
    greater: bool,
) -> Option<SimpleExpr> {
    let value = match &cursor.key {
        SortKey::Time(millis) => Expr::value(Instant::from_timestamp_millis(*millis)?),
        SortKey::Text(text) => Expr::value(text.clone()),
    };
    let here = Expr::tuple([Expr::col(key), Expr::col(id)]);
    let there = Expr::tuple([value, Expr::value(cursor.id)]);
    Some(if greater { here.gt(there) } else { here.lt(there) })
}

/// A LIKE pattern for texts that hold `text`, its wildcards taken as the characters they are.
#[must_use]
pub fn containing(text: &str) -> LikeExpr {
    let escaped = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    LikeExpr::new(format!("%{escaped}%")).escape('\\')
}
