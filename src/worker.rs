//! Work that nobody waits for: sending mail, recording expiry, forgetting old counts.
//!
//! Each task is an idempotent function without input. `serve` runs them in its own process, `guestlist worker`
//! runs them alone, and tests call [`tick`].

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::app::App;
use crate::db::once;
use crate::error::Result;
use crate::outbox::MailKind;
use crate::telemetry::metrics;
use crate::{auth, event, invitation, limits, outbox, password_reset, platform, tenancy, webhook};

type Run = fn(App) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// One kind of work.
#[derive(Clone, Copy)]
pub struct Task {
    /// Name in the logs.
    pub name: &'static str,
    /// How often it is looked for.
    pub period: Duration,
    run: Run,
    /// What wakes it before its time.
    rung_by: Option<fn(&App) -> &Notify>,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("name", &self.name).field("period", &self.period).finish_non_exhaustive()
    }
}

const fn every(seconds: u64, name: &'static str, run: Run) -> Task {
    Task { name, period: Duration::from_secs(seconds), run, rung_by: None }
}

const RECORD_JOBS: &str = "record-jobs";

/// Every task there is. Mail and wishes for a reset are looked after as soon as there are any.
pub const TASKS: &[Task] = &[
    Task {
        rung_by: Some(|app| &app.resets_waiting),
        ..every(1, "look-at-reset-wishes", |app| Box::pin(look_at_wishes(app)))
    },
    Task {
        rung_by: Some(|app| &app.mail_waiting),
        ..every(1, "deliver-mail", |app| Box::pin(deliver_mail(app)))
    },
    every(60, "expire-invitations", |app| Box::pin(expire(app))),
    every(60, "expire-resets", |app| Box::pin(expire_resets(app))),
    Task {
        rung_by: Some(|app| &app.addresses_waiting),
        ..every(60, "index-addresses", |app| Box::pin(index_addresses(app)))
    },
    every(3_600, "erase-tenants", |app| Box::pin(erase(app))),
    every(10, "seal-events", |app| Box::pin(seal_events(app))),
    every(1, "feed-webhooks", |app| Box::pin(feed_webhooks(app))),
    Task {
        rung_by: Some(|app| &app.webhooks_waiting),
        ..every(1, "deliver-webhooks", |app| Box::pin(deliver_webhooks(app)))
    },
    every(3_600, "tend-webhooks", |app| Box::pin(tend_webhooks(app))),
    every(3_600, "log-event-heads", |app| Box::pin(log_event_heads(app))),
    every(600, "prune-limits", |app| Box::pin(prune(app))),
    every(3_600, "forget-sessions", |app| Box::pin(forget_sessions(app))),
    every(60, RECORD_JOBS, |app| Box::pin(record_jobs(app))),
];

async fn look_at_wishes(app: App) -> Result<()> {
    password_reset::service::look_at_wishes(&app).await.map(drop)
}

async fn expire_resets(app: App) -> Result<()> {
    let expired = password_reset::service::expire_due(&app).await?;
    if expired > 0 {
        tracing::info!(expired, "reset requests have expired");
    }
    Ok(())
}

async fn deliver_mail(app: App) -> Result<()> {
    outbox::service::deliver_due(&app, |app, row| async move {
        match row.kind {
            MailKind::Invitation => invitation::service::render_mail(&app, &row).await,
            MailKind::InvitationAccepted => invitation::service::render_accepted(&app, &row).await,
            MailKind::ResetRequested | MailKind::ResetLink | MailKind::ResetRejected => {
                password_reset::service::render_mail(&app, &row).await
            }
            MailKind::PasswordChanged => password_reset::service::render_password_changed(&app, &row).await,
        }
    })
    .await
    .map(drop)
}

async fn expire(app: App) -> Result<()> {
    let expired = invitation::service::expire_due(&app).await?;
    if expired > 0 {
        tracing::info!(expired, "invitations have expired");
    }
    Ok(())
}

async fn index_addresses(app: App) -> Result<()> {
    let blocks = invitation::service::index_addresses(&app).await?;
    if blocks > 0 {
        tracing::info!(blocks, "addresses were indexed");
    }
    Ok(())
}

async fn erase(app: App) -> Result<()> {
    let erased = tenancy::service::erase_deleted(&app).await?;
    if erased > 0 {
        tracing::info!(erased, "deleted tenants were erased");
    }
    Ok(())
}

async fn seal_events(app: App) -> Result<()> {
    event::service::seal_due(&app).await.map(drop)
}

async fn feed_webhooks(app: App) -> Result<()> {
    webhook::service::feed_due(&app).await.map(drop)
}

async fn deliver_webhooks(app: App) -> Result<()> {
    webhook::service::deliver_due(&app).await.map(drop)
}

async fn tend_webhooks(app: App) -> Result<()> {
    webhook::service::tend(&app).await
}

async fn log_event_heads(app: App) -> Result<()> {
    event::service::log_heads(&app).await
}

async fn prune(app: App) -> Result<()> {
    once::prune(app.db.writer(), app.clock.now()).await?;
    limits::prune(&app).await
}

async fn forget_sessions(app: App) -> Result<()> {
    let forgotten = auth::service::forget_ended(&app).await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "sessions that ended long ago were forgotten");
    }
    Ok(())
}

async fn record_jobs(app: App) -> Result<()> {
    // Whoever reads it knows by that that it was written.
    app.runs.end(RECORD_JOBS, app.clock.now(), true);
    platform::service::record(&app).await
}

/// Says what this process does.
fn begin(app: &App) {
    for task in TASKS {
        app.runs.begin(task.name, task.period);
    }
}

/// Keeps what became of a task, for the metrics of this process and for administrators.
fn end(app: &App, task: &Task, good: bool) {
    let now = app.clock.now();
    app.runs.end(task.name, now, good);
    metrics::job(task.name, good.then_some(now));
}

/// Runs every task once.
///
/// # Errors
/// The first failure; what other tasks did stays.
pub async fn tick(app: &App) -> Result<()> {
    begin(app);
    for task in TASKS {
        let done = (task.run)(app.clone()).await;
        end(app, task, done.is_ok());
        done?;
    }
    Ok(())
}

/// Runs every task at its period until `stop` says so; a task that fails is tried again at its next turn.
/// Work that has begun is finished first.
pub async fn run(app: App, stop: watch::Receiver<bool>) {
    begin(&app);
    let mut running = tokio::task::JoinSet::new();
    for task in TASKS {
        running.spawn(keep_running(app.clone(), *task, stop.clone()));
    }
    while running.join_next().await.is_some() {}
}

/// Waits until something rings for a task; for ever, where nothing does.
async fn rung(app: &App, task: Task) {
    match task.rung_by {
        Some(bell) => bell(app).notified().await,
        None => std::future::pending().await,
    }
}

async fn keep_running(app: App, task: Task, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let failed = match tokio::spawn((task.run)(app.clone())).await {
            Ok(Ok(())) => false,
            Ok(Err(error)) => {
                tracing::error!(task = task.name, cause = ?error, "a task failed");
                true
            }
            Err(panic) => {
                tracing::error!(task = task.name, %panic, "a task ended unexpectedly");
                true
            }
        };
        end(&app, &task, !failed);
        let pause = if failed { task.period.max(Duration::from_secs(5)) } else { task.period };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = rung(&app, task), if !failed => {}
            _ = stop.changed() => {}
        }
    }
}
