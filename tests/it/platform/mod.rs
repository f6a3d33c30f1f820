//! The platform as its administrators see it: users, health, jobs, settings.

mod health;
mod users;
