//! Mails as people see them who look after a tenant, or after the platform: where each stands, and trying or stopping it.
//!
//! The rows are the outbox's. Nobody sees a mail's text or link here. What an invitation's mail came to is read from the same
//! row by the invitation, so that stopping one shows there as well.

pub mod graphql;
pub mod service;
