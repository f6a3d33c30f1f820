//! The README, run as a stranger runs it.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::database;
use crate::support::process::{BINARY, Serving};

/// The shell blocks of the README, in order.
fn blocks() -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// `cargo run` stands for the binary that the tests were built with: building it again would prove nothing more.
fn shim(folder: &Path) {
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = run ] || exit 64\nshift\n[ \"$1\" = -- ] && shift\nexec {BINARY} \"$@\"\n"
    );
    let path = folder.join("cargo");
    std::fs::File::create(&path).unwrap().write_all(script.as_bytes()).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn every_command_block_does_what_the_text_says() {
    let blocks = blocks();
    assert_eq!(blocks[0].trim(), "cargo run", "the first command serves, with nothing configured");
    assert!(blocks.iter().any(|block| block.trim() == "cargo test"), "one command tests");
    let folder = tempfile::tempdir().unwrap();
    let tools = tempfile::tempdir().unwrap();
    shim(tools.path());
    let server = Serving::start(folder.path(), &[]);
    let mut script = String::from("set -eu\n");
    for block in blocks.iter().filter(|block| !["cargo run", "cargo test"].contains(&block.trim())) {
        script.push_str(&block.replace("http://localhost:8000", &server.url));
        script.push('\n');
    }
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh")
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", path)
        .env("GUESTLIST_ARGON2_M", "8")
        .env("GUESTLIST_LOG", "warn")
        .envs(database::of_folder(folder.path()).map(|url| ("GUESTLIST_DATABASE_URL", url)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = shell.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    let last = out.trim().lines().last().unwrap_or_default();
    assert!(
        last.contains("\"name\":\"Bob\"") && last.contains("\"slug\":\"acme\""),
        "`me` answers at the end: {out}\n{err}"
    );
}
