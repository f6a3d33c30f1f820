//! `serve` and `worker`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::output::say;
use super::{Failure, Outcome, assemble, checked};
use crate::app::App;
use crate::config::{Config, Environment, MetricsListen, Options};
use crate::db::{self, ServeLock};
use crate::http::{self, Connections, Readiness};
use crate::telemetry::metrics::Exporter;
use crate::{onboarding, outbox, webhook, worker};

/// How long requests that have begun may take to finish once the service is told to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// Where metrics are, unless the settings say otherwise.
const METRICS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);

pub(super) async fn serve(mut options: Options, with_worker: bool, greeting: &[&str]) -> Outcome {
    let mut told = Box::pin(told_to_stop());
    let listener = listen(&mut options).await?;
    let config = checked(&options)?;
    let existed = db::sqlite_path(&config.database_url).is_none_or(|path| path.exists());
    let figures = figures(&config).await?;
    let lock = ServeLock::take(&config.database_url)?;
    let (app, applied) = tokio::select! {
        made = assemble(config) => made?,
        () = &mut told => return Ok(()),
    };
    if with_worker {
        forget_dead_workers(&app).await?;
    }
    let metrics = figures.as_ref().and_then(|(listener, _)| listener.local_addr().ok());
    banner(&app, existed, applied, metrics).await?;
    app.config.words.warn_of_missing();
    for line in greeting {
        say(format_args!("  {}", line.replace("{url}", &app.config.public_url)));
    }

    let rules = app.config.password;
    tracing::info!(
        at_once = app.hasher.at_once(),
        memory_kib = rules.memory,
        passes = rules.passes,
        lanes = rules.lanes,
        "passwords are hashed with Argon2id"
    );

    let figures = serve_figures(&app, figures);
    let readiness = Readiness::default();
    let endpoint = http::endpoint(&app, readiness.clone())
        .map_err(|error| Failure::new(Failure::FAILED, error.to_string()))?;
    let (stop, stopped) = watch::channel(false);
    let work = with_worker.then(|| tokio::spawn(worker::run(app.clone(), stopped)));
    let signal = async move {
        told.await;
        readiness.withdraw();
        tracing::info!("stopping: requests that have begun are finished");
        tokio::spawn(async {
            told_to_stop().await;
            std::process::exit(130);
        });
    };
    let connections = Connections { most: app.config.max_connections, patience: app.config.client_timeout };
    http::serve(listener, endpoint, connections, signal, DRAIN).await;
    let _ = stop.send(true);
    if let Some(work) = work {
        let _ = work.await;
    }
    figures.abort();
    app.db.clone().close().await;
    drop(lock);
    Ok(())
}

pub(super) async fn worker(options: &Options) -> Outcome {
    let mut told = Box::pin(told_to_stop());
    let config = checked(options)?;
    let figures = figures(&config).await?;
    let lock = ServeLock::take(&config.database_url)?;
    let (app, _) = tokio::select! {
        made = assemble(config) => made?,
        () = &mut told => return Ok(()),
    };
    forget_dead_workers(&app).await?;
    app.config.words.warn_of_missing();
    say(format_args!("guestlist {} · worker · mail is {}", env!("CARGO_PKG_VERSION"), app.mailer.describe()));
    let figures = serve_figures(&app, figures);
    let (stop, stopped) = watch::channel(false);
    let work = tokio::spawn(worker::run(app.clone(), stopped));
    told.await;
    let _ = stop.send(true);
    let _ = work.await;
    figures.abort();
    app.db.clone().close().await;
    drop(lock);
    Ok(())
}

/// With the lock of a SQLite file in hand nobody else can be sending: what a killed process had begun is taken
/// up at once.
async fn forget_dead_workers(app: &App) -> Outcome {
    if db::sqlite_path(&app.config.database_url).is_some() {
        outbox::service::release_leases(app).await?;
        webhook::service::release_leases(app).await?;
    }
    Ok(())
}

/// Binds first, so that a port chosen by the system ends up in the links of a development set-up.
async fn listen(options: &mut Options) -> Result<TcpListener, Failure> {
    let address = options.listen;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let advice = "Choose another address with GUESTLIST_LISTEN, or stop what listens there";
        Failure::new(Failure::UNAVAILABLE, format!("cannot listen on {address}: {error}. {advice}."))
    })?;
    options.listen = listener.local_addr().map_err(failed)?;
    Ok(listener)
}

/// Begins to count, and binds the port of `/metrics`. The usual port may be taken, by another service on the same host; one that
/// was asked for may not.
async fn figures(config: &Config) -> Result<Option<(TcpListener, Exporter)>, Failure> {
    let (address, asked) = match config.metrics_listen {
        Some(MetricsListen::Off) => return Ok(None),
        Some(MetricsListen::At(address)) => (address, true),
        None => (METRICS, false),
    };
    match TcpListener::bind(address).await {
        Ok(listener) => {
            let exporter = Exporter::install()
                .map_err(|error| Failure::new(Failure::FAILED, format!("nothing can be counted: {error}")))?;
            Ok(Some((listener, exporter)))
        }
        Err(error) if asked => {
            let advice = "Choose another address with GUESTLIST_METRICS_LISTEN, or `off`";
            let said = format!("cannot listen on {address} for metrics: {error}. {advice}.");
            Err(Failure::new(Failure::UNAVAILABLE, said))
        }
        Err(error) => {
            tracing::warn!(%address, %error, "no metrics: set GUESTLIST_METRICS_LISTEN to a free address, or to off");
            Ok(None)
        }
    }
}

fn serve_figures(app: &App, figures: Option<(TcpListener, Exporter)>) -> tokio::task::JoinHandle<()> {
    let app = app.clone();
    tokio::spawn(async move {
        if let Some((listener, exporter)) = figures {
            if let Ok(address) = listener.local_addr() {
                tracing::info!(%address, "metrics are served");
            }
            http::serve_metrics(listener, app, exporter).await;
        }
    })
}

fn failed(error: std::io::Error) -> Failure {
    Failure::new(Failure::UNAVAILABLE, error.to_string())
}

async fn banner(app: &App, existed: bool, applied: usize, metrics: Option<SocketAddr>) -> Outcome {
    let config = &app.config;
    let url = &config.public_url;
    let development = config.environment == Environment::Development;
    let mode = if development { "development (loopback only)" } else { "production" };
    say(format_args!("guestlist {} · {mode}", env!("CARGO_PKG_VERSION")));
    let state = match (existed, applied) {
        (false, _) => format!("created, {applied} migrations applied"),
        (true, 0) => "up to date".to_owned(),
        (true, _) => format!("{applied} migrations applied"),
    };
    let place = match db::sqlite_path(&config.database_url) {
        Some(path) if path.is_relative() => format!("./{}", path.display()),
        Some(path) => path.display().to_string(),
        None => db::redact(&config.database_url),
    };
    say(format_args!("  database  {place}   {state}"));
    let explorer = if config.graphiql { "    explorer /graphiql" } else { "" };
    say(format_args!("  console   {url}/console"));
    say(format_args!("  graphql   {url}/graphql{explorer}    schema /schema.graphql"));
    if let Some(address) = metrics {
        say(format_args!("  metrics   http://{address}/metrics"));
    }
    let page = if development && app.mailer.describe().starts_with("captured") {
        format!("{url}/dev/mail   ")
    } else {
        String::new()
    };
    let held = match outbox::service::held(app.db.reader()).await? {
        Some(reason) => format!(", held back ({reason}) until `guestlist outbox release`"),
        None => String::new(),
    };
    say(format_args!("  mail      {page}{}{held}", app.mailer.describe()));
    if let Some(setup) = onboarding::service::setup_link(app).await? {
        say("");
        say("  No administrator yet. Open this link once, within 30 minutes:");
        say(format_args!("    {}", setup.link));
        say("  or run: guestlist create-superuser --email you@example.com");
        say("  Just looking? Run: guestlist demo");
    }
    Ok(())
}

/// Done when the process is told to stop. Signals are caught from the call on, not only once the future is waited for.
fn told_to_stop() -> impl Future<Output = ()> + Send {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
        async move {
            let (Ok(mut terminate), Ok(mut interrupt)) = signals else { return std::future::pending().await };
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
    }
    #[cfg(not(unix))]
    async {
        let _ = tokio::signal::ctrl_c().await;
    }
}
