//! Attempts counted per window. `key` is a MAC of what is limited, so that no address is kept in clear.

const UP: &[&str] = &[
    "CREATE TABLE rate_limit (
        key text NOT NULL PRIMARY KEY,
        used bigint NOT NULL,
        window_ends_at timestamptz NOT NULL
    )",
    "CREATE INDEX rate_limit_window_idx ON rate_limit (window_ends_at)",
];

migration!();
