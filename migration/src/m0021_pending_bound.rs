//! How many pending invitations a tenant can have at the most, so that nobody counts them for each that is made.

const UP: &[&str] = &[
    "CREATE TABLE pending_bound (
        tenant_id uuid NOT NULL PRIMARY KEY REFERENCES tenant (id),
        at_most bigint NOT NULL
    )",
    "INSERT INTO pending_bound (tenant_id, at_most)
     SELECT tenant_id, COUNT(*) FROM invitation WHERE status = 'pending' GROUP BY tenant_id",
];

migration!();
