//! What lists mostly show of an invitation: ten of the twenty-four columns of its row, each of which costs what it is to be read.

use sea_orm::DerivePartialModel;

use super::{Entity, InvitationStatus, Model};
use crate::clock::Instant;
use crate::id::{InvitationId, OutboxId, RoleId, UserId};

/// An invitation without its details.
#[derive(Clone, Debug, PartialEq, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
pub struct Brief {
    /// Identifier.
    pub id: InvitationId,
    /// Address as it was typed.
    pub email: String,
    /// Canonical address.
    pub email_norm: String,
    /// Name the inviter gave.
    pub name: Option<String>,
    /// The role on offer.
    pub role_id: RoleId,
    /// Who invited; `None` for the command line.
    pub inviter_id: Option<UserId>,
    /// Status as recorded; see [`Brief::status_at`].
    pub status: InvitationStatus,
    /// The latest mail; `None` for link-only.
    pub outbox_id: Option<OutboxId>,
    /// When it was made.
    pub created_at: Instant,
    /// From when on it cannot be accepted.
    pub expires_at: Instant,
}

impl Brief {
    /// The status at a moment: an overdue invitation is expired, whether or not that has been recorded.
    #[must_use]
    pub fn status_at(&self, now: Instant) -> InvitationStatus {
        self.status.at(now, self.expires_at)
    }
}

impl From<&Model> for Brief {
    fn from(row: &Model) -> Self {
        Self {
            id: row.id,
            email: row.email.clone(),
            email_norm: row.email_norm.clone(),
            name: row.name.clone(),
            role_id: row.role_id,
            inviter_id: row.inviter_id,
            status: row.status,
            outbox_id: row.outbox_id,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}
