//! Whether the service is well, and how it is set.

use crate::actor::Actor;
use crate::app::App;
use crate::clock::Instant;
use crate::config::Setting;
use crate::error::{Error, Result};
use crate::outbox::service::Figures;
use crate::{db, outbox};

/// The database.
#[derive(Clone, Debug)]
pub struct Database {
    /// Name and version of what answers.
    pub server: String,
    /// Where it is, without a password.
    pub place: String,
    /// How many migrations are applied.
    pub migrations: usize,
    /// Names of those that are not.
    pub pending: Vec<String>,
}

/// Mail that is owed, and whether it can leave.
#[derive(Clone, Debug)]
pub struct MailHealth {
    /// Where mail goes.
    pub target: String,
    /// How many mails are in which state.
    pub figures: Figures,
    /// Why all of it is held back, while it is.
    pub held: Option<String>,
    /// Until when this process leaves a server alone that could not be used.
    pub rests_until: Option<Instant>,
}

/// What is to be known of the database.
///
/// # Errors
/// `UNAUTHENTICATED`; `FORBIDDEN` unless the actor administers the platform.
pub async fn database(app: &App, actor: &Actor) -> Result<Database> {
    actor.require_platform()?;
    let url = &app.config.database_url;
    let place = db::sqlite_path(url).map_or_else(|| db::redact(url), |path| path.display().to_string());
    Ok(Database {
        server: app.db.server_version().await?,
        place,
        migrations: app.db.applied().await?.len(),
        pending: app.db.pending().await.map_err(Error::internal)?,
    })
}

/// How mail stands.
///
/// # Errors
/// `UNAUTHENTICATED`; `FORBIDDEN` unless the actor administers the platform.
pub async fn mail(app: &App, actor: &Actor) -> Result<MailHealth> {
    actor.require_platform()?;
    Ok(MailHealth {
        target: app.mailer.describe(),
        figures: outbox::service::figures(app).await?,
        held: outbox::service::held(app.db.reader()).await?,
        rests_until: app.mailer.rests_until(app.clock.now()),
    })
}

/// Every setting of this process; none shows a secret.
///
/// # Errors
/// `UNAUTHENTICATED`; `FORBIDDEN` unless the actor administers the platform.
pub fn settings(app: &App, actor: &Actor) -> Result<Vec<Setting>> {
    actor.require_platform()?;
    Ok(app.config.settings())
}
