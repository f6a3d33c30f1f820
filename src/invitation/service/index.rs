//! Laying invitations in blocks, so that a part of an address is looked for where it can be.

use chrono::TimeDelta;

use crate::app::App;
use crate::error::Result;
use crate::id::TenantId;
use crate::invitation::model::search::{self, ROWS};

/// How long ago the last invitation of a block was made at the least, so that clocks that differ by less take no block back.
const SETTLED: TimeDelta = TimeDelta::minutes(2);

/// Lays the invitations of every tenant in blocks, as far as there are enough of them, and says how many blocks were laid. Running it again,
/// or twice at once, lays nothing twice.
///
/// # Errors
/// Whatever the database says; each block is laid whole or not at all.
pub async fn index_addresses(app: &App) -> Result<u64> {
    let mut laid = 0;
    for tenant in search::unindexed_all_tenants(app.db.reader(), ROWS).await? {
        while lay(app, tenant).await? {
            laid += 1;
        }
    }
    Ok(laid)
}

/// Lays the next block of a tenant; `false` where there are not enough invitations for it.
async fn lay(app: &App, tenant: TenantId) -> Result<bool> {
    let txn = app.db.begin_write().await?;
    let Some(progress) = search::progress(&txn, tenant).await? else { return Ok(false) };
    let rows = progress.next(&txn).await?;
    let settled = app.clock.now() - SETTLED;
    let whole = rows.len() == ROWS;
    if whole && rows.last().is_some_and(|last| last.created_at() > settled) {
        return Ok(false);
    }
    match whole {
        true => progress.lay(&txn, &rows).await?,
        false => progress.counted(&txn, rows.len()).await?,
    }
    txn.commit().await?;
    Ok(whole)
}
