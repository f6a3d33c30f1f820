//! What is done once an hour: old deliveries and keys are forgotten, secrets sealed anew after a change of `SECRET_KEY`.

use chrono::TimeDelta;

use super::sign;
use crate::app::App;
use crate::error::Result;
use crate::webhook::model::{WebhookEndpoint, delivery, endpoint};

/// How long it is known what came of a delivery.
const KEPT: TimeDelta = TimeDelta::days(30);

/// Forgets what is over and seals anew what an earlier root secret sealed.
///
/// # Errors
/// Whatever the database says. A secret that does not open stops no other one.
pub async fn tend(app: &App) -> Result<()> {
    let now = app.clock.now();
    delivery::prune(app.db.writer(), now - KEPT).await?;
    endpoint::forget_previous(app.db.writer(), now).await?;
    for present in endpoint::every_one_all_tenants(app.db.reader()).await? {
        if let Err(error) = reseal(app, &present).await {
            tracing::error!(endpoint = ?present.id, cause = ?error, "the secret of a webhook cannot be opened");
        }
    }
    Ok(())
}

async fn reseal(app: &App, present: &WebhookEndpoint) -> Result<()> {
    let secret = sign::resealed(app, present.id, &present.sealed_secret)?;
    let previous = present.sealed_previous.as_ref();
    let before = previous.map(|sealed| sign::resealed(app, present.id, sealed)).transpose()?.flatten();
    if secret.is_none() && before.is_none() {
        return Ok(());
    }
    let secret = secret.unwrap_or_else(|| present.sealed_secret.clone());
    let previous = before.or_else(|| present.sealed_previous.clone());
    Ok(endpoint::reseal(app.db.writer(), present, secret, previous).await?)
}
