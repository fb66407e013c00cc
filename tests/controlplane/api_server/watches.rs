//! Lists and watches.

use http::Method;
use serde_json::{Value, json};

use super::talk::Talk;
use super::{GROUP, config_map, platform};

const PARTIAL: (&str, &str) = ("accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
const PARTIAL_LIST: (&str, &str) = ("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");

fn labelled(name: &str, label: &str) -> Value {
    let mut object = platform(name);
    object["metadata"]["labels"] = json!({"which": label});
    object
}

pub(super) async fn listed(talk: &mut Talk) {
    let platforms = talk.path("platforms");
    talk.get(&platforms).await;
    for (name, label) in [("a", "x"), ("b", "y"), ("c", "x"), ("d", "y"), ("e", "x")] {
        talk.post(&platforms, labelled(name, label)).await;
    }
    let secrets = talk.path("secrets");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "MQ=="}});
    talk.post(&secrets, secret).await;
    let all = talk.get(&platforms).await;
    talk.get(&secrets).await;
    talk.ask(Method::GET, &platforms, &[PARTIAL_LIST], Value::Null).await;
    talk.ask(Method::GET, &format!("{secrets}?limit=1"), &[PARTIAL_LIST], Value::Null).await;
    for query in [
        "labelSelector=which%3Dx",
        "labelSelector=which!%3Dx",
        "labelSelector=which+in+(x,z)&limit=2",
        "labelSelector=!which",
        "fieldSelector=metadata.name%3Db",
        "fieldSelector=metadata.name!%3Db",
        "fieldSelector=spec.nothing%3Db",
        "resourceVersion=0",
        "resourceVersion=0&resourceVersionMatch=NotOlderThan",
        "resourceVersion=nonsense",
        "limit=7",
        "limit=x",
        "continue=nonsense",
    ] {
        talk.get(&format!("{platforms}?{query}")).await;
    }
    // Pages show one moment, whatever comes in between.
    let first = talk.get(&format!("{platforms}?limit=2")).await;
    let next = |page: &Value| page["metadata"]["continue"].as_str().unwrap().to_owned();
    talk.delete(&format!("{platforms}/d"), Value::Null).await;
    talk.post(&platforms, labelled("bb", "x")).await;
    let second = talk.get(&format!("{platforms}?limit=2&continue={}", next(&first))).await;
    talk.get(&format!("{platforms}?limit=2&continue={}", next(&second))).await;
    let version = all["metadata"]["resourceVersion"].as_str().unwrap();
    talk.get(&format!("{platforms}?resourceVersion={version}&resourceVersionMatch=Exact")).await;
    talk.get(&format!("{platforms}?resourceVersion={version}&resourceVersionMatch=NotOlderThan")).await;
    talk.get(&format!("{platforms}?resourceVersion={version}&resourceVersionMatch=Exact&limit=1")).await;
    talk.get(&format!("{platforms}/a?resourceVersion=0")).await;
    talk.get(&format!("{GROUP}/platforms?fieldSelector=metadata.namespace%3D{}", talk.namespace())).await;
    talk.get(&format!("/api/v1/namespaces?fieldSelector=metadata.name%3D{}", talk.namespace())).await;
    talk.get("/api/v1/namespaces/nowhere/secrets").await;
}

pub(super) async fn watched(talk: &mut Talk) {
    let platforms = talk.path("platforms");
    let first = talk.post(&platforms, labelled("a", "x")).await;
    let since = first["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let life = async |talk: &mut Talk| {
        let mut b = labelled("b", "y");
        b["metadata"]["finalizers"] = json!(["e.org/a"]);
        talk.post(&platforms, b).await;
        let b = format!("{platforms}/b");
        talk.merge(&b, json!({"metadata": {"labels": {"which": "x"}}})).await;
        talk.merge(&b, json!({"spec": {"limits": {"deletionsPerHour": 1}}})).await;
        talk.merge(&b, json!({"spec": {"limits": {"deletionsPerHour": 1}}})).await;
        talk.merge(&b, json!({"metadata": {"labels": {"which": "y"}}})).await;
        talk.delete(&b, Value::Null).await;
        talk.merge(&b, json!({"metadata": {"finalizers": null, "labels": {"last": "one"}}})).await;
        talk.delete(&format!("{platforms}/a"), Value::Null).await;
    };
    let path = format!("{platforms}?watch=true&resourceVersion={since}&timeoutSeconds=60");
    talk.watch(&path, &[], 7, life).await;
    // Told afterwards, it is the same.
    let nothing = async |_: &mut Talk| {};
    talk.watch(&path, &[], 7, nothing).await;
    talk.watch(&path, &[PARTIAL], 7, nothing).await;
    talk.watch(&format!("{path}&labelSelector=which%3Dx"), &[], 4, nothing).await;
    talk.watch(&format!("{path}&fieldSelector=metadata.name%3Da"), &[], 1, nothing).await;
    let here = format!("fieldSelector=metadata.namespace%3D{}", talk.namespace());
    talk.watch(&format!("{GROUP}/platforms?watch=1&{here}&resourceVersion={since}&timeoutSeconds=60"), &[], 7, nothing)
        .await;
    // What is there, and then the rest.
    talk.post(&platforms, labelled("c", "x")).await;
    talk.post(&platforms, labelled("d", "y")).await;
    for query in ["", "&resourceVersion=0", "&resourceVersion="] {
        let path = format!("{platforms}?watch=true&timeoutSeconds=60{query}");
        talk.watch(&path, &[], 2, nothing).await;
    }
    let streaming = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    for version in ["", "&resourceVersion=0"] {
        let path = format!("{platforms}?watch=true&timeoutSeconds=60&{streaming}{version}");
        let one_more = async |talk: &mut Talk| {
            talk.merge(&format!("{platforms}/c"), json!({"metadata": {"annotations": {"v": version}}})).await;
        };
        talk.watch(&path, &[], 4, one_more).await;
    }
    talk.get(&format!("{platforms}?watch=true&sendInitialEvents=true&timeoutSeconds=60")).await;
    // What is forgotten is gone, and it ends when its time is over.
    talk.watch(&format!("{platforms}?watch=true&resourceVersion=1&timeoutSeconds=60"), &[], 2, nothing).await;
    talk.get(&format!("{platforms}?watch=true&resourceVersion=nonsense")).await;
    talk.watch(
        &format!("{platforms}?watch=true&resourceVersion={since}&timeoutSeconds=1&labelSelector=none"),
        &[],
        1,
        nothing,
    )
    .await;
    // Built-in kinds, and one object alone.
    let maps = talk.path("configmaps");
    talk.post(&maps, config_map("m")).await;
    talk.watch(&format!("{maps}?watch=true&fieldSelector=metadata.name%3Dm&timeoutSeconds=60"), &[], 1, nothing).await;
    let namespace =
        format!("/api/v1/namespaces?watch=true&fieldSelector=metadata.name%3D{}&timeoutSeconds=60", talk.namespace());
    talk.watch(&namespace, &[PARTIAL], 1, nothing).await;
}

pub(super) async fn served(talk: &mut Talk) {
    talk.get(GROUP).await;
    talk.get("/apis/org-operator.dev").await;
    talk.get("/apis/org-operator.dev/v1").await;
    talk.ask(Method::POST, &format!("{GROUP}/platforms"), &[], platform("a")).await;
    talk.ask(Method::PATCH, &talk.path("platforms/a"), &[("content-type", "text/plain")], json!({})).await;
    talk.get(&talk.path("configmaps/a/status")).await;
}
