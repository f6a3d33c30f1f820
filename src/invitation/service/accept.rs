//! Accepting an invitation: the only way to become a user, and the only way into a tenant.

use sea_orm::ConnectionTrait;
use secrecy::SecretString;

use super::decide::{addressed, apply, require_invitee};
use super::{mail, not_pending, open_tenant};
use crate::actor::{Actor, Principal};
use crate::app::App;
use crate::auth::service::{self as auth, Tokens};
use crate::email::Email;
use crate::error::{Error, ErrorCode, Result};
use crate::event::{self, EventKind, NewEvent, Subject};
use crate::id::{InvitationId, TenantId, UserId};
use crate::invitation::Refused;
use crate::invitation::model::{self, CancelReason, Decision, InvitationStatus, Model};
use crate::membership::Membership;
use crate::role::Role;
use crate::user::service::NewUser;
use crate::{limits, membership, role, text, user};

/// What somebody accepts with.
#[derive(Clone, Debug, Default)]
pub struct Accept {
    /// Token from the mail.
    pub token: Option<String>,
    /// Or the invitation itself, for the signed-in invitee.
    pub invitation_id: Option<InvitationId>,
    /// Name of a new account.
    pub name: Option<String>,
    /// Password of a new account; never used for one that exists.
    pub password: Option<SecretString>,
}

/// An invitation that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The invitation.
    pub invitation: Model,
    /// The membership that it made, or found.
    pub membership: Membership,
    /// Who accepted, as they are now.
    pub viewer: Principal,
    /// Tokens of a new account's session; `None` for who was signed in.
    pub tokens: Option<Tokens>,
}

/// The password and name of an account to be made.
struct NewAccount {
    name: String,
    password_hash: String,
}

/// Accepts: a new person with token, name and password; a signed-in invitee with the token or the identifier.
///
/// Of many at once one wins, by one guarded update; the same user accepting again gets the same answer.
///
/// # Errors
/// `TOKEN_INVALID`, `SUPERSEDED`, `NOT_PENDING` with the state, `ALREADY_ACCEPTED`, `SIGN_IN_REQUIRED` when the
/// address has an account and nobody is signed in, `EMAIL_MISMATCH` when somebody else is, `TENANT_UNAVAILABLE`,
/// `BAD_USER_INPUT` and `WEAK_PASSWORD` for a new account. None of them uses the invitation up.
pub async fn accept(app: &App, actor: &Actor, input: Accept) -> Result<Accepted, Refused> {
    let db = app.db.reader();
    let row = match addressed(app, db, actor, input.token.as_deref(), input.invitation_id).await {
        Ok(row) => row,
        Err(error) => return Err(limits::count_guess(app, actor, error).await.into()),
    };
    if let Some(again) = accepted_before(app, db, actor, &row).await? {
        return Ok(again);
    }
    // What follows is looked at again inside the transaction; here it spares a refused request the hashing.
    require_acceptable(app, &row)?;
    let tenant = open_tenant(db, &row).await?;
    if let Err(error) = require_invitee(db, actor, &row).await {
        // Somebody who accepts at this instant makes the account that stands in the way: then the invitation,
        // looked at again, says so.
        require_acceptable(app, &reread(db, row.id).await?)?;
        return Err(error.into());
    }
    let account = match actor.principal() {
        Some(_) => None,
        None => Some(new_account(app, &row, &input, &tenant.name).await?),
    };

    let txn = app.db.begin_write().await?;
    model::lock(&txn, row.id).await?;
    let row = addressed(app, &txn, actor, input.token.as_deref(), input.invitation_id).await?;
    if let Some(again) = accepted_before(app, &txn, actor, &row).await? {
        return Ok(again);
    }
    require_acceptable(app, &row)?;
    open_tenant(&txn, &row).await?;
    let role = role::service::get(&txn, row.role_id).await?;
    if !inviter_may_grant(&txn, &row, &role).await? {
        let lost = decision(InvitationStatus::Cancelled, Some(CancelReason::InviterLostRights), None, app);
        apply(app, &txn, actor, &row, lost).await?;
        let row = reread(&txn, row.id).await?;
        txn.commit().await?;
        return Err(Refused::with(not_pending(InvitationStatus::Cancelled), row));
    }
    // Only a token that was mailed proves that the mailbox is theirs.
    let proves_address = input.token.is_some() && row.outbox_id.is_some();
    let user_id = match account {
        Some(account) => make_user(app, &txn, actor, &row, account, proves_address).await?,
        None => {
            let user_id = actor.signed_in()?.user_id;
            if proves_address && user::service::verify_email(app, &txn, user_id).await? {
                let verified = NewEvent::of(EventKind::UserEmailVerified, None, Subject::User(user_id));
                event::service::record(app, &txn, actor, verified).await?;
            }
            user_id
        }
    };
    let accepted = decision(InvitationStatus::Accepted, None, Some(user_id), app);
    if !apply(app, &txn, actor, &row, accepted).await? {
        drop(txn);
        let row = reread(db, row.id).await?;
        return Err(Refused::with(not_pending(row.status_at(app.clock.now())), row));
    }
    let membership = join(app, &txn, actor, row.tenant_id, user_id, &role).await?;
    mail::owe_accepted(app, &txn, &row).await?;
    let (session_id, tokens) = if let Some(principal) = actor.principal() {
        auth::adopt_tenant(&txn, actor, row.tenant_id).await?;
        (principal.session_id, None)
    } else {
        let user = user::service::get(&txn, user_id).await?;
        let session = auth::begin_session(app, &txn, &actor.origin, &user, Some(row.tenant_id)).await?;
        (session.id, Some(auth::tokens(app, &txn, &session).await?))
    };
    let viewer = auth::principal_of(app, &txn, session_id).await?.ok_or(Error::Unauthenticated)?;
    let invitation = reread(&txn, row.id).await?;
    txn.commit().await?;
    app.mail_waiting.notify_one();
    Ok(Accepted { invitation, membership, viewer, tokens })
}

/// The same answer for the same user once more.
async fn accepted_before(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    row: &Model,
) -> Result<Option<Accepted>> {
    let Some(viewer) = actor.principal() else { return Ok(None) };
    let user_id = viewer.user_id;
    if row.status_at(app.clock.now()) != InvitationStatus::Accepted || row.accepted_by != Some(user_id) {
        return Ok(None);
    }
    let membership = membership::service::find(db, row.tenant_id, user_id).await?;
    let again =
        |membership| Accepted { invitation: row.clone(), membership, viewer: viewer.clone(), tokens: None };
    Ok(membership.map(again))
}

fn require_acceptable(app: &App, row: &Model) -> Result<(), Refused> {
    match row.status_at(app.clock.now()) {
        InvitationStatus::Pending => Ok(()),
        InvitationStatus::Accepted => {
            let message = "This invitation was accepted already; sign in.";
            Err(Refused::with(Error::refused(ErrorCode::AlreadyAccepted, message), row.clone()))
        }
        other => Err(Refused::with(not_pending(other), row.clone())),
    }
}

async fn new_account(app: &App, row: &Model, input: &Accept, tenant_name: &str) -> Result<NewAccount> {
    let given = input.name.as_deref().filter(|name| !name.trim().is_empty());
    let name = given.or(row.name.as_deref()).ok_or_else(|| Error::bad_input("name", "Give your name."))?;
    let name = text::name("name", name)?;
    let password = input.password.as_ref();
    let password =
        password.ok_or_else(|| Error::bad_input("password", "Choose a password for your account."))?;
    app.hasher
        .check(password, &[&name, &row.email_norm, tenant_name])
        .map_err(|error| error.at("password"))?;
    Ok(NewAccount { name, password_hash: app.hasher.hash(password).await? })
}

/// Whether whoever invited still may: looked at again when it counts.
pub(super) async fn inviter_may_grant(db: &impl ConnectionTrait, row: &Model, role: &Role) -> Result<bool> {
    let Some(inviter_id) = row.inviter_id else { return Ok(true) };
    let Some(inviter) = user::service::by_ids(db, &[inviter_id]).await?.pop() else { return Ok(false) };
    if user::service::require_active(&inviter).is_err() {
        return Ok(false);
    }
    if inviter.is_superuser {
        return Ok(true);
    }
    let authority = membership::service::of_member(db, row.tenant_id, inviter_id).await?;
    Ok(authority.is_some_and(|authority| {
        authority.require(crate::permission::Permission::Invite).is_ok()
            && role::service::can_grant(&authority, role)
    }))
}

async fn make_user(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    row: &Model,
    account: NewAccount,
    proves_address: bool,
) -> Result<UserId> {
    let new = NewUser {
        email: Email::parse(&row.email).map_err(Error::internal)?,
        verified_at: proves_address.then(|| app.clock.now()),
        name: account.name,
        password_hash: account.password_hash,
        is_superuser: false,
    };
    let Some(user) = user::service::insert(app, db, new).await? else {
        let message = "There is an account for this address: sign in with it, then accept.";
        return Err(Error::refused(ErrorCode::SignInRequired, message));
    };
    let created = NewEvent::of(EventKind::UserCreated, None, Subject::User(user.id)).by(user.id);
    event::service::record(app, db, actor, created).await?;
    Ok(user.id)
}

async fn join(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    tenant: TenantId,
    user: UserId,
    role: &Role,
) -> Result<Membership> {
    let (membership, new) = membership::service::join(app, db, tenant, user, role.id).await?;
    if new {
        let joined =
            NewEvent::of(EventKind::MembershipCreated, Some(tenant), Subject::Membership(membership.id))
                .by(user)
                .with(serde_json::json!({ "roleKey": role.key }));
        event::service::record(app, db, actor, joined).await?;
    }
    Ok(membership)
}

fn decision(
    status: InvitationStatus,
    cancel_reason: Option<CancelReason>,
    accepted_by: Option<UserId>,
    app: &App,
) -> Decision {
    Decision { status, cancel_reason, accepted_by, at: app.clock.now() }
}

async fn reread(db: &impl ConnectionTrait, id: InvitationId) -> Result<Model> {
    model::by_id_all_tenants(db, id).await?.ok_or_else(|| Error::not_found("invitation"))
}
