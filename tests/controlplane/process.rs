//! The operator as a process: killed, stopped, and started twice.

use std::time::Duration;

use serde_json::json;

use super::support::{Cluster, Contents, Operator, namespace, quickstart};

/// How often it is killed.
const KILLS: u64 = 20;
/// After how many kills another quickstart is applied, so that the later ones find something to interrupt.
const EACH: u64 = 4;
/// It needs so long to start; and it is killed at most so long after that.
const AFTER: (u64, u64) = (50, 1500);

/// The quickstart under another name on the platform, because all share a directory.
async fn apply(cluster: &Cluster) {
    for mut manifest in quickstart() {
        if manifest["kind"] == "Organization" {
            manifest["spec"]["externalName"] = json!(cluster.namespace());
        }
        cluster.apply_one(&manifest).await;
    }
}

/// A number for each `n` that looks like chance and is the same in every run.
fn scattered(n: u64) -> u64 {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 31;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^ (x >> 29)
}

#[tokio::test]
async fn killed_twenty_times_it_makes_everything_once() {
    let namespaces: Vec<String> = (0..KILLS / EACH).map(|_| namespace("killed")).collect();
    let watched: Vec<&str> = namespaces.iter().map(String::as_str).collect();
    let mut operator = Operator::prepare(&watched, &[]);
    let first = Cluster::of(&namespaces[0]).await;
    let clusters: Vec<Cluster> = namespaces.iter().map(|namespace| first.beside(namespace)).collect();
    for kill in 0..KILLS {
        if kill % EACH == 0 {
            apply(&clusters[usize::try_from(kill / EACH).unwrap()]).await;
        }
        operator.spawn();
        // The moment is the point: there is nothing to wait for.
        tokio::time::sleep(Duration::from_millis(AFTER.0 + scattered(kill) % AFTER.1)).await;
        operator.kill();
    }
    operator.run().await;
    for cluster in &clusters {
        operator.wait_all_ready(cluster, 5).await;
        let token = cluster.value("ci-token", "token").await;
        assert!(operator.is_active(&token).await, "{}", operator.log_tail());
        for (user, secret) in [("ada", "ada-credentials"), ("acme-admin", "acme-admin")] {
            let password = cluster.value(secret, "password").await;
            assert!(operator.login(cluster.namespace(), user, &password).await.is_some(), "{user}");
        }
    }
    operator.stop().await;

    let contents = Contents::read(&operator).await;
    assert_eq!(contents.organizations.len(), clusters.len(), "{contents:#?}");
    for cluster in &clusters {
        let organization = contents.organization(cluster.namespace());
        let object = cluster.get("Organization", "acme").await.unwrap();
        assert_eq!(object["status"]["externalID"], organization.id.as_str());
        assert_eq!(object["status"]["origin"], "Created");
        let users: Vec<&str> = organization.users.iter().map(|user| user.username.as_str()).collect();
        assert_eq!(users, ["acme-admin", "ada", "ci"]);
        let secret = cluster.get("Secret", "ci-token").await.unwrap();
        let stored = &secret["metadata"]["annotations"]["org-operator.dev/external-id"];
        let token = cluster.get("Token", "ci").await.unwrap();
        assert_eq!(token["status"]["externalID"], *stored);
        let live: Vec<&str> = organization.users.iter().flat_map(|user| &user.tokens).map(String::as_str).collect();
        assert_eq!(json!(live), json!([stored]), "one live token, and it is the one in the Secret");
        // An event may be lost with the process that would have written it; it is never told twice.
        let mut events = cluster.events().await;
        let all = events.len();
        events.dedup();
        assert_eq!(events.len(), all, "{events:?}");
        assert!(events.iter().all(|(type_, ..)| type_ == "Normal"), "{events:?}");
    }
}

#[tokio::test]
async fn sigterm_ends_it_in_good_order() {
    let namespace = namespace("sigterm");
    let mut operator = Operator::start(&[&namespace], &[]).await;
    let cluster = Cluster::of(&namespace).await;
    apply(&cluster).await;
    // In the middle of it.
    let begun = |object: &serde_json::Value| object["metadata"]["finalizers"].is_array();
    operator.wait(&cluster, "Organization", "acme", "is begun", begun).await;
    operator.stop().await;
    assert!(operator.log().contains("stopped"), "{}", operator.log_tail());
    operator.run().await;
    operator.wait_all_ready(&cluster, 5).await;
    // At rest.
    operator.stop().await;
}

#[tokio::test]
async fn a_data_directory_is_one_operators() {
    let namespace = namespace("twice");
    let operator = Operator::start(&[&namespace], &[]).await;
    let second = operator.output(&[]);
    let (stdout, stderr) = (String::from_utf8_lossy(&second.stdout), String::from_utf8_lossy(&second.stderr));
    assert_eq!(second.status.code(), Some(1), "{stderr}");
    assert_eq!(stdout, "");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let directory = operator.data_dir();
    assert!(stderr.starts_with("org-operator: ") && stderr.contains(directory.to_str().unwrap()), "{stderr}");
    // The first one does not mind.
    let cluster = Cluster::of(&namespace).await;
    cluster.apply("{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}").await;
    operator.wait_ready(&cluster, "Platform", "embedded").await;
}
