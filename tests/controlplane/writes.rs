//! How often the operator writes, as exact numbers from the API server's audit log.

use std::collections::BTreeMap;

use serde_json::Value;

use super::support::{Cluster, Operator, PATIENCE, Writes, eventually, namespace, quickstart};

/// Applies the quickstart's resources one by one, each when the one before is Ready.
async fn one_after_another(operator: &Operator, cluster: &Cluster) {
    for manifest in quickstart() {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (kind, name) = (text(&manifest["kind"]), text(&manifest["metadata"]["name"]));
        cluster.apply_one(&manifest).await;
        operator.wait_ready(cluster, &kind, &name).await;
    }
}

/// What is written in a namespace, once as many events are there as are to be: they come after the status.
async fn settled(operator: &Operator, cluster: &Cluster, events: usize) -> Writes {
    let all = eventually("the events are written", PATIENCE, async || {
        let writes = operator.writes(cluster.namespace());
        if writes.events >= events { Ok(writes) } else { Err(format!("{writes:?}")) }
    });
    all.await.unwrap()
}

fn by_resource(expected: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let owned = |writes: &[&str]| writes.iter().map(|&write| write.to_owned()).collect();
    expected.iter().map(|(resource, writes)| ((*resource).to_owned(), owned(writes))).collect()
}

#[tokio::test]
async fn each_resource_is_written_as_often_as_it_must_be() {
    let namespace = namespace("writes");
    let operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    one_after_another(&operator, &cluster).await;
    let writes = settled(&operator, &cluster, 4).await;
    let expected = by_resource(&[
        // Its finalizer comes with the first object that is made on it.
        ("platforms/embedded", &["status", "finalizer"]),
        ("organizations/acme", &["finalizer", "status"]),
        // Made before there is an object; then it is said which one they belong to.
        ("secrets/acme-keypair", &["dry-run", "create", "patch"]),
        ("secrets/acme-admin", &["dry-run", "create", "patch"]),
        ("users/ada", &["finalizer", "status"]),
        ("secrets/ada-credentials", &["create", "patch"]),
        ("users/ci", &["finalizer", "status"]),
        // The attempt is recorded in status before the value is minted, and the Secret is tried before that.
        ("tokens/ci", &["finalizer", "status", "status"]),
        ("secrets/ci-token", &["dry-run", "create"]),
    ]);
    assert_eq!(writes, Writes { of: expected, events: 4, leases: 0 });
}

#[tokio::test]
async fn nothing_is_written_at_rest_nor_after_a_restart() {
    let namespace = namespace("rest");
    let mut operator = Operator::start(&[&namespace], &["--resync=1s"]).await;
    let cluster = Cluster::of(&namespace).await;
    one_after_another(&operator, &cluster).await;
    settled(&operator, &cluster, 4).await;
    let (mark, before) = (operator.mark(&namespace), reconciles(&operator).await);

    let looked = eventually("all are looked at again and again", PATIENCE, async || {
        let looked = reconciles(&operator).await - before;
        if looked >= 15 { Ok(()) } else { Err(looked.to_string()) }
    });
    looked.await.unwrap();
    assert_eq!(operator.writes_since(&namespace, mark), Writes::default(), "{}", operator.log_tail());

    // In good order, and without.
    operator.restart().await;
    rest(&operator).await;
    operator.kill();
    operator.run().await;
    rest(&operator).await;
    assert_eq!(operator.writes_since(&namespace, mark), Writes::default(), "{}", operator.log_tail());
}

/// Waits until a started operator has looked at everything three times over.
async fn rest(operator: &Operator) {
    let looked = eventually("all are looked at", PATIENCE, async || {
        let looked = reconciles(operator).await;
        if looked >= 15 { Ok(()) } else { Err(looked.to_string()) }
    });
    looked.await.unwrap();
}

/// How many looks at objects the operator has taken, by its own metrics.
async fn reconciles(operator: &Operator) -> u64 {
    let line = |line: &str| {
        let value = line.strip_prefix("org_operator_reconcile_total")?.rsplit(' ').next()?;
        Some(value.parse::<u64>().unwrap())
    };
    operator.metrics().await.lines().filter_map(line).sum()
}

/// A change of what others do not see is one status write and one event, however often it is looked at.
#[tokio::test]
async fn an_edit_is_one_status_write() {
    let namespace = namespace("edit");
    let operator = Operator::start(&[&namespace], &["--resync=1s"]).await;
    let cluster = Cluster::of(&namespace).await;
    one_after_another(&operator, &cluster).await;
    settled(&operator, &cluster, 4).await;
    let mark = operator.mark(&namespace);
    cluster.patch("User", "ada", serde_json::json!({ "spec": { "firstName": "Augusta" } })).await;
    operator.wait_ready(&cluster, "User", "ada").await;
    let begun = reconciles(&operator).await;
    let looked = eventually("all are looked at again", PATIENCE, async || {
        let looked = reconciles(&operator).await - begun;
        if looked >= 10 { Ok(()) } else { Err(looked.to_string()) }
    });
    looked.await.unwrap();
    let expected = Writes { of: by_resource(&[("users/ada", &["status"])]), events: 1, leases: 0 };
    assert_eq!(operator.writes_since(&namespace, mark), expected);
}
