//! Users: one person, one address, one password, platform-wide.
//!
//! An account is made by accepting an invitation, or on the host by `create-superuser`; nobody registers.

pub mod graphql;
mod model;
pub mod service;

pub use model::{Filter, Model as User, Person, UserStatus, select_named};
