//! One index by which an address has one pending invitation of a tenant, and by which its owner finds those of all tenants.

const UP: &[&str] = &[
    "CREATE UNIQUE INDEX invitation_pending_address_key ON invitation (email_norm, tenant_id) WHERE status = 'pending'",
    "DROP INDEX invitation_pending_key",
    "DROP INDEX invitation_address_idx",
];

migration!();
