//! Several statements that change something, sent at once: a transaction waits for the database once rather than for each.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

/// Longest text that is remembered, in bytes; those of many rows are longer.
const LONGEST: usize = 16 * 1024;
/// As many are remembered; operations send a few batches each.
const MOST: usize = 256;

/// Ends the text of a part in those of a batch.
const PART: char = '\0';
/// Ends the text of a part that answers.
const ANSWERING: char = '\u{1}';

/// What becomes of the texts of a batch's parts: the same ones are sent again and again, and are put together once.
static KNOWN: LazyLock<RwLock<HashMap<String, String>>> = LazyLock::new(RwLock::default);

/// Statements in the order in which they are executed.
///
/// PostgreSQL executes them as one statement, so that none sees the rows of another. Those that answer come first and in their order, for
/// so they are read; nothing may rely on the order of the others.
#[derive(Debug)]
pub struct Batch {
    backend: DbBackend,
    /// The texts of the statements, [`PART`] or [`ANSWERING`] behind each.
    text: String,
    /// Where each of them ends, and how many values there are before it.
    parts: Vec<(usize, usize)>,
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
        Self { backend, text: String::new(), parts: Vec::new(), values: Vec::new(), answers: Vec::new() }
    }

    /// The kind of database that statements are built for.
    #[must_use]
    pub fn backend(&self) -> DbBackend {
        self.backend
    }

    /// Adds a statement, every value of which is a parameter.
    pub fn push(&mut self, statement: Statement) {
        self.add(statement, PART);
    }

    fn add(&mut self, statement: Statement, end: char) {
        self.text.push_str(&statement.sql);
        self.parts.push((self.text.len(), self.values.len()));
        self.text.push(end);
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
        self.add(statement, ANSWERING);
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
    pub(super) fn statement(mut self) -> Statement {
        self.text.push(if self.backend == DbBackend::Sqlite { 's' } else { 'p' });
        let sql = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&self.text).cloned();
        let sql = sql.unwrap_or_else(|| {
            let sql = self.joined();
            if self.text.len() <= LONGEST {
                let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
                if known.len() >= MOST {
                    known.clear();
                }
                known.insert(std::mem::take(&mut self.text), sql.clone());
            }
            sql
        });
        Statement::from_sql_and_values(self.backend, sql, self.values)
    }

    fn joined(&self) -> String {
        let mut begin = 0;
        let parts = self.parts.iter().map(|(end, before)| {
            let part = renumbered(&self.text[begin..*end], *before);
            begin = end + 1;
            part
        });
        match self.backend {
            DbBackend::Sqlite => parts.collect::<Vec<_>>().join(";\n"),
            _ => {
                let named: Vec<String> =
                    parts.enumerate().map(|(at, part)| format!("part{at} AS ({part})")).collect();
                format!("WITH {} {}", named.join(",\n"), self.answer())
            }
        }
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

    use super::{Batch, KNOWN, LONGEST, MOST, renumbered};

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
    fn a_batch_whose_texts_were_sent_before_has_its_own_values_and_answers() {
        let insert =
            |backend, sql: &str, value: i32| Statement::from_sql_and_values(backend, sql, [value.into()]);
        for backend in [DbBackend::Sqlite, DbBackend::Postgres] {
            let batch = |values: [i32; 2]| {
                let mut batch = Batch::of(insert(backend, "INSERT INTO e VALUES (?)", values[0]));
                batch.push(insert(backend, "INSERT INTO f VALUES (?) RETURNING n", values[1]));
                batch.statement()
            };
            let [one, other] = [[1, 2], [3, 4]].map(batch);
            assert_eq!(one.sql, other.sql);
            assert_eq!(other.values.unwrap().0, [3.into(), 4.into()]);
            let mut answering = Batch::of(insert(backend, "INSERT INTO e VALUES (?)", 1));
            answering.push_answering(insert(backend, "INSERT INTO f VALUES (?)", 2), "n");
            let answers = answering.statement().sql != one.sql;
            assert_eq!(answers, backend == DbBackend::Postgres);
        }
    }

    #[test]
    fn as_many_texts_are_remembered_as_there_is_room_for() {
        for n in 0..2 * MOST {
            let sql = format!("INSERT INTO g{n} VALUES (1)");
            let _ = Batch::of(Statement::from_string(DbBackend::Sqlite, sql)).statement();
            assert!(KNOWN.read().unwrap().len() <= MOST);
        }
        let long = format!("INSERT INTO g VALUES ({})", "1".repeat(LONGEST));
        let _ = Batch::of(Statement::from_string(DbBackend::Sqlite, long)).statement();
        assert!(KNOWN.read().unwrap().keys().all(|text| text.len() <= LONGEST));
    }

    #[test]
    fn parameters_are_numbered_after_those_before() {
        assert_eq!(renumbered("VALUES (?, ?, ?)", 0), "VALUES ($1, $2, $3)");
        assert_eq!(renumbered("VALUES (?, ?)", 9), "VALUES ($10, $11)");
        assert_eq!(renumbered("VALUES ($1, $12) WHERE a < $1", 3), "VALUES ($4, $15) WHERE a < $4");
        assert_eq!(renumbered("DELETE FROM t", 3), "DELETE FROM t");
    }
}
