//! Several statements that change something, sent at once: a transaction waits for the database once rather than for each.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

/// Statements in the order in which they are executed. The first may answer with rows; of the others nobody reads an answer.
///
/// PostgreSQL executes them as one statement, so that none sees the rows of another: the first before the others where it is read, else in
/// no order.
#[derive(Debug)]
pub struct Batch {
    backend: DbBackend,
    parts: Vec<String>,
    values: Vec<Value>,
}

impl Batch {
    /// A batch that begins with a statement.
    #[must_use]
    pub fn of(first: Statement) -> Self {
        let mut batch = Self { backend: first.db_backend, parts: Vec::new(), values: Vec::new() };
        batch.push(first);
        batch
    }

    /// The kind of database that statements are built for.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.backend
    }

    /// Adds a statement, every value of which is a parameter.
    pub fn push(&mut self, statement: Statement) {
        self.parts.push(renumbered(&statement.sql, self.values.len()));
        self.values.extend(statement.values.into_iter().flat_map(|values| values.0));
    }

    /// Executes the statements; the first has the column `returned`. Its rows are the answer.
    ///
    /// # Errors
    /// Whatever the database says; the transaction is good for nothing then but to be rolled back.
    pub async fn run(self, db: &impl ConnectionTrait, returned: &str) -> Result<Vec<QueryResult>, DbErr> {
        db.query_all_raw(self.statement(Some(returned))).await
    }

    /// Executes the statements, whatever they answer.
    ///
    /// # Errors
    /// As [`Batch::run`].
    pub async fn execute(self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        db.execute_raw(self.statement(None)).await.map(drop)
    }

    /// The statements as one, which answers with a column of the first, or with nothing.
    pub(super) fn statement(self, returned: Option<&str>) -> Statement {
        let sql = match self.backend {
            DbBackend::Sqlite => self.parts.join(";\n"),
            _ => {
                let named = self.parts.iter().enumerate();
                let named: Vec<String> = named.map(|(at, part)| format!("part{at} AS ({part})")).collect();
                let answer = returned.map_or_else(|| "1".to_owned(), |column| format!("{column} FROM part0"));
                format!("WITH {} SELECT {answer}", named.join(",\n"))
            }
        };
        Statement::from_sql_and_values(self.backend, sql, self.values)
    }
}

/// A statement with its parameters, `?` or `$1`, numbered after those of the ones before it.
fn renumbered(sql: &str, before: usize) -> String {
    debug_assert!(!sql.contains('\''), "a text in a statement can hold what looks like a parameter: {sql}");
    let mut out = String::with_capacity(sql.len() + 16);
    let (mut unnumbered, mut rest) = (0, sql);
    while let Some(at) = rest.find(['?', '$']) {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = after[..digits].parse().unwrap_or_else(|_| {
            unnumbered += 1;
            unnumbered
        });
        out.push_str(&format!("${}", before + number));
        rest = &after[digits..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::renumbered;

    #[test]
    fn parameters_are_numbered_after_those_before() {
        assert_eq!(renumbered("VALUES (?, ?, ?)", 0), "VALUES ($1, $2, $3)");
        assert_eq!(renumbered("VALUES (?, ?)", 9), "VALUES ($10, $11)");
        assert_eq!(renumbered("VALUES ($1, $12) WHERE a < $1", 3), "VALUES ($4, $15) WHERE a < $4");
        assert_eq!(renumbered("DELETE FROM t", 3), "DELETE FROM t");
    }
}
