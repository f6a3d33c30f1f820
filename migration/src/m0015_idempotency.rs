//! Operations that were executed under a key of the client's. `key` and `request` are MACs, so that neither is kept in clear;
//! `answer` is what was answered, without any secret, and null while it is not known.

const UP: &[&str] = &[
    "CREATE TABLE idempotency (
        key text NOT NULL PRIMARY KEY,
        request text NOT NULL,
        owner text NOT NULL,
        answer text NULL,
        ends_at timestamptz NOT NULL
    )",
    "CREATE INDEX idempotency_ends_idx ON idempotency (ends_at)",
];

migration!();
