# What developers do, in one word each.

# List what there is.
default:
    @just --list

# Serve in development.
run *ARGS:
    cargo run -- {{ARGS}}

# Run the whole suite.
test *ARGS:
    cargo test --workspace {{ARGS}}

# Format, lint and check the documentation.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Write the files that mirror the code.
mirror:
    cargo run -- schema --output schema.graphql
    cargo run -- schema --reference --output docs/REFERENCE.md
    cargo run -- config --example > .env.example
    cargo run -- mail preview tests/mails

# The pages in a real browser; GUESTLIST_SCREENSHOTS names a folder for pictures of them.
e2e:
    cargo test --test clients -- browser

# Measure beside the ceilings and write docs/PERFORMANCE.md; names of parts (requests, depth, mix) measure these alone. Needs wrk.
bench *PARTS:
    cargo bench --bench load -- {{PARTS}}

# Measure among ten million invitations and write docs/SCALE.md; 20 minutes, 25 GB of disk. `just scale 100` tries it with a hundredth.
scale OF="1":
    cargo bench --bench load -- scale {{OF}}

# Everything that has to pass.
ci:
    .ci/run

# Faults on purpose, the long way: kills, crashes, full disks. Takes minutes, PostgreSQL, and the right to mount.
chaos:
    cargo test --test it -- chaos --ignored --skip postgres_only --nocapture --test-threads=1
    cargo test --test postgres -- postgres_only::chaos --ignored --nocapture --test-threads=1

# Fetch GraphiQL from npm for the next build to hold; without it development loads it from a CDN.
graphiql:
    npm ci --prefix web/graphiql --ignore-scripts --no-audit --no-fund
    npm run dist --prefix web/graphiql
