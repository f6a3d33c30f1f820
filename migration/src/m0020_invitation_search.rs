//! Addresses beside the order of a list: whoever looks for a part of one reads the index, and only the rows that hold it. The indexes whose
//! place they take go last, so that lists can be read while these are built.

const UP: &[&str] = &[
    "CREATE INDEX invitation_list_idx ON invitation (tenant_id, created_at, id, email_norm)",
    "CREATE INDEX invitation_status_list_idx ON invitation (tenant_id, status, created_at, id, email_norm)",
    "DROP INDEX invitation_created_idx",
    "DROP INDEX invitation_status_idx",
];

migration!();
