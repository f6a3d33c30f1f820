//! Typed identifiers. Inside they are UUIDv7; clients see an opaque global id such as `inv_0199…`.

use std::sync::Mutex;

use uuid::{ContextV7, Timestamp, Uuid};

use crate::clock::Instant;

/// An identifier of one kind of object, with the prefix that tells its kind to clients.
pub trait TypedId: Copy + From<Uuid> + Send + Sync + 'static {
    /// Lower-case letters in front of the underscore of a global id.
    const PREFIX: &'static str;

    /// The identifier without its type.
    fn uuid(self) -> Uuid;

    /// The global id that clients see: prefix, underscore, 32 lower-case hexadecimal digits.
    fn global(self) -> String {
        let mut digits = [0; 32];
        [Self::PREFIX, "_", self.uuid().simple().encode_lower(&mut digits)].concat()
    }

    /// Reads a global id of this kind back; `None` for any other text.
    fn from_global(text: &str) -> Option<Self> {
        let hex = text.strip_prefix(Self::PREFIX)?.strip_prefix('_')?;
        let lower = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex.len() != 32 || !lower {
            return None;
        }
        Uuid::try_parse(hex).ok().map(Self::from)
    }
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, sea_orm::DeriveValueType)]
        pub struct $name(Uuid);

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl TypedId for $name {
            const PREFIX: &'static str = $prefix;

            fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl sea_orm::TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, sea_orm::DbErr> {
                Err(sea_orm::DbErr::ConvertFromU64(stringify!($name)))
            }
        }
    };
}

typed_id!(
    /// Identifier of a user.
    UserId, "usr"
);
typed_id!(
    /// Identifier of a tenant.
    TenantId, "ten"
);
typed_id!(
    /// Identifier of a role.
    RoleId, "rol"
);
typed_id!(
    /// Identifier of a membership.
    MembershipId, "mem"
);
typed_id!(
    /// Identifier of a session.
    SessionId, "ses"
);
typed_id!(
    /// Identifier of an invitation.
    InvitationId, "inv"
);
typed_id!(
    /// Identifier of a reset request.
    ResetRequestId, "rst"
);
typed_id!(
    /// Identifier of a wish for a reset that has not been looked at yet.
    ResetIntakeId, "rin"
);
typed_id!(
    /// Identifier of a row of the outbox; makes the `Message-ID` of its mail.
    OutboxId, "out"
);
typed_id!(
    /// Identifier of an event.
    EventId, "evt"
);
typed_id!(
    /// Identifier of an endpoint that events are posted to.
    WebhookEndpointId, "whk"
);
typed_id!(
    /// Identifier of the delivery of an event to an endpoint; its `webhook-id`.
    WebhookDeliveryId, "whd"
);

/// The global id of an object of a type of the schema; `None` for a type that has none.
#[must_use]
pub fn global_of_type(type_name: &str, id: Uuid) -> Option<String> {
    let prefix = match type_name {
        "User" => UserId::PREFIX,
        "Tenant" => TenantId::PREFIX,
        "Role" => RoleId::PREFIX,
        "Membership" => MembershipId::PREFIX,
        "Session" => SessionId::PREFIX,
        "Invitation" => InvitationId::PREFIX,
        "ResetRequest" => ResetRequestId::PREFIX,
        "Event" => EventId::PREFIX,
        "WebhookEndpoint" => WebhookEndpointId::PREFIX,
        "Mail" => OutboxId::PREFIX,
        _ => return None,
    };
    Some(format!("{prefix}_{}", id.simple()))
}

/// The identifier in a global id of whatever type; `None` for any other text.
#[must_use]
pub fn uuid_of_any(global: &str) -> Option<Uuid> {
    let (_, hex) = global.split_once('_')?;
    Uuid::try_parse(hex).ok()
}

/// Makes UUIDv7 values that sort in the order in which they were made, within a millisecond too.
#[derive(Debug)]
pub struct IdSource(Mutex<ContextV7>);

impl Default for IdSource {
    fn default() -> Self {
        Self(Mutex::new(ContextV7::new()))
    }
}

impl IdSource {
    /// A fresh identifier for an object made at `now`.
    pub fn fresh<T: TypedId>(&self, now: Instant) -> T {
        let context = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let stamp = Timestamp::from_unix(&*context, seconds, now.timestamp_subsec_nanos());
        T::from(Uuid::new_v7(stamp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_global_id_reads_back_only_as_its_own_kind() {
        let id: InvitationId = IdSource::default().fresh(Instant::default());
        let text = id.global();
        assert_eq!(InvitationId::from_global(&text), Some(id));
        assert_eq!(UserId::from_global(&text), None);
        for other in ["", "inv", "inv_", "inv_xyz", &text.to_uppercase(), &format!("{text}0"), &text[4..]] {
            assert_eq!(InvitationId::from_global(other), None, "{other}");
        }
    }

    #[test]
    fn ids_of_one_millisecond_sort_in_the_order_of_their_making() {
        let source = IdSource::default();
        let ids: Vec<EventId> = (0..1_000).map(|_| source.fresh(Instant::default())).collect();
        assert!(ids.is_sorted());
    }
}
