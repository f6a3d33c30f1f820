//! Invitations as the schema shows them.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ID, Object, Positioned, ScalarType as _, SimpleObject, Value};

use super::delivery::Delivery;
use super::related::Related;
use crate::clock::Instant;
use crate::error::Error;
use crate::graphql::{
    AtHand, DateTime, EmailAddress, GqlError, GqlResult, JsonValue, Plain, Repeated, RequestContext as _,
    global, write_object, write_value,
};
use crate::id::{TypedId as _, UserId};
use crate::invitation::service::{NextStep, Preview};
use crate::invitation::{Brief, CancelReason, Invitation, InvitationStatus, Listed};
use crate::role::graphql::RoleObject;
use crate::tenant::graphql::TenantObject;
use crate::user::graphql::UserObject;
use crate::{membership, user::Person};

/// Fields for which the whole row is needed.
pub(super) const DETAILS: [&str; 8] =
    ["cancelReason", "invitedByName", "acceptedBy", "note", "metadata", "locale", "ipAddress", "decidedAt"];

/// An invitation, and whose eyes see it.
#[derive(Clone, Debug)]
pub struct InvitationObject {
    row: Listed,
    /// Whether the viewer manages invitations of the tenant; the invitee sees less.
    managed: bool,
    /// Who the invitee is known to be.
    viewer: Option<UserId>,
    /// What was read for the whole list already.
    related: Option<Arc<Related>>,
}

impl InvitationObject {
    /// As those see it who may invite.
    #[must_use]
    pub fn managed(row: Invitation) -> Self {
        Self { row: row.into(), managed: true, viewer: None, related: None }
    }

    /// As [`InvitationObject::managed`], in a list of a tenant's.
    #[must_use]
    pub fn listed(row: Listed, related: &Arc<Related>) -> Self {
        Self { row, managed: true, viewer: None, related: Some(related.clone()) }
    }

    /// As the invitee sees it: without what concerns the inviter's side alone.
    #[must_use]
    pub fn invitee(row: Invitation) -> Self {
        Self { row: row.into(), managed: false, viewer: None, related: None }
    }

    /// As the invitee sees it who has just accepted, or had before.
    #[must_use]
    pub fn accepted(row: Invitation, viewer: UserId) -> Self {
        Self { row: row.into(), managed: false, viewer: Some(viewer), related: None }
    }

    fn brief(&self) -> &Brief {
        &self.row.brief
    }

    /// When it is looked at: a list is of one moment.
    fn now(&self, ctx: &Context<'_>) -> Instant {
        self.related.as_ref().map_or_else(|| ctx.app().clock.now(), |related| related.now)
    }

    /// The whole row; a list has it where one of [`DETAILS`] is asked for.
    fn whole(&self) -> GqlResult<&Invitation> {
        self.row.whole.as_deref().ok_or_else(untold)
    }
}

/// A list has what it was told is asked for.
fn untold() -> GqlError {
    Error::internal("a list was not told what is asked for").into()
}

/// Offer to join a tenant with a role, made to one address.
#[Object(name = "Invitation")]
impl InvitationObject {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.brief().id)
    }

    /// Invited address.
    async fn email(&self) -> EmailAddress {
        EmailAddress(self.brief().email.clone())
    }

    /// Name that the inviter gave.
    async fn name(&self) -> Option<GqlResult<&str>> {
        self.brief().name.as_ref().ok_or_else(untold).map(Option::as_deref).transpose()
    }

    /// Role on offer.
    async fn role(&self, ctx: &Context<'_>) -> Option<GqlResult<Repeated<RoleObject>>> {
        let role_id = match self.brief().role_id.ok_or_else(untold) {
            Ok(role_id) => role_id,
            Err(error) => return Some(Err(error)),
        };
        if let Some(role) = self.related.as_ref().and_then(|related| related.roles.get(&role_id)) {
            return Some(Ok(role.clone()));
        }
        let loaded = ctx.load(role_id).await;
        loaded.map(|role| role.map(|role| Repeated::new(RoleObject(role)))).map_err(Into::into).transpose()
    }

    /// Where it stands now; an overdue one is EXPIRED from the moment it ends.
    async fn status(&self, ctx: &Context<'_>) -> InvitationStatus {
        self.brief().status_at(self.now(ctx))
    }

    /// Why it was cancelled.
    async fn cancel_reason(&self) -> Option<GqlResult<CancelReason>> {
        self.whole().map(|whole| whole.cancel_reason).transpose()
    }

    /// Tenant to join; null for an invitee who is not a member.
    async fn tenant(&self, ctx: &Context<'_>) -> Option<GqlResult<Repeated<TenantObject>>> {
        if let Some(related) = &self.related {
            return Some(Ok(related.tenant.clone()));
        }
        let tenant_id = match self.whole() {
            Ok(whole) => whole.tenant_id,
            Err(error) => return Some(Err(error)),
        };
        if !self.managed {
            let db = ctx.app().db.reader();
            match Box::pin(membership::service::authority(db, ctx.actor(), tenant_id)).await {
                Ok((tenant, _)) => return Some(Ok(Repeated::new(TenantObject(tenant)))),
                Err(Error::Internal(cause)) => return Some(Err(Error::Internal(cause).into())),
                Err(_) => return None,
            }
        }
        let loaded = ctx.load(tenant_id).await;
        loaded
            .map(|tenant| tenant.map(|tenant| Repeated::new(TenantObject(tenant))))
            .map_err(Into::into)
            .transpose()
    }

    /// Who invited; null for the command line and for the invitee.
    async fn invited_by(&self, ctx: &Context<'_>) -> Option<GqlResult<Repeated<UserObject>>> {
        let inviter_id = match self.brief().inviter_id.ok_or_else(untold) {
            Ok(inviter_id) => inviter_id.filter(|_| self.managed)?,
            Err(error) => return Some(Err(error)),
        };
        if let Some(user) = self.related.as_ref().and_then(|related| related.users.get(&inviter_id)) {
            return Some(Ok(user.clone()));
        }
        let loaded: Result<Option<Person>, _> = ctx.load(inviter_id).await;
        loaded.map(|user| user.map(|user| Repeated::new(UserObject(user)))).map_err(Into::into).transpose()
    }

    /// Name of the inviter when the invitation was made.
    async fn invited_by_name(&self) -> GqlResult<&str> {
        Ok(&self.whole()?.inviter_name)
    }

    /// Who accepted; for those who may invite, and for that person.
    async fn accepted_by(&self, ctx: &Context<'_>) -> Option<GqlResult<UserObject>> {
        let accepted_by = match self.whole() {
            Ok(whole) => whole.accepted_by.filter(|id| self.managed || self.viewer == Some(*id))?,
            Err(error) => return Some(Err(error)),
        };
        let loaded: Result<Option<Person>, _> = ctx.load(accepted_by).await;
        loaded.map(|user| user.map(UserObject)).map_err(Into::into).transpose()
    }

    /// Note to the invitee, plain text.
    async fn note(&self) -> Option<GqlResult<&str>> {
        self.whole().map(|whole| whole.note.as_deref()).transpose()
    }

    /// JSON object of the inviting application; only for those who may invite.
    async fn metadata(&self) -> Option<GqlResult<JsonValue>> {
        let shown = |whole: &Invitation| whole.metadata.as_ref().filter(|_| self.managed).cloned();
        self.whole().map(|whole| shown(whole).map(JsonValue)).transpose()
    }

    /// Language of the mail, as a language tag.
    async fn locale(&self) -> GqlResult<&str> {
        Ok(&self.whole()?.locale)
    }

    /// Where the request to invite came from; only for those who may invite.
    async fn ip_address(&self) -> Option<GqlResult<&str>> {
        self.whole().map(|whole| whole.ip_address.as_deref().filter(|_| self.managed)).transpose()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.brief().created_at)
    }

    /// When it ends; it can be accepted before that moment.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.brief().expires_at)
    }

    /// Whole seconds left, 0 when overdue; spares clients their own clock.
    async fn expires_in_seconds(&self, ctx: &Context<'_>) -> i32 {
        let left = (self.brief().expires_at - self.now(ctx)).num_seconds().max(0);
        i32::try_from(left).unwrap_or(i32::MAX)
    }

    /// When it reached a final state, or expired.
    async fn decided_at(&self, ctx: &Context<'_>) -> Option<GqlResult<DateTime>> {
        let overdue = self.brief().status_at(self.now(ctx)) == InvitationStatus::Expired;
        let decided = |whole: &Invitation| whole.decided_at.or(overdue.then_some(whole.expires_at));
        self.whole().map(|whole| decided(whole).map(DateTime)).transpose()
    }

    /// Where its latest mail stands.
    async fn delivery(&self, ctx: &Context<'_>) -> GqlResult<Plain<Delivery>> {
        let shown = |mail| Ok(Plain(Delivery::new(mail, self.managed)));
        if let Some(mail) = &self.row.mail {
            return shown(mail.as_ref());
        }
        let Some(outbox_id) = self.whole()?.outbox_id else { return shown(None) };
        let mail = ctx.load(outbox_id).await?;
        shown(mail.as_ref())
    }
}

impl AtHand for InvitationObject {
    fn write(&self, field: &Positioned<Field>, text: &mut Vec<u8>) -> Option<()> {
        let (related, brief) = (self.related.as_ref()?, self.brief());
        match field.node.name.node.as_str() {
            "id" => write_value(&brief.id.global(), text),
            "email" => write_value(&brief.email, text),
            "status" => write_value(&Value::from(brief.status_at(related.now)), text),
            "tenant" => related.tenant.write(field, text),
            "role" => related.roles.get(&brief.role_id?)?.write(field, text),
            "invitedBy" => related.users.get(&brief.inviter_id??)?.write(field, text),
            "createdAt" => write_value(&DateTime(brief.created_at).to_value(), text),
            "expiresAt" => write_value(&DateTime(brief.expires_at).to_value(), text),
            "delivery" => {
                let delivery = Delivery::new(self.row.mail.as_ref()?.as_ref(), self.managed);
                write_object(&delivery, &field.node.selection_set.node, text)
            }
            _ => None,
        }
    }
}

/// What the holder of an invitation token sees.
#[derive(Clone, Debug, SimpleObject)]
pub struct InvitationPreview {
    /// Invited address.
    email: EmailAddress,
    /// Name of the tenant.
    tenant_name: String,
    /// Name of the inviter when the invitation was made.
    invited_by_name: String,
    /// Name of the role on offer.
    role_name: String,
    /// Note to the invitee, plain text.
    note: Option<String>,
    /// Where it stands now.
    status: InvitationStatus,
    /// When it ends.
    expires_at: DateTime,
    /// What to do next.
    next_step: NextStep,
}

impl From<Preview> for InvitationPreview {
    fn from(preview: Preview) -> Self {
        Self {
            email: EmailAddress(preview.email),
            tenant_name: preview.tenant_name,
            invited_by_name: preview.inviter_name,
            role_name: preview.role_name,
            note: preview.note,
            status: preview.status,
            expires_at: DateTime(preview.expires_at),
            next_step: preview.next_step,
        }
    }
}
