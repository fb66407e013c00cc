//! What is deleted goes, from the platform too; what is retained stays.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{Cluster, Contents, Operator, namespace, plane, quickstart};

const ORGANIZATION: &str = "
kind: Organization
metadata: {name: acme}
spec:
  platformRef: {name: embedded}
  admin: {username: boss, email: boss@acme.example}
  keyPair: {size: 2048}
";

/// A Platform, an organisation that is retained (the default), a user that is removed with its resource and one that is
/// not.
async fn retained(cluster: &Cluster) {
    cluster.apply("{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}").await;
    cluster.apply(ORGANIZATION).await;
    for (name, policy) in [("goes", "Delete"), ("stays", "Retain")] {
        let spec = json!({
            "organizationRef": { "name": "acme" }, "type": "Person", "email": "x@acme.example", "deletionPolicy": policy,
        });
        cluster.apply_one(&json!({ "kind": "User", "metadata": { "name": name }, "spec": spec })).await;
    }
}

#[tokio::test]
async fn a_deleted_namespace_goes_and_leaves_nothing_on_the_platform() {
    let namespace = namespace("doomed");
    let mut operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    for manifest in quickstart() {
        cluster.apply_one(&manifest).await;
    }
    operator.wait_all_ready(&cluster, 5).await;
    let token = cluster.value("ci-token", "token").await;
    let begun = Instant::now();
    plane().delete_namespace(&namespace).unwrap();
    operator.wait_gone(&cluster, "Namespace", &namespace).await;
    assert!(begun.elapsed() < Duration::from_mins(1), "it took {:?}", begun.elapsed());
    assert!(!operator.is_active(&token).await);
    operator.stop().await;
    let contents = Contents::read(&operator).await;
    assert!(contents.organizations.is_empty(), "left behind: {contents:#?}");
}

#[tokio::test]
async fn a_namespace_deleted_half_way_goes_and_leaves_nothing_on_the_platform() {
    let namespace = namespace("half-way");
    let mut operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    for manifest in quickstart() {
        cluster.apply_one(&manifest).await;
    }
    operator
        .wait(&cluster, "Organization", "acme", "is begun", |object| object["metadata"]["finalizers"].is_array())
        .await;
    plane().delete_namespace(&namespace).unwrap();
    operator.wait_gone(&cluster, "Namespace", &namespace).await;
    operator.stop().await;
    let contents = Contents::read(&operator).await;
    assert!(contents.organizations.is_empty(), "left behind: {contents:#?}");
}

#[tokio::test]
async fn what_nothing_was_made_for_goes_at_once() {
    let namespace = namespace("never-made");
    let operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    for manifest in quickstart().into_iter().filter(|manifest| manifest["kind"] != "Platform") {
        cluster.apply_one(&manifest).await;
    }
    operator.wait_reason(&cluster, "Organization", "acme", "DependencyNotReady").await;
    for kind in ["Organization", "User", "Token"] {
        for object in cluster.list(kind).await {
            cluster.delete(kind, object["metadata"]["name"].as_str().unwrap()).await;
        }
    }
    operator.wait_all_gone(&cluster).await;
}

#[tokio::test]
async fn a_retained_organisation_stays_with_its_secrets() {
    let namespace = namespace("retained");
    let mut operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    retained(&cluster).await;
    operator.wait_all_ready(&cluster, 4).await;
    let before = cluster.everything().await;
    let key = cluster.value("acme-keypair", "private.pem").await;
    let passwords =
        [cluster.value("stays-credentials", "password").await, cluster.value("goes-credentials", "password").await];

    for (kind, name) in [("User", "goes"), ("User", "stays"), ("Organization", "acme")] {
        cluster.delete(kind, name).await;
    }
    for (kind, name) in [("User", "goes"), ("User", "stays"), ("Organization", "acme")] {
        operator.wait_gone(&cluster, kind, name).await;
    }
    operator.wait_gone(&cluster, "Secret", "goes-credentials").await;
    assert!(before.contains(&"Secret/goes-credentials".to_owned()), "{before:?}");
    for name in ["acme-keypair", "acme-admin", "stays-credentials"] {
        let secret = cluster.get("Secret", name).await.unwrap();
        assert_eq!(secret["metadata"]["ownerReferences"], Value::Null, "{secret:#}");
        let released = secret["metadata"]["annotations"]["org-operator.dev/released"].as_str();
        assert!(released.is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok()), "{name}: {released:?}");
    }
    assert_eq!(cluster.value("acme-keypair", "private.pem").await, key);
    assert!(operator.login("acme", "stays", &passwords[0]).await.is_some());
    assert!(operator.login("acme", "goes", &passwords[1]).await.is_none());
    // Nothing is made on it any more, so the Platform may go, and come back.
    cluster.delete("Platform", "embedded").await;
    operator.wait_gone(&cluster, "Platform", "embedded").await;

    operator.stop().await;
    let contents = Contents::read(&operator).await;
    let organization = contents.organization("acme");
    assert_eq!(organization.owner, None, "its owner mark is off");
    let users: Vec<_> = organization.users.iter().map(|user| (user.username.as_str(), &user.owner)).collect();
    let stays = organization.users.iter().find(|user| user.username == "stays").unwrap();
    assert_eq!((users.len(), &stays.owner), (2, &None), "{users:?}");
    operator.run().await;

    // Its Secrets are nobody's now, so the new one needs others.
    cluster.apply("{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}").await;
    let again =
        "{kind: Organization, metadata: {name: again}, spec: {platformRef: {name: embedded}, externalName: acme}}";
    cluster.apply(again).await;
    let refused = operator.wait_reason(&cluster, "Organization", "again", "AlreadyExists").await;
    assert!(refused["status"]["conditions"].as_array().unwrap().iter().any(|condition| condition["type"] == "Stalled"));
    assert_eq!(refused["status"]["externalID"], Value::Null, "{refused:#}");
    cluster.delete("Organization", "again").await;
    operator.wait_gone(&cluster, "Organization", "again").await;
    operator.stop().await;
    assert_eq!(Contents::read(&operator).await.organizations.len(), 1, "what was never its own is not touched");
}

#[tokio::test]
async fn an_organisation_waits_for_those_in_it() {
    let namespace = namespace("dependents");
    let operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    for manifest in quickstart() {
        cluster.apply_one(&manifest).await;
    }
    operator.wait_all_ready(&cluster, 5).await;
    cluster.delete("Platform", "embedded").await;
    cluster.delete("Organization", "acme").await;
    let says = |object: &Value, what: &str| {
        let conditions = object["status"]["conditions"].as_array().unwrap();
        let message = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap()["message"].clone();
        assert!(message.as_str().unwrap().contains(what), "{message}");
    };
    says(&operator.wait_reason(&cluster, "Platform", "embedded", "DependentsExist").await, "waits for 4 ");
    says(&operator.wait_reason(&cluster, "Organization", "acme", "DependentsExist").await, "waits for 3 ");
    for (kind, name) in [("User", "ada"), ("Token", "ci"), ("User", "ci")] {
        cluster.delete(kind, name).await;
    }
    operator.wait_all_gone(&cluster).await;
}
