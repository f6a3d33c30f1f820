//! `/metrics`, on a port of its own: figures are for those who run the service.

use std::time::Duration;

use poem::web::Data;
use poem::{EndpointExt as _, IntoEndpoint as _, IntoResponse as _, Response, Route, get, handler};
use tokio::net::TcpListener;

use super::server::{self, Connections};
use crate::app::App;
use crate::telemetry::metrics::{self, Exporter};
use crate::{db, outbox};

/// Connections at once, and how patient the port is.
const CONNECTIONS: Connections = Connections { most: 8, patience: Duration::from_secs(15) };
/// How long what waits may take to be counted; then the last figures stand.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often what was measured is put into buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// Serves `/metrics` until the task is ended.
pub async fn serve(listener: TcpListener, app: App, exporter: Exporter) {
    let routes = Route::new().at("/metrics", get(figures)).data(app).data(exporter.clone());
    let upkeep = async {
        loop {
            tokio::time::sleep(UPKEEP).await;
            exporter.upkeep();
        }
    };
    let endpoint = routes.into_endpoint().boxed();
    server::serve(listener, endpoint, CONNECTIONS, upkeep, Duration::ZERO).await;
}

#[handler]
async fn figures(Data(app): Data<&App>, Data(exporter): Data<&Exporter>) -> Response {
    if !matches!(tokio::time::timeout(PATIENCE, look_at_mail(app)).await, Ok(Ok(()))) {
        tracing::warn!("what waits to be sent could not be counted");
    }
    if let Some(path) = db::sqlite_path(&app.config.database_url) {
        for (file, suffix) in [("database", ""), ("wal", "-wal")] {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            if let Ok(found) = tokio::fs::metadata(name).await {
                metrics::sqlite(file, found.len());
            }
        }
    }
    exporter.render().with_content_type("text/plain; version=0.0.4; charset=utf-8").into_response()
}

async fn look_at_mail(app: &App) -> crate::error::Result<()> {
    let (depth, first) = outbox::service::backlog(app).await?;
    let oldest = first.and_then(|first| (app.clock.now() - first).to_std().ok()).unwrap_or_default();
    metrics::mail_queue(depth, oldest, outbox::service::held(app.db.reader()).await?.is_some());
    Ok(())
}
