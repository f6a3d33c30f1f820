//! Recording that invitations have run out. Nothing waits for it: expiry is computed wherever it matters.

use sea_orm::ConnectionTrait;

use crate::actor::Actor;
use crate::app::App;
use crate::error::Result;
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::invitation::model::{self, Model};
use crate::outbox;

/// Rows that one transaction records.
const BATCH: u64 = 200;

/// Records every overdue invitation as expired, an event each, and says how many there were. Running it
/// again, or twice at once, records nothing twice.
///
/// # Errors
/// Whatever the database says; what was committed stays.
pub async fn expire_due(app: &App) -> Result<u64> {
    let mut expired = 0;
    loop {
        let due = model::overdue_all_tenants(app.db.reader(), app.clock.now(), BATCH).await?;
        if due.is_empty() {
            return Ok(expired);
        }
        let txn = app.db.begin_write().await?;
        for row in &due {
            expired += u64::from(record(app, &txn, &Actor::operator(), row).await?);
        }
        txn.commit().await?;
    }
}

/// Records one overdue invitation as expired; `false` when it was recorded before.
pub(super) async fn record(app: &App, db: &impl ConnectionTrait, actor: &Actor, row: &Model) -> Result<bool> {
    if !model::record_expired(db, row, app.clock.now()).await? {
        return Ok(false);
    }
    if let Some(outbox_id) = row.outbox_id {
        outbox::service::suppress(db, outbox_id).await?;
    }
    let expired =
        NewEvent::of(EventKind::InvitationExpired, Some(row.tenant_id), Subject::Invitation(row.id));
    event::service::record(app, db, actor, expired).await?;
    Ok(true)
}
