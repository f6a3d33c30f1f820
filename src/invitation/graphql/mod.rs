//! Invitations in the schema.

mod delivery;
mod inputs;
mod mutation;
mod object;
mod query;
mod related;

pub use mutation::InvitationMutation;
pub use object::InvitationObject;
pub use query::InvitationQuery;
