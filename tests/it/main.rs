//! The integration tests: one binary, a module per feature, each test on a database of its own.
//!
//! Tests named `t…` and `r…` prove a promise of the security and reliability tables in `docs/`.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "fault tests say what they counted")]

mod accept;
mod account;
mod attacks;
mod bounds;
mod browsers;
mod bulk;
mod cli;
mod console;
mod crash;
mod decide;
mod delivery;
mod desk;
mod documents;
mod endpoint;
mod entrance;
mod events;
mod expiry;
mod faults;
mod figures;
mod fuzz;
mod guests;
mod invite;
mod layers;
mod list;
mod live;
mod mails;
mod matrix;
mod mirrored;
mod models;
mod node;
mod once;
mod opening;
mod overlaps;
mod pages;
mod parts;
mod platform;
mod preview;
mod races;
mod reading;
mod readme;
mod resend;
mod reset_rules;
mod resets;
mod roles;
mod roster;
mod sealed;
mod sessions;
mod smtp;
mod statements;
mod storage;
mod strength;
mod support;
mod tenancy;
mod tenants;
mod throttles;
mod timing;
mod tokens;
mod traces;
mod values;
mod walkthrough;
mod webhooks;
mod words;
