//! An organisation; owns invitations, roles and events.

const UP: &[&str] = &[
    "CREATE TABLE tenant (
        id uuid NOT NULL PRIMARY KEY,
        slug text NOT NULL,
        name text NOT NULL,
        status text NOT NULL CHECK (status IN ('active', 'suspended', 'deleted')),
        reset_policy text NOT NULL CHECK (reset_policy IN ('approval', 'self_service', 'off')),
        created_at timestamptz NOT NULL,
        deleted_at timestamptz NULL
    )",
    "CREATE UNIQUE INDEX tenant_slug_key ON tenant (slug)",
];

migration!();
