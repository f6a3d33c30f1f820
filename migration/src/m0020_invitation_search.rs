//! Addresses beside the order of a list: whoever looks for a part of one reads the index, and only the rows that hold it.

const UP: &[&str] = &[
    "DROP INDEX invitation_created_idx",
    "CREATE INDEX invitation_created_idx ON invitation (tenant_id, created_at, id, email_norm)",
    "DROP INDEX invitation_status_idx",
    "CREATE INDEX invitation_status_idx ON invitation (tenant_id, status, created_at, id, email_norm)",
];

migration!();
