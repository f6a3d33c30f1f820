//! Where a mail stands, read beside the row that it is about.

use sea_orm::entity::prelude::*;
use sea_orm::{FromQueryResult, JoinType, QuerySelect};

use super::{Column, DeliveryState, Entity, Model};
use crate::clock::Instant;

/// Where a mail stands, as it is shown beside what it is about.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct Standing {
    /// Where it stands.
    #[sea_orm(alias = "mail_state")]
    pub state: DeliveryState,
    /// Attempts made so far.
    #[sea_orm(alias = "mail_attempts")]
    pub attempts: i64,
    /// When the next attempt is due.
    #[sea_orm(alias = "mail_next_attempt_at")]
    pub next_attempt_at: Option<Instant>,
    /// When the last attempt was made.
    #[sea_orm(alias = "mail_last_attempt_at")]
    pub last_attempt_at: Option<Instant>,
    /// The mail server's last answer.
    #[sea_orm(alias = "mail_last_reply")]
    pub last_reply: Option<String>,
}

impl From<Model> for Standing {
    fn from(mail: Model) -> Self {
        Self {
            state: mail.state,
            attempts: mail.attempts,
            next_attempt_at: mail.next_attempt_at,
            last_attempt_at: mail.last_attempt_at,
            last_reply: mail.last_reply,
        }
    }
}

/// Rows, each with the [`Standing`] of the mail that a column of theirs names, if there is one.
#[must_use]
pub fn with_standing<E: EntityTrait>(rows: Select<E>, mail: E::Column) -> Select<E> {
    let joined = E::belongs_to(Entity).from(mail).to(Column::Id).into();
    rows.join(JoinType::LeftJoin, joined)
        .column_as(Column::State, "mail_state")
        .column_as(Column::Attempts, "mail_attempts")
        .column_as(Column::NextAttemptAt, "mail_next_attempt_at")
        .column_as(Column::LastAttemptAt, "mail_last_attempt_at")
        .column_as(Column::LastReply, "mail_last_reply")
}
