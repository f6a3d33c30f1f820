//! A request to reset a password, approved by an administrator. At most one is open per user.

const UP: &[&str] = &[
    r#"CREATE TABLE reset_request (
        id uuid NOT NULL PRIMARY KEY,
        user_id uuid NOT NULL REFERENCES "user" (id),
        status text NOT NULL
            CHECK (status IN ('requested', 'approved', 'completed', 'rejected', 'cancelled', 'expired')),
        generation bigint NOT NULL,
        decided_by uuid NULL REFERENCES "user" (id),
        reason text NULL,
        ip_address text NULL,
        user_agent text NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        decided_at timestamptz NULL,
        completed_at timestamptz NULL,
        notified_at timestamptz NULL
    )"#,
    "CREATE UNIQUE INDEX reset_request_open_key ON reset_request (user_id)
        WHERE status IN ('requested', 'approved')",
    "CREATE INDEX reset_request_user_idx ON reset_request (user_id, created_at)",
    "CREATE INDEX reset_request_created_idx ON reset_request (created_at, id)",
    "CREATE INDEX reset_request_due_idx ON reset_request (expires_at)
        WHERE status IN ('requested', 'approved')",
];

migration!();
