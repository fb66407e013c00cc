//! What could be lost by somebody else's hand: collected too early, taken for gone because nobody could look, minted for
//! a Secret that cannot be written.

use std::fs;

use serde_json::{Value, json};

use super::support::{Cluster, Contents, Operator, PATIENCE, condition, eventually, namespace, plane};

const PLATFORM: &str = "{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}";

async fn organization(cluster: &Cluster, key_pair: bool) {
    cluster.apply(PLATFORM).await;
    let mut spec = json!({ "platformRef": { "name": "embedded" } });
    if key_pair {
        spec["keyPair"] = json!({ "size": 2048 });
    }
    cluster.apply_one(&json!({ "kind": "Organization", "metadata": { "name": "acme" }, "spec": spec })).await;
}

fn config_map(namespace: &str, name: &str, owner: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": namespace, "ownerReferences": [owner] },
    })
}

async fn collected(namespace: &str, name: &str) {
    let gone = eventually("the collector was there", PATIENCE, async || {
        match plane().run(["get", "configmap", name, "--namespace", namespace]) {
            Ok(_) => Err("it is still there"),
            Err(_) => Ok(()),
        }
    });
    gone.await.unwrap();
}

/// Waits until the collector has seen every `ConfigMap` so far: what it does not know when the owner is deleted in the
/// foreground, it leaves until the owner is gone.
async fn the_collector_knows_all(namespace: &str) {
    let nobody = json!({ "apiVersion": "v1", "kind": "ConfigMap", "name": "nobody", "uid": "00000000-0000-0000-0000-000000000000" });
    plane().apply(&config_map(namespace, "orphan", &nobody)).unwrap();
    collected(namespace, "orphan").await;
}

/// A deletion in the foreground, as Argo CD's, collects what an object owns before its finalizers are worked on.
#[tokio::test]
async fn a_deletion_in_the_foreground_leaves_the_secrets_of_what_is_retained() {
    let namespace = namespace("foreground");
    let mut operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    organization(&cluster, true).await;
    let made = operator.wait_ready(&cluster, "Organization", "acme").await;
    let key = cluster.value("acme-keypair", "private.pem").await;
    operator.stop().await;

    // Something that it does own says when the collector was there.
    let owner = json!({
        "apiVersion": "org-operator.dev/v1alpha1", "kind": "Organization", "name": "acme",
        "uid": made["metadata"]["uid"], "controller": true, "blockOwnerDeletion": false,
    });
    plane().apply(&config_map(&namespace, "owned", &owner)).unwrap();
    the_collector_knows_all(&namespace).await;
    let arguments = ["delete", "org", "acme", "--namespace", &namespace, "--cascade=foreground", "--wait=false"];
    plane().run(arguments).unwrap();
    collected(&namespace, "owned").await;
    assert_eq!(cluster.value("acme-keypair", "private.pem").await, key);

    operator.run().await;
    operator.wait_gone(&cluster, "Organization", "acme").await;
    assert_eq!(cluster.value("acme-keypair", "private.pem").await, key);
}

/// The policy may change while the object is there: its Secrets follow, and go with it in the end.
#[tokio::test]
async fn secrets_follow_the_deletion_policy() {
    let namespace = namespace("follow");
    let operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    organization(&cluster, true).await;
    operator.wait_ready(&cluster, "Organization", "acme").await;
    let owners = async || cluster.get("Secret", "acme-keypair").await.unwrap()["metadata"]["ownerReferences"].clone();
    assert_eq!(owners().await, Value::Null);
    cluster.patch("Organization", "acme", json!({ "spec": { "deletionPolicy": "Delete" } })).await;
    cluster.delete("Organization", "acme").await;
    operator.wait_gone(&cluster, "Organization", "acme").await;
    operator.wait_gone(&cluster, "Secret", "acme-keypair").await;
}

/// "Not found" needs somebody who looked: with the data directory lost, nothing that was made in it counts as deleted.
#[tokio::test]
async fn what_cannot_be_reached_is_not_taken_for_deleted() {
    let namespace = namespace("unreachable");
    let mut operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    organization(&cluster, false).await;
    let spec = json!({ "organizationRef": { "name": "acme" }, "type": "Machine" });
    for name in ["first", "second"] {
        cluster.apply_one(&json!({ "kind": "User", "metadata": { "name": name }, "spec": spec })).await;
    }
    operator.wait_all_ready(&cluster, 4).await;
    operator.stop().await;
    let elsewhere = operator.data_dir().with_extension("elsewhere");
    fs::rename(operator.data_dir(), &elsewhere).unwrap();
    operator.run().await;

    cluster.delete("User", "first").await;
    cluster.delete("User", "second").await;
    let held = operator.wait_reason(&cluster, "User", "first", "DependencyNotReady").await;
    assert!(condition(&held, "Ready")["message"].as_str().unwrap().contains("Retain"), "{held:#}");
    // The way out that the message names.
    cluster.patch("User", "second", json!({ "spec": { "deletionPolicy": "Retain" } })).await;
    operator.wait_gone(&cluster, "User", "second").await;
    assert!(cluster.get("User", "first").await.is_some());

    operator.stop().await;
    fs::remove_dir_all(operator.data_dir()).unwrap();
    fs::rename(&elsewhere, operator.data_dir()).unwrap();
    operator.run().await;
    operator.wait_gone(&cluster, "User", "first").await;
    operator.stop().await;
    let contents = Contents::read(&operator).await;
    let users: Vec<_> = contents.organization("acme").users.iter().map(|user| user.username.clone()).collect();
    assert_eq!(users, ["second"]);
}

/// A quota stands in the way: nothing is minted, no attempt is spent, and nothing is written again and again.
#[tokio::test]
async fn nothing_is_minted_for_a_secret_that_cannot_be_written() {
    let namespace = namespace("quota");
    let mut operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    organization(&cluster, false).await;
    let user = json!({ "organizationRef": { "name": "acme" }, "type": "Machine" });
    cluster.apply_one(&json!({ "kind": "User", "metadata": { "name": "ci" }, "spec": user })).await;
    operator.wait_ready(&cluster, "User", "ci").await;
    plane().run(["create", "quota", "none", "--hard=count/secrets=0", "--namespace", &namespace]).unwrap();
    let dry = ["create", "secret", "generic", "x", "--dry-run=server", "--namespace", &namespace];
    let in_force = eventually("the quota is in force", PATIENCE, async || match plane().run(dry) {
        Ok(made) => Err(made),
        Err(_) => Ok(()),
    });
    in_force.await.unwrap();

    let token = json!({ "userRef": { "name": "ci" } });
    cluster.apply_one(&json!({ "kind": "Token", "metadata": { "name": "ci" }, "spec": token })).await;
    let held = operator.wait_reason(&cluster, "Token", "ci", "SecretWriteFailed").await;
    // Tried again at least twice meanwhile, without a word.
    let tried = operator.metrics().await;
    let again = eventually("it is tried again", PATIENCE, async || {
        let now = operator.metrics().await;
        if waits(&now) >= waits(&tried) + 2 { Ok(()) } else { Err(now) }
    });
    again.await.unwrap();
    let still = cluster.get("Token", "ci").await.unwrap();
    assert_eq!(still["metadata"]["resourceVersion"], held["metadata"]["resourceVersion"], "{still:#}");
    assert_eq!(still["status"]["attempt"], Value::Null, "{still:#}");

    plane().run(["delete", "quota", "none", "--namespace", &namespace]).unwrap();
    let ready = operator.wait_ready(&cluster, "Token", "ci").await;
    assert_eq!(ready["status"]["attempt"], 1, "{ready:#}");
    operator.stop().await;
    let contents = Contents::read(&operator).await;
    let minted: usize = contents.organization("acme").users.iter().map(|user| user.tokens.len()).sum();
    assert_eq!(minted, 1);
}

/// How many passes over Tokens ended in waiting.
fn waits(metrics: &str) -> u64 {
    let line = metrics.lines().find(|line| {
        line.starts_with("org_operator_reconcile_total") && line.contains("\"Token\"") && line.contains("\"waiting\"")
    });
    line.and_then(|line| line.rsplit(' ').next()).and_then(|count| count.parse().ok()).unwrap_or_default()
}
