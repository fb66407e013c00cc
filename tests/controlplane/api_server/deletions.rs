//! Deleting.

use serde_json::{Value, json};

use super::talk::Talk;
use super::{config_map, platform};

fn finalized(mut object: Value, finalizers: &[&str]) -> Value {
    object["metadata"]["finalizers"] = json!(finalizers);
    object
}

pub(super) async fn deleted(talk: &mut Talk) {
    let (platforms, maps) = (talk.path("platforms"), talk.path("configmaps"));
    talk.delete(&format!("{platforms}/a"), Value::Null).await;
    let a = talk.post(&platforms, platform("a")).await;
    talk.delete(&format!("{platforms}/a"), json!({"preconditions": {"uid": "11111111-1111-1111-1111-111111111111"}}))
        .await;
    talk.delete(&format!("{platforms}/a"), json!({"preconditions": {"resourceVersion": "1"}})).await;
    talk.delete(&format!("{platforms}/a?dryRun=All"), Value::Null).await;
    talk.delete(&format!("{platforms}/a"), json!({"dryRun": ["All"]})).await;
    talk.get(&format!("{platforms}/a")).await;
    let metadata = &a["metadata"];
    let right = json!({"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]});
    talk.delete(&format!("{platforms}/a"), json!({"preconditions": right})).await;
    talk.get(&format!("{platforms}/a")).await;
    talk.post(&maps, config_map("c")).await;
    talk.delete(&format!("{maps}/c"), Value::Null).await;

    // With finalizers it stays until the last of them goes.
    for (path, object) in [(&platforms, platform("f")), (&maps, config_map("f"))] {
        let one = format!("{path}/f");
        talk.post(path, finalized(object.clone(), &["e.org/a", "e.org/b"])).await;
        talk.delete(&format!("{one}?dryRun=All"), Value::Null).await;
        talk.delete(&one, Value::Null).await;
        talk.delete(&one, Value::Null).await;
        talk.post(path, object).await;
        talk.merge(&one, json!({"metadata": {"finalizers": ["e.org/a", "e.org/b", "e.org/c"]}})).await;
        talk.merge(&one, json!({"metadata": {"deletionTimestamp": null}})).await;
        talk.merge(&one, json!({"metadata": {"labels": {"a": "1"}}})).await;
        talk.merge(&one, json!({"metadata": {"finalizers": ["e.org/b"]}})).await;
        talk.merge(&format!("{one}?dryRun=All"), json!({"metadata": {"finalizers": []}})).await;
        talk.merge(&one, json!({"metadata": {"finalizers": null}})).await;
        talk.get(&one).await;
        talk.merge(&one, json!({"metadata": {"finalizers": null}})).await;
    }
    // A change of the manifest meanwhile, and status.
    let one = format!("{platforms}/s");
    talk.post(&platforms, finalized(platform("s"), &["e.org/a"])).await;
    talk.delete(&one, Value::Null).await;
    talk.merge(&one, json!({"spec": {"limits": {"deletionsPerHour": 1}}})).await;
    talk.apply(
        &format!("{one}/status"),
        json!({"apiVersion": "org-operator.dev/v1alpha1", "kind": "Platform", "status": {}}),
    )
    .await;
    talk.merge(&one, json!({"metadata": {"finalizers": []}, "spec": {"limits": {"deletionsPerHour": 2}}})).await;
    talk.get(&one).await;
    // By its policy.
    for policy in ["Background", "Foreground", "Orphan"] {
        let one = format!("{platforms}/p");
        talk.post(&platforms, finalized(platform("p"), &["e.org/a"])).await;
        talk.delete(&one, json!({"propagationPolicy": policy})).await;
        talk.until(&one, |found| found["metadata"]["finalizers"] == json!(["e.org/a"])).await;
        talk.merge(&one, json!({"metadata": {"finalizers": []}})).await;
        talk.until_gone(&one).await;
    }
    // Many.
    for name in ["x", "y", "z"] {
        let mut map = config_map(name);
        map["metadata"]["labels"] = json!({"many": if name == "z" { "no" } else { "yes" }});
        talk.post(&maps, map).await;
    }
    talk.delete(&format!("{maps}?labelSelector=many%3Dyes"), Value::Null).await;
    talk.get(&format!("{maps}/x")).await;
    talk.get(&format!("{maps}/z")).await;
}

fn owned(name: &str, owners: &[&Value], block: bool) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|owner| {
            json!({
                "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"], "blockOwnerDeletion": block,
            })
        })
        .collect();
    let mut map = config_map(name);
    map["metadata"]["ownerReferences"] = json!(owners);
    map
}

pub(super) async fn collected(talk: &mut Talk) {
    let (platforms, maps) = (talk.path("platforms"), talk.path("configmaps"));
    let first = talk.post(&platforms, platform("first")).await;
    let second = talk.post(&platforms, platform("second")).await;
    let child = talk.post(&maps, owned("child", &[&first], true)).await;
    talk.post(&maps, owned("grandchild", &[&child], false)).await;
    talk.post(&maps, owned("shared", &[&first, &second], false)).await;
    talk.post(&maps, finalized(owned("held", &[&first], false), &["e.org/a"])).await;
    talk.delete(&format!("{platforms}/first"), Value::Null).await;
    talk.until_gone(&format!("{maps}/child")).await;
    talk.until_gone(&format!("{maps}/grandchild")).await;
    let one_owner = |found: &Value| found["metadata"]["ownerReferences"].as_array().is_some_and(|all| all.len() == 1);
    talk.until(&format!("{maps}/shared"), one_owner).await;
    talk.get(&format!("{maps}/shared")).await;
    talk.until(&format!("{maps}/held"), |found| found["metadata"]["deletionTimestamp"].is_string()).await;
    talk.get(&format!("{maps}/held")).await;
    talk.merge(&format!("{maps}/held"), json!({"metadata": {"finalizers": null}})).await;
    talk.get(&format!("{maps}/held")).await;

    // In the foreground: what blocks goes first.
    let owner = talk.post(&platforms, platform("owner")).await;
    talk.post(&maps, finalized(owned("blocks", &[&owner], true), &["e.org/a"])).await;
    talk.post(&maps, owned("free", &[&owner], false)).await;
    // The collector has seen them when it has collected what came after them.
    let nobody = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "n", "uid": "0-0"}});
    talk.post(&maps, owned("nobody", &[&nobody], true)).await;
    talk.until_gone(&format!("{maps}/nobody")).await;
    talk.delete(&format!("{platforms}/owner"), json!({"propagationPolicy": "Foreground"})).await;
    talk.until_gone(&format!("{maps}/free")).await;
    talk.until(&format!("{maps}/blocks"), |found| found["metadata"]["deletionTimestamp"].is_string()).await;
    talk.get(&format!("{platforms}/owner")).await;
    talk.merge(&format!("{maps}/blocks"), json!({"metadata": {"finalizers": null}})).await;
    talk.until_gone(&format!("{platforms}/owner")).await;

    // Orphans stay.
    let owner = talk.post(&platforms, platform("parent")).await;
    talk.post(&maps, owned("orphan", &[&owner], true)).await;
    talk.post(&maps, owned("nobody", &[&nobody], true)).await;
    talk.until_gone(&format!("{maps}/nobody")).await;
    talk.delete(&format!("{platforms}/parent"), json!({"propagationPolicy": "Orphan"})).await;
    talk.until_gone(&format!("{platforms}/parent")).await;
    talk.get(&format!("{maps}/orphan")).await;
}

pub(super) async fn ended(talk: &mut Talk) {
    let namespace = format!("/api/v1/namespaces/{}", talk.namespace());
    let (platforms, maps, secrets) = (talk.path("platforms"), talk.path("configmaps"), talk.path("secrets"));
    talk.get(&namespace).await;
    talk.delete("/api/v1/namespaces/default", Value::Null).await;
    talk.delete("/api/v1/namespaces/nowhere", Value::Null).await;
    talk.post("/api/v1/namespaces", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}))
        .await;
    talk.post(&platforms, finalized(platform("held"), &["e.org/a"])).await;
    talk.post(&maps, config_map("free")).await;
    talk.delete(&format!("{namespace}?dryRun=All"), Value::Null).await;
    talk.delete(&namespace, Value::Null).await;
    talk.until_gone(&format!("{maps}/free")).await;
    talk.until(&format!("{platforms}/held"), |found| found["metadata"]["deletionTimestamp"].is_string()).await;
    // Nothing comes, and what is there can be changed.
    talk.post(&platforms, platform("new")).await;
    talk.post(&format!("{platforms}?dryRun=All"), platform("new")).await;
    talk.apply(&format!("{platforms}/new"), platform("new")).await;
    talk.post(&secrets, json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}})).await;
    let held = format!("{platforms}/held");
    talk.merge(&held, json!({"metadata": {"labels": {"a": "1"}}})).await;
    let status = json!({
        "apiVersion": "org-operator.dev/v1alpha1", "kind": "Platform", "status": {"observedGeneration": 2},
    });
    talk.apply(&format!("{held}/status"), status).await;
    talk.merge(&held, json!({"metadata": {"finalizers": null}})).await;
    talk.until_gone(&namespace).await;
    talk.post(&maps, config_map("late")).await;
    talk.get(&held).await;
}
