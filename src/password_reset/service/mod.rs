//! What can be done with passwords and reset requests, a file per operation.

mod change;
mod complete;
mod decide;
mod eligible;
mod host;
mod list;
mod mail;
mod rate;
mod request;

use sea_orm::ConnectionTrait;
use serde_json::json;

use super::model::{self, Model, ResetStatus};
use crate::actor::Actor;
use crate::app::App;
use crate::error::Result;
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::UserId;

pub use change::change_password;
pub use complete::reset_password;
pub use decide::{approve, cancel, reject};
pub use host::reset_link;
pub use list::{Filter, list, open_of_viewer, visible};
pub use mail::{render_mail, render_password_changed};
pub use model::SortBy;
pub use rate::rate_password;
pub use request::{look_at_wishes, request_reset};

/// Rows that one transaction records.
const BATCH: u64 = 200;

/// An event of a request, in the audit log that the request is in.
fn happened(kind: EventKind, row: &Model) -> NewEvent {
    NewEvent::of(kind, row.tenant_id, Subject::ResetRequest(row.id))
}

/// Cancels whatever request of a user is open, in the transaction that takes its ground.
async fn cancel_open(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    user: UserId,
    reason: &str,
) -> Result<Option<Model>> {
    let Some(row) = model::open_of_user(db, user).await? else { return Ok(None) };
    if row.status_at(app.clock.now()) == ResetStatus::Expired {
        record_expired(app, db, &row).await?;
        return Ok(None);
    }
    cancel_one(app, db, actor, &row, reason).await?;
    model::by_id(db, row.id).await.map_err(Into::into)
}

async fn cancel_one(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    row: &Model,
    reason: &str,
) -> Result<bool> {
    let cancelled = model::cancel(db, row, app.clock.now()).await?;
    if cancelled {
        let fact = happened(EventKind::ResetCancelled, row).with(json!({ "reason": reason }));
        event::service::record(app, db, actor, fact).await?;
    }
    Ok(cancelled)
}

/// Records one overdue request as expired; `false` when it was recorded before.
async fn record_expired(app: &App, db: &impl ConnectionTrait, row: &Model) -> Result<bool> {
    let recorded = model::record_expired(db, row, app.clock.now()).await?;
    if recorded {
        let expired = happened(EventKind::ResetExpired, row);
        event::service::record(app, db, &Actor::operator(), expired).await?;
    }
    Ok(recorded)
}

/// Records every overdue request as expired, an event each, and says how many there were. Nothing waits for it:
/// expiry is computed wherever it matters.
///
/// # Errors
/// Whatever the database says; what was committed stays.
pub async fn expire_due(app: &App) -> Result<u64> {
    let mut expired = 0;
    loop {
        let due = model::overdue(app.db.reader(), app.clock.now(), BATCH).await?;
        if due.is_empty() {
            return Ok(expired);
        }
        let txn = app.db.begin_write().await?;
        for row in &due {
            expired += u64::from(record_expired(app, &txn, row).await?);
        }
        txn.commit().await?;
    }
}
