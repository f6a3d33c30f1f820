//! Sessions that many requests ask for at once, read by one statement. A request that finds nobody reading reads by itself and waits for
//! nobody; whoever comes while statements are under way is read by the next one, which begins after they came: nobody is told what
//! was so before they asked.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::{ConnAcquireErr, DbErr};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::auth::model::principal::{self, Row};
use crate::db::Reader;
use crate::id::SessionId;

/// Statements under way from which on others wait for the next one.
const READING: usize = 2;
/// How long a statement may take, its connection included.
const LONGEST: Duration = Duration::from_secs(5);

type Answer = Result<Option<Row>, DbErr>;

/// Whoever reads sessions, and whoever waits for the next statement.
#[derive(Default)]
pub(super) struct Together(Mutex<State>);

#[derive(Default)]
struct State {
    reading: usize,
    waiting: Vec<(SessionId, oneshot::Sender<Answer>)>,
}

impl fmt::Debug for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Together")
            .field("reading", &state.reading)
            .field("waiting", &state.waiting.len())
            .finish()
    }
}

/// A statement under way. When it has ended, however it did, those who wait meanwhile are read.
struct Reading {
    together: Arc<Together>,
    reader: Reader,
    by: By,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Somebody who read for themselves.
    One,
    /// A task that reads for those who wait.
    Task,
    /// Such a task, when nobody waited any more.
    Nobody,
}

impl Drop for Reading {
    fn drop(&mut self) {
        if self.by == By::Nobody {
            return;
        }
        let mut state = self.together.state();
        let runtime = Handle::try_current().ok().filter(|_| self.by == By::One && !state.waiting.is_empty());
        if let Some(runtime) = runtime {
            let (together, reader) = (Arc::clone(&self.together), self.reader.clone());
            drop(state);
            runtime.spawn(Self { together, reader, by: By::Task }.go_on());
            return;
        }
        state.reading -= 1;
        // Only a task that was ended with the runtime leaves somebody behind; they are told that nobody reads.
        state.waiting.clear();
    }
}

impl Reading {
    /// Reads whoever waits, and those who came meanwhile, until there are none.
    async fn go_on(mut self) {
        while let Some(some) = self.next() {
            let mut ids: Vec<SessionId> = some.iter().map(|(id, _)| *id).collect();
            ids.sort_unstable();
            ids.dedup();
            let read = within(LONGEST, principal::find_many(&self.reader, &ids)).await;
            let read = read.map(|rows| rows.into_iter().collect::<HashMap<_, _>>());
            for (id, waits) in some {
                let _ = waits.send(read.as_ref().map(|rows| rows.get(&id).cloned()).map_err(Clone::clone));
            }
        }
    }

    /// Those who are read next.
    fn next(&mut self) -> Option<Vec<(SessionId, oneshot::Sender<Answer>)>> {
        let mut state = self.together.state();
        // Nobody is read for who has gone.
        state.waiting.retain(|(_, waits)| !waits.is_closed());
        if state.waiting.is_empty() {
            state.reading -= 1;
            self.by = By::Nobody;
            return None;
        }
        let some = state.waiting.len().min(principal::MOST);
        Some(state.waiting.drain(..some).collect())
    }
}

async fn within<T>(time: Duration, reading: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let late = |_| Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
    timeout(time, reading).await.unwrap_or_else(late)
}

impl Together {
    /// What stands behind a session.
    ///
    /// # Errors
    /// Whatever the database says.
    pub(super) async fn find(self: &Arc<Self>, reader: &Reader, id: SessionId) -> Answer {
        let answer = {
            let mut state = self.state();
            if state.reading < READING {
                state.reading += 1;
                None
            } else {
                let (waits, answer) = oneshot::channel();
                state.waiting.push((id, waits));
                Some(answer)
            }
        };
        let Some(answer) = answer else {
            let _reading = Reading { together: Arc::clone(self), reader: reader.clone(), by: By::One };
            return within(LONGEST, principal::find(reader, id)).await;
        };
        let closed = |_| Err(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed));
        // No longer than for a connection of one's own, so that a database that is away is told as soon.
        within(reader.patience(), async { answer.await.unwrap_or_else(closed) }).await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures_util::poll;
    use sea_orm::{ConnectionTrait as _, DbBackend, Statement, Value};
    use uuid::Uuid;

    use super::{By, READING, Reading, Together};
    use crate::clock::Instant;
    use crate::db::Db;
    use crate::id::SessionId;

    /// A database with a user and three sessions of theirs, which differ by their counter: 0, 1 and 2.
    async fn sessions() -> (Db, tempfile::TempDir, Vec<SessionId>) {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}", folder.path().join("s.db").display())).await.unwrap();
        db.migrate().await.unwrap();
        let (user, at) = (Uuid::from_u128(1), Instant::UNIX_EPOCH);
        let execute = async |sql: &str, values: Vec<Value>| {
            db.writer()
                .execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values))
                .await
                .unwrap();
        };
        let insert = "INSERT INTO \"user\" (id, email, email_norm, name, status, created_at) VALUES ($1, 'a@b.test', 'a@b.test', 'A', 'active', $2)";
        execute(insert, vec![user.into(), at.into()]).await;
        let mut ids = Vec::new();
        for (counter, id) in (0_i64..).zip([2, 3, 4].map(Uuid::from_u128)) {
            let insert = "INSERT INTO session (id, user_id, refresh_counter, created_at, last_seen_at, expires_at, ends_at) VALUES ($1, $2, $3, $4, $4, $4, $4)";
            execute(insert, vec![id.into(), user.into(), counter.into(), at.into()]).await;
            ids.push(SessionId::from(id));
        }
        (db, folder, ids)
    }

    /// As many statements as there may be, under way until they are dropped.
    fn under_way(together: &Arc<Together>, db: &Db) -> Vec<Reading> {
        together.state().reading = READING;
        let one = || Reading { together: Arc::clone(together), reader: db.reader().clone(), by: By::One };
        std::iter::repeat_with(one).take(READING).collect()
    }

    #[tokio::test]
    async fn who_comes_meanwhile_is_read_with_others_and_told_of_their_own() {
        let (db, _folder, ids) = sessions().await;
        let together = Arc::new(Together::default());
        let mut others = under_way(&together, &db);
        let unknown = SessionId::from(Uuid::from_u128(9));
        let asked = [ids[0], ids[1], ids[2], unknown, ids[1], ids[0], ids[2]];
        let mut asking: Vec<_> = asked.iter().map(|id| Box::pin(together.find(db.reader(), *id))).collect();
        for find in &mut asking {
            assert!(poll!(find).is_pending());
        }
        drop(others.pop());
        let mut told = Vec::new();
        for find in asking {
            told.push(find.await.unwrap().map(|row| row.refresh_counter));
        }
        assert_eq!(told, [Some(0), Some(1), Some(2), None, Some(1), Some(0), Some(2)]);
        assert_eq!(together.state().reading, 1);
    }

    #[tokio::test]
    async fn more_than_a_statement_has_room_for_are_read_by_the_next() {
        let (db, _folder, ids) = sessions().await;
        let together = Arc::new(Together::default());
        let asked: Vec<SessionId> = (0..100).map(|n| ids[n % 3]).collect();
        let asking = asked.iter().map(|id| together.find(db.reader(), *id));
        let told = futures_util::future::join_all(asking).await;
        for (n, row) in told.into_iter().enumerate() {
            assert_eq!(row.unwrap().unwrap().refresh_counter, i64::try_from(n % 3).unwrap());
        }
        // Nobody reads any more, so that the next one reads at once.
        let ended = async {
            while together.state().reading > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap();
    }

    #[tokio::test]
    async fn nobody_is_read_for_who_has_gone() {
        let (db, _folder, ids) = sessions().await;
        let together = Arc::new(Together::default());
        let mut others = under_way(&together, &db);
        for _ in 0..40 {
            assert!(poll!(Box::pin(together.find(db.reader(), ids[0]))).is_pending());
        }
        let mut last = Box::pin(together.find(db.reader(), ids[1]));
        assert!(poll!(&mut last).is_pending());
        let mut task = others.pop().unwrap();
        assert_eq!(task.next().unwrap().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [ids[1]]);
        assert!(task.next().is_none());
    }

    #[tokio::test]
    async fn what_was_so_before_somebody_asked_is_not_told() {
        let (db, _folder, ids) = sessions().await;
        let together = Arc::new(Together::default());
        let mut others = under_way(&together, &db);
        let mut before = Box::pin(together.find(db.reader(), ids[0]));
        assert!(poll!(&mut before).is_pending());
        db.writer().execute_unprepared("UPDATE session SET revoked_at = created_at").await.unwrap();
        let mut after = Box::pin(together.find(db.reader(), ids[0]));
        assert!(poll!(&mut after).is_pending());
        drop(others.pop());
        assert!(after.await.unwrap().unwrap().revoked_at.is_some());
        assert!(before.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn whoever_goes_away_leaves_nobody_waiting() {
        let (db, _folder, ids) = sessions().await;
        let together = Arc::new(Together::default());
        let others = under_way(&together, &db);
        let mut asking: Vec<_> = (0..5).map(|n| Box::pin(together.find(db.reader(), ids[n % 3]))).collect();
        for find in &mut asking {
            assert!(poll!(find).is_pending());
        }
        let last = asking.pop().unwrap();
        drop((asking, others));
        assert_eq!(last.await.unwrap().unwrap().refresh_counter, 1);
    }

    #[tokio::test]
    async fn everybody_is_told_what_the_database_says() {
        let (db, _folder, ids) = sessions().await;
        db.writer().execute_unprepared("ALTER TABLE tenant RENAME TO gone").await.unwrap();
        let together = Arc::new(Together::default());
        let asking = (0..5).map(|n| together.find(db.reader(), ids[n % 3]));
        for told in futures_util::future::join_all(asking).await {
            told.unwrap_err();
        }
    }
}
