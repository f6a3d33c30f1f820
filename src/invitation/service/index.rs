//! Laying invitations in blocks, so that a part of an address is looked for where it can be.

use std::collections::VecDeque;

use chrono::TimeDelta;

use crate::app::App;
use crate::error::Result;
use crate::id::TenantId;
use crate::invitation::model::search::{self, Made, ROWS};

/// How long ago the last invitation of a block was made at the least, so that clocks that differ by less take no block back.
const SETTLED: TimeDelta = TimeDelta::minutes(2);
/// Steps of one run, a second or so of work: whoever stops the service waits for that.
const STEPS: u64 = 16;

/// What was done for a tenant.
enum Step {
    /// So many blocks were laid.
    Laid(u64),
    /// Blocks that were not to be relied on were deleted.
    Forgot,
    /// There are not enough invitations for a block.
    Nothing,
}

/// Lays the invitations of every tenant in blocks, as far as there are enough of them, and says how many blocks were laid. Running it again,
/// or twice at once, lays nothing twice. Tenants take turns; where much is left when the run ends, it rings for the next one.
///
/// # Errors
/// Whatever the database says of the first tenant that it fails for; others have their turns, and each block is laid whole or not at all.
pub async fn index_addresses(app: &App) -> Result<u64> {
    let mut tenants = VecDeque::from(search::unindexed_all_tenants(app.db.reader(), ROWS).await?);
    let (mut laid, mut failed) = (0, None);
    for _ in 0..STEPS {
        let Some(tenant) = tenants.pop_front() else { break };
        match step(app, tenant).await {
            Ok(Step::Nothing) => {}
            Ok(Step::Forgot) => tenants.push_back(tenant),
            Ok(Step::Laid(blocks)) => {
                laid += blocks;
                tenants.push_back(tenant);
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        Some(error) => return Err(error),
        None if !tenants.is_empty() => app.addresses_waiting.notify_one(),
        None => {}
    }
    Ok(laid)
}

async fn step(app: &App, tenant: TenantId) -> Result<Step> {
    let settled = app.db.lease_time(&app.clock).await? - SETTLED;
    let txn = app.db.begin_long_write().await?;
    let Some(progress) = search::progress(&txn, tenant).await? else { return Ok(Step::Nothing) };
    if progress.forget(&txn).await? {
        txn.commit().await?;
        return Ok(Step::Forgot);
    }
    let rows = progress.next(&txn).await?;
    if rows.len() < ROWS {
        progress.counted(&txn, rows.len()).await?;
        txn.commit().await?;
        return Ok(Step::Nothing);
    }
    let is_settled = |block: &&[Made]| block.last().is_some_and(|last| last.created_at <= settled);
    let blocks = rows.chunks_exact(ROWS).take_while(is_settled).count();
    if blocks == 0 {
        return Ok(Step::Nothing);
    }
    progress.lay(&txn, &rows[..blocks * ROWS]).await?;
    txn.commit().await?;
    Ok(Step::Laid(blocks as u64))
}
