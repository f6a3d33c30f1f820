//! Ed25519 keys that sign access tokens. The private part is sealed under `SECRET_KEY`.

const UP: &[&str] = &["CREATE TABLE signing_key (
        kid text NOT NULL PRIMARY KEY,
        public_key text NOT NULL,
        sealed_private_key text NOT NULL,
        created_at timestamptz NOT NULL,
        retired_at timestamptz NULL
    )"];

migration!();
