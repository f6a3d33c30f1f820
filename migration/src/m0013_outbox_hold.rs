//! Whether mail is held back: at most one row, and while it is there nothing is sent. A copy of an older database has the
//! table already: whoever made it held its mail back.

const UP: &[&str] = &["CREATE TABLE IF NOT EXISTS outbox_hold (
    id bigint NOT NULL PRIMARY KEY CHECK (id = 1),
    reason text NOT NULL
)"];

migration!();
