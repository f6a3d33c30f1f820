//! A release holds functions of one and the same code once, where the linker can see to it: a thirteenth of the binary else.

use std::env::{var, var_os};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The target whose linker can by default, as the toolchain brings it (Rust 1.90).
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// What tells the linker.
const FOLD: &str = "-Wl,--icf=all";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RUSTC_LINKER");
    let is = |name: &str, value: &str| var(name).is_ok_and(|found| found == value);
    if is("PROFILE", "release") && is("TARGET", TARGET) && is("HOST", TARGET) && links().unwrap_or(false) {
        println!("cargo:rustc-link-arg-bins={FOLD}");
    }
}

/// Whether a program is linked when the linker is told, with the flags that the release is built with.
fn links() -> Option<bool> {
    let folder = PathBuf::from(var_os("OUT_DIR")?);
    let source = folder.join("empty.rs");
    std::fs::write(&source, "fn main() {}").ok()?;
    let mut rustc = Command::new(var_os("RUSTC")?);
    if let Some(linker) = var_os("RUSTC_LINKER") {
        let mut option = OsString::from("linker=");
        option.push(linker);
        rustc.arg("-C").arg(option);
    }
    let flags = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    rustc.args(flags.split('\u{1f}').filter(|flag| !flag.is_empty()));
    rustc.arg("-C").arg(format!("link-arg={FOLD}")).arg("-o").arg(folder.join("empty")).arg(source);
    Some(rustc.stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?.success())
}
