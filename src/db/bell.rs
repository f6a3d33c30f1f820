//! What processes that share a PostgreSQL database tell each other: that something was recorded (`NOTIFY`, `LISTEN`). Nothing rests on
//! it: who hears nothing finds out by looking.

use std::time::Duration;

use sea_orm::sqlx::postgres::PgListener;
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};

use super::Db;

const CHANNEL: &str = "guestlist_recorded";
/// How long it may take to begin to listen.
const PATIENCE: Duration = Duration::from_secs(3);

/// Hears what other processes tell, over a connection of its own.
#[derive(Debug)]
pub struct Listener(PgListener);

impl Listener {
    /// Waits until something is told. Nothing is lost when it is not waited for to the end. A connection that breaks is made anew.
    ///
    /// # Errors
    /// When that cannot be done.
    pub async fn heard(&mut self) -> Result<(), sea_orm::sqlx::Error> {
        self.0.recv().await.map(drop)
    }
}

impl Db {
    /// Whether other processes may share the database.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.writer.get_database_backend() == DbBackend::Postgres
    }

    /// Tells the processes that listen that something was recorded. A notification takes a lock of the whole database as it is
    /// committed: it stands alone, outside of the transaction that it is about.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn tell_others(&self) -> Result<(), DbErr> {
        let notify =
            Statement::from_string(DbBackend::Postgres, format!("SELECT pg_notify('{CHANNEL}', '')"));
        self.writer.execute_raw(notify).await.map(drop)
    }

    /// Begins to listen; `None` where nobody else can share the database, or it does not let itself be listened to, as behind a proxy that
    /// gives each transaction another connection.
    pub async fn listen(&self) -> Option<Listener> {
        if !self.is_shared() {
            return None;
        }
        let listening = async {
            let mut listener = PgListener::connect(&self.url).await?;
            listener.listen(CHANNEL).await?;
            Ok::<_, sea_orm::sqlx::Error>(Listener(listener))
        };
        match tokio::time::timeout(PATIENCE, listening).await {
            Ok(Ok(listener)) => Some(listener),
            Ok(Err(error)) => {
                tracing::warn!(%error, "other processes cannot be listened to; what they record is found by looking");
                None
            }
            Err(_) => None,
        }
    }
}
