//! A number that what a tenant has pending never exceeds, so that nobody counts it for each invitation that is made.

const UP: &[&str] = &[
    "CREATE TABLE pending_bound (
        tenant_id uuid NOT NULL PRIMARY KEY REFERENCES tenant (id),
        at_most bigint NOT NULL
    )",
    "INSERT INTO pending_bound (tenant_id, at_most)
     SELECT tenant_id, COUNT(*) FROM invitation WHERE status = 'pending' GROUP BY tenant_id",
];

migration!();
