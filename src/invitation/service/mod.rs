//! What can be done with invitations, a file per operation.

mod accept;
mod bulk;
mod decide;
mod expire;
mod ground;
mod index;
mod input;
mod invite;
mod list;
mod mail;
mod preview;
mod quota;
mod resend;
mod search;

use sea_orm::ConnectionTrait;

use super::model::{self, InvitationStatus, Model};
use crate::actor::{Actor, Authority};
use crate::app::App;
use crate::error::{Error, ErrorCode, Result};
use crate::id::InvitationId;
use crate::keys::TokenKind;
use crate::permission::Permission;
use crate::tenant::Tenant;
use crate::{membership, tenant};

pub use accept::{Accept, Accepted, accept};
pub use bulk::{Outcome, Row, RowResult, invite_many, invite_rows};
pub use decide::{cancel, decline};
pub use expire::expire_due;
pub use ground::{cancel_all, cancel_unentitled, erase, is_offered};
pub use index::index_addresses;
pub use input::{Delivery, Invite, OnConflict};
pub use invite::{Invited, invite, invite_owner};
pub use list::{Filter, Listing, Range, Wanted, addresses, list, of_viewer, visible};
pub use mail::{render_accepted, render_mail};
pub use model::SortBy;
pub use preview::{NextStep, Preview, preview};
pub use resend::resend;

/// The invitation that a mailed token names, if the token is the present one.
///
/// # Errors
/// `TOKEN_INVALID` for anything that is no token of ours, `SUPERSEDED` for the link before a resend.
async fn by_token(app: &App, db: &impl ConnectionTrait, token: &str) -> Result<Model> {
    let invalid = || Error::token_invalid().at("token");
    let opened = app.keys.open(TokenKind::Invitation, token.trim()).ok_or_else(invalid)?;
    let row = model::by_id_all_tenants(db, InvitationId::from(opened.id)).await?.ok_or_else(invalid)?;
    let generation = i64::from(opened.generation);
    if generation < row.generation {
        let message = "This link was replaced by a newer one; use the latest mail.";
        return Err(Error::refused(ErrorCode::Superseded, message).at("token"));
    }
    if generation > row.generation { Err(invalid()) } else { Ok(row) }
}

/// The invitation with this identifier, its tenant, and what the actor may do there.
///
/// # Errors
/// `UNAUTHENTICATED`; `NOT_FOUND` when there is none in a tenant of the actor's; `FORBIDDEN` without INVITE.
async fn manage(
    db: &impl ConnectionTrait,
    actor: &Actor,
    id: InvitationId,
) -> Result<(Model, Tenant, Authority)> {
    actor.known()?;
    let hidden = || Error::not_found("invitation").at("invitationId");
    let row = model::by_id_all_tenants(db, id).await?.ok_or_else(hidden)?;
    let (tenant, authority) = match membership::service::authority(db, actor, row.tenant_id).await {
        Err(error) if error.code() == ErrorCode::NotFound => return Err(hidden()),
        other => other?,
    };
    authority.require(Permission::Invite)?;
    Ok((row, tenant, authority))
}

/// A refusal that names the state an invitation is in.
fn not_pending(status: InvitationStatus) -> Error {
    let message = match status {
        InvitationStatus::Pending => "This invitation was changed at the same moment; look at it again.",
        InvitationStatus::Accepted => "This invitation was accepted already.",
        InvitationStatus::Declined => "This invitation was declined.",
        InvitationStatus::Cancelled => "This invitation was cancelled; ask for a new one.",
        InvitationStatus::Expired => "This invitation has expired; ask for a new one.",
    };
    Error::refused(ErrorCode::NotPending, message)
}

/// Whether the invitation's tenant can be joined.
async fn open_tenant(db: &impl ConnectionTrait, row: &Model) -> Result<Tenant> {
    let tenant = tenant::service::find(db, row.tenant_id).await?;
    let tenant = tenant.ok_or_else(|| Error::internal("an invitation refers to no tenant"))?;
    tenant::service::require_active(&tenant)?;
    Ok(tenant)
}
