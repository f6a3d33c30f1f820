//! User × tenant × role; the only way into a tenant.

const UP: &[&str] = &[
    r#"CREATE TABLE membership (
        id uuid NOT NULL PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenant (id),
        user_id uuid NOT NULL REFERENCES "user" (id),
        role_id uuid NOT NULL REFERENCES role (id),
        status text NOT NULL CHECK (status IN ('active', 'suspended')),
        joined_at timestamptz NOT NULL,
        last_seen_at timestamptz NULL
    )"#,
    "CREATE UNIQUE INDEX membership_tenant_user_key ON membership (tenant_id, user_id)",
    "CREATE INDEX membership_user_idx ON membership (user_id)",
    "CREATE INDEX membership_role_idx ON membership (role_id)",
];

migration!();
