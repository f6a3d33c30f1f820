//! Inviting many at once: an outcome for each row, and one bad row blocks no other.

use std::collections::{HashMap, HashSet};

use sea_orm::ConnectionTrait;
use serde_json::Value;

use super::input::{Checked, Delivery, Invite, OnConflict, check};
use super::invite::{created, draft};
use super::quota::{per_recipient, per_tenant, reserve_call};
use crate::actor::{Actor, Authority};
use crate::app::App;
use crate::error::{Error, Result, Unique};
use crate::id::{TenantId, TypedId as _};
use crate::invitation::model::{self, InvitationStatus, Model};
use crate::permission::Permission;
use crate::role::{self, Role};
use crate::{event, limits, membership, outbox, tenant, user};

/// Most rows of one call.
pub const ROWS_MAX: usize = 1_000;

/// One line of a list of people.
#[derive(Clone, Debug)]
pub struct Row {
    /// Address as typed.
    pub email: String,
    /// Name of the invitee.
    pub name: Option<String>,
    /// Key of the role on offer.
    pub role_key: String,
    /// Note to the invitee.
    pub note: Option<String>,
    /// JSON object of the inviting application.
    pub metadata: Option<Value>,
    /// Language of the mail.
    pub locale: Option<String>,
}

/// What became of a row. Values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "InviteOutcome")]
pub enum Outcome {
    /// Dry run: it would be invited.
    WillInvite,
    /// Invited.
    Invited,
    /// Member of the tenant already.
    AlreadyMember,
    /// Invitation with this role is pending already.
    Pending,
    /// Invitation with another role is pending; it is left as it is.
    PendingWithOtherRole,
    /// Row before it has the same address.
    DuplicateInBatch,
    /// Tenant has no such role, or it is above what the caller may grant.
    RoleNotAllowed,
    /// Address is none.
    InvalidEmail,
    /// Name, note, metadata or locale is not of the form asked for; `message` says which.
    InvalidRow,
    /// Quota of the tenant or of the address is used up.
    OverQuota,
}

/// A row and what became of it.
#[derive(Clone, Debug)]
pub struct RowResult {
    /// Place in the list, from 0.
    pub row: usize,
    /// Address as it was given.
    pub email: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was not invited, for a person.
    pub message: Option<String>,
    /// The invitation that was made, or stood in the way.
    pub invitation: Option<Model>,
}

impl RowResult {
    fn settle(&mut self, outcome: Outcome, message: &str) {
        self.outcome = outcome;
        self.message = Some(message.to_owned());
    }
}

/// A row that nothing speaks against but the quotas.
struct Candidate {
    place: usize,
    input: Checked,
    role: Role,
}

/// Invites up to 1,000 people by mail, in one transaction; a dry run says what would become of them and changes nothing.
///
/// The call counts once against the inviter's quota; its rows count against those of the tenant and of each address.
///
/// # Errors
/// `UNAUTHENTICATED`, `FORBIDDEN` without INVITE, `NOT_FOUND` for a tenant the actor is not in, `TENANT_UNAVAILABLE`,
/// `BAD_USER_INPUT` at `rows` for too many, `QUOTA_EXCEEDED` for too many calls.
pub async fn invite_many(
    app: &App,
    actor: &Actor,
    tenant_id: Option<TenantId>,
    rows: &[Row],
    dry_run: bool,
) -> Result<Vec<RowResult>> {
    actor.known()?;
    if rows.len() > ROWS_MAX {
        let message = format!("At most {ROWS_MAX} rows at once; send the others in a call of their own.");
        return Err(Error::bad_input("rows", message));
    }
    invite_rows(app, actor, tenant_id, rows, dry_run).await
}

/// As [`invite_many`], for however many rows.
///
/// # Errors
/// As [`invite_many`], but for the number of rows.
pub async fn invite_rows(
    app: &App,
    actor: &Actor,
    tenant_id: Option<TenantId>,
    rows: &[Row],
    dry_run: bool,
) -> Result<Vec<RowResult>> {
    let tenant_id = actor.tenant_or_active(tenant_id)?;
    // The unique index decides between two at the same instant; the other one looks again.
    for _ in 0..3 {
        let txn = app.db.begin_long_write().await?;
        // Whoever else invites waits: what is counted for the first row holds for the last.
        tenant::service::lock(&txn, tenant_id).await?;
        let (tenant, authority) = membership::service::authority(&txn, actor, tenant_id).await?;
        authority.require(Permission::Invite)?;
        tenant::service::require_active(&tenant)?;
        match invite_in(app, &txn, actor, &authority, rows, dry_run).await {
            Err(error) if Unique::behind(&error) == Some(Unique::PendingInvitation) => {}
            Err(error) => return Err(error),
            Ok(results) => {
                if !dry_run {
                    txn.commit().await?;
                    app.mail_waiting.notify_one();
                }
                return Ok(results);
            }
        }
    }
    Err(Error::internal("an invitation kept appearing and vanishing"))
}

async fn invite_in(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    authority: &Authority,
    rows: &[Row],
    dry_run: bool,
) -> Result<Vec<RowResult>> {
    let mut results: Vec<RowResult> = rows.iter().enumerate().map(untouched).collect();
    let mut candidates = read(app, db, authority, rows, &mut results).await?;
    drop_members(db, actor, authority.tenant_id, &mut candidates, &mut results).await?;
    drop_pending(app, db, actor, authority.tenant_id, &mut candidates, &mut results, dry_run).await?;
    if candidates.is_empty() {
        return Ok(results);
    }
    if !dry_run {
        reserve_call(app, db, actor).await?;
    }
    let within = reserve(app, db, authority.tenant_id, candidates, &mut results).await?;
    if dry_run {
        for candidate in &within {
            results[candidate.place].outcome = Outcome::WillInvite;
        }
    } else {
        insert(app, db, actor, authority.tenant_id, &within, &mut results).await?;
    }
    Ok(results)
}

fn untouched((row, given): (usize, &Row)) -> RowResult {
    RowResult { row, email: given.email.clone(), outcome: Outcome::Invited, message: None, invitation: None }
}

/// Rows of sound form with a role that the actor may grant, each address once.
async fn read(
    app: &App,
    db: &impl ConnectionTrait,
    authority: &Authority,
    rows: &[Row],
    results: &mut [RowResult],
) -> Result<Vec<Candidate>> {
    let roles = role::service::of_tenants(db, &[authority.tenant_id]).await?;
    let mut seen = HashSet::new();
    let mut candidates = Vec::with_capacity(rows.len());
    for ((place, row), result) in rows.iter().enumerate().zip(results) {
        let input = match check(app, &as_invite(row)) {
            Ok(input) => input,
            Err(Error::Refused(refusal)) => {
                let address = refusal.path.first().is_some_and(|field| field == "email");
                let outcome = if address { Outcome::InvalidEmail } else { Outcome::InvalidRow };
                result.settle(outcome, &refusal.message);
                continue;
            }
            Err(other) => return Err(other),
        };
        if !seen.insert(input.email.norm().to_owned()) {
            result.settle(Outcome::DuplicateInBatch, "A row before this one has the same address.");
            continue;
        }
        let role = roles.iter().find(|role| role.key == row.role_key);
        match role.filter(|role| role::service::can_grant(authority, role)) {
            Some(role) => candidates.push(Candidate { place, input, role: role.clone() }),
            None => {
                let message = "There is no such role here, or it is above what you may grant.";
                result.settle(Outcome::RoleNotAllowed, message);
            }
        }
    }
    Ok(candidates)
}

fn as_invite(row: &Row) -> Invite {
    Invite {
        tenant_id: None,
        email: row.email.clone(),
        name: row.name.clone(),
        role_key: row.role_key.clone(),
        note: row.note.clone(),
        metadata: row.metadata.clone(),
        locale: row.locale.clone().filter(|locale| !locale.trim().is_empty()),
        expires_in_seconds: None,
        delivery: Delivery::Email,
        on_conflict: OnConflict::Keep,
    }
}

async fn drop_members(
    db: &impl ConnectionTrait,
    actor: &Actor,
    tenant: TenantId,
    candidates: &mut Vec<Candidate>,
    results: &mut [RowResult],
) -> Result<()> {
    let norms: Vec<&str> = candidates.iter().map(|c| c.input.email.norm()).collect();
    let users = user::service::by_emails(db, &norms).await?;
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    let members: HashSet<_> =
        membership::service::of_users(db, tenant, &ids).await?.into_iter().map(|m| m.user_id).collect();
    let mut taken: HashSet<String> =
        users.into_iter().filter(|user| members.contains(&user.id)).map(|user| user.email_norm).collect();
    taken.extend(actor.principal().map(|principal| principal.email.norm().to_owned()));
    candidates.retain(|candidate| {
        let member = taken.contains(candidate.input.email.norm());
        if member {
            results[candidate.place].settle(Outcome::AlreadyMember, "This person is a member already.");
        }
        !member
    });
    Ok(())
}

async fn drop_pending(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    tenant: TenantId,
    candidates: &mut Vec<Candidate>,
    results: &mut [RowResult],
    dry_run: bool,
) -> Result<()> {
    let norms: Vec<&str> = candidates.iter().map(|c| c.input.email.norm()).collect();
    let found = model::pending_among(db, tenant, &norms).await?;
    let mut live = HashMap::new();
    for pending in found {
        if pending.status_at(app.clock.now()) != InvitationStatus::Expired {
            live.insert(pending.email_norm.clone(), pending);
        } else if !dry_run {
            super::expire::record(app, db, actor, &pending).await?;
        }
    }
    candidates.retain(|candidate| {
        let Some(pending) = live.remove(candidate.input.email.norm()) else { return true };
        let result = &mut results[candidate.place];
        if pending.role_id == candidate.role.id {
            result.settle(Outcome::Pending, "An invitation is pending already; it is left as it is.");
        } else {
            let message = "An invitation with another role is pending; cancel it first.";
            result.settle(Outcome::PendingWithOtherRole, message);
        }
        result.invitation = Some(pending);
        false
    });
    Ok(())
}

/// Counts the rows against the quotas in their order, and returns those for which there is room.
async fn reserve(
    app: &App,
    db: &impl ConnectionTrait,
    tenant: TenantId,
    candidates: Vec<Candidate>,
    results: &mut [RowResult],
) -> Result<Vec<Candidate>> {
    let subject = tenant.global();
    let today = limits::left(app, db, per_tenant(app), &subject).await? as usize;
    let wanted = (u64::from(app.config.limits.pending_per_tenant), candidates.len() as u64);
    let room = model::room(db, tenant, wanted, app.clock.now()).await?;
    let most = today.min(usize::try_from(room).unwrap_or(usize::MAX));
    let mut within: Vec<Candidate> = Vec::with_capacity(candidates.len().min(most));
    let mut waiting = candidates.into_iter();
    while within.len() < most {
        let batch: Vec<Candidate> = waiting.by_ref().take(most - within.len()).collect();
        if batch.is_empty() {
            break;
        }
        let addresses: Vec<&str> = batch.iter().map(|c| c.input.email.norm()).collect();
        let granted = limits::reserve_each(app, db, per_recipient(app), &addresses).await?;
        for (candidate, granted) in batch.into_iter().zip(granted) {
            if granted {
                within.push(candidate);
            } else {
                let message = "This address was invited as often as it can be in a day.";
                results[candidate.place].settle(Outcome::OverQuota, message);
            }
        }
    }
    for candidate in waiting {
        let message = "This tenant has invited as many as it can for today, or has too many pending.";
        results[candidate.place].settle(Outcome::OverQuota, message);
    }
    let used = u32::try_from(within.len()).unwrap_or(u32::MAX);
    limits::take(app, db, per_tenant(app), &subject, used).await?;
    Ok(within)
}

async fn insert(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    tenant: TenantId,
    candidates: &[Candidate],
    results: &mut [RowResult],
) -> Result<()> {
    if candidates.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<Model> =
        candidates.iter().map(|c| draft(app, actor, tenant, &c.input, &c.role)).collect();
    let mails = outbox::service::enqueue_many(app, db, rows.iter().map(super::mail::owed).collect()).await?;
    for (row, mail) in rows.iter_mut().zip(mails) {
        row.outbox_id = Some(mail);
    }
    let made = rows.iter().map(|row| row.created_at).min();
    model::raise(db, tenant, u32::try_from(rows.len()).unwrap_or(u32::MAX), made).await?;
    model::insert_many(db, rows.clone()).await?;
    let facts = rows.iter().zip(candidates).map(|(row, candidate)| created(row, &candidate.role)).collect();
    event::service::record_many(app, db, actor, facts).await?;
    for (row, candidate) in rows.into_iter().zip(candidates) {
        results[candidate.place].invitation = Some(row);
    }
    Ok(())
}
