//! What people ask by annotation, and whose objects they are.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use serde_json::{Value, json};

use super::support::{Cluster, Operator, condition, namespace};

const PAUSED: &str = "org-operator.dev/paused";
const RECONCILE: &str = "org-operator.dev/reconcile-requested-at";
const FLUX: &str = "reconcile.fluxcd.io/requestedAt";

async fn started(extra: &[&str]) -> (Operator, Cluster) {
    let namespace = namespace("requests");
    let operator = Operator::start(&[&namespace], extra).await;
    let cluster = Cluster::of(&namespace).await;
    cluster
        .apply(
            "{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}
---
{kind: Organization, metadata: {name: acme}, spec: {platformRef: {name: embedded}, displayName: Before, deletionPolicy: Delete}}",
        )
        .await;
    operator.wait_all_ready(&cluster, 2).await;
    (operator, cluster)
}

async fn annotate(cluster: &Cluster, kind: &str, name: &str, annotation: &str, value: Value) {
    cluster.patch(kind, name, json!({ "metadata": { "annotations": { annotation: value } } })).await;
}

fn is_paused(object: &Value) -> bool {
    condition(object, "Paused")["status"] == "True"
}

#[tokio::test]
async fn a_paused_object_is_left_alone() {
    let (operator, cluster) = started(&["--resync=1s"]).await;
    let namespace = cluster.namespace().to_owned();
    let before = cluster.get("Organization", "acme").await.unwrap();
    let mark = operator.mark(&namespace);
    annotate(&cluster, "Organization", "acme", PAUSED, json!("true")).await;
    let paused = operator.wait(&cluster, "Organization", "acme", "says Paused", is_paused).await;
    assert_eq!(condition(&paused, "Ready"), condition(&before, "Ready"), "Ready keeps its value");

    cluster.patch("Organization", "acme", json!({ "spec": { "displayName": "After" } })).await;
    // A new object that is paused from the beginning is not made.
    let manifest = json!({
        "kind": "Organization", "metadata": { "name": "new", "annotations": { PAUSED: "true" } },
        "spec": { "platformRef": { "name": "embedded" } },
    });
    cluster.apply_one(&manifest).await;
    let new = operator.wait(&cluster, "Organization", "new", "says Paused", is_paused).await;
    assert_eq!(condition(&new, "Ready")["status"], "Unknown", "{new:#}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let writes = operator.writes_since(&namespace, mark);
    assert_eq!(writes.of("organizations/new"), ["status"]);
    let of_acme = writes.of("organizations/acme");
    // The changed manifest may be recorded in the condition, once.
    assert!(of_acme == ["status"] || of_acme == ["status", "status"], "{writes:#?}");
    let held = cluster.get("Organization", "acme").await.unwrap();
    assert_ne!(held["status"]["observedGeneration"], held["metadata"]["generation"], "it is not said to be done");
    assert_eq!(condition(&held, "Ready")["status"], "True");

    for name in ["acme", "new"] {
        annotate(&cluster, "Organization", name, PAUSED, Value::Null).await;
        let resumed = operator.wait_ready(&cluster, "Organization", name).await;
        assert!(condition(&resumed, "Paused").is_null(), "{resumed:#}");
    }

    annotate(&cluster, "Organization", "acme", PAUSED, json!("true")).await;
    operator.wait(&cluster, "Organization", "acme", "says Paused", is_paused).await;
    cluster.delete("Organization", "acme").await;
    operator.wait_gone(&cluster, "Organization", "acme").await;
}

#[tokio::test]
async fn a_request_to_reconcile_is_answered_once() {
    let (operator, cluster) = started(&[]).await;
    let namespace = cluster.namespace().to_owned();
    for (kind, name, annotation) in
        [("Organization", "acme", RECONCILE), ("Platform", "embedded", FLUX), ("Organization", "acme", FLUX)]
    {
        let before = cluster.get(kind, name).await.unwrap();
        let value = format!("2027-01-01T00:00:00Z {annotation}");
        let mark = operator.mark(&namespace);
        annotate(&cluster, kind, name, annotation, json!(value)).await;
        let answered = operator
            .wait(&cluster, kind, name, "answers", |object| {
                object["status"]["lastHandledReconcileAt"] == value.as_str()
            })
            .await;
        assert_eq!(answered["status"]["conditions"], before["status"]["conditions"]);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let writes = operator.writes_since(&namespace, mark);
        let resource = format!("{}s/{name}", kind.to_lowercase());
        assert_eq!((writes.of(&resource), writes.total(), writes.events), (vec!["status"], 1, 0), "{writes:#?}");
        let after = cluster.get(kind, name).await.unwrap();
        assert_eq!(after["metadata"]["annotations"][annotation], value.as_str(), "the annotation is the user's");
    }
}

async fn recorded(cluster: &Cluster, operator: &Operator) -> String {
    let lease = cluster.beside(operator.home()).typed::<Lease>().get("org-operator").await.unwrap();
    lease.metadata.annotations.unwrap()["org-operator.dev/owner-id"].clone()
}

#[tokio::test]
async fn the_owner_id_is_recorded_and_not_changed_by_accident() {
    let namespace = namespace("owner");
    let mut operator = Operator::prepare(&[&namespace], &[]);
    operator.forget_owner_id();
    operator.run().await;
    let cluster = Cluster::of(&namespace).await;
    let home = cluster.get("Namespace", operator.home()).await.unwrap();
    let uid = home["metadata"]["uid"].as_str().unwrap().to_owned();
    assert_eq!(recorded(&cluster, &operator).await, uid);
    operator.restart().await;
    operator.stop().await;

    let refused = operator.output(&["--owner-id=mine"]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!((refused.status.code(), text.lines().count()), (Some(1), 1), "{text}");
    for part in [uid.as_str(), "is now mine", "--owner-id-changed-from="] {
        assert!(text.contains(part), "{text}");
    }
    assert!(refused.stdout.is_empty());
    assert_eq!(recorded(&cluster, &operator).await, uid, "what is refused records nothing");

    let wrong = operator.output(&["--owner-id=mine", "--owner-id-changed-from=somebody"]);
    assert_eq!(wrong.status.code(), Some(1));
    operator.add_argument("--owner-id=mine");
    operator.add_argument(&format!("--owner-id-changed-from={uid}"));
    operator.run().await;
    assert_eq!(recorded(&cluster, &operator).await, "mine");
    // The flag may stay where it is: what it allowed has been done.
    operator.restart().await;
}
