//! Measures the service beside what it could be at best, in the same run: `just bench`. Writes docs/PERFORMANCE.md.
//!
//! Every server has one core, the load generator (wrk) has another. The headline is processor time per request, which is
//! the figure that survives noise; every figure is the median of three runs.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark"
)]

mod by_hand;
mod ceiling;
#[path = "../../tests/it/support/cluster.rs"]
#[expect(dead_code, reason = "the tests crash it, too")]
mod cluster;
mod depth;
mod mix;
mod process;
mod report;
mod rows;
mod scale;
mod wrk;

use report::Report;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for (flag, own) in [("--ceiling", false), ("--ceiling-own", true)] {
        if let Some(at) = args.iter().position(|arg| arg == flag) {
            runtime.block_on(ceiling::serve(&args[at + 1], own)).unwrap();
            return;
        }
    }
    if args.iter().any(|arg| arg == "--argon") {
        return mix::hash_for(std::time::Duration::from_secs(3));
    }
    // `cargo test --benches` only wants to know that it starts.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    for tool in ["wrk", "taskset"] {
        let there = std::process::Command::new(tool).arg("-v").output().is_ok();
        assert!(there, "{tool} is not installed here (Debian: apt-get install wrk util-linux)");
    }
    let wanted: Vec<&String> = args.iter().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wants = |part: &str| wanted.is_empty() || wanted.iter().any(|name| name.as_str() == part);
    let mut report = Report::default();
    runtime.block_on(async {
        if wants("requests") {
            rows::sqlite(&mut report).await;
            rows::postgres(&mut report).await;
        }
        if wants("depth") {
            depth::measure(&mut report).await;
        }
        if wanted.iter().any(|name| name.as_str() == "scale") {
            // A hundredth, say, tells whether it works; the page is about all of it.
            let of = wanted.iter().find_map(|name| name.parse().ok()).unwrap_or(1);
            assert!((1..=100).contains(&of), "a hundredth is the least that says something");
            scale::measure(&mut report, of).await;
            if of == 1 {
                report.write_scale();
            }
        }
        if wants("mix") {
            mix::login(&mut report).await;
            mix::start(&mut report).await;
            mix::subscriptions(&mut report).await;
        }
    });
    print!("{}", report.table());
    if wanted.is_empty() {
        report.write();
    }
}
