//! One sign-in. `refresh_counter` names the one refresh token that is good; no token is stored.

const UP: &[&str] = &[
    r#"CREATE TABLE session (
        id uuid NOT NULL PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES "user" (id),
        tenant_id uuid NULL REFERENCES tenant (id),
        refresh_counter bigint NOT NULL,
        rotated_at timestamptz NULL,
        created_at timestamptz NOT NULL,
        last_seen_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        ends_at timestamptz NOT NULL,
        revoked_at timestamptz NULL,
        ip_address text NULL,
        user_agent text NULL
    )"#,
    "CREATE INDEX session_user_idx ON session (user_id)",
    "CREATE INDEX session_ends_at_idx ON session (ends_at)",
];

migration!();
