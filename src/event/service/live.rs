//! Following events as they happen.
//!
//! The order is that of the sealed chain: it is given after the commit, so that an event that was recorded earlier and
//! committed later is not passed over. While somebody follows, this process seals and looks at the heads of the chains
//! that are followed twice a second, and at once after a mutation of its own, or when another replica tells that it recorded
//! something. That is told after the commit, at most every few milliseconds: a `NOTIFY` within takes a lock of the whole database.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sea_orm::ConnectionTrait;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use uuid::Uuid;

use super::seal_due;
use crate::app::App;
use crate::db::Listener;
use crate::error::Result;
use crate::event::model::{self, Model, chain};
use crate::id::{EventId, TenantId, TypedId as _};

/// How often the chains are looked at while nothing rings.
const PERIOD: Duration = Duration::from_millis(500);
/// The same where only bells count.
const NEVER: Duration = Duration::from_secs(3_600);
/// How long what was recorded is collected before others are told.
const COLLECTED: Duration = Duration::from_millis(20);
/// How long to wait before listening is tried again.
const DEAF: Duration = Duration::from_secs(30);

/// Tells who follows a chain how far it is sealed.
#[derive(Debug, Default)]
pub struct Feed {
    followed: Mutex<Followed>,
    bell: Notify,
    /// Whether others are about to be told.
    telling: AtomicBool,
    /// Whether the chains are looked at only when something rings.
    bells_only: AtomicBool,
}

#[derive(Debug, Default)]
struct Followed {
    chains: HashMap<Uuid, watch::Sender<i64>>,
    /// Whether a task looks at the chains.
    watched: bool,
}

impl Feed {
    /// From now on looks at the chains only when something rings, so that it can be told whether it does.
    pub fn rely_on_bells(&self) {
        self.bells_only.store(true, Ordering::SeqCst);
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

/// Says that this process may have recorded something: to those who follow here, and to other processes.
pub fn recorded(app: &App) {
    app.feed.bell.notify_one();
    if app.db.is_shared() && !app.feed.telling.swap(true, Ordering::SeqCst) {
        tokio::spawn(tell_others(app.clone()));
    }
}

async fn tell_others(app: App) {
    tokio::time::sleep(COLLECTED).await;
    // What is recorded from here on is told by another notification.
    app.feed.telling.store(false, Ordering::SeqCst);
    if let Err(error) = app.db.tell_others().await {
        tracing::debug!(%error, "others are not told of what was recorded; they find it by looking");
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
    let (mut others, mut asked) = (app.db.listen().await, Instant::now());
    loop {
        if others.is_none() && app.db.is_shared() && asked.elapsed() >= DEAF {
            (others, asked) = (app.db.listen().await, Instant::now());
        }
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
        let pause = if app.feed.bells_only.load(Ordering::SeqCst) { NEVER } else { PERIOD };
        tokio::select! {
            () = app.feed.bell.notified() => {}
            () = heard(&mut others) => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Waits until another process tells something; for ever, where there is none to listen to.
async fn heard(others: &mut Option<Listener>) {
    let Some(listener) = others else { return std::future::pending().await };
    if let Err(error) = listener.heard().await {
        tracing::warn!(%error, "other processes cannot be heard; what they record is found by looking");
        *others = None;
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
