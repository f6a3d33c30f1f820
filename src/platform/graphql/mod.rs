//! The platform in the schema.

mod objects;
mod root;

pub use objects::PlatformObject;
pub use root::{PlatformMutation, PlatformQuery};
