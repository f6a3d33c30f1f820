//! Faults on purpose, with the real binary as processes of its own. What is in a module `chaos` takes minutes and runs with
//! `just chaos`; a short form of each is in the normal suite. What needs PostgreSQL is in a module `postgres_only`, which
//! `tests/postgres.rs` runs.

mod clock;
mod database;
mod disk;
mod flood;
mod kill;
mod mail;
mod panic;
mod replicas;
mod slow;
mod streams;
