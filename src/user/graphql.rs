//! Users in the schema.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::{ID, Object};

use super::{User, service};
use crate::error::Error;
use crate::graphql::{EmailAddress, Rows, global};
use crate::id::UserId;

/// A user as other members of a tenant see them; whoever makes one has checked that the viewer may.
#[derive(Clone, Debug)]
pub struct UserObject(pub User);

/// Person, as other members of a tenant see them.
#[Object(name = "User")]
impl UserObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Name that people see.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Address of the account.
    async fn email(&self) -> Option<EmailAddress> {
        Some(EmailAddress(self.0.email.clone()))
    }
}

impl Loader<UserId> for Rows {
    type Value = User;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[UserId]) -> Result<HashMap<UserId, User>, Arc<Error>> {
        let rows = service::by_ids(self.0.db.reader(), keys).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (row.id, row)).collect())
    }
}
