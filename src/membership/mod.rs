//! Memberships: user × tenant × role, the only way into a tenant.
//!
//! What an actor may do in a tenant is read from a live membership in each request, never from a token:
//! [`service::authority`] is the door that every tenant-scoped operation passes.

pub mod graphql;
mod model;
pub mod service;

pub(crate) use model::standing::statement as standing_statement;
pub use model::{MembershipStatus, Model as Membership};
