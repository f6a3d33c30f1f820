//! What a role lets its members do in a tenant.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Right to do one kind of thing in a tenant. Values may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, async_graphql::Enum)]
pub enum Permission {
    /// Invite people, and see, resend and cancel invitations.
    Invite,
    /// Change roles of members, suspend and remove them.
    ManageMembers,
    /// Make, change and delete the tenant's own roles.
    ManageRoles,
    /// Approve and reject password resets.
    ApproveResets,
    /// Read the tenant's events.
    ViewEvents,
    /// Change the tenant's name, slug and policies.
    ManageTenant,
}

impl Permission {
    /// Every permission, in the order of the schema.
    pub const ALL: [Self; 6] = [
        Self::Invite,
        Self::ManageMembers,
        Self::ManageRoles,
        Self::ApproveResets,
        Self::ViewEvents,
        Self::ManageTenant,
    ];

    /// The name as it stands in the schema, in access tokens and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::ManageMembers => "MANAGE_MEMBERS",
            Self::ManageRoles => "MANAGE_ROLES",
            Self::ApproveResets => "APPROVE_RESETS",
            Self::ViewEvents => "VIEW_EVENTS",
            Self::ManageTenant => "MANAGE_TENANT",
        }
    }
}

/// Set of permissions; stored as names separated by blanks, as OAuth does with scopes (RFC 6749 §3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, sea_orm::DeriveValueType)]
#[sea_orm(value_type = "String")]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// Every permission there is.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.into_iter().collect()
    }

    /// Whether the set holds `permission`.
    #[must_use]
    pub fn contains(&self, permission: Permission) -> bool {
        self.0.contains(&permission)
    }

    /// Whether `other` holds every permission of this set.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The permissions in the order of the schema.
    pub fn iter(&self) -> impl Iterator<Item = Permission> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Permission::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

/// A stored permission that this binary does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown permission `{0}`")]
pub struct UnknownPermission(String);

impl FromStr for Permissions {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_ascii_whitespace()
            .map(|name| {
                let known = Permission::ALL.into_iter().find(|p| p.as_str() == name);
                known.ok_or_else(|| UnknownPermission(name.to_owned()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_survive_being_stored() {
        let some: Permissions = [Permission::ViewEvents, Permission::Invite].into_iter().collect();
        assert_eq!(some.to_string(), "INVITE VIEW_EVENTS");
        assert_eq!(some.to_string().parse::<Permissions>().unwrap(), some);
        assert_eq!("".parse::<Permissions>().unwrap(), Permissions::default());
        assert!("INVITE FLY".parse::<Permissions>().is_err());
    }

    #[test]
    fn a_subset_holds_nothing_that_the_other_lacks() {
        let invite: Permissions = [Permission::Invite].into_iter().collect();
        assert!(invite.is_subset(&Permissions::all()));
        assert!(!Permissions::all().is_subset(&invite));
    }
}
