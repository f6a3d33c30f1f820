//! What the holder of a token sees before deciding.

use super::by_token;
use crate::actor::Actor;
use crate::app::App;
use crate::clock::Instant;
use crate::email::Email;
use crate::error::{Error, Result};
use crate::invitation::model::{InvitationStatus, Model};
use crate::tenant::TenantStatus;
use crate::{limits, membership, role, tenant, user};

/// What to do next with an invitation. Values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
#[graphql(name = "InvitationNextStep")]
pub enum NextStep {
    /// Accept with a name and a password.
    CreateAccount,
    /// Sign in with the invited address, then accept.
    SignIn,
    /// Sign out, and in with the invited address.
    SwitchAccount,
    /// Accept: the right account is signed in.
    Accept,
    /// Nothing: the signed-in user is a member.
    AlreadyMember,
    /// Ask the inviter to send it again: it has expired.
    AskForNew,
    /// Nothing: it was declined or cancelled, or the tenant is not available.
    NotUsable,
}

/// An invitation as its invitee sees it.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The invited address.
    pub email: String,
    /// Name of the tenant.
    pub tenant_name: String,
    /// Name of the inviter at the time.
    pub inviter_name: String,
    /// Name of the role on offer.
    pub role_name: String,
    /// Note to the invitee.
    pub note: Option<String>,
    /// Where it stands.
    pub status: InvitationStatus,
    /// When it ends.
    pub expires_at: Instant,
    /// What to do next.
    pub next_step: NextStep,
}

/// Looks at an invitation with its token; needs no session, changes nothing.
///
/// # Errors
/// `TOKEN_INVALID`, `SUPERSEDED`, `RATE_LIMITED`.
pub async fn preview(app: &App, actor: &Actor, token: &str) -> Result<Preview> {
    let db = app.db.reader();
    let row = match by_token(app, db, token).await {
        Ok(row) => row,
        Err(error) => return Err(limits::count_guess(app, actor, error).await),
    };
    let tenant = tenant::service::find(db, row.tenant_id).await?;
    let tenant = tenant.ok_or_else(|| Error::internal("an invitation refers to no tenant"))?;
    let role = role::service::find(db, row.role_id).await?;
    let status = row.status_at(app.clock.now());
    let next_step = if tenant.status == TenantStatus::Active {
        next_step(app, actor, &row, status).await?
    } else {
        NextStep::NotUsable
    };
    Ok(Preview {
        email: row.email,
        tenant_name: tenant.name,
        inviter_name: row.inviter_name,
        role_name: role.map_or_else(|| "member".to_owned(), |role| role.name),
        note: row.note,
        status,
        expires_at: row.expires_at,
        next_step,
    })
}

async fn next_step(app: &App, actor: &Actor, row: &Model, status: InvitationStatus) -> Result<NextStep> {
    let db = app.db.reader();
    if let Some(principal) = actor.principal() {
        let own = principal.email.norm() == row.email_norm;
        if own && membership::service::find(db, row.tenant_id, principal.user_id).await?.is_some() {
            return Ok(NextStep::AlreadyMember);
        }
        return Ok(match status {
            InvitationStatus::Pending if own => NextStep::Accept,
            InvitationStatus::Pending => NextStep::SwitchAccount,
            InvitationStatus::Expired => NextStep::AskForNew,
            _ => NextStep::NotUsable,
        });
    }
    Ok(match status {
        InvitationStatus::Pending => {
            let email = Email::parse(&row.email).map_err(Error::internal)?;
            match user::service::by_email(db, &email).await? {
                Some(_) => NextStep::SignIn,
                None => NextStep::CreateAccount,
            }
        }
        InvitationStatus::Accepted => NextStep::SignIn,
        InvitationStatus::Expired => NextStep::AskForNew,
        InvitationStatus::Declined | InvitationStatus::Cancelled => NextStep::NotUsable,
    })
}
