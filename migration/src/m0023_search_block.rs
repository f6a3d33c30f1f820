//! What older invitations' addresses hold, so that a part of one is looked for where it can be: blocks of addresses in the order in which the
//! invitations were made, for each three bytes in succession the blocks that hold them, and how far a tenant's invitations are in blocks.

const UP: &[&str] = &[
    "CREATE TABLE search_block (
        tenant_id uuid NOT NULL REFERENCES tenant (id),
        number integer NOT NULL,
        last_created_at timestamptz NOT NULL,
        ids bytea NOT NULL,
        addresses text NOT NULL,
        PRIMARY KEY (tenant_id, number)
    )",
    "CREATE INDEX search_block_time_idx ON search_block (tenant_id, last_created_at, number)",
    "CREATE TABLE search_trigram (
        tenant_id uuid NOT NULL REFERENCES tenant (id),
        trigram integer NOT NULL,
        span integer NOT NULL,
        blocks bytea NOT NULL,
        PRIMARY KEY (tenant_id, trigram, span)
    )",
    "ALTER TABLE pending_bound ADD COLUMN unindexed bigint NOT NULL DEFAULT 0",
    "ALTER TABLE pending_bound ADD COLUMN blocks integer NOT NULL DEFAULT 0",
    "ALTER TABLE pending_bound ADD COLUMN indexed_until timestamptz NULL",
    "ALTER TABLE pending_bound ADD COLUMN indexed_id uuid NULL",
    "INSERT INTO pending_bound (tenant_id, at_most, unindexed)
     SELECT tenant_id, 0, COUNT(*) FROM invitation WHERE true GROUP BY tenant_id
     ON CONFLICT (tenant_id) DO UPDATE SET unindexed = excluded.unindexed",
];

migration!();
