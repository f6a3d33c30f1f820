//! Recording and reading events.

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::NewEvent;
use super::model::{self, Model};
use crate::actor::Actor;
use crate::app::App;
use crate::error::Result;

/// Records a fact in the transaction that made it true.
///
/// # Errors
/// Whatever the database says.
pub async fn record(app: &App, db: &impl ConnectionTrait, actor: &Actor, new: NewEvent) -> Result<()> {
    let (subject_type, subject_id) = new.subject.parts();
    let event = Model {
        id: app.fresh_id(),
        tenant_id: new.tenant_id,
        kind: new.kind.as_str().to_owned(),
        at: app.clock.now(),
        actor_id: new.by.or_else(|| actor.user_id()),
        subject_type: subject_type.to_owned(),
        subject_id,
        data: new.data,
        ip_address: actor.origin.ip_address.clone(),
        request_id: actor.origin.request_id.clone(),
    };
    Ok(model::insert(db, event).await?)
}

/// What happened to one object, oldest first. The caller has checked that the object may be seen.
///
/// # Errors
/// Whatever the database says.
pub async fn of_subject(db: &impl ConnectionTrait, subject: Uuid) -> Result<Vec<Model>> {
    Ok(model::of_subject(db, subject).await?)
}
