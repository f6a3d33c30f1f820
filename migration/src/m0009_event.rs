//! An append-only fact. Audit log, live feed and webhooks read this one table.

const UP: &[&str] = &[
    "CREATE TABLE event (
        id uuid NOT NULL PRIMARY KEY,
        tenant_id uuid NULL,
        kind text NOT NULL,
        at timestamptz NOT NULL,
        actor_id uuid NULL,
        subject_type text NOT NULL,
        subject_id uuid NOT NULL,
        data jsonb NOT NULL,
        ip_address text NULL,
        request_id text NULL
    )",
    "CREATE INDEX event_tenant_idx ON event (tenant_id, at, id)",
    "CREATE INDEX event_subject_idx ON event (subject_id, id)",
    "CREATE INDEX event_actor_idx ON event (actor_id, id)",
    "CREATE INDEX event_kind_idx ON event (tenant_id, kind, at, id)",
];

migration!();
