//! Where the mails of invitations stand, as the schema shows it.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::parser::types::Field;
use async_graphql::{Enum, Positioned, SimpleObject, Value};

use crate::error::Error;
use crate::graphql::{AtHand, DateTime, Rows, write_value};
use crate::id::OutboxId;
use crate::outbox::{self, Standing};

/// Fields of a delivery that are read where one of them is asked for.
pub(super) const ATTEMPTS: [&str; 3] = ["lastAttemptAt", "nextAttemptAt", "lastReply"];

/// Where the mail of an invitation stands. Values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum DeliveryState {
    /// No mail: the link was handed to the inviter.
    None,
    /// Waits for its first attempt.
    Queued,
    /// Mail server took it.
    Sent,
    /// Put off; another attempt follows.
    Retrying,
    /// Refused for good, or not taken until it was pointless.
    Failed,
    /// Not sent, since the invitation was decided first or somebody stopped it.
    Suppressed,
}

impl DeliveryState {
    /// The state of an outbox row; `None` where there is no mail.
    #[must_use]
    pub fn stored(self) -> Option<outbox::DeliveryState> {
        match self {
            Self::None => None,
            Self::Queued => Some(outbox::DeliveryState::Queued),
            Self::Sent => Some(outbox::DeliveryState::Sent),
            Self::Retrying => Some(outbox::DeliveryState::Retrying),
            Self::Failed => Some(outbox::DeliveryState::Failed),
            Self::Suppressed => Some(outbox::DeliveryState::Suppressed),
        }
    }

    fn shown(stored: outbox::DeliveryState) -> Self {
        match stored {
            outbox::DeliveryState::Queued => Self::Queued,
            outbox::DeliveryState::Sent => Self::Sent,
            outbox::DeliveryState::Retrying => Self::Retrying,
            outbox::DeliveryState::Failed => Self::Failed,
            outbox::DeliveryState::Suppressed => Self::Suppressed,
        }
    }
}

/// Where the mail of an invitation stands. SENT means that the mail server took it.
#[derive(Clone, Debug, SimpleObject)]
pub struct Delivery {
    /// Where it stands.
    state: DeliveryState,
    /// Attempts made so far.
    attempts: i32,
    /// When the last attempt was made.
    last_attempt_at: Option<DateTime>,
    /// When the next attempt is due.
    next_attempt_at: Option<DateTime>,
    /// Last answer of the mail server; only for those who may invite.
    last_reply: Option<String>,
}

impl Delivery {
    pub(super) fn new(mail: Option<&Standing>, managed: bool) -> Self {
        let Some(mail) = mail else {
            return Self {
                state: DeliveryState::None,
                attempts: 0,
                last_attempt_at: None,
                next_attempt_at: None,
                last_reply: None,
            };
        };
        Self {
            state: DeliveryState::shown(mail.state),
            attempts: i32::try_from(mail.attempts).unwrap_or(i32::MAX),
            last_attempt_at: mail.last_attempt_at.map(DateTime),
            next_attempt_at: mail.next_attempt_at.map(DateTime),
            last_reply: mail.last_reply.clone().filter(|_| managed),
        }
    }
}

impl AtHand for Delivery {
    fn write(&self, field: &Positioned<Field>, text: &mut Vec<u8>) -> Option<()> {
        match field.node.name.node.as_str() {
            "state" => write_value(&Value::from(self.state), text),
            "attempts" => write_value(&self.attempts, text),
            _ => None,
        }
    }
}

impl Loader<OutboxId> for Rows {
    type Value = Standing;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[OutboxId]) -> Result<HashMap<OutboxId, Standing>, Arc<Error>> {
        let rows = outbox::service::by_ids(self.0.db.reader(), keys).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.id, row.into())).collect())
    }
}
