//! For load balancers and supervisors.

use std::time::Duration;

use chrono::SecondsFormat;
use poem::http::StatusCode;
use poem::web::Data;
use poem::{IntoResponse as _, Response, handler};
use tokio::sync::watch;

use super::State;
use crate::db::OpenError;
use crate::platform;

/// How slow the database may be.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether the service takes requests; off from the moment that it is told to stop.
#[derive(Clone, Debug)]
pub struct Readiness(watch::Sender<bool>);

impl Default for Readiness {
    fn default() -> Self {
        Self(watch::Sender::new(true))
    }
}

impl Readiness {
    /// Says that the service is about to stop.
    pub fn withdraw(&self) {
        self.0.send_replace(false);
    }

    fn get(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the service is told to stop.
    pub(super) async fn withdrawn(&self) {
        let _ = self.0.subscribe().wait_for(|ready| !ready).await;
    }
}

/// `GET /livez`: the process answers.
#[handler]
pub(super) fn livez() -> &'static str {
    "ok\n"
}

/// What is to be said about workers: nothing while one was heard of in the last minutes. Requests are taken without one, so
/// that it is no reason to refuse them.
async fn worker_said(state: &State) -> String {
    let heard = platform::service::last_heard_of_a_worker(&state.app);
    match tokio::time::timeout(PATIENCE, heard).await {
        Ok(Ok((Some(at), true))) => {
            format!("no worker was heard of since {}\n", at.to_rfc3339_opts(SecondsFormat::Secs, true))
        }
        Ok(Ok((None, _))) => "no worker was heard of yet\n".to_owned(),
        _ => String::new(),
    }
}

/// `GET /readyz`: the database answers, its schema is this binary's, and nobody has asked us to stop.
#[handler]
pub(super) async fn readyz(Data(state): Data<&State>) -> Response {
    let unready = |why: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response();
    if !state.readiness.get() {
        return unready("stopping");
    }
    match tokio::time::timeout(PATIENCE, state.app.db.pending()).await {
        Ok(Ok(pending)) if pending.is_empty() => format!("ok\n{}", worker_said(state).await).into_response(),
        Ok(Ok(_)) => unready("migrations are pending"),
        Ok(Err(OpenError::Newer(_))) => unready("the database's schema is not this binary's"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            unready("the database does not answer")
        }
        Err(_) => unready("the database is too slow"),
    }
}
