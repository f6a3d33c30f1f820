//! Clients and audits that were written elsewhere, against the real binary: `tests/clients` holds programs for Node.js, which
//! are installed from their lock file and run by `node --test`. Arguments name the files to run, by a part of their name.

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

fn main() -> ExitCode {
    let works =
        |program: &str| Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !works("node") || !works("npm") {
        return not_here(
            "Node.js and npm are not installed here.\nInstall them (Debian: apt-get install nodejs npm)",
        );
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
    let files = lay_out(&source, &place);
    if !install(&place) || !explorer() {
        return not_here("npm could not install what the clients need: see above");
    }
    let asked: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".test.mjs") && (asked.is_empty() || asked.iter().any(|part| name.contains(part)))
    };
    let files: Vec<PathBuf> = files.into_iter().filter(wanted).collect();
    if files.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nclients and audits that were written elsewhere, by Node.js");
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=tap"]).args(&files).current_dir(&place);
    let ran = command.env("GUESTLIST_BINARY", env!("CARGO_BIN_EXE_guestlist")).output().expect("node runs");
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
    if ran.status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Copies the programs to where npm may install beside them, and returns them in order.
fn lay_out(source: &Path, place: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(place).unwrap();
    let mut files = Vec::new();
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let copy = place.join(path.file_name().unwrap_or_default());
            fs::copy(&path, &copy).unwrap();
            files.push(copy);
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
