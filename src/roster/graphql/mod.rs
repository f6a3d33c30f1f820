//! Administration of members and roles in the schema.

mod members;
mod roles;

pub use members::RosterMutation;
pub use roles::RoleMutation;
