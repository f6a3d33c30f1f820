//! What connections begin with: settings of SQLite and of PostgreSQL, and when the driver asks whether they live.

use std::time::Duration;

use sea_orm::{ConnectOptions, sqlx};

use super::{POSTGRES_ACQUIRE_TIMEOUT, SLOW_STATEMENT, SQLITE_ACQUIRE_TIMEOUT, kept};

/// From how many pages of 4 KiB on SQLite moves its write-ahead log into the database. A page that is written again before that is moved
/// once, and the disk is waited for twice each time, so that four times SQLite's own number is worth a tenth of the writes; what moves it
/// waits longer for each.
const SQLITE_LOG_PAGES: &str = "4000";
/// Rows that SQLite reads ahead of whoever takes them: a page of any list, so that its thread need not wait for the other's.
const ROWS_AHEAD: usize = 1_024;
/// How long one statement may take, waiting for locks included.
const POSTGRES_STATEMENT_TIMEOUT: &str = "5s";
/// What PostgreSQL is to take a page out of turn for, in pages in a row. Nearly everything that is read is a few rows by their keys, and in
/// memory; with the database's own 4, it reads the whole of a table of a few pages rather than a row by its index.
const POSTGRES_RANDOM_PAGE_COST: &str = "1";
/// Connections that are opened at the same time. Whoever one is opened for counts among those who read or write.
const POSTGRES_OPENED_AT_ONCE: u32 = 4;

/// Those of a connection to a file.
pub(super) fn sqlite_options(url: &str, read_only: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(1)
        .acquire_timeout(SQLITE_ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(true)
        .sqlx_logging_level(log::LevelFilter::Trace)
        .sqlx_slow_statements_logging_settings(log::LevelFilter::Warn, SLOW_STATEMENT)
        .map_sqlx_sqlite_opts(move |sqlite| {
            let sqlite = sqlite
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(5))
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
                .pragma("temp_store", "MEMORY")
                .pragma("mmap_size", "268435456")
                .pragma("cache_size", "-4096")
                .pragma("wal_autocheckpoint", SQLITE_LOG_PAGES)
                .row_buffer_size(ROWS_AHEAD);
            if read_only { sqlite.pragma("query_only", "ON") } else { sqlite }
        });
    if !read_only {
        options.map_sqlx_sqlite_pool_opts(|pool| {
            pool.after_release(|connection, _| Box::pin(async { Ok(is_at_rest(connection).await) }))
        });
    }
    options
}

/// Whether a connection that is given back stands outside of any transaction. SQLite rolls a transaction back by itself when
/// the disk is full; the driver does not learn of it, counts one level too many from then on, and what it takes for a
/// commit is none. Such a connection is closed, and the next one begins anew.
async fn is_at_rest(connection: &mut sqlx::SqliteConnection) -> bool {
    use sqlx::Connection as _;
    // What the driver counts as closed was closed; a rollback that is still under way is waited for below.
    if !connection.is_in_transaction() {
        return true;
    }
    let probe = match connection.begin_with("BEGIN").await {
        Ok(transaction) => transaction.rollback().await,
        Err(error) => Err(error),
    };
    if let Err(error) = &probe {
        tracing::warn!(%error, "the writing connection was left inside a transaction; it is opened anew");
    }
    probe.is_ok()
}

/// Those of connections to a server.
pub(super) fn postgres_options(url: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(POSTGRES_OPENED_AT_ONCE)
        .acquire_timeout(POSTGRES_ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .sqlx_logging(true)
        .sqlx_logging_level(log::LevelFilter::Trace)
        .sqlx_slow_statements_logging_settings(log::LevelFilter::Warn, SLOW_STATEMENT)
        .map_sqlx_postgres_opts(|postgres| {
            let page = ("random_page_cost", POSTGRES_RANDOM_PAGE_COST);
            let chosen =
                postgres.get_options().is_some_and(|options| options.replace('-', "_").contains(page.0));
            let options = [
                ("statement_timeout", POSTGRES_STATEMENT_TIMEOUT),
                ("lock_timeout", POSTGRES_STATEMENT_TIMEOUT),
                ("idle_in_transaction_session_timeout", "60s"),
            ];
            let options = options.into_iter().chain((!chosen).then_some(page));
            postgres.application_name("guestlist").options(options)
        });
    options.map_sqlx_postgres_pool_opts(|pool| {
        // Asking a connection whether it lives costs as much as a read; one that was used a moment ago is not asked.
        pool.before_acquire(|connection, meta| {
            Box::pin(async move {
                use sqlx::Connection as _;
                if meta.idle_for > kept::TRUSTED {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
    });
    options
}
