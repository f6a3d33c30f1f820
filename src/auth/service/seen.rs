//! What stands behind sessions, remembered for as long as nothing in the database changes. Only SQLite can tell that without
//! being asked, so that only it is spared the question.

use std::fmt;
use std::sync::Arc;

use super::principal;
use super::together::Together;
use crate::app::App;
use crate::db::Stamp;
use crate::error::Result;
use crate::id::SessionId;

/// Most sessions that are remembered.
const KEPT: usize = 10_000;

/// Sessions that were looked at, each with the state of the database in which it was, and those that are being read.
pub struct Seen {
    kept: quick_cache::sync::Cache<SessionId, (Stamp, principal::Row)>,
    read: Arc<Together>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { kept: quick_cache::sync::Cache::new(KEPT), read: Arc::default() }
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen").field("kept", &self.kept.len()).field("read", &self.read).finish()
    }
}

/// What stands behind a session now; its times are for the caller to compare.
pub(super) async fn behind(app: &App, id: SessionId) -> Result<Option<principal::Row>> {
    let before = app.db.stamp();
    if let (Some(now), Some((then, row))) = (before, app.sessions_seen.kept.get(&id))
        && now == then
    {
        return Ok(Some(row));
    }
    let row = app.sessions_seen.read.find(app.db.reader(), id).await?;
    // Had something been committed meanwhile, the row might be of before or after it.
    if let (Some(stamp), Some(row)) = (before.filter(|before| app.db.stamp() == Some(*before)), &row) {
        app.sessions_seen.kept.insert(id, (stamp, row.clone()));
    }
    Ok(row)
}
