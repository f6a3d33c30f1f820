//! Several statements that change something, sent at once: a transaction waits for the database once rather than for each.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

/// Statements in the order in which they are executed.
///
/// PostgreSQL executes them as one statement, so that none sees the rows of another. Those that answer come first and in their order, for
/// so they are read; nothing may rely on the order of the others.
#[derive(Debug)]
pub struct Batch {
    backend: DbBackend,
    parts: Vec<String>,
    values: Vec<Value>,
    /// Which parts answer, and the column that they answer with.
    answers: Vec<(usize, &'static str)>,
}

impl Batch {
    /// A batch that begins with a statement.
    #[must_use]
    pub fn of(first: Statement) -> Self {
        let mut batch = Self::new(first.db_backend);
        batch.push(first);
        batch
    }

    /// A batch without a statement.
    #[must_use]
    pub fn new(backend: DbBackend) -> Self {
        Self { backend, parts: Vec::new(), values: Vec::new(), answers: Vec::new() }
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

    /// Adds a statement that answers with a column of the rows that it writes; two of a batch can.
    pub fn push_answering(&mut self, mut statement: Statement, column: &'static str) {
        debug_assert!(
            self.answers.len() < 2,
            "a third column of another type has none in the answers of the first two"
        );
        statement.sql.push_str(&format!(" RETURNING {column}"));
        self.answers.push((self.parts.len(), column));
        self.push(statement);
    }

    /// Executes the statements and returns the rows of those that answer: each has a value in the column of its statement alone.
    ///
    /// # Errors
    /// Whatever the database says; the transaction is good for nothing then but to be rolled back.
    pub async fn run(self, db: &impl ConnectionTrait) -> Result<Vec<QueryResult>, DbErr> {
        db.query_all_raw(self.statement()).await
    }

    /// Executes the statements, whatever they answer.
    ///
    /// # Errors
    /// As [`Batch::run`].
    pub async fn execute(self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        db.execute_raw(self.statement()).await.map(drop)
    }

    /// The statements as one.
    pub(super) fn statement(self) -> Statement {
        let sql = match self.backend {
            DbBackend::Sqlite => self.parts.join(";\n"),
            _ => {
                let named = self.parts.iter().enumerate();
                let named: Vec<String> = named.map(|(at, part)| format!("part{at} AS ({part})")).collect();
                format!("WITH {} {}", named.join(",\n"), self.answer())
            }
        };
        Statement::from_sql_and_values(self.backend, sql, self.values)
    }

    /// What reads the answers of named parts; each has the columns of all.
    fn answer(&self) -> String {
        let select = |(part, own): &(usize, &str)| {
            let columns = self.answers.iter().map(|(_, column)| {
                if column == own { (*column).to_owned() } else { format!("NULL AS {column}") }
            });
            format!("SELECT {} FROM part{part}", columns.collect::<Vec<_>>().join(", "))
        };
        match self.answers.as_slice() {
            [] => "SELECT 1".to_owned(),
            answers => answers.iter().map(select).collect::<Vec<_>>().join(" UNION ALL "),
        }
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
    use sea_orm::{DbBackend, Statement};

    use super::{Batch, renumbered};

    #[test]
    fn what_answers_is_read_in_its_order_and_has_the_columns_of_all() {
        let write = |table: &str| {
            let sql = format!("INSERT INTO {table} VALUES ($1)");
            Statement::from_sql_and_values(DbBackend::Postgres, sql, [1.into()])
        };
        let mut batch = Batch::of(write("a"));
        batch.push_answering(write("b"), "key");
        batch.push(write("c"));
        batch.push_answering(write("d"), "at_most");
        let sql = batch.statement().sql;
        assert!(sql.contains("part1 AS (INSERT INTO b VALUES ($2) RETURNING key)"), "{sql}");
        let answer =
            "SELECT key, NULL AS at_most FROM part1 UNION ALL SELECT NULL AS key, at_most FROM part3";
        assert!(sql.ends_with(answer), "{sql}");
        assert!(Batch::of(write("a")).statement().sql.ends_with(" SELECT 1"));
    }

    #[test]
    fn parameters_are_numbered_after_those_before() {
        assert_eq!(renumbered("VALUES (?, ?, ?)", 0), "VALUES ($1, $2, $3)");
        assert_eq!(renumbered("VALUES (?, ?)", 9), "VALUES ($10, $11)");
        assert_eq!(renumbered("VALUES ($1, $12) WHERE a < $1", 3), "VALUES ($4, $15) WHERE a < $4");
        assert_eq!(renumbered("DELETE FROM t", 3), "DELETE FROM t");
    }
}
