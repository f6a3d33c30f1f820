//! Recording, sealing and reading events.

mod key;
mod live;
mod seal;
mod verify;

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::NewEvent;
use super::model::{self, Model};
use crate::actor::Actor;
use crate::app::App;
use crate::db::Batch;
use crate::error::Result;
use crate::id::{EventId, TenantId};
use crate::page::{Page, Slice};

pub use super::model::Filter;
pub use key::EventKey;
pub use live::{Feed, behind, follow, heads, position_of, recorded};
pub use seal::{log_heads, seal_due};
pub use verify::{Finding, Head, Report, verify};

/// Records a fact in the transaction that made it true.
///
/// # Errors
/// Whatever the database says.
pub async fn record(app: &App, db: &impl ConnectionTrait, actor: &Actor, new: NewEvent) -> Result<()> {
    Ok(model::insert(db, row(app, actor, new)).await?)
}

/// As [`record`], with statements that are sent together.
pub fn record_in(app: &App, batch: &mut Batch, actor: &Actor, new: NewEvent) {
    let insert = model::insertion(row(app, actor, new), batch.backend());
    batch.push(insert);
}

/// Records many facts in the transaction that made them true.
///
/// # Errors
/// Whatever the database says.
pub async fn record_many(
    app: &App,
    db: &impl ConnectionTrait,
    actor: &Actor,
    new: Vec<NewEvent>,
) -> Result<()> {
    let rows = new.into_iter().map(|new| row(app, actor, new)).collect();
    Ok(model::insert_many(db, rows).await?)
}

fn row(app: &App, actor: &Actor, new: NewEvent) -> Model {
    let (subject_type, subject_id) = new.subject.parts();
    let mut row = Model {
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
        mac: None,
        position: None,
        seal: None,
    };
    row.mac = Some(app.event_key.sign(&row));
    row
}

/// One page of a tenant's events, latest first. The caller has checked that they may be seen.
///
/// # Errors
/// Whatever the database says.
pub async fn list(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    filter: &Filter,
    page: &Page,
    count: bool,
) -> Result<Slice<Model>> {
    let total = if count { model::count(db, tenant, filter).await? } else { 0 };
    Ok(Slice::cut(model::list(db, tenant, filter, page).await?, page, total))
}

/// The event with this identifier. The caller checks that it may be seen.
///
/// # Errors
/// Whatever the database says.
pub async fn find_all_tenants(db: &impl ConnectionTrait, id: EventId) -> Result<Option<Model>> {
    Ok(model::by_id_all_tenants(db, id).await?)
}

/// Events by identifier. The caller checks that they may be seen.
///
/// # Errors
/// Whatever the database says.
pub async fn by_ids_all_tenants(db: &impl ConnectionTrait, ids: &[EventId]) -> Result<Vec<Model>> {
    Ok(model::by_ids_all_tenants(db, ids).await?)
}

/// What happened to one object, oldest first. The caller has checked that the object may be seen.
///
/// # Errors
/// Whatever the database says.
pub async fn of_subject(db: &impl ConnectionTrait, subject: Uuid) -> Result<Vec<Model>> {
    Ok(model::of_subject(db, subject).await?)
}
