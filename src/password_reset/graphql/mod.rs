//! Passwords and reset requests in the schema.

mod inputs;
mod mutation;
mod object;
mod query;

pub use mutation::PasswordMutation;
pub use object::ResetRequestObject;
pub use query::PasswordQuery;
