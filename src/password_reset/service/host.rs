//! A link from the host itself, for who has nobody to approve a reset.

use chrono::TimeDelta;
use serde_json::json;

use super::mail::link;
use super::{cancel_open, eligible, happened};
use crate::actor::Actor;
use crate::app::App;
use crate::clock::Instant;
use crate::email::Email;
use crate::error::{Error, Result};
use crate::event::{self, EventKind};
use crate::id::TypedId as _;
use crate::keys::TokenKind;
use crate::password_reset::model::{self, Decision, Model, ResetStatus};
use crate::user;

/// How long a printed link is good for.
const LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// Makes a one-time link that resets the password of an address, and says until when it is good. Whatever request was
/// open is cancelled.
///
/// # Errors
/// `BAD_USER_INPUT` for an address that is none, `NOT_FOUND`, `ACCOUNT_SUSPENDED`.
pub async fn reset_link(app: &App, email: &str) -> Result<(String, Instant)> {
    let email = Email::parse(email).map_err(|e| Error::bad_input("email", e.to_string()))?;
    let operator = Actor::operator();
    let txn = app.db.begin_write().await?;
    let user = user::service::by_email(&txn, &email).await?;
    let user = user.ok_or_else(|| Error::not_found("account").at("email"))?;
    user::service::require_active(&user)?;
    cancel_open(app, &txn, &operator, user.id, "REPLACED").await?;
    let now = app.clock.now();
    let expires_at = now + LIFETIME;
    let home = eligible::tenants(&txn, user.id).await?.first().map(|tenant| tenant.id);
    let row = Model {
        id: app.fresh_id(),
        user_id: user.id,
        tenant_id: home,
        status: ResetStatus::Requested,
        generation: 0,
        decided_by: None,
        reason: None,
        ip_address: None,
        user_agent: None,
        created_at: now,
        expires_at,
        decided_at: None,
        completed_at: None,
        notified_at: None,
    };
    model::insert(&txn, row.clone()).await?;
    let decision = Decision { by: None, tenant: home, at: now, reason: None };
    model::approve(&txn, &row, &decision, expires_at).await?;
    let printed = happened(EventKind::ResetApproved, &row).with(json!({ "policy": "HOST" }));
    event::service::record(app, &txn, &operator, printed).await?;
    txn.commit().await?;
    Ok((link(app, &app.keys.token(TokenKind::Reset, row.id.uuid(), 1)), expires_at))
}
