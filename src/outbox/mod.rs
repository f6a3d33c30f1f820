//! Outbox: mails that are owed, written in the transaction that caused them.
//!
//! ```text
//! QUEUED ─▶ SENT | FAILED (permanent refusal) | SUPPRESSED (its reason is gone)
//!    └───▶ RETRYING ─▶ the same
//! ```
//! A row holds identifiers, never a secret or an address: the mail is rendered when it is sent, and a retry
//! renders the same link and the same `Message-ID`. A row is claimed by a conditional update with a lease
//! and completed only by whoever made its latest attempt, so that several workers share one table. Nothing
//! is sent inside a transaction. Delivery is at least once until the mail's reason ends.

mod model;
pub mod service;

pub use model::{DeliveryState, Filter, MailKind, Model as OutboxMail, Standing, join_standing};
