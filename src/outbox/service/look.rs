//! Looking at mails that are owed.

use sea_orm::ConnectionTrait;

use crate::app::App;
use crate::clock::Instant;
use crate::error::Result;
use crate::id::TenantId;
use crate::outbox::model::{self, DeliveryState, Filter, Model};
use crate::page::{Page, Slice};

/// The latest mails in any of the given states; in whatever state for none.
///
/// # Errors
/// Whatever the database says.
pub async fn list(db: &impl ConnectionTrait, states: &[DeliveryState], most: u64) -> Result<Vec<Model>> {
    Ok(model::list(db, states, most).await?)
}

/// One page of a tenant's mails, or of those of none, latest first; the caller has checked who may see them.
///
/// # Errors
/// Whatever the database says.
pub async fn page_of(
    db: &impl ConnectionTrait,
    tenant: Option<TenantId>,
    filter: &Filter,
    page: &Page,
    count: bool,
) -> Result<Slice<Model>> {
    let total = if count { model::count_of(db, tenant, filter).await? } else { 0 };
    Ok(Slice::cut(model::page_of(db, tenant, filter, page).await?, page, total))
}

/// How many mails are to be sent still, and when the first of them was owed.
///
/// # Errors
/// Whatever the database says.
pub async fn backlog(app: &App) -> Result<(u64, Option<Instant>)> {
    Ok(model::backlog(app.db.reader()).await?)
}

/// How many mails are in which state, and when the first of those that wait was owed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// Wait for their first attempt.
    pub queued: u64,
    /// Were put off.
    pub retrying: u64,
    /// Were given up.
    pub failed: u64,
    /// When the first of those that wait was owed.
    pub oldest: Option<Instant>,
}

/// How mail stands, in figures.
///
/// # Errors
/// Whatever the database says.
pub async fn figures(app: &App) -> Result<Figures> {
    let (_, oldest) = backlog(app).await?;
    let mut figures = Figures { oldest, ..Figures::default() };
    let states = [DeliveryState::Queued, DeliveryState::Retrying, DeliveryState::Failed];
    for (state, count) in model::counts(app.db.reader(), &states).await? {
        let count = u64::try_from(count).unwrap_or_default();
        match state {
            DeliveryState::Queued => figures.queued = count,
            DeliveryState::Retrying => figures.retrying = count,
            _ => figures.failed = count,
        }
    }
    Ok(figures)
}
