//! Following events as they happen.
//!
//! The order is that of the sealed chain: it is given after the commit, so that an event that was recorded earlier and
//! committed later is not passed over. While somebody follows, this process seals and looks at the heads of the chains
//! that are followed twice a second, and at once after a mutation of its own; that finds what other replicas record as
//! well. (`NOTIFY` would take a lock of the whole database in every commit.)

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sea_orm::ConnectionTrait;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::seal_due;
use crate::app::App;
use crate::error::Result;
use crate::event::model::{self, Model, chain};
use crate::id::{EventId, TenantId, TypedId as _};

/// How often the chains are looked at while nothing rings.
const PERIOD: Duration = Duration::from_millis(500);

/// Tells who follows a chain how far it is sealed.
#[derive(Debug, Default)]
pub struct Feed {
    followed: Mutex<Followed>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Followed {
    chains: HashMap<Uuid, watch::Sender<i64>>,
    /// Whether a task looks at the chains.
    watched: bool,
}

impl Feed {
    /// Says that something may have been recorded.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// How many follow a chain at the moment.
    #[must_use]
    pub fn followers(&self) -> usize {
        self.followed().chains.values().map(watch::Sender::receiver_count).sum()
    }

    fn followed(&self) -> std::sync::MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the chain of a tenant ends now, and from now on.
///
/// # Errors
/// Whatever the database says.
pub async fn follow(app: &App, tenant: TenantId) -> Result<watch::Receiver<i64>> {
    seal_due(app).await?;
    let chain = tenant.uuid();
    let head = chain::of(app.db.reader(), vec![chain]).await?.pop().map_or(0, |head| head.position);
    let mut followed = app.feed.followed();
    let sender = followed.chains.entry(chain).or_insert_with(|| watch::channel(head).0);
    raise(sender, head);
    let receiver = sender.subscribe();
    if !followed.watched {
        followed.watched = true;
        tokio::spawn(look(app.clone()));
    }
    Ok(receiver)
}

fn raise(sender: &watch::Sender<i64>, head: i64) {
    sender.send_if_modified(|known| {
        let moved = head > *known;
        *known = head.max(*known);
        moved
    });
}

/// Looks at the chains that are followed until none is.
async fn look(app: App) {
    loop {
        let chains: Vec<Uuid> = {
            let mut followed = app.feed.followed();
            followed.chains.retain(|_, sender| sender.receiver_count() > 0);
            if followed.chains.is_empty() {
                followed.watched = false;
                return;
            }
            followed.chains.keys().copied().collect()
        };
        if let Err(error) = tell(&app, chains).await {
            tracing::warn!(cause = ?error, "events cannot be followed at the moment");
        }
        tokio::select! {
            () = app.feed.bell.notified() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn tell(app: &App, chains: Vec<Uuid>) -> Result<()> {
    seal_due(app).await?;
    for some in chains.chunks(crate::db::ROWS) {
        let heads = chain::of(app.db.reader(), some.to_vec()).await?;
        let followed = app.feed.followed();
        for head in heads {
            if let Some(sender) = followed.chains.get(&head.chain) {
                raise(sender, head.position);
            }
        }
    }
    Ok(())
}

/// Sealed events of a tenant behind a place in its chain, of kinds that begin with `family`. The caller has checked that
/// they may be seen.
///
/// # Errors
/// Whatever the database says.
pub async fn behind(
    app: &App,
    tenant: TenantId,
    position: i64,
    family: &str,
    most: u64,
) -> Result<Vec<Model>> {
    Ok(model::behind(app.db.reader(), tenant, position, family, most).await?)
}

/// How far the chains of tenants are sealed; a tenant without events has no entry.
///
/// # Errors
/// Whatever the database says.
pub async fn heads(db: &impl ConnectionTrait, tenants: &[TenantId]) -> Result<HashMap<TenantId, i64>> {
    let chains = tenants.iter().map(|tenant| tenant.uuid()).collect();
    let heads = chain::of(db, chains).await?;
    Ok(heads.into_iter().map(|head| (TenantId::from(head.chain), head.position)).collect())
}

/// The place of an event in the chain of this tenant; `None` for one of another tenant.
///
/// # Errors
/// Whatever the database says.
pub async fn position_of(app: &App, tenant: TenantId, id: EventId) -> Result<Option<i64>> {
    let found = model::by_id_all_tenants(app.db.reader(), id).await?;
    Ok(found.filter(|event| event.tenant_id == Some(tenant)).and_then(|event| event.position))
}
