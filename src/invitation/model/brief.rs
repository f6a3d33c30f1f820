//! What lists mostly show of an invitation: ten of the twenty-four columns of its row, each of which costs what it is to be read. They are
//! read by their places, which spares making and looking up a name for each value.

use sea_orm::{DbErr, FromQueryResult, QueryResult};

use super::{Column, InvitationStatus, Model};
use crate::clock::Instant;
use crate::id::{InvitationId, OutboxId, RoleId, UserId};

/// An invitation without its details.
#[derive(Clone, Debug, PartialEq)]
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
    /// The first columns of a statement that reads it.
    pub(super) const COLUMNS: [Column; 10] = [
        Column::Id,
        Column::Email,
        Column::EmailNorm,
        Column::Name,
        Column::RoleId,
        Column::InviterId,
        Column::Status,
        Column::OutboxId,
        Column::CreatedAt,
        Column::ExpiresAt,
    ];

    /// The status at a moment: an overdue invitation is expired, whether or not that has been recorded.
    #[must_use]
    pub fn status_at(&self, now: Instant) -> InvitationStatus {
        self.status.at(now, self.expires_at)
    }
}

impl FromQueryResult for Brief {
    fn from_query_result(row: &QueryResult, _: &str) -> Result<Self, DbErr> {
        Ok(Self {
            id: row.try_get_by_index(0)?,
            email: row.try_get_by_index(1)?,
            email_norm: row.try_get_by_index(2)?,
            name: row.try_get_by_index(3)?,
            role_id: row.try_get_by_index(4)?,
            inviter_id: row.try_get_by_index(5)?,
            status: row.try_get_by_index(6)?,
            outbox_id: row.try_get_by_index(7)?,
            created_at: row.try_get_by_index(8)?,
            expires_at: row.try_get_by_index(9)?,
        })
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
