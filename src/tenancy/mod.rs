//! Tenancy: the tenant itself, its name, policy and state.
//!
//! ```text
//! ACTIVE ⇄ SUSPENDED      ACTIVE | SUSPENDED ─▶ DELETED ─(30 days)─▶ erased      DELETED ─▶ ACTIVE (reinstated)
//! ```
//! It stands above the slices because deleting and erasing touch all of them.

pub mod graphql;
pub mod service;
