//! Mails of a tenant, latest first, all of them or those in a state.

const UP: &[&str] = &[
    "CREATE INDEX outbox_tenant_idx ON outbox (tenant_id, id)",
    "CREATE INDEX outbox_tenant_state_idx ON outbox (tenant_id, state, id)",
];

migration!();
