//! Tenants: organisations that own invitations, roles and events.
//!
//! A tenant is ACTIVE, SUSPENDED or DELETED. Only an active one can be joined; nothing is erased when it
//! is suspended.

pub mod graphql;
mod model;
pub mod service;

pub use model::{Filter, Model as Tenant, ResetPolicy, TenantStatus};
