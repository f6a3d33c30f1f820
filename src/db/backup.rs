//! A copy of a SQLite database, taken while it is in use.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use sea_orm::{ConnectionTrait as _, Database, DbBackend, DbErr};

use super::options::sqlite_options;
use super::{Db, place};

/// Holds the mail of a copy back. The table is made where an older schema does not have it yet.
const HOLD: &str = "CREATE TABLE IF NOT EXISTS outbox_hold (
        id bigint NOT NULL PRIMARY KEY CHECK (id = 1),
        reason text NOT NULL
    );
    INSERT INTO outbox_hold (id, reason) VALUES (1, 'restored from a backup') ON CONFLICT DO NOTHING";

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// PostgreSQL brings its own tools.
    #[error(
        "PostgreSQL has its own: pg_dump --format=custom --file=FILE, and pg_restore. After restoring run `guestlist outbox hold`, so that old mail is not sent again."
    )]
    NotSqlite,
    /// Something is there already.
    #[error("{0} exists; name a file that does not.")]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("cannot write {path}: {cause}.")]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The database refused.
    #[error("the database cannot be copied: {0}.")]
    Database(#[from] DbErr),
}

impl Db {
    /// Writes a consistent copy to a file that is not there yet, readable by its owner only. The copy holds its mail back
    /// until it is released: what is queued in it may have been sent since.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left at `path` then.
    pub async fn backup(&self, path: &Path) -> Result<(), BackupError> {
        if self.writer.get_database_backend() != DbBackend::Sqlite {
            return Err(BackupError::NotSqlite);
        }
        if path.exists() {
            return Err(BackupError::Exists(path.to_owned()));
        }
        let partial = path.with_extension("partial");
        let copied = self.copy(path, &partial).await;
        if copied.is_err() {
            let _ = std::fs::remove_file(&partial);
        }
        copied
    }

    async fn copy(&self, path: &Path, partial: &Path) -> Result<(), BackupError> {
        let failed = |cause| BackupError::NotWritable { path: path.to_owned(), cause };
        // An empty file of ours: SQLite fills it and keeps its permissions.
        place::private_file(OpenOptions::new().create(true).truncate(true).write(true), partial)
            .map_err(failed)?;
        // A connection of its own, so that neither readers nor the writer wait for the copy.
        let source = Database::connect(sqlite_options(&self.url, false)).await?;
        let target = partial.display().to_string().replace('\'', "''");
        let copied = source.execute_unprepared(&format!("VACUUM INTO '{target}'")).await;
        let _ = source.close().await;
        copied?;
        let copy =
            Database::connect(sqlite_options(&format!("sqlite://{}", partial.display()), false)).await?;
        let held = copy.execute_unprepared(HOLD).await;
        let _ = copy.close().await;
        held?;
        let synced = std::fs::File::open(partial).and_then(|file| file.sync_all());
        synced.and_then(|()| std::fs::rename(partial, path)).map_err(failed)
    }
}
