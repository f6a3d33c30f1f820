//! Passwords: changing one's own, and resetting a forgotten one with somebody's approval.
//!
//! ```text
//! requestReset ─▶ REQUESTED ─▶ APPROVED ─▶ COMPLETED
//!                     └▶ REJECTED | CANCELLED | EXPIRED      APPROVED ─▶ REJECTED | CANCELLED | EXPIRED
//! ```
//! - What a stranger asks for is written down alike for every address, and looked at off the request's path.
//! - At most one request is open per user: the database says so. A status changes by one guarded update.
//! - Approval releases a mail to the account's own mailbox; nobody else ever sees the link.
//! - Whoever gets a new password loses every session, and whatever reset was open.

pub mod graphql;
mod model;
pub mod service;

pub use model::{Model as ResetRequest, ResetStatus};

/// Why something was not done with a reset request, and the request where the caller may see it.
pub type Refused = crate::error::Refused<ResetRequest>;
