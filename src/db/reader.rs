//! Reading outside of a transaction.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sea_query::Value;
use sea_orm::sqlx::{Postgres, Sqlite};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};

use super::kept::{Kept, Terms};
use crate::telemetry::traces;

/// Connections that read.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The pool that they come from.
    pool: DatabaseConnection,
    kept: Reads,
}

#[derive(Clone, Debug)]
enum Reads {
    Sqlite(Arc<Kept<Sqlite>>),
    Postgres(Arc<Kept<Postgres>>),
}

impl Reader {
    /// So many connections at the most, from a pool of their own; a read waits for so long for one.
    pub(super) fn new(pool: DatabaseConnection, most: u32, patience: Duration) -> Self {
        let remote = pool.get_database_backend() != DbBackend::Sqlite;
        let terms = Terms { most, patience, remote };
        let kept = if remote {
            Reads::Postgres(Kept::new(pool.get_postgres_connection_pool().clone(), terms))
        } else {
            Reads::Sqlite(Kept::new(pool.get_sqlite_connection_pool().clone(), terms))
        };
        Self { pool, kept }
    }

    /// How long a read waits for a connection.
    #[must_use]
    pub fn patience(&self) -> Duration {
        match &self.kept {
            Reads::Sqlite(kept) => kept.patience(),
            Reads::Postgres(kept) => kept.patience(),
        }
    }

    /// Closes every connection.
    pub(super) async fn close(self) {
        match &self.kept {
            Reads::Sqlite(kept) => kept.close().await,
            Reads::Postgres(kept) => kept.close().await,
        }
        let _ = self.pool.close().await;
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.pool.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.pool.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let statement = plain_limit(statement);
        match &self.kept {
            Reads::Sqlite(kept) => traces::statement("sqlite", &statement.sql, kept.one(&statement)).await,
            Reads::Postgres(kept) => {
                traces::statement("postgresql", &statement.sql, kept.one(&statement)).await
            }
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let statement = plain_limit(statement);
        match &self.kept {
            Reads::Sqlite(kept) => traces::statement("sqlite", &statement.sql, kept.all(&statement)).await,
            Reads::Postgres(kept) => {
                traces::statement("postgresql", &statement.sql, kept.all(&statement)).await
            }
        }
    }
}

/// A statement for SQLite whose outermost LIMIT stands in it as a number. SQLite plans by the number, so that a prepared statement with
/// a parameter in its place is compiled again each time it is given one. A lock, which SQLite has none of, leaves a space behind it.
pub(super) fn plain_limit(mut statement: Statement) -> Statement {
    let sql = statement.sql.trim_end();
    if statement.db_backend != DbBackend::Sqlite || !sql.ends_with(" LIMIT ?") {
        return statement;
    }
    let number = sql.len() - 1;
    if let Some(values) = &mut statement.values
        && let Some(Value::BigUnsigned(Some(rows))) = values.0.last()
    {
        statement.sql.truncate(number);
        statement.sql.push_str(&rows.to_string());
        values.0.pop();
    }
    statement
}

#[cfg(test)]
mod tests {
    use sea_orm::{DbBackend, Statement};

    use super::plain_limit;

    fn statement(backend: DbBackend, sql: &str, rows: u64) -> Statement {
        Statement::from_sql_and_values(backend, sql, ["a".into(), rows.into()])
    }

    #[test]
    fn sqlite_is_told_how_many_rows_in_the_statement() {
        for end in ["", " "] {
            let parametrised = format!("SELECT b FROM t WHERE a = ? LIMIT ?{end}");
            let plain = plain_limit(statement(DbBackend::Sqlite, &parametrised, 51));
            assert_eq!(plain.sql, "SELECT b FROM t WHERE a = ? LIMIT 51");
            assert_eq!(plain.values.unwrap().0, ["a".into()]);
        }
    }

    #[test]
    fn other_statements_stay_as_they_are() {
        for (backend, sql) in [
            (DbBackend::Postgres, "SELECT b FROM t WHERE a = $1 LIMIT $2"),
            (DbBackend::Sqlite, "SELECT b FROM t WHERE a = ? AND n = (SELECT n FROM u LIMIT ?)"),
        ] {
            let given = statement(backend, sql, 51);
            assert_eq!(plain_limit(given.clone()), given);
        }
    }
}
