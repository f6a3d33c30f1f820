//! Writing to the terminal. A closed pipe is not an error worth a panic.

use std::fmt::Display;
use std::io::Write as _;

/// A line of data, to standard output.
pub(super) fn say(line: impl Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// A line of talk, to standard error.
pub(super) fn talk(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Data as indented JSON, to standard output.
pub(super) fn say_json(value: &serde_json::Value) {
    say(serde_json::to_string_pretty(value).unwrap_or_default());
}
