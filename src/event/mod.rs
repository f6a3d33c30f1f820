//! Events: append-only facts. Audit log, live feed and webhooks read the same table.
//!
//! An event is written in the transaction that changed something, so that there is one exactly when the
//! change is real.

mod model;
pub mod service;

use serde_json::Value;
use uuid::Uuid;

use crate::id::{
    InvitationId, MembershipId, OutboxId, ResetRequestId, RoleId, SessionId, TenantId, TypedId as _, UserId,
    WebhookEndpointId,
};
use crate::page::{Cursor, SortKey};

pub use model::Model as Event;
pub use service::{EventKey, Feed};

/// Name of the order of a list of events, as cursors carry it.
pub const ORDER: &str = "AT";

/// The place of an event in a list.
#[must_use]
pub fn cursor(event: &Event) -> Cursor {
    Cursor { order: ORDER.into(), key: SortKey::Time(event.at.timestamp_millis()), id: event.id.uuid() }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What happened. `docs/API.md` lists every kind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
        }

        impl EventKind {
            /// Every kind, by the name that is stored and shown.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $text),)*];

            /// The dotted name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

kinds! {
    /// An account was made.
    UserCreated = "user.created",
    /// A user changed their name.
    UserUpdated = "user.updated",
    /// A user has another password, changed or reset; every other session of theirs ended.
    UserPasswordChanged = "user.password_changed",
    /// An address became known to be its user's.
    UserEmailVerified = "user.email_verified",
    /// A tenant was made.
    TenantCreated = "tenant.created",
    /// A tenant has another name, slug or policy.
    TenantUpdated = "tenant.updated",
    /// A tenant was closed for the time being.
    TenantSuspended = "tenant.suspended",
    /// A suspended or deleted tenant is open again.
    TenantReinstated = "tenant.reinstated",
    /// A tenant was deleted; it is erased after 30 days.
    TenantDeleted = "tenant.deleted",
    /// A deleted tenant was erased for good.
    TenantErased = "tenant.erased",
    /// The tenant made a role of its own.
    RoleCreated = "role.created",
    /// A role was renamed, or permits something else.
    RoleUpdated = "role.updated",
    /// A role was deleted.
    RoleDeleted = "role.deleted",
    /// Somebody became a member.
    MembershipCreated = "membership.created",
    /// A member has another role.
    MembershipRoleChanged = "membership.role_changed",
    /// A membership was suspended.
    MembershipSuspended = "membership.suspended",
    /// A suspended membership counts again.
    MembershipReinstated = "membership.reinstated",
    /// Somebody was removed from the tenant.
    MembershipRemoved = "membership.removed",
    /// Somebody left the tenant.
    MembershipLeft = "membership.left",
    /// Somebody was invited.
    InvitationCreated = "invitation.created",
    /// An invitation was sent again with a new link.
    InvitationResent = "invitation.resent",
    /// An invitation was accepted.
    InvitationAccepted = "invitation.accepted",
    /// An invitation was declined.
    InvitationDeclined = "invitation.declined",
    /// An invitation was withdrawn, or lost its ground.
    InvitationCancelled = "invitation.cancelled",
    /// An invitation ran out.
    InvitationExpired = "invitation.expired",
    /// Somebody asked for their password to be reset.
    ResetRequested = "reset.requested",
    /// A reset was approved; a link went to the mailbox of the account, or was printed on the host.
    ResetApproved = "reset.approved",
    /// A reset was turned down, or its approval taken back.
    ResetRejected = "reset.rejected",
    /// A reset lost its ground, or was withdrawn by who had asked.
    ResetCancelled = "reset.cancelled",
    /// A password was reset; every session of its user ended.
    ResetCompleted = "reset.completed",
    /// A reset was not decided, or its link not used, in time.
    ResetExpired = "reset.expired",
    /// Somebody signed in.
    SessionCreated = "session.created",
    /// A session speaks for another tenant.
    SessionTenantSwitched = "session.tenant_switched",
    /// A session ended before its time.
    SessionRevoked = "session.revoked",
    /// A refresh token was used again after it had been replaced; the session was ended.
    SessionReuseDetected = "session.reuse_detected",
    /// A mail that failed or was put off was made due at once.
    MailRetried = "mail.retried",
    /// A mail was stopped before it was sent.
    MailCancelled = "mail.cancelled",
    /// An endpoint for events was made.
    WebhookCreated = "webhook.created",
    /// An endpoint has another URL, description, choice of events or state.
    WebhookUpdated = "webhook.updated",
    /// An endpoint was deleted, and what waited for it.
    WebhookDeleted = "webhook.deleted",
    /// An endpoint has another secret; the one before it signs for a day.
    WebhookSecretRotated = "webhook.secret_rotated",
    /// An endpoint was disabled by the service.
    WebhookDisabled = "webhook.disabled",
    /// A delivery was made due once more.
    WebhookRedelivered = "webhook.redelivered",
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// An account.
    User(UserId),
    /// A tenant.
    Tenant(TenantId),
    /// A role.
    Role(RoleId),
    /// A membership.
    Membership(MembershipId),
    /// An invitation.
    Invitation(InvitationId),
    /// A reset request.
    ResetRequest(ResetRequestId),
    /// A session.
    Session(SessionId),
    /// An endpoint that events are posted to.
    Webhook(WebhookEndpointId),
    /// A mail.
    Mail(OutboxId),
}

impl Subject {
    /// Name of the type as the schema has it, and the identifier.
    #[must_use]
    pub fn parts(self) -> (&'static str, Uuid) {
        match self {
            Self::User(id) => ("User", id.uuid()),
            Self::Tenant(id) => ("Tenant", id.uuid()),
            Self::Role(id) => ("Role", id.uuid()),
            Self::Membership(id) => ("Membership", id.uuid()),
            Self::Invitation(id) => ("Invitation", id.uuid()),
            Self::ResetRequest(id) => ("ResetRequest", id.uuid()),
            Self::Session(id) => ("Session", id.uuid()),
            Self::Webhook(id) => ("WebhookEndpoint", id.uuid()),
            Self::Mail(id) => ("Mail", id.uuid()),
        }
    }
}

/// A fact about to be recorded.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// What happened.
    pub kind: EventKind,
    /// The tenant it happened in, if it was in one.
    pub tenant_id: Option<TenantId>,
    /// What it is about.
    pub subject: Subject,
    /// The user who did it, where it is not the actor (somebody who has just made an account).
    pub by: Option<UserId>,
    /// More about it; never a token, password or address.
    pub data: Value,
}

impl NewEvent {
    /// A fact without further data, done by the actor.
    #[must_use]
    pub fn of(kind: EventKind, tenant_id: Option<TenantId>, subject: Subject) -> Self {
        Self { kind, tenant_id, subject, by: None, data: Value::Object(serde_json::Map::new()) }
    }

    /// The same fact with more about it.
    #[must_use]
    pub fn with(mut self, data: Value) -> Self {
        self.data = data;
        self
    }

    /// The same fact, done by `user`.
    #[must_use]
    pub fn by(mut self, user: UserId) -> Self {
        self.by = Some(user);
        self
    }
}
