//! How many invitations there may be: of an inviter, of a tenant, to an address, and pending at once.

use std::time::Duration;

use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, QueryResult};

use crate::actor::Actor;
use crate::app::App;
use crate::email::Email;
use crate::error::{Error, ErrorCode, Result};
use crate::id::{TenantId, TypedId as _};
use crate::invitation::model;
use crate::limits::{self, Limit, Reservation};

const BY_YOU: &str = "by you in an hour";

fn per_inviter(app: &App) -> Limit {
    Limit::new("invites-inviter", app.config.limits.invites_per_hour, TimeDelta::hours(1))
}

pub(super) fn per_tenant(app: &App) -> Limit {
    Limit::new("invites-tenant", app.config.limits.invites_per_tenant_day, TimeDelta::days(1))
}

pub(super) fn per_recipient(app: &App) -> Limit {
    Limit::new("invites-recipient", app.config.limits.invites_per_recipient_day, TimeDelta::days(1))
}

/// One invitation as it counts for its inviter, its tenant and its recipient.
#[derive(Debug)]
pub(super) struct Counted {
    pub(super) reservation: Reservation,
    said: Vec<&'static str>,
}

impl Counted {
    pub(super) fn of(app: &App, actor: &Actor, tenant_id: TenantId, email: &Email) -> Self {
        let (tenant, inviter) = (tenant_id.global(), actor.user_id().map(|id| id.global()));
        let mut wanted = vec![(per_tenant(app), tenant.as_str()), (per_recipient(app), email.norm())];
        let mut said = vec!["by this tenant in a day", "to this address in a day"];
        if let Some(inviter) = &inviter {
            wanted.insert(0, (per_inviter(app), inviter));
            said.insert(0, BY_YOU);
        }
        Self { reservation: Reservation::of(app, &wanted), said }
    }

    /// Refuses the invitation where one of the quotas was full when it was reserved.
    pub(super) async fn require_granted(
        &self,
        app: &App,
        db: &impl ConnectionTrait,
        granted: Vec<QueryResult>,
    ) -> Result<()> {
        let refused = self.reservation.refused(app, db, granted).await?;
        refused.map_or(Ok(()), |(place, limit, wait)| Err(exceeded(limit, self.said[place], wait)))
    }
}

/// Counts one call against the inviter's quota.
pub(super) async fn reserve_call(app: &App, db: &impl ConnectionTrait, actor: &Actor) -> Result<()> {
    let Some(inviter) = actor.user_id() else { return Ok(()) };
    let limit = per_inviter(app);
    let Some(wait) = limits::try_reserve(app, db, limit, &inviter.global()).await? else { return Ok(()) };
    Err(exceeded(limit, BY_YOU, wait))
}

fn exceeded(limit: Limit, what: &str, wait: Duration) -> Error {
    let message = format!(
        "At most {} invitations can be sent {what}; try again in {} seconds.",
        limit.most,
        wait.as_secs()
    );
    Error::refused(ErrorCode::QuotaExceeded, message)
}

/// Refuses one more pending invitation where a tenant has as many as it may have.
pub(super) async fn require_room(app: &App, db: &impl ConnectionTrait, tenant: TenantId) -> Result<()> {
    let most = app.config.limits.pending_per_tenant;
    let room = model::room(db, tenant, (u64::from(most), 1), app.clock.now()).await?;
    if room > 0 { Ok(()) } else { Err(too_many(most)) }
}

/// Refuses an invitation that is made in this transaction and is one more than its tenant may have pending.
pub(super) async fn require_no_more(app: &App, db: &impl ConnectionTrait, tenant: TenantId) -> Result<()> {
    let most = app.config.limits.pending_per_tenant;
    let pending = model::recount(db, tenant, u64::from(most), app.clock.now()).await?;
    if pending <= u64::from(most) { Ok(()) } else { Err(too_many(most)) }
}

fn too_many(most: u32) -> Error {
    let message = format!(
        "This tenant has {most} pending invitations, which is the most there can be; cancel some first."
    );
    Error::refused(ErrorCode::QuotaExceeded, message)
}
