//! Onboarding: making a tenant, with its built-in roles and its first owner.
//!
//! It stands above the slices because it needs several of them in one transaction.

pub mod graphql;
pub mod service;
