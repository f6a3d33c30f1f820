//! Mails that are owed, written in the transaction that caused them. Rows hold identifiers, never secrets:
//! `subject_id` and `generation` are all that a link is made from when the mail is sent.

const UP: &[&str] = &[
    "CREATE TABLE outbox (
        id uuid NOT NULL PRIMARY KEY,
        tenant_id uuid NULL,
        kind text NOT NULL,
        subject_id uuid NOT NULL,
        generation bigint NOT NULL,
        state text NOT NULL CHECK (state IN ('queued', 'retrying', 'sent', 'failed', 'suppressed')),
        attempts bigint NOT NULL,
        created_at timestamptz NOT NULL,
        next_attempt_at timestamptz NULL,
        last_attempt_at timestamptz NULL,
        give_up_at timestamptz NOT NULL,
        lease_until timestamptz NULL,
        last_reply text NULL
    )",
    "CREATE INDEX outbox_due_idx ON outbox (next_attempt_at) WHERE next_attempt_at IS NOT NULL",
    "CREATE INDEX outbox_subject_idx ON outbox (subject_id)",
    "CREATE INDEX outbox_state_idx ON outbox (state, id)",
];

migration!();
