//! Clients and audits that were written elsewhere, against the real binary: `tests/clients` holds programs for Node.js, which
//! are installed from their lock file and run by `node --test`, and `examples/client-ts` brings its own tests. Arguments name the
//! files to run, by a part of their name.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test harness"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

/// Oldest Node.js that runs them.
const NODE: u32 = 20;

fn main() -> ExitCode {
    if version("node").is_none_or(|major| major < NODE) || version("npm").is_none() {
        return not_here(&format!("Node.js {NODE} or later and npm are not installed here.\nInstall them"));
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (clients, example) = (tmp.join("clients"), tmp.join("client-ts"));
    let files = lay_out(&root.join("tests/clients"), &clients);
    lay_out(&root.join("examples/client-ts"), &example);
    if !install(&clients) || !install(&example) || !explorer() {
        return not_here("npm could not install what the clients need: see above");
    }
    let asked: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|part| name.contains(part.as_str()));
    let files: Vec<PathBuf> = files
        .into_iter()
        .filter(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".test.mjs") && wanted(&name)
        })
        .collect();
    let mut good = true;
    if !files.is_empty() {
        println!("\nclients and audits that were written elsewhere, by Node.js");
        let mut command = Command::new("node");
        command.args(["--test", "--test-reporter=tap"]).args(&files).current_dir(&clients);
        good &= report(command, root);
    }
    if wanted("client-ts") {
        println!("\nthe example in TypeScript: types from the schema, urql, Apollo, live events");
        let mut command = Command::new("npm");
        command.args(["test", "--silent"]).current_dir(&example);
        good &= report(command, root);
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Major version of a program, if it is there.
fn version(program: &str) -> Option<u32> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

/// Runs tests of Node.js to their end and says in the test runner's words how they went.
fn report(mut command: Command, root: &Path) -> bool {
    command
        .env("GUESTLIST_BINARY", env!("CARGO_BIN_EXE_guestlist"))
        .env("GUESTLIST_EXAMPLES", root.join("examples"))
        .env("GUESTLIST_SCHEMA", root.join("schema.graphql"));
    let ran = command.output().expect("Node.js runs");
    let (report, said) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if report.contains("# SKIP Chromium") {
        let line = "*".repeat(78);
        eprintln!(
            "\n{line}\nPART OF THE SUITE DID NOT RUN: Chromium is not installed here\n(Debian: apt-get install chromium).\n{line}\n"
        );
    }
    if !ran.status.success() {
        println!("{report}\n{said}");
    }
    let count =
        |what: &str| report.lines().find_map(|line| line.strip_prefix(what)).unwrap_or("0").to_owned();
    let verdict = if ran.status.success() { "ok" } else { "FAILED" };
    println!("test result: {verdict}. {} passed; {} failed", count("# pass "), count("# fail "));
    ran.status.success()
}

/// Copies a folder to where npm may install beside its files, and returns those at its top in order. What npm, or an earlier run,
/// left in the source stays there.
fn lay_out(source: &Path, place: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(place).unwrap();
    let mut files = Vec::new();
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default();
        let copy = place.join(name);
        if path.is_file() {
            fs::copy(&path, &copy).unwrap();
            files.push(copy);
        } else if name != "node_modules" && name != "dist" && name != "gql" {
            // A file that is gone from the source must not be run.
            let _ = fs::remove_dir_all(&copy);
            lay_out(&path, &copy);
        }
    }
    files.sort();
    files
}

/// Installs what the lock file names, once for each of its versions.
fn install(place: &Path) -> bool {
    let (lock, mark) = (fs::read(place.join("package-lock.json")).unwrap(), place.join("installed.json"));
    if fs::read(&mark).is_ok_and(|installed| installed == lock) {
        return true;
    }
    let installed = Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(place)
        .status();
    let good = installed.is_ok_and(|status| status.success());
    if good {
        fs::write(mark, lock).unwrap();
    }
    good
}

/// Fetches GraphiQL where it was not fetched yet, as `just graphiql` does; a debug build reads it when it is asked.
fn explorer() -> bool {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/graphiql");
    let npm = |args: &[&str]| {
        Command::new("npm").args(args).current_dir(&place).status().is_ok_and(|status| status.success())
    };
    place.join("dist/graphiql.min.css").exists()
        || (npm(&["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            && npm(&["run", "--silent", "dist"]))
}

/// Part of the suite cannot run: said aloud, and a failure where somebody insists.
fn not_here(why: &str) -> ExitCode {
    let line = "*".repeat(78);
    eprintln!("\n{line}\nPART OF THE SUITE DID NOT RUN: {why}, and run the tests again.\n{line}\n");
    if env::var_os("GUESTLIST_TEST_REQUIRE_NODE").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
