//! Rows that many requests look at, remembered for as long as nothing in the database changes. Only SQLite can tell that without being
//! asked, so that only it is spared the question.

use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use super::{Db, Stamp};

/// Rows that were read, each with the state of the database in which it was.
pub struct Remembered<K, V> {
    kept: quick_cache::sync::Cache<K, (Stamp, V)>,
    latest: Mutex<Option<Stamp>>,
}

impl<K, V> fmt::Debug for Remembered<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered")
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Remembered<K, V> {
    /// Remembers so many rows at the most.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { kept: quick_cache::sync::Cache::new(most), latest: Mutex::default() }
    }

    /// The row of a key as it is now, read only where something was committed since it was; `None` where there is none.
    ///
    /// # Errors
    /// Whatever reading it says.
    pub async fn one<E>(
        &self,
        db: &Db,
        key: K,
        read: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<V>, E> {
        let before = db.stamp();
        if let Some(row) = self.known(before, &key) {
            return Ok(Some(row));
        }
        let row = read.await?;
        if let Some(row) = &row {
            self.keep(db, before, [(key, row)]);
        }
        Ok(row)
    }

    /// The rows of some keys as they are now, in no order; those that are not remembered are read together.
    ///
    /// # Errors
    /// Whatever reading them says.
    pub async fn many<E>(
        &self,
        db: &Db,
        keys: &[K],
        key: impl Fn(&V) -> K,
        read: impl AsyncFnOnce(&[K]) -> Result<Vec<V>, E>,
    ) -> Result<Vec<V>, E> {
        let before = db.stamp();
        let mut rows = Vec::with_capacity(keys.len());
        let mut unknown = Vec::new();
        for key in keys {
            match self.known(before, key) {
                Some(row) => rows.push(row),
                None => unknown.push(key.clone()),
            }
        }
        if !unknown.is_empty() {
            let found = read(&unknown).await?;
            self.keep(db, before, found.iter().map(|row| (key(row), row)));
            rows.extend(found);
        }
        Ok(rows)
    }

    fn known(&self, now: Option<Stamp>, key: &K) -> Option<V> {
        let now = now?;
        self.kept.get(key).filter(|(then, _)| *then == now).map(|(_, row)| row)
    }

    /// Had something been committed while the rows were read, each might be of before or after it. Rows of another state go: they are of no
    /// use, and may have been erased.
    fn keep<'r>(&self, db: &Db, before: Option<Stamp>, rows: impl IntoIterator<Item = (K, &'r V)>)
    where
        V: 'r,
    {
        let Some(stamp) = before.filter(|before| db.stamp() == Some(*before)) else { return };
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner).replace(stamp);
        if latest != Some(stamp) {
            self.kept.clear();
        }
        for (key, row) in rows {
            self.kept.insert(key, (stamp, row.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use sea_orm::{ConnectionTrait as _, DbErr};

    use super::Remembered;
    use crate::db::Db;

    async fn database(folder: &std::path::Path) -> Db {
        let url = format!("sqlite://{}", folder.join("remembered.db").display());
        let db = Db::open(&url).await.unwrap();
        db.writer().execute_unprepared("CREATE TABLE t (n integer)").await.unwrap();
        db
    }

    async fn commit(db: &Db) {
        db.writer().execute_unprepared("INSERT INTO t VALUES (1)").await.unwrap();
    }

    #[tokio::test]
    async fn a_row_is_read_again_once_something_was_committed() {
        let folder = tempfile::tempdir().unwrap();
        let (db, rows, reads) = (database(folder.path()).await, Remembered::new(10), Cell::new(0));
        let ask = async |key: u8| {
            let read = async {
                reads.set(reads.get() + 1);
                Ok::<_, DbErr>((key < 5).then(|| (key, reads.get())))
            };
            rows.one(&db, key, read).await.unwrap()
        };
        assert_eq!((ask(1).await, ask(1).await), (Some((1, 1)), Some((1, 1))));
        assert_eq!(ask(2).await, Some((2, 2)));
        commit(&db).await;
        assert_eq!((ask(1).await, ask(1).await), (Some((1, 3)), Some((1, 3))));
        // That there is no row is asked each time.
        assert_eq!((ask(7).await, ask(7).await, reads.get()), (None, None, 5));
        assert_eq!(rows.kept.len(), 1, "what was read before the commit is gone");
    }

    #[tokio::test]
    async fn what_was_read_while_something_was_committed_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let (db, rows) = (database(folder.path()).await, Remembered::new(10));
        let read = async {
            commit(&db).await;
            Ok::<_, DbErr>(Some("before"))
        };
        assert_eq!(rows.one(&db, 1, read).await.unwrap(), Some("before"));
        assert_eq!(rows.one(&db, 1, async { Ok::<_, DbErr>(Some("after")) }).await.unwrap(), Some("after"));
    }

    #[tokio::test]
    async fn only_rows_that_are_not_remembered_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let (db, rows) = (database(folder.path()).await, Remembered::new(10));
        let asked = std::cell::RefCell::new(Vec::new());
        let ask = async |keys: &[u8]| {
            let read = async |unknown: &[u8]| {
                asked.borrow_mut().push(unknown.to_vec());
                Ok::<_, DbErr>(unknown.iter().copied().filter(|key| *key < 5).collect())
            };
            let mut found = rows.many(&db, keys, |row| *row, read).await.unwrap();
            found.sort_unstable();
            found
        };
        assert_eq!(ask(&[1, 2]).await, [1, 2]);
        assert_eq!(ask(&[1, 2]).await, [1, 2]);
        assert_eq!(ask(&[3, 1, 9]).await, [1, 3]);
        commit(&db).await;
        assert_eq!(ask(&[3, 1]).await, [1, 3]);
        assert_eq!(*asked.borrow(), [vec![1, 2], vec![3, 9], vec![3, 1]]);
    }
}
