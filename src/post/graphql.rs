//! Mails in the schema.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::service::{self, Addressed};
use crate::error::Error;
use crate::graphql::{
    AtHand, Connection, DateTime, EmailAddress, GqlResult, RequestContext as _, Rows, UserError, global,
    parse_id, settle_with,
};
use crate::id::{OutboxId, TenantId};
use crate::outbox::{DeliveryState, Filter, MailKind, OutboxMail};
use crate::page::PageArgs;

/// Which mails to list: all conditions hold, an absent one always does.
#[derive(Default, InputObject)]
pub struct MailFilter {
    /// In any of these states.
    state: Option<Vec<DeliveryState>>,
    /// Of any of these kinds.
    kind: Option<Vec<MailKind>>,
}

/// A mail; whoever makes one has checked that the viewer looks after it.
#[derive(Clone, Debug)]
pub struct MailObject(pub OutboxMail);

impl AtHand for MailObject {}

/// Mail that is or was owed, for those who look after its tenant: never its text or link.
#[Object(name = "Mail")]
impl MailObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Which mail it is.
    async fn kind(&self) -> MailKind {
        self.0.kind
    }

    /// Where it stands. SENT means that the mail server took it.
    async fn state(&self) -> DeliveryState {
        self.0.state
    }

    /// Address that it goes to; null when its recipient is gone.
    async fn recipient(&self, ctx: &Context<'_>) -> Option<GqlResult<EmailAddress>> {
        let loaded = ctx.load(Addressed::of(&self.0)).await;
        loaded.map(|address| address.map(EmailAddress)).map_err(Into::into).transpose()
    }

    /// Attempts made so far.
    async fn attempts(&self) -> i32 {
        i32::try_from(self.0.attempts).unwrap_or(i32::MAX)
    }

    /// When it was owed.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When the last attempt was made.
    async fn last_attempt_at(&self) -> Option<DateTime> {
        self.0.last_attempt_at.map(DateTime)
    }

    /// When the next attempt is due; null when none is.
    async fn next_attempt_at(&self) -> Option<DateTime> {
        self.0.next_attempt_at.map(DateTime)
    }

    /// Last answer of the mail server, or why there was none.
    async fn last_reply(&self) -> Option<&str> {
        self.0.last_reply.as_deref()
    }
}

impl Loader<Addressed> for Rows {
    type Value = String;
    type Error = Arc<Error>;

    async fn load(&self, keys: &[Addressed]) -> Result<HashMap<Addressed, String>, Arc<Error>> {
        service::recipients(&self.0, keys).await.map_err(Arc::new)
    }
}

/// A page of a tenant's mails, or of those that belong to none.
pub(crate) async fn listed(
    ctx: &Context<'_>,
    tenant: Option<TenantId>,
    page: PageArgs,
    filter: Option<MailFilter>,
) -> Option<GqlResult<Connection<MailObject>>> {
    let count = ctx.look_ahead().field("totalCount").exists();
    let filter = filter.unwrap_or_default();
    let filter = Filter { states: filter.state, kinds: filter.kind };
    let listed = Box::pin(service::mails(ctx.app(), ctx.actor(), tenant, filter, page, count)).await;
    let shown = |slice| Connection::new(slice, service::cursor, MailObject);
    Some(listed.map(shown).map_err(Into::into))
}

/// Mail to try again.
#[derive(InputObject)]
pub struct RetryMailInput {
    /// Global id of the mail.
    mail_id: ID,
}

/// Mail to stop.
#[derive(InputObject)]
pub struct CancelMailInput {
    /// Global id of the mail.
    mail_id: ID,
}

/// Outcome of `retryMail`.
#[derive(SimpleObject)]
pub struct RetryMailPayload {
    /// Mail as it is now; null when it is hidden.
    mail: Option<MailObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Outcome of `cancelMail`.
#[derive(SimpleObject)]
pub struct CancelMailPayload {
    /// Mail as it is now; null when it is hidden.
    mail: Option<MailObject>,
    /// Why it was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// Mutations of this slice.
#[derive(Debug, Default)]
pub struct MailMutation;

#[Object]
impl MailMutation {
    /// Makes a mail due at once that failed or was put off; needs MANAGE_TENANT, and a superuser for mails of no tenant.
    async fn retry_mail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mail to try again.")] input: RetryMailInput,
    ) -> Option<GqlResult<RetryMailPayload>> {
        let done = async { service::retry_mail(ctx.app(), ctx.actor(), mail(ctx, &input.mail_id)?).await };
        let shown = settle_with(Box::pin(done).await, MailObject);
        Some(shown.map(|(mail, user_errors)| RetryMailPayload { mail, user_errors }))
    }

    /// Stops a mail that is not sent yet; needs MANAGE_TENANT, and a superuser for mails of no tenant. The invitation that it is
    /// for stays pending, and can be sent again.
    async fn cancel_mail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Mail to stop.")] input: CancelMailInput,
    ) -> Option<GqlResult<CancelMailPayload>> {
        let done = async { service::cancel_mail(ctx.app(), ctx.actor(), mail(ctx, &input.mail_id)?).await };
        let shown = settle_with(Box::pin(done).await, MailObject);
        Some(shown.map(|(mail, user_errors)| CancelMailPayload { mail, user_errors }))
    }
}

fn mail(ctx: &Context<'_>, id: &ID) -> crate::error::Result<OutboxId> {
    ctx.actor().known()?;
    parse_id("mailId", "mail", id)
}
