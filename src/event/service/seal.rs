//! Sealing events into the chain of their tenant, after they were committed: whoever records one waits for nobody.

use std::collections::HashMap;

use uuid::Uuid;

use crate::app::App;
use crate::error::Result;
use crate::event::model::{self, Model, chain};
use crate::id::TypedId as _;
use crate::telemetry::metrics;

/// Events that are sealed in one transaction.
const BATCH: u64 = 500;
/// Heads that are written to the log in one go.
const HEADS: u64 = 1_000;
/// What stands in the place of a seal where the signature is not ours.
pub(super) const REFUSED: &str = "refused";

/// The chain that an event belongs to.
pub(super) fn chain_of(event: &Model) -> Uuid {
    event.tenant_id.map_or(Uuid::nil(), |id| id.uuid())
}

/// Seals what was recorded since the last time and says how many events that were. One process at a time.
///
/// # Errors
/// Whatever the database says.
pub async fn seal_due(app: &App) -> Result<usize> {
    let mut sealed = 0;
    loop {
        if model::unsealed(app.db.reader(), 1).await?.is_empty() {
            return Ok(sealed);
        }
        let txn = app.db.begin_write().await?;
        chain::lock_key(&txn).await?;
        let mut rows = model::unsealed(&txn, BATCH).await?;
        let chains: Vec<Uuid> = rows.iter().map(chain_of).collect();
        let heads = chain::of(&txn, chains).await?;
        let mut heads: HashMap<Uuid, chain::Model> =
            heads.into_iter().map(|head| (head.chain, head)).collect();
        for row in &mut rows {
            let chain = chain_of(row);
            let mac = row.mac.clone().filter(|_| app.event_key.is_signed(row));
            let Some(mac) = mac else {
                tracing::error!(event = ?row.id, "an event has no signature of ours: run `guestlist events verify`");
                (row.position, row.seal) = (Some(0), Some(REFUSED.to_owned()));
                continue;
            };
            let head = heads.entry(chain).or_insert_with(|| chain::Model {
                chain,
                position: 0,
                seal: String::new(),
                logged_position: 0,
            });
            head.position += 1;
            head.seal = app.event_key.seal(chain, head.position, &head.seal, &mac);
            (row.position, row.seal) = (Some(head.position), Some(head.seal.clone()));
        }
        model::seal(&txn, &rows).await?;
        for head in heads.into_values() {
            chain::put(&txn, head).await?;
        }
        txn.commit().await?;
        for row in &rows {
            metrics::event(row.kind.clone());
        }
        sealed += rows.len();
    }
}

/// Writes the head of each chain that has moved to the log: kept elsewhere, it shows later that nothing before it is gone.
///
/// # Errors
/// Whatever the database says.
pub async fn log_heads(app: &App) -> Result<()> {
    for head in chain::unlogged(app.db.reader(), HEADS).await? {
        tracing::info!(head = %super::Head::from(&head), "events are sealed up to here");
        chain::logged(app.db.writer(), &head).await?;
    }
    Ok(())
}
