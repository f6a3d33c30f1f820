//! Inviting somebody.

use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::json;

use crate::actor::{Actor, Authority};
use crate::app::App;
use crate::db::{Batch, WriteTransaction};
use crate::error::{Error, ErrorCode, Result, Unique};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{TenantId, TypedId as _};
use crate::invitation::Refused;
use crate::invitation::model::{self, CancelReason, Decision, InvitationStatus, Model, Prospect};
use crate::keys::TokenKind;
use crate::limits::Reservation;
use crate::membership;
use crate::outbox;
use crate::permission::Permission;
use crate::role::{self, Role};
use crate::tenant::{self, Tenant};

use super::input::{Checked, Delivery, Invite, OnConflict, check};
use super::quota::{Counted, require_no_more, require_room};

/// An invitation that stands.
#[derive(Debug)]
pub struct Invited {
    /// The invitation.
    pub invitation: Model,
    /// Whether it was made now, rather than found pending.
    pub created: bool,
    /// The link, for link-only.
    pub link: Option<String>,
}

/// Invites an address into a tenant. Answers alike whether or not the address has an account.
///
/// # Errors
/// `UNAUTHENTICATED`, `FORBIDDEN` without INVITE, `NOT_FOUND` for a tenant the actor is not in,
/// `TENANT_UNAVAILABLE`, `BAD_USER_INPUT` naming the value, `ROLE_NOT_ALLOWED`, `ALREADY_MEMBER`,
/// `PENDING_WITH_OTHER_ROLE` with the pending invitation, `QUOTA_EXCEEDED`.
pub async fn invite(app: &App, actor: &Actor, input: Invite) -> Result<Invited, Refused> {
    actor.known()?;
    let tenant_id = actor.tenant_or_active(input.tenant_id)?;
    // The unique index decides between two at the same instant; the other one looks again.
    for _ in 0..3 {
        let txn = app.db.begin_write_with(tenant::service::held(tenant_id)).await?;
        let (tenant, authority, offer) = look(app, &txn, actor, tenant_id, &input).await?;
        authority.require(Permission::Invite)?;
        tenant::service::require_active(&tenant)?;
        let invited = match prepare(app, &txn, actor, &authority, offer?).await {
            Ok(Prepared::Ready(ready)) => ready.make(app, txn, actor).await.map_err(Refused::from),
            Ok(Prepared::Stands(pending)) => {
                txn.commit().await?;
                Ok(Invited { invitation: pending, created: false, link: None })
            }
            Ok(Prepared::Meanwhile) => continue,
            Err(refused) => Err(refused),
        };
        match invited {
            Err(refused) if Unique::behind(&refused.error) == Some(Unique::PendingInvitation) => {}
            Err(refused) => return Err(refused),
            Ok(invited) => {
                app.mail_waiting.notify_one();
                return Ok(invited);
            }
        }
    }
    Err(Error::internal("an invitation kept appearing and vanishing").into())
}

/// Invites the first owner of a tenant that is being made, in the same transaction.
///
/// # Errors
/// As [`invite`].
pub async fn invite_owner(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    tenant_id: TenantId,
    email: &str,
) -> Result<Model, Refused> {
    let input = Invite::plain(Some(tenant_id), email, role::OWNER);
    let (_, authority, offer) = look(app, db, actor, tenant_id, &input).await?;
    let Prepared::Ready(ready) = prepare(app, db, actor, &authority, offer?).await? else {
        return Err(Error::internal("a tenant that is being made has an invitation").into());
    };
    let (invited, _) = ready.write(app, db, actor).await?;
    Ok(invited.invitation)
}

/// What is offered to whom, and what is known of them.
struct Offer {
    checked: Checked,
    prospect: Prospect,
    counted: Counted,
}

/// What is to be done about an offer.
enum Prepared {
    /// It can be made.
    Ready(Ready),
    /// This one is pending with the same role.
    Stands(Model),
    /// What stood in the way was decided meanwhile, and everything is to be looked at anew.
    Meanwhile,
}

/// The tenant, what the actor may do in it, and what is offered; the last is an error where the input is none that can be looked up,
/// for those to whom the tenant is not hidden.
async fn look(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    tenant_id: TenantId,
    input: &Invite,
) -> Result<(Tenant, Authority, Result<Offer>)> {
    let checked = check(app, input).and_then(|checked| {
        // PostgreSQL cannot even be asked for it.
        if input.role_key.contains('\0') { Err(role::service::no_such_key()) } else { Ok(checked) }
    });
    let checked = match checked {
        Ok(checked) => checked,
        Err(error) => {
            let (tenant, authority) = membership::service::authority(db, actor, tenant_id).await?;
            return Ok((tenant, authority, Err(error)));
        }
    };
    let counted = Counted::of(app, actor, tenant_id, &checked.email);
    // On PostgreSQL others may take what room there is until it is reserved.
    let quotas = Some(&counted.reservation).filter(|_| db.get_database_backend() == DbBackend::Sqlite);
    let (user, role) = (actor.user_id(), &input.role_key);
    let seen = model::seen(db, tenant_id, user, role, &checked.email, quotas).await?;
    let (standing, prospect) = seen.map(|seen| (seen.standing, seen.prospect)).unzip();
    let (tenant, authority) = membership::service::authority_of(actor, tenant_id, standing)?;
    let offer = prospect.map(|prospect| Offer { checked, prospect, counted });
    Ok((tenant, authority, offer.ok_or_else(role::service::no_such_key)))
}

/// Refuses what cannot be offered, and clears away what an offer takes the place of.
async fn prepare(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    authority: &Authority,
    offer: Offer,
) -> Result<Prepared, Refused> {
    let Offer { checked: input, prospect, .. } = &offer;
    let tenant_id = authority.tenant_id;
    let role = prospect.role(tenant_id).ok_or_else(role::service::no_such_key)?;
    role::service::require_can_grant(authority, &role)?;
    let oneself = actor.principal().is_some_and(|principal| principal.email.norm() == input.email.norm());
    if prospect.is_member || oneself {
        let already = Error::refused(ErrorCode::AlreadyMember, "This person is a member already.");
        return Err(already.at("email").into());
    }
    if prospect.is_pending {
        let Some(pending) = model::pending(db, tenant_id, &input.email).await? else {
            return Ok(Prepared::Meanwhile);
        };
        let now = app.clock.now();
        if pending.status_at(now) == InvitationStatus::Expired {
            super::expire::record(app, db, actor, &pending).await?;
        } else if pending.role_id == role.id {
            return Ok(Prepared::Stands(pending));
        } else if input.on_conflict == OnConflict::Keep {
            let message =
                "An invitation with another role is pending; cancel it first, or set onConflict to REPLACE.";
            return Err(Refused::with(
                Error::refused(ErrorCode::PendingWithOtherRole, message).at("roleKey"),
                pending,
            ));
        } else {
            let superseded = Decision {
                status: InvitationStatus::Cancelled,
                cancel_reason: Some(CancelReason::Superseded),
                accepted_by: None,
                at: now,
            };
            if !super::decide::apply(app, db, actor, &pending, superseded).await? {
                return Ok(Prepared::Meanwhile);
            }
        }
    }
    if prospect.pending_at_most.unsigned_abs() >= u64::from(app.config.limits.pending_per_tenant) {
        require_room(app, db, tenant_id).await?;
    }
    Ok(Prepared::Ready(Ready { offer, role }))
}

/// An invitation that can be made.
struct Ready {
    offer: Offer,
    role: Role,
}

impl Ready {
    /// Makes it and ends the transaction.
    async fn make(self, app: &App, txn: WriteTransaction, actor: &Actor) -> Result<Invited> {
        let prospect = &self.offer.prospect;
        let backend = txn.get_database_backend();
        let most = u64::from(app.config.limits.pending_per_tenant);
        if prospect.has_room && prospect.pending_at_most.unsigned_abs() < most {
            let (batch, invited) = self.rows(app, actor, backend, false);
            txn.finish(batch).await?;
            return Ok(invited);
        }
        let (invited, at_most) = self.write(app, &txn, actor).await?;
        // Whoever looked at the same moment has waited for this tenant's bound, and counts what has become of it.
        if at_most > most {
            require_no_more(app, &txn, self.role.tenant_id).await?;
        }
        txn.commit().await?;
        Ok(invited)
    }

    /// Counts it against every quota and makes it; the bound on what is pending comes with it.
    async fn write(&self, app: &App, db: &impl ConnectionTrait, actor: &Actor) -> Result<(Invited, u64)> {
        let counted = &self.offer.counted;
        let (batch, invited) = self.rows(app, actor, db.get_database_backend(), true);
        let answered = batch.run(db).await?;
        let at_most = model::raised(&answered)?;
        counted.require_granted(app, db, answered).await?;
        Ok((invited, at_most))
    }

    /// What is written, in this order: the quotas, the bound on what is pending, the mail, the invitation, its event. The first two answer
    /// where that is `answering`.
    fn rows(&self, app: &App, actor: &Actor, backend: DbBackend, answering: bool) -> (Batch, Invited) {
        let Self { offer: Offer { checked, counted, .. }, role } = self;
        let mut batch = Batch::new(backend);
        let mut invitation = draft(app, actor, role.tenant_id, checked, role);
        for (statement, column) in [
            (counted.reservation.counting(backend), Reservation::RETURNED),
            (model::raising(role.tenant_id, 1, Some(invitation.created_at), backend), model::AT_MOST),
        ] {
            if answering { batch.push_answering(statement, column) } else { batch.push(statement) }
        }
        if checked.delivery == Delivery::Email {
            invitation.outbox_id =
                Some(outbox::service::enqueue_in(app, &mut batch, super::mail::owed(&invitation)));
        }
        batch.push(model::insertion(invitation.clone(), backend));
        event::service::record_in(app, &mut batch, actor, created(&invitation, role));
        let link = (checked.delivery == Delivery::LinkOnly)
            .then(|| super::mail::link(app, &app.keys.token(TokenKind::Invitation, invitation.id.uuid(), 0)));
        (batch, Invited { invitation, created: true, link })
    }
}

/// The row of a new invitation, without its mail.
pub(super) fn draft(app: &App, actor: &Actor, tenant_id: TenantId, input: &Checked, role: &Role) -> Model {
    let now = app.clock.now();
    Model {
        id: app.fresh_id(),
        tenant_id,
        email: input.email.typed().to_owned(),
        email_norm: input.email.norm().to_owned(),
        name: input.name.clone(),
        role_id: role.id,
        inviter_id: actor.user_id(),
        inviter_name: actor.principal().map_or_else(|| "Guestlist".to_owned(), |p| p.name.clone()),
        note: input.note.clone(),
        metadata: input.metadata.clone(),
        locale: input.locale.clone(),
        ip_address: actor.origin.ip_address.clone(),
        user_agent: actor.origin.user_agent.clone(),
        status: InvitationStatus::Pending,
        cancel_reason: None,
        generation: 0,
        resends: 0,
        lifetime_seconds: input.lifetime.num_seconds(),
        outbox_id: None,
        created_at: now,
        issued_at: now,
        expires_at: now + input.lifetime,
        decided_at: None,
        accepted_by: None,
    }
}

/// The event of a new invitation.
pub(super) fn created(invitation: &Model, role: &Role) -> NewEvent {
    let delivery = if invitation.outbox_id.is_some() { "EMAIL" } else { "LINK_ONLY" };
    NewEvent::of(EventKind::InvitationCreated, Some(invitation.tenant_id), Subject::Invitation(invitation.id))
        .with(json!({ "roleKey": role.key, "delivery": delivery }))
}
