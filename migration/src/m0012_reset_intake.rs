//! Wishes for a reset that have not been looked at yet: written alike whether or not there is such an account.
//! A mail can name whose mailbox it goes to, and a request the tenant whose audit log it is in.

const UP: &[&str] = &[
    "CREATE TABLE reset_intake (
        id uuid NOT NULL PRIMARY KEY,
        email_norm text NOT NULL,
        ip_address text NULL,
        user_agent text NULL,
        request_id text NULL,
        created_at timestamptz NOT NULL
    )",
    r#"ALTER TABLE outbox ADD COLUMN recipient_id uuid NULL REFERENCES "user" (id)"#,
    "ALTER TABLE reset_request ADD COLUMN tenant_id uuid NULL",
];

migration!();
