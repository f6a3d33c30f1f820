//! A key, a name and a set of permissions in one tenant. `permissions` holds names separated by blanks.

const UP: &[&str] = &[
    "CREATE TABLE role (
        id uuid NOT NULL PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenant (id),
        key text NOT NULL,
        name text NOT NULL,
        permissions text NOT NULL,
        built_in boolean NOT NULL,
        created_at timestamptz NOT NULL
    )",
    "CREATE UNIQUE INDEX role_tenant_key_key ON role (tenant_id, key)",
];

migration!();
