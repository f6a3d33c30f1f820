//! The only shared state: cheap to clone, handed to every service function.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::auth::{AccessKeys, Seen};
use crate::clock::{Clock, Instant};
use crate::config::Config;
use crate::db::{Db, Remembered};
use crate::error::Result;
use crate::event::{EventKey, Feed};
use crate::id::{IdSource, RoleId, TenantId, TypedId, UserId};
use crate::keys::Keys;
use crate::mail::Mailer;
use crate::password::Hasher;
use crate::role::Role;
use crate::standing::Standing;
use crate::user::Person;
use crate::{platform, webhook};

/// Most rows of a kind that are remembered beside sessions.
const ROWS_SEEN: usize = 1_000;

/// What a running service consists of.
#[derive(Debug)]
pub struct Parts {
    /// Checked settings.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// Where the present comes from.
    pub clock: Clock,
    /// Secrets derived from `SECRET_KEY`.
    pub keys: Keys,
    /// Keys that sign and verify access tokens.
    pub access_keys: AccessKeys,
    /// Sessions that were looked at.
    pub sessions_seen: Seen,
    /// What somebody is in a tenant, by tenant and user.
    pub standings_seen: Remembered<(TenantId, Option<UserId>), Standing>,
    /// Roles that stand beside rows.
    pub roles_seen: Remembered<RoleId, Role>,
    /// Users that stand beside rows.
    pub users_seen: Remembered<UserId, Person>,
    /// Signs and seals events.
    pub event_key: EventKey,
    /// Tells who follows events that there are more.
    pub feed: Feed,
    /// Hashes passwords.
    pub hasher: Hasher,
    /// Renders and sends mail.
    pub mailer: Mailer,
    /// Rung after a commit that leaves mail to be sent.
    pub mail_waiting: Notify,
    /// Rung when addresses are left to be indexed.
    pub addresses_waiting: Notify,
    /// Rung after a commit that leaves a wish for a reset to be looked at.
    pub resets_waiting: Notify,
    /// Posts events to the endpoints of tenants.
    pub webhooks: webhook::Client,
    /// Rung after a commit that leaves an event to be posted.
    pub webhooks_waiting: Notify,
    /// What became of the tasks of this process's worker.
    pub runs: platform::Runs,
    /// When this process put the service together.
    pub started_at: Instant,
    ids: IdSource,
}

/// Handle to the running service.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

impl App {
    /// Puts a service together over an open, migrated database.
    ///
    /// # Errors
    /// When the signing keys cannot be read, or the mail templates or transport are unsound.
    pub async fn new(config: Config, db: Db, clock: Clock) -> Result<Self> {
        let started_at = clock.now();
        let keys = Keys::new(&config.secret_key, &config.secret_key_previous);
        let access_keys = AccessKeys::load(&db, &keys, &config, clock.now()).await?;
        let event_key = EventKey::load(&db, &keys).await?;
        let hasher = Hasher::new(config.password)?;
        let mailer = Mailer::new(&config)?;
        let webhooks = webhook::Client::new(config.webhook_allow_private);
        Ok(Self(Arc::new(Parts {
            config,
            db,
            clock,
            keys,
            access_keys,
            sessions_seen: Seen::default(),
            standings_seen: Remembered::new(ROWS_SEEN),
            roles_seen: Remembered::new(ROWS_SEEN),
            users_seen: Remembered::new(ROWS_SEEN),
            event_key,
            feed: Feed::default(),
            hasher,
            mailer,
            mail_waiting: Notify::new(),
            addresses_waiting: Notify::new(),
            resets_waiting: Notify::new(),
            webhooks,
            webhooks_waiting: Notify::new(),
            runs: platform::Runs::default(),
            started_at,
            ids: IdSource::default(),
        })))
    }

    /// A fresh identifier that sorts after those made before it.
    pub fn fresh_id<T: TypedId>(&self) -> T {
        self.ids.fresh(self.clock.now())
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
