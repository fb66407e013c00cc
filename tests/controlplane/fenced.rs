//! A process that may not act any more while a call of its own is in flight: what SIGSTOP does to a leader, at the moment
//! that costs most. The operator runs inside the test here.

use std::time::Duration;

use org_operator::fence::Fence;
use serde_json::json;
use tokio::time::Instant;

use super::support::{Inside, Options, PATIENCE, eventually, is_ready};

/// Longer than a Secret is tried to be written whose value cannot be had again.
const TRIED: Duration = Duration::from_secs(5);

/// Opens it for longer than a test takes.
fn open(fence: &Fence) {
    fence.renewed(Instant::now() + Duration::from_hours(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_minted_before_is_not_stored_after_and_nothing_else_is_written() {
    let fence = Fence::shut();
    open(&fence);
    let inside = Inside::with(Options { fence: fence.clone(), ..Options::default() }).await;
    inside.organization("acme", json!({})).await;
    inside
        .cluster
        .apply("{kind: User, metadata: {name: ci}, spec: {organizationRef: {name: acme}, type: Machine}}")
        .await;
    inside.wait("User", "ci", "is Ready", is_ready).await;

    let closed = inside.platform.gate.write().await;
    let creations = inside.creations();
    inside.cluster.apply("{kind: Token, metadata: {name: ci}, spec: {userRef: {name: ci}}}").await;
    let begun = eventually("the creation is begun", PATIENCE, async || {
        if inside.creations() > creations { Ok(()) } else { Err("not yet") }
    });
    begun.await.unwrap();
    // What it says of a call that takes long is written while it may.
    inside.reason("Token", "ci", "Progressing").await;
    let version = inside.version("Token", "ci").await;
    fence.close();
    drop(closed);
    tokio::time::sleep(TRIED).await;
    assert_eq!(inside.cluster.secret("ci-token").await, None);
    assert_eq!(inside.version("Token", "ci").await, version);

    open(&fence);
    inside.wait("Token", "ci", "is Ready", is_ready).await;
    assert!(inside.cluster.secret("ci-token").await.is_some());
}
