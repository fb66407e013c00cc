//! `examples/quickstart.yaml` and its life.

use super::support::{Cluster, Operator, namespace, quickstart};

/// An operator, and the quickstart in a namespace of its own.
async fn started(extra: &[&str]) -> (Operator, Cluster) {
    let namespace = namespace("quickstart");
    let operator = Operator::start(&[&namespace], extra).await;
    let cluster = Cluster::of(&namespace).await;
    for manifest in quickstart() {
        cluster.apply_one(&manifest).await;
    }
    operator.wait_all_ready(&cluster, 5).await;
    (operator, cluster)
}

#[tokio::test]
async fn it_becomes_ready() {
    let (operator, cluster) = started(&[]).await;
    let token = cluster.value("ci-token", "token").await;
    assert!(operator.is_active(&token).await);
}
