//! An offer to join a tenant. At most one is pending per tenant and address; final ones block nothing.

const UP: &[&str] = &[
    r#"CREATE TABLE invitation (
        id uuid NOT NULL PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenant (id),
        email text NOT NULL,
        email_norm text NOT NULL,
        name text NULL,
        role_id uuid NOT NULL,
        inviter_id uuid NULL,
        inviter_name text NOT NULL,
        note text NULL,
        metadata jsonb NULL,
        locale text NOT NULL,
        ip_address text NULL,
        user_agent text NULL,
        status text NOT NULL CHECK (status IN ('pending', 'accepted', 'declined', 'cancelled', 'expired')),
        cancel_reason text NULL,
        generation bigint NOT NULL,
        resends bigint NOT NULL,
        lifetime_seconds bigint NOT NULL,
        outbox_id uuid NULL REFERENCES outbox (id),
        created_at timestamptz NOT NULL,
        issued_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        decided_at timestamptz NULL,
        accepted_by uuid NULL REFERENCES "user" (id)
    )"#,
    "CREATE UNIQUE INDEX invitation_pending_key ON invitation (tenant_id, email_norm) WHERE status = 'pending'",
    "CREATE INDEX invitation_created_idx ON invitation (tenant_id, created_at, id)",
    "CREATE INDEX invitation_expires_idx ON invitation (tenant_id, expires_at, id)",
    "CREATE INDEX invitation_email_idx ON invitation (tenant_id, email_norm, id)",
    "CREATE INDEX invitation_status_idx ON invitation (tenant_id, status, created_at, id)",
    "CREATE INDEX invitation_due_idx ON invitation (expires_at) WHERE status = 'pending'",
    "CREATE INDEX invitation_address_idx ON invitation (email_norm) WHERE status = 'pending'",
    "CREATE INDEX invitation_inviter_idx ON invitation (inviter_id) WHERE status = 'pending'",
    "CREATE INDEX invitation_outbox_idx ON invitation (outbox_id)",
];

migration!();
