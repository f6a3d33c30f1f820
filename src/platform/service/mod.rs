//! What administrators of the platform look at. Everything here asks first whether they are.

mod health;
mod jobs;
mod users;

pub use health::{Database, MailHealth, database, mail, settings};
pub use jobs::{Job, Runs, jobs, last_heard_of_a_worker, record};
pub use users::{cursor, users};
