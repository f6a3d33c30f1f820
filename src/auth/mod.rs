//! Signing in, sessions and tokens.
//!
//! ```text
//! login ─▶ session (counter 0) ─refresh─▶ counter 1 ─refresh─▶ …   until revoked, idle too long or too old
//! ```
//! A session holds one number, the refresh counter. The refresh token is made from session and counter, so
//! that rotating is one guarded update and no token is stored. The token before the present one is answered
//! with the same successor for ten seconds while that is unused; anything older ends the session.
//! Access tokens are JWTs (RFC 7519, RFC 9068) signed with Ed25519, and every request reads session, user and
//! membership, so that a revoked one is refused at once.

pub mod graphql;
mod model;
pub mod service;

pub use model::session::Model as Session;
pub use service::Seen;
pub use service::access::AccessKeys;
