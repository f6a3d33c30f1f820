//! How many allocations an operation makes, in process: a figure that does not depend on the clock. Each bound is what was counted
//! when it was set and a tenth more, so that what grows is noticed and looked at.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "it/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the other tests")]
mod support;

use std::alloc::System;

use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::TestApp;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Runs that are counted together.
const RUNS: usize = 50;

#[tokio::test]
async fn operations_allocate_no_more_than_they_did() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let rows: Vec<_> = (0..50).map(|n| json!({ "email": format!("guest{n}@x.test") })).collect();
    owner.mutate("inviteMany", "invited", json!({ "rows": rows })).await;
    for (query, most) in [
        ("{ __typename }", 90),
        ("{ me { id name email } }", 140),
        ("{ invitations(first: 1) { nodes { id } } }", 270),
        ("{ invitations(first: 50) { nodes { id email status role { key } delivery { state } } } }", 1_615),
    ] {
        for _ in 0..10 {
            owner.ask(query, json!({})).await;
        }
        let region = Region::new(ALLOCATOR);
        for _ in 0..RUNS {
            owner.ask(query, json!({})).await;
        }
        let each = region.change().allocations / RUNS;
        assert!(each <= most, "{query}: {each} allocations, at most {most}");
    }
}
