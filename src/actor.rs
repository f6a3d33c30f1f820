//! Who asks, from which session, in which tenant, with which permissions.

use std::sync::Arc;

use crate::clock::Instant;
use crate::email::Email;
use crate::error::{Error, Result};
use crate::id::{MembershipId, RoleId, SessionId, TenantId, UserId};
use crate::permission::{Permission, Permissions};
use crate::standing::Standing;

/// Where a request came from; kept with what it caused.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The client's address, `None` for the command line and jobs.
    pub ip_address: Option<String>,
    /// The client's own name, cut to 255 bytes.
    pub user_agent: Option<String>,
    /// Finds the request in the logs.
    pub request_id: Option<String>,
}

impl Origin {
    /// What limits by client count on: the address, an IPv6 one by its /64 network.
    #[must_use]
    pub fn network(&self) -> String {
        let Some(text) = &self.ip_address else { return "local".to_owned() };
        match text.parse::<std::net::IpAddr>().map(|ip| ip.to_canonical()) {
            Ok(std::net::IpAddr::V6(ip)) => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
            Ok(ip) => ip.to_string(),
            Err(_) => text.clone(),
        }
    }
}

/// A signed-in user, as read from the database for this request.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The user.
    pub user_id: UserId,
    /// The session that the access token belongs to.
    pub session_id: SessionId,
    /// Name as it is now.
    pub name: String,
    /// Address of the account.
    pub email: Email,
    /// Whether the address is known to be the user's.
    pub email_verified: bool,
    /// Whether the user administers the platform.
    pub is_superuser: bool,
    /// The tenant that the session speaks for, while the membership lives.
    pub active_tenant: Option<TenantId>,
    /// The membership in the active tenant.
    pub active_membership: Option<MembershipId>,
    /// When the account was made.
    pub created_at: Instant,
    /// What the user was in the tenant of the session when that was read, whatever their state and its own.
    pub standing: Option<Arc<Standing>>,
}

/// Who is behind a request.
#[derive(Clone, Debug)]
enum Who {
    Stranger,
    Operator,
    User(Box<Principal>),
}

/// Who asks, and from where.
#[derive(Clone, Debug)]
pub struct Actor {
    who: Who,
    /// Whether they only read, so that what they are in a tenant stays as it was read.
    reads: bool,
    /// Where the request came from.
    pub origin: Origin,
}

impl Actor {
    /// Somebody without a valid access token.
    #[must_use]
    pub fn stranger(origin: Origin) -> Self {
        Self { who: Who::Stranger, reads: false, origin }
    }

    /// Whoever runs a command on the host, and the service's own jobs.
    #[must_use]
    pub fn operator() -> Self {
        Self { who: Who::Operator, reads: false, origin: Origin::default() }
    }

    /// A signed-in user.
    #[must_use]
    pub fn user(principal: Principal, origin: Origin) -> Self {
        Self { who: Who::User(Box::new(principal)), reads: false, origin }
    }

    /// For one query: what the actor is in the tenant of the session is what was read with it, and not read again. A mutation may change that
    /// before it reads it, a subscription outlives it, and so does whatever keeps an actor for several operations.
    #[must_use]
    pub fn of_query(self) -> Self {
        Self { reads: true, ..self }
    }

    /// What the actor is in a tenant, where a query knows that already.
    #[must_use]
    pub fn standing_in(&self, tenant: TenantId) -> Option<&Standing> {
        let known = self.principal().filter(|_| self.reads)?.standing.as_deref();
        known.filter(|standing| standing.tenant_id == tenant)
    }

    /// The signed-in user, if there is one.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        match &self.who {
            Who::User(principal) => Some(principal),
            Who::Stranger | Who::Operator => None,
        }
    }

    /// The signed-in user.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when there is none.
    pub fn signed_in(&self) -> Result<&Principal> {
        self.principal().ok_or(Error::Unauthenticated)
    }

    /// The user's identifier, for events and rows; `None` for strangers and the operator.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.principal().map(|principal| principal.user_id)
    }

    /// Whether every tenant is open to the actor: superusers and the operator.
    #[must_use]
    pub fn is_platform_admin(&self) -> bool {
        matches!(self.who, Who::Operator) || self.principal().is_some_and(|p| p.is_superuser)
    }

    /// Refuses whoever does not administer the platform.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `FORBIDDEN`.
    pub fn require_platform(&self) -> Result<()> {
        self.known()?;
        if self.is_platform_admin() {
            return Ok(());
        }
        Err(Error::Forbidden("Only administrators of the platform may do this."))
    }

    /// Refuses strangers.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`.
    pub fn known(&self) -> Result<()> {
        match self.who {
            Who::Stranger => Err(Error::Unauthenticated),
            Who::Operator | Who::User(_) => Ok(()),
        }
    }

    /// The tenant that an operation is about: the one named, else the one the session speaks for.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` when neither is there.
    pub fn tenant_or_active(&self, named: Option<TenantId>) -> Result<TenantId> {
        named
            .or_else(|| self.principal().and_then(|p| p.active_tenant))
            .ok_or_else(|| Error::bad_input("tenantId", "Name a tenant: your session speaks for none."))
    }
}

/// What an actor may do in one tenant, read from a live membership in this request.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The role in it; `None` for superusers and the operator, who need none.
    pub role_id: Option<RoleId>,
    /// Whether the role is the built-in `owner`.
    pub is_owner: bool,
    /// Whether the actor administers the platform.
    pub is_platform_admin: bool,
    /// What the role permits; everything for platform administrators.
    pub permissions: Permissions,
}

impl Authority {
    /// Refuses whoever lacks `permission`.
    ///
    /// # Errors
    /// `FORBIDDEN` naming the permission.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if self.permissions.contains(permission) { Ok(()) } else { Err(Error::Lacks(permission)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(ip: &str) -> String {
        Origin { ip_address: Some(ip.to_owned()), ..Origin::default() }.network()
    }

    #[test]
    fn t6_one_client_has_one_network_however_its_address_is_spelled() {
        assert_eq!(network("192.0.2.1"), "192.0.2.1");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(network("2001:db8:0:1::5"), network("2001:0DB8:0000:0001:ffff::"));
        assert_ne!(network("2001:db8:0:1::5"), network("2001:db8:0:2::5"));
    }

    #[test]
    fn a_stranger_is_not_signed_in_and_the_operator_is_no_user() {
        let stranger = Actor::stranger(Origin::default());
        assert!(stranger.signed_in().is_err() && stranger.known().is_err() && !stranger.is_platform_admin());
        let operator = Actor::operator();
        assert!(operator.known().is_ok() && operator.is_platform_admin() && operator.user_id().is_none());
    }
}
