//! Roles: a key, a name and a set of permissions, per tenant.
//!
//! `owner`, `admin` and `member` are built in and made with the tenant. Who may grant a role is decided by
//! one function, [`service::can_grant`].

pub mod graphql;
mod model;
pub mod service;

pub use model::{Model as Role, select_named};

/// Key of the role that holds every permission.
pub const OWNER: &str = "owner";
/// Key of the role for those who run a tenant without owning it.
pub const ADMIN: &str = "admin";
/// Key of the role with no permissions.
pub const MEMBER: &str = "member";
