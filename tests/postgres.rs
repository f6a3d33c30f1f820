//! The same suite once more, on PostgreSQL: starts a throw-away server from the installed binaries, or takes the one that
//! `GUESTLIST_TEST_DATABASE_URL` names (`postgres://user:password@host:port`, with the right to make databases), and runs the
//! tests of `tests/it` on it. Arguments are handed on: `cargo test --test postgres -- accept`.

#![expect(
    dead_code,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test harness"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

#[path = "it/support/cluster.rs"]
mod cluster;

use cluster::{Cluster, programs};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection};

fn main() -> ExitCode {
    let given = std::env::var("GUESTLIST_TEST_DATABASE_URL").ok();
    let cluster = match &given {
        Some(_) => None,
        None => match programs() {
            Some(programs) => Some(Cluster::start(&programs, false)),
            None => return not_here(),
        },
    };
    let server = given.unwrap_or_else(|| cluster.as_ref().map(|c| c.url.clone()).unwrap_or_default());
    let server = server.trim_end_matches('/').to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let db = runtime.block_on(connect(&server));
    let version = runtime.block_on(prepare(&db));
    println!("\nthe suite once more, on PostgreSQL {version}");
    migrate(&format!("{server}/guestlist_test_template"));

    let (suite, asked): (PathBuf, Vec<String>) = (suite(), std::env::args().skip(1).collect());
    let run = |more: &[&str]| {
        let mut command = Command::new(&suite);
        command.args(&asked).args(more).env("GUESTLIST_TEST_BACKEND", &server);
        command.status().expect("the suite runs").success()
    };
    let mut good = run(&["--skip", "sqlite_only"]);
    // What needs PostgreSQL is left out by `cargo test --test it`, and run here.
    if asked.iter().all(|arg| arg.starts_with('-') && arg != "--ignored") {
        good &= run(&["postgres_only", "--ignored", "--skip", "chaos"]);
    }
    runtime.block_on(tidy(&db));
    drop(cluster);
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Half of the suite cannot run: said aloud, and a failure where somebody insists.
fn not_here() -> ExitCode {
    let line = "*".repeat(78);
    eprintln!(
        "\n{line}\nHALF OF THE SUITE DID NOT RUN: PostgreSQL is not installed here.\n\
         Install it (Debian: apt-get install postgresql), or name a server that runs in\n\
         GUESTLIST_TEST_DATABASE_URL, and run the tests again.\n{line}\n"
    );
    if std::env::var_os("GUESTLIST_TEST_REQUIRE_POSTGRES").is_some() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// A connection to the server's own database, as soon as it answers.
async fn connect(server: &str) -> DatabaseConnection {
    let begun = Instant::now();
    loop {
        let mut options = ConnectOptions::new(format!("{server}/postgres"));
        options.max_connections(1).sqlx_logging(false);
        match Database::connect(options).await {
            Ok(db) => return db,
            Err(error) if begun.elapsed() > Duration::from_secs(60) => panic!("{server}: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Makes room for the template and says which version the server is.
async fn prepare(db: &DatabaseConnection) -> String {
    tidy(db).await;
    db.execute_unprepared("CREATE DATABASE guestlist_test_template").await.unwrap();
    texts(db, "SELECT current_setting('server_version')").await.remove(0)
}

/// Drops what tests have left.
async fn tidy(db: &DatabaseConnection) {
    let left = "SELECT datname::text FROM pg_database WHERE datname LIKE 'guestlist\\_test\\_%'";
    for name in texts(db, left).await {
        let _ = db.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
    }
}

async fn texts(db: &DatabaseConnection, query: &str) -> Vec<String> {
    let statement = sea_orm::Statement::from_string(db.get_database_backend(), query);
    let rows = db.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
}

fn migrate(url: &str) {
    let status = Command::new(env!("CARGO_BIN_EXE_guestlist"))
        .arg("migrate")
        .env("GUESTLIST_DATABASE_URL", url)
        .env("GUESTLIST_SECRET_KEY", "only for a template, and never signs or seals a thing")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "the template is migrated");
}

/// The program that holds the suite, brought up to date.
fn suite() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    // …/TARGET/PROFILE/deps/postgres-HASH
    let profile = own.ancestors().nth(2).unwrap();
    let target = profile.parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--test", "it", "--no-run", "--quiet", "--message-format=json"]);
    cargo.arg("--manifest-path").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    cargo.arg("--target-dir").arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.stderr(Stdio::inherit()).output().unwrap();
    let messages = String::from_utf8(output.stdout).unwrap();
    let built = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut executables = built.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables.next_back().expect("the suite is built")
}
