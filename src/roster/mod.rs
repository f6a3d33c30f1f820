//! Roster: changing who is in a tenant, and as what; and what there is to be.
//!
//! - Every change is made under a lock on the tenant, and refused when it leaves no active owner.
//! - Nobody changes a member whose role is above their own, or grants one above their own.
//! - Pending invitations that the member may no longer stand for are cancelled in the same transaction.
//!
//! - A role of the tenant's own is made, changed and deleted by those who may grant it; built-in ones stay as they are.
//!
//! It stands above memberships because it needs invitations as well.

pub mod graphql;
pub mod service;
