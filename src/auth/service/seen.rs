//! What stands behind sessions, remembered and read together.

use std::sync::Arc;

use super::principal;
use super::together::Together;
use crate::app::App;
use crate::db::Remembered;
use crate::error::Result;
use crate::id::SessionId;

/// Most sessions that are remembered.
const KEPT: usize = 10_000;

/// Sessions that were looked at, and those that are being read.
#[derive(Debug)]
pub struct Seen {
    kept: Remembered<SessionId, principal::Row>,
    read: Arc<Together>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { kept: Remembered::new(KEPT), read: Arc::default() }
    }
}

/// What stands behind a session now; its times are for the caller to compare.
pub(super) async fn behind(app: &App, id: SessionId) -> Result<Option<principal::Row>> {
    let seen = &app.sessions_seen;
    Ok(seen.kept.one(&app.db, id, seen.read.find(app.db.reader(), id)).await?)
}
