//! Following the events of a tenant's invitations: first those behind a cursor, then each as it happens.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use tokio::sync::watch;

use crate::actor::Actor;
use crate::app::App;
use crate::error::{Error, Result};
use crate::event::{self, Event};
use crate::id::{EventId, TenantId};
use crate::page::PageArgs;
use crate::permission::Permission;
use crate::{auth, membership};

/// What is followed.
const FAMILY: &str = "invitation.";
/// Events that are read at a time.
const BATCH: u64 = 100;
/// How often a follower's rights are looked at while nothing happens.
const RIGHTS: Duration = Duration::from_secs(15);

struct Follower {
    app: App,
    actor: Actor,
    tenant: TenantId,
    position: i64,
    head: watch::Receiver<i64>,
    read: VecDeque<Event>,
}

/// Events of the invitations of a tenant, in the order in which they were committed. Without a cursor only those that
/// follow; with one, that of an event in whatever list, all behind it.
///
/// The stream ends with UNAUTHENTICATED when the session ends, with NOT_FOUND or FORBIDDEN when the right does.
///
/// # Errors
/// `UNAUTHENTICATED`, `NOT_FOUND`, `FORBIDDEN` without INVITE, `BAD_USER_INPUT` at `after`.
pub async fn follow(
    app: &App,
    actor: &Actor,
    tenant_id: Option<TenantId>,
    after: Option<String>,
) -> Result<impl Stream<Item = Result<Event>> + Send + 'static> {
    actor.known()?;
    let tenant = actor.tenant_or_active(tenant_id)?;
    may(app, actor, tenant).await?;
    let head = event::service::follow(app, tenant).await?;
    let position = match after {
        None => *head.borrow(),
        Some(after) => {
            let page = PageArgs { after: Some(after), ..PageArgs::default() };
            let cursor = page.check(event::ORDER, true, app.config.max_page)?.after;
            let unknown = || Error::bad_input("after", "This is no cursor of an event in this tenant.");
            let id = EventId::from(cursor.ok_or_else(unknown)?.id);
            event::service::position_of(app, tenant, id).await?.ok_or_else(unknown)?
        }
    };
    let (app, actor) = (app.clone(), actor.clone());
    // Boxed, since it moves between a step and the next: there is room for it in both else.
    let follower = Box::new(Follower { app, actor, tenant, position, head, read: VecDeque::new() });
    Ok(stream::try_unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Ok(Some((event, follower)))
    }))
}

async fn may(app: &App, actor: &Actor, tenant: TenantId) -> Result<()> {
    let (_, authority) = membership::service::authority(app.db.reader(), actor, tenant).await?;
    authority.require(Permission::Invite)
}

impl Follower {
    async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.read.pop_front() {
                return Ok(event);
            }
            // Boxed: a stream has the room for it as long as it is followed, and waits nearly always.
            Box::pin(self.look_at_rights()).await?;
            // Marked as seen before reading: what is sealed meanwhile wakes again.
            self.head.borrow_and_update();
            let behind = event::service::behind(&self.app, self.tenant, self.position, FAMILY, BATCH);
            let rows = Box::pin(behind).await?;
            if let Some(last) = rows.last() {
                self.position = last.position.unwrap_or(self.position);
                self.read.extend(rows);
                continue;
            }
            let _ = tokio::time::timeout(RIGHTS, self.head.changed()).await;
        }
    }

    async fn look_at_rights(&mut self) -> Result<()> {
        if let Some(session) = self.actor.principal().map(|principal| principal.session_id) {
            self.actor = auth::service::of_session(&self.app, session, self.actor.origin.clone()).await?;
        }
        self.actor.known()?;
        may(&self.app, &self.actor, self.tenant).await
    }
}
