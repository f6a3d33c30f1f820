//! When each kind of work of the worker last went well and when it last failed. `seen_at` is when a worker that does it was
//! last heard of.

const UP: &[&str] = &["CREATE TABLE job (
        name text NOT NULL PRIMARY KEY,
        period_seconds bigint NOT NULL,
        seen_at timestamptz NOT NULL,
        succeeded_at timestamptz NULL,
        failed_at timestamptz NULL
    )"];

migration!();
