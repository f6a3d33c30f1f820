//! Invitations: an offer to join a tenant with a role, made to one address.
//!
//! ```text
//! invite ─▶ PENDING ─▶ ACCEPTED | DECLINED | CANCELLED(reason) | EXPIRED
//! resend: PENDING ─▶ PENDING, EXPIRED ─▶ PENDING  (same row, generation + 1, new expiry)
//! ```
//! - ACCEPTED, DECLINED and CANCELLED are final and block nothing.
//! - At most one invitation is pending per tenant and address: the database says so.
//! - A status changes by one guarded update; whoever changes no row reads again and answers with what is.
//! - Expiry is a fact computed from the clock on every read and write; the sweep only records it.
//! - How its mail fares is another matter, and the outbox's.

pub mod graphql;
mod model;
pub mod service;

pub use model::{Brief, CancelReason, Columns, InvitationStatus, Listed, Model as Invitation};

/// Why something was not done with an invitation, and the invitation where the caller may see it.
pub type Refused = crate::error::Refused<Invitation>;
