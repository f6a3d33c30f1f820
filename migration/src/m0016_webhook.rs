//! Where a tenant's events are posted to, and what was posted. Secrets are sealed under `SECRET_KEY`; `position` is the place
//! in the tenant's sealed chain up to which deliveries were made.

const UP: &[&str] = &[
    "CREATE TABLE webhook_endpoint (
        id uuid NOT NULL PRIMARY KEY,
        tenant_id uuid NOT NULL REFERENCES tenant (id),
        url text NOT NULL,
        description text NULL,
        event_kinds jsonb NOT NULL,
        status text NOT NULL CHECK (status IN ('enabled', 'disabled')),
        disabled_reason text NULL CHECK (disabled_reason IN ('manual', 'gone', 'failing')),
        sealed_secret text NOT NULL,
        sealed_previous text NULL,
        previous_until timestamptz NULL,
        position bigint NOT NULL,
        failing_since timestamptz NULL,
        created_at timestamptz NOT NULL,
        created_by uuid NULL
    )",
    "CREATE INDEX webhook_endpoint_tenant_idx ON webhook_endpoint (tenant_id, id)",
    "CREATE TABLE webhook_delivery (
        id uuid NOT NULL PRIMARY KEY,
        endpoint_id uuid NOT NULL REFERENCES webhook_endpoint (id) ON DELETE CASCADE,
        tenant_id uuid NOT NULL,
        event_id uuid NOT NULL,
        state text NOT NULL CHECK (state IN ('queued', 'retrying', 'delivered', 'failed')),
        attempts bigint NOT NULL,
        created_at timestamptz NOT NULL,
        next_attempt_at timestamptz NULL,
        last_attempt_at timestamptz NULL,
        last_status bigint NULL,
        last_reply text NULL,
        lease_until timestamptz NULL
    )",
    "CREATE UNIQUE INDEX webhook_delivery_event_key ON webhook_delivery (endpoint_id, event_id)",
    "CREATE INDEX webhook_delivery_list_idx ON webhook_delivery (endpoint_id, id)",
    "CREATE INDEX webhook_delivery_due_idx ON webhook_delivery (next_attempt_at) WHERE next_attempt_at IS NOT NULL",
    "CREATE INDEX webhook_delivery_done_idx ON webhook_delivery (created_at) WHERE next_attempt_at IS NULL",
];

migration!();
