//! Where a mail stands, read beside the row that it is about.

use sea_orm::sea_query::{Expr, ExprTrait as _, IntoColumnRef, SelectStatement};
use sea_orm::{DbErr, QueryResult};

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
    /// Reads it from a row of [`join_standing`] that has so many columns of its own, without attempts where these were not asked for; `None`
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
            next_attempt_at: if attempts { values.optional_instant()? } else { None },
            last_attempt_at: if attempts { values.optional_instant()? } else { None },
            last_reply: if attempts { values.optional()? } else { None },
        }))
    }
}

/// Has a statement read the [`Standing`] of the mail that a column of its names with each row, if there is one; `attempts` says whether with when
/// it was tried and will be, and what the mail server said.
pub fn join_standing(rows: &mut SelectStatement, mail: impl IntoColumnRef, attempts: bool) {
    let mut columns = vec![(Column::State, "mail_state"), (Column::Attempts, "mail_attempts")];
    if attempts {
        columns.extend([
            (Column::NextAttemptAt, "mail_next_attempt_at"),
            (Column::LastAttemptAt, "mail_last_attempt_at"),
            (Column::LastReply, "mail_last_reply"),
        ]);
    }
    rows.left_join(Entity, Expr::col((Entity, Column::Id)).equals(mail));
    for (column, name) in columns {
        rows.expr_as(Expr::col((Entity, column)), name);
    }
}
