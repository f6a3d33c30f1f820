//! Database schema of Guestlist: one file per table with its indexes, forward only.
//!
//! Every statement is written once, in the words SQLite and PostgreSQL share (`uuid`, `timestamptz`,
//! `jsonb` and partial indexes are understood by both: SQLite takes any type name and stores identifiers
//! as 16-byte blobs and instants as RFC 3339 text). Times are UTC, identifiers are UUIDv7.

use sea_orm_migration::prelude::*;

/// Implements `MigrationTrait` for a file whose statements stand in `const UP: &[&str]`.
///
/// Each file runs in one transaction on both databases, so that an interrupted upgrade can be repeated.
macro_rules! migration {
    () => {
        /// Creates the table that the file is named after.
        #[derive(sea_orm_migration::prelude::DeriveMigrationName)]
        pub(crate) struct Migration;

        #[sea_orm_migration::async_trait::async_trait]
        impl sea_orm_migration::MigrationTrait for Migration {
            async fn up(
                &self,
                manager: &sea_orm_migration::SchemaManager,
            ) -> Result<(), sea_orm_migration::DbErr> {
                use sea_orm_migration::sea_orm::ConnectionTrait as _;
                for statement in UP {
                    manager.get_connection().execute_unprepared(statement).await?;
                }
                Ok(())
            }

            fn use_transaction(&self) -> Option<bool> {
                Some(true)
            }
        }
    };
}

mod m0001_user;
mod m0002_tenant;
mod m0003_role;
mod m0004_membership;
mod m0005_session;
mod m0006_outbox;
mod m0007_invitation;
mod m0008_reset_request;
mod m0009_event;
mod m0010_signing_key;
mod m0011_rate_limit;
mod m0012_reset_intake;
mod m0013_outbox_hold;
mod m0014_event_seal;
mod m0015_idempotency;
mod m0016_webhook;
mod m0017_job;
mod m0018_outbox_list;
mod m0019_membership_list;
mod m0020_invitation_search;
mod m0021_pending_bound;
mod m0022_pending_address;
mod m0023_search_block;

/// Every migration in the order in which it is applied.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_user::Migration),
            Box::new(m0002_tenant::Migration),
            Box::new(m0003_role::Migration),
            Box::new(m0004_membership::Migration),
            Box::new(m0005_session::Migration),
            Box::new(m0006_outbox::Migration),
            Box::new(m0007_invitation::Migration),
            Box::new(m0008_reset_request::Migration),
            Box::new(m0009_event::Migration),
            Box::new(m0010_signing_key::Migration),
            Box::new(m0011_rate_limit::Migration),
            Box::new(m0012_reset_intake::Migration),
            Box::new(m0013_outbox_hold::Migration),
            Box::new(m0014_event_seal::Migration),
            Box::new(m0015_idempotency::Migration),
            Box::new(m0016_webhook::Migration),
            Box::new(m0017_job::Migration),
            Box::new(m0018_outbox_list::Migration),
            Box::new(m0019_membership_list::Migration),
            Box::new(m0020_invitation_search::Migration),
            Box::new(m0021_pending_bound::Migration),
            Box::new(m0022_pending_address::Migration),
            Box::new(m0023_search_block::Migration),
        ]
    }
}

/// Tables in the order in which their rows can be deleted: no row is referred to by one that is left.
pub const TABLES: &[&str] = &[
    "job",
    "outbox_hold",
    "rate_limit",
    "idempotency",
    "signing_key",
    "webhook_delivery",
    "webhook_endpoint",
    "event",
    "reset_intake",
    "reset_request",
    "pending_bound",
    "search_trigram",
    "search_block",
    "invitation",
    "outbox",
    "session",
    "membership",
    "role",
    "tenant",
    "user",
];
