//! What a list reads of an invitation: of the twenty-four columns of its row those that it is asked for, since each costs what it is to be
//! read. They are read by their places.

use sea_orm::{DbErr, QueryResult};
use uuid::Uuid;

use super::{Column, InvitationStatus, Model};
use crate::clock::Instant;
use crate::db::Values;
use crate::id::{InvitationId, RoleId, UserId};

/// What a list reads beside what its rows always have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Columns {
    /// The whole of each row.
    pub details: bool,
    /// Names that inviters gave.
    pub names: bool,
    /// Roles on offer.
    pub roles: bool,
    /// Who invited.
    pub inviters: bool,
    /// Where the mails of the rows stand.
    pub mails: bool,
    /// When mails were tried and will be, and what the mail server said.
    pub attempts: bool,
}

/// An invitation without its details. What was not asked for is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Brief {
    /// Identifier.
    pub id: InvitationId,
    /// Address as it was typed.
    pub email: String,
    /// Status as recorded; see [`Brief::status_at`].
    pub status: InvitationStatus,
    /// When it was made.
    pub created_at: Instant,
    /// From when on it cannot be accepted.
    pub expires_at: Instant,
    /// Canonical address, in a list that is in its order.
    pub email_norm: Option<String>,
    /// Name the inviter gave, if they did.
    pub name: Option<Option<String>>,
    /// The role on offer.
    pub role_id: Option<RoleId>,
    /// Who invited; `None` within for the command line.
    pub inviter_id: Option<Option<UserId>>,
}

/// Columns that are always read.
const ALWAYS: [Column; 5] = [Column::Id, Column::Email, Column::Status, Column::CreatedAt, Column::ExpiresAt];

impl Brief {
    /// The columns that are read, in this order; `norm` says whether the list is in the order of canonical addresses.
    pub(super) fn columns(asked: Columns, norm: bool) -> Vec<Column> {
        let further = [
            (norm, Column::EmailNorm),
            (asked.names, Column::Name),
            (asked.roles, Column::RoleId),
            (asked.inviters, Column::InviterId),
        ];
        let further = further.into_iter().filter(|(asked, _)| *asked).map(|(_, column)| column);
        ALWAYS.into_iter().chain(further).collect()
    }

    /// Reads a row that begins with [`Brief::columns`].
    pub(super) fn read(row: &QueryResult, asked: Columns, norm: bool) -> Result<Self, DbErr> {
        let mut values = Values::from(row, 0)?;
        Ok(Self {
            id: values.value::<Uuid>()?.into(),
            email: values.value()?,
            status: values.word()?.ok_or_else(|| DbErr::Type("no status".to_owned()))?,
            created_at: values.instant()?,
            expires_at: values.instant()?,
            email_norm: norm.then(|| values.value()).transpose()?,
            name: asked.names.then(|| values.optional()).transpose()?,
            role_id: asked.roles.then(|| values.value::<Uuid>()).transpose()?.map(Into::into),
            inviter_id: asked
                .inviters
                .then(|| values.optional::<Uuid>())
                .transpose()?
                .map(|inviter| inviter.map(Into::into)),
        })
    }

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
            status: row.status,
            created_at: row.created_at,
            expires_at: row.expires_at,
            email_norm: Some(row.email_norm.clone()),
            name: Some(row.name.clone()),
            role_id: Some(row.role_id),
            inviter_id: Some(row.inviter_id),
        }
    }
}
