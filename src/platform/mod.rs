//! The platform as its administrators see it: every account, whether the service is well, and how it is set.
//!
//! Workers keep what became of their tasks in memory and write it down once a minute, so that every process can tell, and
//! an idle service commits next to nothing. It stands above the slices because it looks at all of them.

pub mod graphql;
mod model;
pub mod service;

pub use service::Runs;
