//! Audit: reading a tenant's events, for those who may.
//!
//! Events are written below every slice; who may read them is a question of membership, so that it is asked here.

pub mod graphql;
pub mod service;
