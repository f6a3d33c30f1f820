//! Roster: changing who is in a tenant, and as what.
//!
//! - Every change is made under a lock on the tenant, and refused when it leaves no active owner.
//! - Nobody changes a member whose role is above their own, or grants one above their own.
//! - Pending invitations that the member may no longer stand for are cancelled in the same transaction.
//!
//! It stands above memberships because it needs invitations as well.

pub mod graphql;
pub mod service;
