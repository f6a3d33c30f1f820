//! Work that nobody waits for: sending mail, recording expiry, forgetting old counts.
//!
//! Each task is an idempotent function without input. `serve` runs them in its own process, `guestlist worker`
//! runs them alone, and tests call [`tick`].

use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;

use crate::app::App;
use crate::error::Result;
use crate::outbox::MailKind;
use crate::{auth, invitation, limits, outbox, tenancy};

type Run = fn(App) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// One kind of work.
#[derive(Clone, Copy)]
pub struct Task {
    /// Name in the logs.
    pub name: &'static str,
    /// How often it is looked for.
    pub period: Duration,
    run: Run,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("name", &self.name).field("period", &self.period).finish_non_exhaustive()
    }
}

/// Every task there is. The first one is also run as soon as a mail is owed.
pub const TASKS: &[Task] = &[
    Task { name: "deliver-mail", period: Duration::from_secs(1), run: |app| Box::pin(deliver_mail(app)) },
    Task { name: "expire-invitations", period: Duration::from_secs(60), run: |app| Box::pin(expire(app)) },
    Task { name: "erase-tenants", period: Duration::from_secs(3_600), run: |app| Box::pin(erase(app)) },
    Task { name: "prune-limits", period: Duration::from_secs(600), run: |app| Box::pin(prune(app)) },
];

async fn deliver_mail(app: App) -> Result<()> {
    outbox::service::deliver_due(&app, |app, row| async move {
        match row.kind {
            MailKind::Invitation => invitation::service::render_mail(&app, &row).await,
            MailKind::PasswordChanged => auth::service::render_password_changed(&app, &row).await,
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

async fn erase(app: App) -> Result<()> {
    let erased = tenancy::service::erase_deleted(&app).await?;
    if erased > 0 {
        tracing::info!(erased, "deleted tenants were erased");
    }
    Ok(())
}

async fn prune(app: App) -> Result<()> {
    limits::prune(&app).await
}

/// Runs every task once.
///
/// # Errors
/// The first failure; what other tasks did stays.
pub async fn tick(app: &App) -> Result<()> {
    for task in TASKS {
        (task.run)(app.clone()).await?;
    }
    Ok(())
}

/// Runs every task at its period until `stop` says so; a task that fails is tried again at its next turn.
/// Work that has begun is finished first.
pub async fn run(app: App, stop: watch::Receiver<bool>) {
    let mut running = tokio::task::JoinSet::new();
    for task in TASKS {
        running.spawn(keep_running(app.clone(), *task, stop.clone()));
    }
    while running.join_next().await.is_some() {}
}

async fn keep_running(app: App, task: Task, mut stop: watch::Receiver<bool>) {
    let wakes_for_mail = task.name == TASKS[0].name;
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
        let pause = if failed { task.period.max(Duration::from_secs(5)) } else { task.period };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = app.mail_waiting.notified(), if wakes_for_mail && !failed => {}
            _ = stop.changed() => {}
        }
    }
}
