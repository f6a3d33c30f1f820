//! A release holds functions of one and the same code once, where the linker that comes with the toolchain can see to it: a thirteenth
//! of the binary else.

use std::env::{var, var_os};
use std::path::PathBuf;
use std::process::Command;

/// The target whose default linker it is (Rust 1.90).
const TARGET: &str = "x86_64-unknown-linux-gnu";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let release = var("PROFILE").is_ok_and(|profile| profile == "release");
    // Who says how to link may have chosen another linker.
    let own = var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let chosen = own.contains("link") || var_os("RUSTC_LINKER").is_some();
    if release && !chosen && var("TARGET").is_ok_and(|target| target == TARGET) && has_linker() {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}

/// Whether the toolchain brings the linker, which those of some distributions do not.
fn has_linker() -> bool {
    let rustc = var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).args(["--print", "sysroot"]).output();
    let said = said.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let tools =
        said.map(|sysroot| PathBuf::from(sysroot.trim()).join("lib/rustlib").join(TARGET).join("bin"));
    tools.is_some_and(|tools| tools.join("gcc-ld/ld.lld").exists())
}
