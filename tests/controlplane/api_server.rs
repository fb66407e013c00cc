//! The API server in memory answers as the real one does: the same requests to both, and what each said compared.

mod changes;
mod deletions;
mod talk;
mod watches;

use std::collections::BTreeSet;

use api_server::ApiServer;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::support;
use talk::Talk;

/// The path of our group.
const GROUP: &str = "/apis/org-operator.dev/v1alpha1";

/// What is said to both, in parts that know nothing of each other.
async fn compare(prefix: &str, script: impl AsyncFn(&mut Talk)) {
    let namespace = support::namespace(prefix);
    let mut real = Talk::new(support::client().await, &namespace, None);
    script(&mut real).await;

    let server = ApiServer::new(Timestamp::now);
    server
        .apply(json!({"kind": "Namespace", "metadata": {"name": namespace, "generateName": format!("{prefix}-")}}))
        .unwrap();
    let mut ours = Talk::new(server.client(), &namespace, Some(server));
    // What is older than what is there is forgotten, as by a server that has run for a while.
    ours.forget();
    script(&mut ours).await;

    assert!(real.said.len() > 5, "nothing was said");
    let mut differ = Vec::new();
    for ((asked, real), (_, ours)) in real.said.iter().zip(&ours.said) {
        let mut differences = Vec::new();
        collect_differences("", real, ours, &mut differences);
        if !differences.is_empty() {
            differ.push(format!("{asked}\n{}", differences.join("\n")));
        }
    }
    assert!(differ.is_empty(), "{} answers differ:\n{}", differ.len(), differ.join("\n\n"));
    assert_eq!(real.said.len(), ours.said.len());
}

/// Where two values differ, by path.
fn collect_differences(path: &str, real: &Value, ours: &Value, all: &mut Vec<String>) {
    match (real, ours) {
        (Value::Object(left), Value::Object(right)) => {
            let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for name in names {
                let (left, right) = (left.get(name).unwrap_or(&Value::Null), right.get(name).unwrap_or(&Value::Null));
                let both = real.get(name).is_some() == ours.get(name).is_some();
                if both {
                    collect_differences(&format!("{path}/{name}"), left, right, all);
                } else {
                    all.push(format!("  {path}/{name}: real {:?}, ours {:?}", real.get(name), ours.get(name)));
                }
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (at, (left, right)) in left.iter().zip(right).enumerate() {
                collect_differences(&format!("{path}/{at}"), left, right, all);
            }
        }
        _ if real == ours => {}
        _ => all.push(format!("  {path}: real {real}, ours {ours}")),
    }
}

#[tokio::test]
async fn objects_are_created_and_read_alike() {
    compare("alike-created", changes::created).await;
}

#[tokio::test]
async fn objects_are_patched_and_replaced_alike() {
    compare("alike-patched", changes::patched).await;
}

#[tokio::test]
async fn a_status_is_applied_alike() {
    compare("alike-applied", changes::applied).await;
}

#[tokio::test]
async fn secrets_are_kept_alike() {
    compare("alike-secrets", changes::secrets).await;
}

#[tokio::test]
async fn objects_are_deleted_alike() {
    compare("alike-deleted", deletions::deleted).await;
}

#[tokio::test]
async fn what_is_owned_is_collected_alike() {
    compare("alike-collected", deletions::collected).await;
}

#[tokio::test]
async fn a_namespace_ends_alike() {
    compare("alike-ended", deletions::ended).await;
}

#[tokio::test]
async fn lists_and_watches_are_alike() {
    compare("alike-watched", watches::listed).await;
    compare("alike-watched", watches::watched).await;
}

#[tokio::test]
async fn what_is_served_is_alike() {
    compare("alike-served", watches::served).await;
}

fn platform(name: &str) -> Value {
    json!({
        "apiVersion": "org-operator.dev/v1alpha1", "kind": "Platform", "metadata": {"name": name},
        "spec": {"embedded": {}},
    })
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})
}
