//! What can be done with members, and with the roles they can have.

mod members;
mod roles;

pub use members::{
    Changed, change_member_role, leave_tenant, reinstate_member, remove_member, suspend_member,
    transfer_ownership,
};
pub use roles::{NewRole, create_role, delete_role, update_role};
