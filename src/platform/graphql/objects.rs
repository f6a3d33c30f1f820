//! Whether the service is well, and how it is set.

use async_graphql::{Context, Object, SimpleObject};

use crate::config::Setting;
use crate::graphql::{Connection, DateTime, GqlResult, RequestContext as _};
use crate::page::PageArgs;
use crate::platform::service::{self, Database, Job, MailHealth};
use crate::post;
use crate::post::graphql::{MailFilter, MailObject};

fn int(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// The service that answers; whoever makes one has checked that the viewer administers the platform.
#[derive(Clone, Copy, Debug)]
pub struct PlatformObject;

/// Service that answers, for administrators of the platform.
#[Object(name = "Platform")]
impl PlatformObject {
    /// Release that answers.
    async fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// When the process that answers was started.
    async fn started_at(&self, ctx: &Context<'_>) -> DateTime {
        DateTime(ctx.app().started_at)
    }

    /// Database.
    async fn database(&self, ctx: &Context<'_>) -> Option<GqlResult<PlatformDatabase>> {
        let found = Box::pin(service::database(ctx.app(), ctx.actor())).await;
        Some(found.map(Into::into).map_err(Into::into))
    }

    /// Mail that is owed, and whether it can leave.
    async fn mail(&self, ctx: &Context<'_>) -> Option<GqlResult<PlatformMail>> {
        let found = Box::pin(service::mail(ctx.app(), ctx.actor())).await;
        Some(found.map(Into::into).map_err(Into::into))
    }

    /// Mails that belong to no tenant, latest first: those about passwords.
    async fn mails(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many rows from the start, or after `after`; 20 by default, 100 at the most.")]
        first: Option<i32>,
        #[graphql(desc = "Rows after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many rows from the end, or before `before`; 100 at the most.")] last: Option<
            i32,
        >,
        #[graphql(desc = "Rows before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which mails; all by default.")] filter: Option<MailFilter>,
    ) -> Option<GqlResult<Connection<MailObject>>> {
        post::graphql::listed(ctx, None, PageArgs { first, after, last, before }, filter).await
    }

    /// Work of the workers of all processes, by its name.
    async fn jobs(&self, ctx: &Context<'_>) -> Option<GqlResult<Vec<PlatformJob>>> {
        let found = Box::pin(service::jobs(ctx.app(), ctx.actor())).await;
        Some(found.map(|jobs| jobs.into_iter().map(Into::into).collect()).map_err(Into::into))
    }

    /// Settings of the process that answers, secrets hidden.
    async fn settings(&self, ctx: &Context<'_>) -> Option<GqlResult<Vec<PlatformSetting>>> {
        let found = service::settings(ctx.app(), ctx.actor());
        Some(found.map(|settings| settings.into_iter().map(Into::into).collect()).map_err(Into::into))
    }
}

/// Database of the service.
#[derive(Clone, Debug, SimpleObject)]
pub struct PlatformDatabase {
    /// Name and version of the database that answers.
    server: String,
    /// Where it is, without a password.
    place: String,
    /// How many migrations are applied.
    migrations: i32,
    /// Names of migrations that are not applied yet.
    pending_migrations: Vec<String>,
}

impl From<Database> for PlatformDatabase {
    fn from(found: Database) -> Self {
        Self {
            server: found.server,
            place: found.place,
            migrations: int(found.migrations as u64),
            pending_migrations: found.pending,
        }
    }
}

/// Mail that is owed, and whether it can leave.
#[derive(Clone, Debug, SimpleObject)]
pub struct PlatformMail {
    /// Where mail goes.
    target: String,
    /// Mails that wait for their first attempt.
    queued: i32,
    /// Mails that were put off.
    retrying: i32,
    /// Mails that were given up.
    failed: i32,
    /// When the first of the mails that wait was owed; null when none waits.
    oldest_queued_at: Option<DateTime>,
    /// Why all mail is held back; null while it is not.
    held_because: Option<String>,
    /// Until when this process leaves a mail server alone that could not be used; null while it can be.
    resting_until: Option<DateTime>,
}

impl From<MailHealth> for PlatformMail {
    fn from(found: MailHealth) -> Self {
        Self {
            target: found.target,
            queued: int(found.figures.queued),
            retrying: int(found.figures.retrying),
            failed: int(found.figures.failed),
            oldest_queued_at: found.figures.oldest.map(DateTime),
            held_because: found.held,
            resting_until: found.rests_until.map(DateTime),
        }
    }
}

/// Kind of work that workers do.
#[derive(Clone, Debug, SimpleObject)]
pub struct PlatformJob {
    /// Name, as the logs and metrics have it.
    name: String,
    /// How often it is looked for.
    period_seconds: i32,
    /// When it last went well; of another process's worker up to a minute late.
    last_succeeded_at: Option<DateTime>,
    /// When it last failed.
    last_failed_at: Option<DateTime>,
    /// Whether it should have gone well since: for three of its periods, and five minutes.
    is_late: bool,
}

impl From<Job> for PlatformJob {
    fn from(job: Job) -> Self {
        Self {
            name: job.name,
            period_seconds: i32::try_from(job.period_seconds).unwrap_or(i32::MAX),
            last_succeeded_at: job.succeeded_at.map(DateTime),
            last_failed_at: job.failed_at.map(DateTime),
            is_late: job.is_late,
        }
    }
}

/// Setting of the service.
#[derive(Clone, Debug, SimpleObject)]
pub struct PlatformSetting {
    /// Name of its variable.
    name: String,
    /// What it is for.
    description: String,
    /// What is in force; of a secret at most the host of a URL.
    value: Option<String>,
    /// What it is unless set; null where that depends on other settings.
    default_value: Option<String>,
    /// Whether it was set, by a flag or a variable.
    is_set: bool,
    /// Whether its value is a secret.
    is_secret: bool,
}

impl From<Setting> for PlatformSetting {
    fn from(setting: Setting) -> Self {
        Self {
            name: setting.name,
            description: setting.help,
            value: setting.value,
            default_value: setting.default,
            is_set: setting.is_set,
            is_secret: setting.is_secret,
        }
    }
}
