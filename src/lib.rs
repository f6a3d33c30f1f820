//! Guestlist: invite-only identity for multi-tenant products, served as one GraphQL schema.
//!
//! Modules stand in reading order: from the command line inward to the slices, then what they share.
//! `docs/ARCHITECTURE.md` is the map.

pub mod cli;
pub mod config;
pub mod contract;
pub mod reference;

pub mod app;
pub mod http;
pub mod schema;
pub mod worker;

pub mod audit;
pub mod auth;
pub mod invitation;
pub mod membership;
pub mod onboarding;
pub mod platform;
pub mod post;
pub mod role;
pub mod roster;
pub mod tenancy;
pub mod tenant;
pub mod user;
pub mod webhook;

pub mod event;
pub mod mail;
pub mod outbox;

pub mod actor;
pub mod clock;
pub mod db;
pub mod email;
pub mod error;
pub mod graphql;
pub mod id;
pub mod keys;
pub mod limits;
pub mod page;
pub mod password;
pub mod password_reset;
pub mod permission;
pub mod standing;
pub mod telemetry;
pub mod text;
pub mod words;
