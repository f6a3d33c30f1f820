//! Asking for a reset. A wish is written down alike for every address; the worker looks at it off the request's
//! path, so that neither the answer nor its time says whether there is such an account.

use chrono::TimeDelta;
use sea_orm::ConnectionTrait;

use super::eligible::{deciders, policy, tenants, usable};
use super::mail::{owe_link, owe_news};
use super::{BATCH, decide, happened, record_expired};
use crate::actor::{Actor, Origin};
use crate::app::App;
use crate::email::Email;
use crate::error::{Error, Result, Unique};
use crate::event::{self, EventKind};
use crate::id::TypedId as _;
use crate::limits::{self, Limit};
use crate::password_reset::model::intake;
use crate::password_reset::model::{self, Model, ResetStatus};
use crate::tenant::ResetPolicy;
use crate::user::{self, User};

/// How long nobody is mailed again about the same request.
const QUIET: TimeDelta = TimeDelta::minutes(15);

/// Writes down that somebody wants the password of an address to be reset. Answers alike, in words and in time,
/// whether or not there is such an account.
///
/// # Errors
/// `BAD_USER_INPUT` at `email`; `RATE_LIMITED` after three wishes for an address in an hour.
pub async fn request_reset(app: &App, actor: &Actor, email: &str) -> Result<()> {
    let email = Email::parse(email).map_err(|e| Error::bad_input("email", e.to_string()))?;
    let limits = app.config.limits;
    let txn = app.db.begin_write().await?;
    let per_network = Limit::new("reset-ip", limits.login_per_ip, TimeDelta::minutes(15));
    limits::reserve(app, &txn, per_network, &actor.origin.network()).await?;
    let per_address = Limit::new("reset", limits.resets_per_address, TimeDelta::hours(1));
    limits::reserve(app, &txn, per_address, email.norm()).await?;
    let wish = intake::Model {
        id: app.fresh_id(),
        email_norm: email.norm().to_owned(),
        ip_address: actor.origin.ip_address.clone(),
        user_agent: actor.origin.user_agent.clone(),
        request_id: actor.origin.request_id.clone(),
        created_at: app.clock.now(),
    };
    intake::insert(&txn, wish).await?;
    txn.commit().await?;
    app.resets_waiting.notify_one();
    Ok(())
}

/// Looks at every wish that was written down and says how many there were. One that fails stays for the next time
/// and stops no other.
///
/// # Errors
/// The first failure.
pub async fn look_at_wishes(app: &App) -> Result<u64> {
    let (mut seen, mut after, mut failed) = (0, None, None);
    loop {
        let waiting = intake::waiting(app.db.reader(), after, BATCH).await?;
        let Some(last) = waiting.last() else { break };
        after = Some(last.id);
        for wish in &waiting {
            match look_at(app, wish).await {
                Ok(taken) => seen += u64::from(taken),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
    }
    match failed {
        None => Ok(seen),
        Some(error) => Err(error),
    }
}

async fn look_at(app: &App, wish: &intake::Model) -> Result<bool> {
    let origin = Origin {
        ip_address: wish.ip_address.clone(),
        user_agent: wish.user_agent.clone(),
        request_id: wish.request_id.clone(),
    };
    let actor = Actor::stranger(origin);
    let email = Email::parse(&wish.email_norm).map_err(Error::internal)?;
    // The unique index decides between two processes at the same instant; the other one looks again.
    for _ in 0..3 {
        let txn = app.db.begin_write().await?;
        if !intake::take(&txn, wish.id).await? {
            return Ok(false);
        }
        if let Some(user) = user::service::by_email(&txn, &email).await?.filter(usable) {
            match open(app, &txn, &actor, &user).await {
                Err(error) if Unique::behind(&error) == Some(Unique::OpenReset) => continue,
                other => other?,
            }
        }
        txn.commit().await?;
        app.mail_waiting.notify_one();
        return Ok(true);
    }
    Err(Error::internal("a reset request kept appearing and vanishing"))
}

/// Opens a request for a user, or reminds of the one that is open.
async fn open(app: &App, db: &impl ConnectionTrait, actor: &Actor, user: &User) -> Result<()> {
    let now = app.clock.now();
    if let Some(row) = model::open_of_user(db, user.id).await? {
        if row.status_at(now) != ResetStatus::Expired {
            return remind(app, db, &row, user).await;
        }
        record_expired(app, db, &row).await?;
    }
    let tenants = tenants(db, user.id).await?;
    let policy = policy(app, user, &tenants);
    if policy == ResetPolicy::Off {
        tracing::info!(user = %user.id.global(), "a reset was asked for, and the policy is off");
        return Ok(());
    }
    let row = Model {
        id: app.fresh_id(),
        user_id: user.id,
        tenant_id: tenants.first().map(|tenant| tenant.id),
        status: ResetStatus::Requested,
        generation: 0,
        decided_by: None,
        reason: None,
        ip_address: actor.origin.ip_address.clone(),
        user_agent: actor.origin.user_agent.clone(),
        created_at: now,
        expires_at: now + app.config.reset_request_ttl,
        decided_at: None,
        completed_at: None,
        notified_at: Some(now),
    };
    model::insert(db, row.clone()).await?;
    event::service::record(app, db, actor, happened(EventKind::ResetRequested, &row)).await?;
    if policy == ResetPolicy::SelfService {
        decide::release(app, db, actor, &row, None, row.tenant_id).await?;
        return Ok(());
    }
    tell(app, db, &row, user, &tenants).await
}

/// Mails about an open request once more, unless that happened a moment ago.
async fn remind(app: &App, db: &impl ConnectionTrait, row: &Model, user: &User) -> Result<()> {
    let now = app.clock.now();
    if !model::note_mail(db, row, now - QUIET, now).await? {
        return Ok(());
    }
    match row.status {
        ResetStatus::Approved => owe_link(app, db, row, row.generation, row.expires_at).await,
        _ => tell(app, db, row, user, &tenants(db, user.id).await?).await,
    }
}

async fn tell(
    app: &App,
    db: &impl ConnectionTrait,
    row: &Model,
    user: &User,
    tenants: &[crate::tenant::Tenant],
) -> Result<()> {
    let told = deciders(db, user, tenants).await?;
    if told.is_empty() {
        tracing::warn!(
            user = %user.id.global(),
            "a reset waits and nobody may decide it: run `guestlist reset-link` on the host"
        );
    }
    for decider in told {
        owe_news(app, db, row, decider).await?;
    }
    Ok(())
}
