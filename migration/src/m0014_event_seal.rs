//! Proof that events are as they were recorded: each is signed when it is written and sealed into the chain of its tenant
//! afterwards.

const UP: &[&str] = &[
    "ALTER TABLE event ADD COLUMN mac text NULL",
    "ALTER TABLE event ADD COLUMN position bigint NULL",
    "ALTER TABLE event ADD COLUMN seal text NULL",
    "CREATE INDEX event_unsealed_idx ON event (id) WHERE seal IS NULL",
    "CREATE INDEX event_position_idx ON event (tenant_id, position) WHERE position IS NOT NULL",
    "CREATE TABLE event_chain (
        chain uuid NOT NULL PRIMARY KEY,
        position bigint NOT NULL,
        seal text NOT NULL,
        logged_position bigint NOT NULL
    )",
    "CREATE TABLE event_key (
        id bigint NOT NULL PRIMARY KEY CHECK (id = 1),
        sealed_key text NOT NULL
    )",
];

migration!();
