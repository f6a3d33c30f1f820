//! Reading outside of a transaction.

use sea_orm::sea_query::Value;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement};

/// A pool of connections that read.
#[derive(Clone, Debug)]
pub struct Reader(pub(super) DatabaseConnection);

#[async_trait::async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.0.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.0.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.0.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.0.query_one_raw(plain_limit(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.0.query_all_raw(plain_limit(statement)).await
    }
}

/// A statement for SQLite whose outermost LIMIT stands in it as a number. SQLite plans by the number, so that a prepared statement with
/// a parameter in its place is compiled again each time it is given one.
pub(super) fn plain_limit(mut statement: Statement) -> Statement {
    if statement.db_backend != DbBackend::Sqlite || !statement.sql.ends_with(" LIMIT ?") {
        return statement;
    }
    if let Some(values) = &mut statement.values
        && let Some(Value::BigUnsigned(Some(rows))) = values.0.last()
    {
        statement.sql.pop();
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
        let plain = plain_limit(statement(DbBackend::Sqlite, "SELECT b FROM t WHERE a = ? LIMIT ?", 51));
        assert_eq!(plain.sql, "SELECT b FROM t WHERE a = ? LIMIT 51");
        assert_eq!(plain.values.unwrap().0, ["a".into()]);
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
