//! Bringing the schema up to date.

use guestlist_migration::{Migrator, TABLES};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DbBackend, DbErr, Statement, TransactionTrait as _,
};
use sea_orm_migration::MigratorTrait;

use super::place::redact;
use super::{Db, OpenError};

/// Names the advisory lock under which one replica migrates: "guestlst" in ASCII.
const MIGRATION_LOCK: i64 = 0x6775_6573_746c_7374;

impl Db {
    /// Applies every pending migration and says how many there were.
    ///
    /// # Errors
    /// [`OpenError::Newer`] when a newer release has been here; nothing is changed then.
    #[expect(clippy::disallowed_methods, reason = "a transaction that holds a lock and writes nothing")]
    pub async fn migrate(&self) -> Result<usize, OpenError> {
        if self.pending().await?.is_empty() {
            return Ok(0);
        }
        let failed = |cause| OpenError::Database { url: redact(&self.url), cause };
        if self.writer.get_database_backend() != DbBackend::Postgres {
            let pending = self.pending().await?.len();
            Migrator::up(&self.writer.pool, None).await.map_err(failed)?;
            return Ok(pending);
        }
        // Connections of its own: a migration may take longer than a request, and several replicas that begin at
        // once take turns. The lock goes with its connection, whatever becomes of this process.
        let mut options = ConnectOptions::new(&*self.url);
        options.max_connections(2).sqlx_logging(false);
        let pool = Database::connect(options).await.map_err(failed)?;
        let turn = pool.begin().await.map_err(failed)?;
        turn.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            .await
            .map_err(failed)?;
        let pending = self.pending().await?.len();
        Migrator::up(&pool, None).await.map_err(failed)?;
        turn.commit().await.map_err(failed)?;
        let _ = pool.close().await;
        Ok(pending)
    }

    /// Names of the migrations that are not applied yet.
    ///
    /// # Errors
    /// [`OpenError::Newer`] when the database holds a migration that this binary does not know.
    pub async fn pending(&self) -> Result<Vec<String>, OpenError> {
        let failed = |cause| OpenError::Database { url: redact(&self.url), cause };
        let known: Vec<String> = Migrator::migrations().iter().map(|m| m.name().to_owned()).collect();
        let applied = self.applied().await.map_err(failed)?;
        if let Some(newer) = applied.iter().find(|name| !known.contains(name)) {
            return Err(OpenError::Newer(newer.clone()));
        }
        Ok(known.into_iter().filter(|name| !applied.contains(name)).collect())
    }

    /// Names of the migrations that are recorded; none where nothing has been recorded yet. Only reads.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn applied(&self) -> Result<Vec<String>, DbErr> {
        let backend = self.reader.get_database_backend();
        let table = match backend {
            DbBackend::Sqlite => {
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'"
            }
            _ => "SELECT 1 WHERE to_regclass('seaql_migrations') IS NOT NULL",
        };
        if self.reader.query_one_raw(Statement::from_string(backend, table)).await?.is_none() {
            return Ok(Vec::new());
        }
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
}
