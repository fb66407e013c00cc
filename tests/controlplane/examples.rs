//! The manifests of `examples/`, as they are.

use org_operator::embedded::Directory;
use serde_json::{Value, json};

use super::adopted::existing;
use super::support::{Cluster, Contents, Operator, example, namespace, quickstart};

#[tokio::test]
async fn a_rotated_token_comes_as_its_consumer_reads_it() {
    let namespace = namespace("example");
    let operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    for manifest in quickstart().iter().chain(&example("rotated-token")) {
        cluster.apply_one(manifest).await;
    }
    operator.wait_all_ready(&cluster, 7).await;

    let token = cluster.value("deploy-token", "token").await;
    assert!(operator.is_active(&token).await);
    let config: Value = serde_json::from_str(&cluster.value("deploy-token", "config.json").await).unwrap();
    assert_eq!(config, json!({ "user": "deploy", "token": token }));
    assert_eq!(cluster.value("deploy-token", "AUTHORIZATION").await, format!("Bearer {token}"));
    let status = cluster.get("Token", "deploy").await.unwrap()["status"].clone();
    let time = |field: &str| status[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let age = |field: &str| time(field).duration_since(time("issuedAt")).as_hours();
    assert!((151..=168).contains(&age("rotateAt")), "{status:#}");
    assert_eq!(age("expiresAt"), 720, "{status:#}");
}

#[tokio::test]
async fn an_organisation_is_looked_at_and_not_touched() {
    let namespace = namespace("example");
    let mut operator = Operator::prepare(&[&namespace], &[]);
    let directory = Directory::open(&operator.data_dir()).await.unwrap();
    let id = existing(&directory, "Example Ltd", "Before").await;
    directory.close().await;
    let before = Contents::read(&operator).await;
    operator.run().await;
    let cluster = Cluster::of(&namespace).await;
    for manifest in quickstart().iter().filter(|manifest| manifest["kind"] == "Platform").chain(&example("take-over")) {
        cluster.apply_one(manifest).await;
    }
    let taken = operator.wait_ready(&cluster, "Organization", "example").await;
    let status = &taken["status"];
    assert_eq!((&status["externalID"], &status["origin"]), (&json!(id), &json!("Adopted")));
    assert_eq!(status["drift"], json!(["spec.displayName"]));
    cluster.delete("Organization", "example").await;
    operator.wait_gone(&cluster, "Organization", "example").await;
    operator.stop().await;
    assert_eq!(Contents::read(&operator).await, before);
}
