//! Where a mail stands, read beside the row that it is about.

use sea_orm::entity::prelude::*;
use sea_orm::{JoinType, QueryResult, QuerySelect};

use super::{Column, DeliveryState, Entity, Model};
use crate::clock::Instant;
use crate::db::Values;

/// Where a mail stands, as it is shown beside what it is about. Times and answer are `None` where they are none, and where they were not asked
/// for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts made so far.
    pub attempts: i64,
    /// When the next attempt is due.
    pub next_attempt_at: Option<Instant>,
    /// When the last attempt was made.
    pub last_attempt_at: Option<Instant>,
    /// The mail server's last answer.
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

impl Standing {
    /// Reads it from a row of [`with_standing`] that has so many columns of its own, without attempts where these were not asked for; `None`
    /// where there is no mail.
    ///
    /// # Errors
    /// For a row that was selected otherwise.
    pub fn behind(columns: usize, row: &QueryResult, attempts: bool) -> Result<Option<Self>, DbErr> {
        let mut values = Values::from(row, columns)?;
        let Some(state) = values.word()? else { return Ok(None) };
        Ok(Some(Self {
            state,
            attempts: values.value()?,
            next_attempt_at: if attempts { values.optional()? } else { None },
            last_attempt_at: if attempts { values.optional()? } else { None },
            last_reply: if attempts { values.optional()? } else { None },
        }))
    }
}

/// Rows, each with the [`Standing`] of the mail that a column of theirs names, if there is one; `attempts` says whether with when it was tried
/// and will be, and what the mail server said.
#[must_use]
pub fn with_standing<E: EntityTrait>(rows: Select<E>, mail: E::Column, attempts: bool) -> Select<E> {
    let joined = E::belongs_to(Entity).from(mail).to(Column::Id).into();
    let rows = rows
        .join(JoinType::LeftJoin, joined)
        .column_as(Column::State, "mail_state")
        .column_as(Column::Attempts, "mail_attempts");
    if !attempts {
        return rows;
    }
    rows.column_as(Column::NextAttemptAt, "mail_next_attempt_at")
        .column_as(Column::LastAttemptAt, "mail_last_attempt_at")
        .column_as(Column::LastReply, "mail_last_reply")
}
