//! One person, one address, one password, platform-wide.

const UP: &[&str] = &[
    r#"CREATE TABLE "user" (
        id uuid NOT NULL PRIMARY KEY,
        email text NOT NULL,
        email_norm text NOT NULL,
        email_verified_at timestamptz NULL,
        name text NOT NULL,
        password_hash text NULL,
        is_superuser boolean NOT NULL DEFAULT FALSE,
        status text NOT NULL CHECK (status IN ('active', 'suspended')),
        last_tenant_id uuid NULL,
        password_changed_at timestamptz NULL,
        created_at timestamptz NOT NULL
    )"#,
    r#"CREATE UNIQUE INDEX user_email_norm_key ON "user" (email_norm)"#,
];

migration!();
