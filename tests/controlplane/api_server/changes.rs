//! Creating and changing.

use http::Method;
use serde_json::{Value, json};

use super::talk::Talk;
use super::{GROUP, config_map, platform};

const PARTIAL: (&str, &str) = ("accept", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");

pub(super) async fn created(talk: &mut Talk) {
    let platforms = talk.path("platforms");
    talk.get(&format!("{platforms}/a")).await;
    let mut sent = platform("a");
    sent["metadata"]["labels"] = json!({"team": "x"});
    sent["metadata"]["annotations"] = json!({});
    sent["metadata"]["generation"] = json!(7);
    sent["metadata"]["finalizers"] = json!(["example.org/a"]);
    sent["status"] = json!({"observedGeneration": 3});
    sent["spec"]["unknown"] = json!({"a": 1});
    sent["unknown"] = json!(1);
    talk.post(&format!("{platforms}?dryRun=All"), sent.clone()).await;
    talk.get(&format!("{platforms}/a")).await;
    let made = talk.post(&platforms, sent.clone()).await;
    talk.post(&platforms, sent).await;
    talk.get(&format!("{platforms}/a")).await;
    talk.get(&format!("{platforms}/a/status")).await;
    talk.ask(Method::GET, &format!("{platforms}/a"), &[PARTIAL], Value::Null).await;
    talk.post(&platforms, made).await;

    talk.post(&platforms, platform("")).await;
    talk.post(&format!("{GROUP}/namespaces/nowhere/platforms"), platform("a")).await;
    talk.post("/api/v1/namespaces/nowhere/secrets", secret("a")).await;
    let mut elsewhere = platform("b");
    elsewhere["metadata"]["namespace"] = json!("nowhere");
    talk.post(&platforms, elsewhere).await;
    let mut token = json!({"apiVersion": "org-operator.dev/v1alpha1", "kind": "Token", "metadata": {"name": "t"}});
    talk.post(&platforms, token.clone()).await;
    token["spec"] = json!({"userRef": {"name": "u"}});
    talk.post(&talk.path("tokens"), token).await;

    let mut generated = config_map("");
    generated["metadata"] = json!({"generateName": "generated-"});
    talk.post(&talk.path("configmaps"), generated).await;
    let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}});
    talk.post(&talk.path("leases"), lease).await;
    let path = talk.path("leases/l");
    talk.merge(&path, json!({"spec": {"holderIdentity": "me"}})).await;
    event(talk).await;

    for (controller, uid) in [(true, "11111111-1111-1111-1111-111111111111"), (true, "")] {
        let first = json!({"apiVersion": "v1", "kind": "Secret", "name": "s", "uid": uid, "controller": controller});
        let mut second = first.clone();
        second["uid"] = json!("22222222-2222-2222-2222-222222222222");
        let mut owned = config_map("owned");
        owned["metadata"]["ownerReferences"] = json!([first, second]);
        talk.post(&format!("{}?dryRun=All", talk.path("configmaps")), owned).await;
    }
    talk.get("/api/v1/nothing").await;
    talk.get(&format!("{GROUP}/nothing")).await;
    talk.get("/apis/nothing.example.org/v1/things").await;
}

async fn event(talk: &mut Talk) {
    let mut event = json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"},
        "action": "Reconcile", "reason": "Made", "type": "Normal", "note": "made it",
        "eventTime": "2026-01-02T03:04:05.000006Z",
        "regarding": {
            "apiVersion": "org-operator.dev/v1alpha1", "kind": "Platform", "name": "a", "namespace": talk.namespace(),
        },
        "reportingController": "org-operator", "reportingInstance": "me",
    });
    let events = talk.path("events");
    talk.post(&events, event.clone()).await;
    event["series"] = json!({"count": 2, "lastObservedTime": "2026-01-02T03:05:05.000006Z"});
    talk.merge(&format!("{events}/e"), event.clone()).await;
    talk.get(&format!("/api/v1/namespaces/{}/events/e", talk.namespace())).await;
    event["metadata"]["name"] = json!("long");
    event["note"] = json!("a".repeat(1025));
    talk.post(&events, event).await;
}

pub(super) async fn patched(talk: &mut Talk) {
    let made = talk.post(&talk.path("platforms"), platform("a")).await;
    let path = talk.path("platforms/a");
    talk.merge(&talk.path("platforms/b"), json!({"metadata": {"labels": {"a": "1"}}})).await;
    // The first write of all is one even where it changes nothing.
    talk.merge(&path, json!({})).await;
    talk.merge(&path, json!({})).await;
    // Metadata alone, then the manifest, then nothing.
    talk.merge(&path, json!({"metadata": {"labels": {"a": "1", "b": "2"}, "annotations": {"c": "3"}}})).await;
    talk.merge(&path, json!({"metadata": {"labels": {"a": null}}})).await;
    let newest = talk.merge(&path, json!({"spec": {"limits": {"deletionsPerHour": 3}}})).await;
    talk.merge(&path, json!({"spec": {"limits": {"deletionsPerHour": 3}}})).await;
    talk.merge(&path, json!({})).await;
    talk.merge(&path, json!({"spec": {"limits": null}})).await;
    talk.merge(&path, json!({"status": {"observedGeneration": 9}, "metadata": {"generation": 40}})).await;
    // Preconditions.
    let version = |of: &Value| of["metadata"]["resourceVersion"].clone();
    talk.merge(&path, json!({"metadata": {"resourceVersion": version(&made), "labels": {"d": "4"}}})).await;
    let newest = {
        let read = talk.get(&path).await;
        assert_ne!(version(&read), version(&newest));
        read
    };
    let uid = "11111111-1111-1111-1111-111111111111";
    talk.merge(&path, json!({"metadata": {"uid": uid, "labels": {"d": "4"}}})).await;
    talk.merge(&path, json!({"metadata": {"uid": uid, "resourceVersion": version(&made)}})).await;
    let right =
        json!({"uid": newest["metadata"]["uid"], "resourceVersion": version(&newest), "finalizers": ["e.org/f"]});
    talk.merge(&format!("{path}?dryRun=All"), json!({"metadata": right})).await;
    talk.merge(&path, json!({"metadata": right})).await;
    talk.merge(&path, json!({"metadata": {"name": "other"}})).await;
    talk.merge(&path, json!({"metadata": {"creationTimestamp": null, "uid": null, "resourceVersion": null}})).await;
    talk.merge(&path, json!({"metadata": {"labels": {"bad": 1}}})).await;
    // The subresource changes nothing but status.
    let status = json!({
        "metadata": {"labels": {"e": "5"}, "annotations": {"e": "5"}}, "spec": {"limits": {"deletionsPerHour": 5}},
        "status": {"observedGeneration": 2, "unknown": 1},
    });
    talk.merge(&format!("{path}/status"), status).await;
    talk.merge(&format!("{path}/status"), json!({"status": {"observedGeneration": 2}})).await;
    talk.merge(&format!("{path}/status"), json!({"metadata": {"resourceVersion": version(&made)}, "status": null}))
        .await;
    talk.merge(&talk.path("platforms/b/status"), json!({"status": {}})).await;
    // PUT.
    let mut whole = talk.get(&path).await;
    whole["spec"]["limits"]["deletionsPerHour"] = json!(6);
    whole["status"]["observedGeneration"] = json!(3);
    let old = whole.clone();
    whole = talk.put(&path, whole).await;
    talk.put(&path, old).await;
    talk.put(&path, whole.clone()).await;
    whole["status"]["observedGeneration"] = json!(4);
    whole["spec"]["limits"]["deletionsPerHour"] = json!(7);
    whole = talk.put(&format!("{path}/status"), whole).await;
    let mut without = whole.clone();
    without["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    talk.put(&path, without).await;
    whole["metadata"]["uid"] = json!(uid);
    talk.put(&path, whole.clone()).await;
    whole["metadata"]["name"] = json!("other");
    talk.put(&path, whole).await;
    talk.put(&talk.path("platforms/b"), platform("b")).await;
    let map = talk.path("configmaps/c");
    talk.put(&map, config_map("c")).await;
    talk.post(&talk.path("configmaps"), config_map("c")).await;
    let mut next = config_map("c");
    next["data"] = json!({"b": "2"});
    talk.put(&map, next).await;
}

fn status(fields: &Value) -> Value {
    json!({"apiVersion": "org-operator.dev/v1alpha1", "kind": "Platform", "status": fields})
}

fn condition(type_: &str, message: &str) -> Value {
    json!({
        "type": type_, "status": "True", "reason": "Because", "message": message,
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    })
}

pub(super) async fn applied(talk: &mut Talk) {
    let path = talk.path("platforms/a/status");
    talk.apply(&path, status(&json!({"observedGeneration": 1}))).await;
    let mut made = talk.post(&talk.path("platforms"), platform("a")).await;
    let (ready, extra) = (condition("Ready", "a"), condition("Extra", "a"));
    let (more, other) = (condition("More", "a"), condition("Ready", "b"));
    let version = made["metadata"]["resourceVersion"].clone();
    for (number, fields) in [
        json!({"observedGeneration": 1, "conditions": [ready]}),
        json!({"observedGeneration": 1, "conditions": [ready]}),
        json!({"observedGeneration": 2, "conditions": [ready, extra]}),
        json!({"observedGeneration": 2, "conditions": [extra, other]}),
        json!({"observedGeneration": 2, "conditions": [other, more, extra]}),
        json!({"conditions": [more, ready], "capabilities": [{"name": "A", "support": "Supported"}]}),
        json!({"conditions": [ready], "capabilities": [{"name": "B", "support": "Unknown"}, {"name": "A", "support": "Supported"}]}),
        json!({"conditions": [ready], "deletions": {"held": true, "counted": [{"at": "2026-01-02T03:04:05Z", "count": 1}]}}),
        json!({"conditions": [ready], "deletions": {"counted": []}}),
        json!({"conditions": [ready], "deletions": {}}),
        json!({"conditions": [ready]}),
        json!({"conditions": []}),
        json!({"observedGeneration": 3}),
        json!({}),
        json!({"conditions": [ready]}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut sent = status(&fields);
        if number % 2 == 0 {
            sent["metadata"] = json!({"uid": made["metadata"]["uid"], "resourceVersion": made["metadata"]["resourceVersion"]});
        }
        let answer = talk.apply(&path, sent).await;
        if answer["kind"] == "Platform" {
            made = answer;
        }
    }
    // Preconditions.
    let mut sent = status(&json!({"conditions": [ready], "observedGeneration": 5}));
    sent["metadata"] = json!({"resourceVersion": version});
    talk.apply(&path, sent.clone()).await;
    sent["metadata"] = json!({"uid": "11111111-1111-1111-1111-111111111111"});
    talk.apply(&path, sent.clone()).await;
    sent["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"].clone();
    talk.apply(&path, sent.clone()).await;
    sent["metadata"] = json!({"uid": made["metadata"]["uid"], "labels": {"a": "1"}});
    sent["spec"] = json!({"limits": {"deletionsPerHour": 5}});
    talk.apply(&format!("{path}?dryRun=All"), sent.clone()).await;
    talk.apply(&path, sent.clone()).await;
    let header = [("content-type", "application/apply-patch+yaml")];
    talk.ask(Method::PATCH, &path, &header, status(&json!({}))).await;
    // Another manager's fields are its own.
    let other_manager = format!("{path}?fieldManager=other&force=true");
    talk.ask(Method::PATCH, &other_manager, &header, status(&json!({"conditions": [extra], "observedGeneration": 6})))
        .await;
    talk.apply(&path, status(&json!({"conditions": [ready]}))).await;
    talk.ask(Method::PATCH, &other_manager, &header, status(&json!({"conditions": [other]}))).await;
    talk.apply(&path, status(&json!({}))).await;
    // The main resource, by a person.
    let path = talk.path("platforms/b");
    let mut sent = platform("b");
    sent["metadata"]["labels"] = json!({"a": "1", "b": "2"});
    sent["spec"]["limits"] = json!({"deletionsPerHour": 3});
    for _ in 0..3 {
        talk.apply(&path, sent.clone()).await;
    }
    talk.merge(&path, json!({"metadata": {"finalizers": ["e.org/f"], "annotations": {"made-in": "x"}}})).await;
    sent["metadata"]["labels"] = json!({"a": "1"});
    sent["spec"].as_object_mut().unwrap().remove("limits");
    talk.apply(&path, sent).await;
    let mut absent = platform("c");
    absent["metadata"]["uid"] = json!("11111111-1111-1111-1111-111111111111");
    talk.apply(&talk.path("platforms/c"), absent).await;
}

fn secret(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"a": "MQ=="}})
}

pub(super) async fn secrets(talk: &mut Talk) {
    let (secrets, path) = (talk.path("secrets"), talk.path("secrets/a"));
    let mut sent = secret("a");
    sent["stringData"] = json!({"a": "2", "b": "3"});
    sent["unknown"] = json!(1);
    talk.post(&format!("{secrets}?dryRun=All"), sent.clone()).await;
    let made = talk.post(&secrets, sent.clone()).await;
    talk.post(&format!("{secrets}?dryRun=All"), sent).await;
    let version = made["metadata"]["resourceVersion"].clone();
    let change = json!({
        "metadata": {
            "resourceVersion": version, "labels": {"a": "1"}, "annotations": {"b": "2"}, "ownerReferences": null,
        },
        "data": {"a": "NA==", "b": null},
    });
    talk.merge(&format!("{path}?dryRun=All"), change.clone()).await;
    talk.merge(&path, change.clone()).await;
    talk.merge(&path, change).await;
    talk.merge(&path, json!({"data": {"a": null}})).await;
    talk.merge(&path, json!({"type": "Opaque", "data": null, "metadata": {"labels": {}, "annotations": {"b": null}}}))
        .await;
    talk.merge(&path, json!({"type": "example.org/other"})).await;
    talk.merge(&path, json!({"data": {"a": "no base64!"}})).await;
    talk.merge(&path, json!({"stringData": {"c": "5"}})).await;
    let uid = "11111111-1111-1111-1111-111111111111";
    talk.merge(&path, json!({"metadata": {"uid": uid}})).await;
    talk.merge(&path, json!({"metadata": {"uid": null, "resourceVersion": null, "labels": {"x": "y"}}})).await;
    talk.merge(&path, json!({"immutable": true})).await;
    talk.merge(&path, json!({"data": {"c": "NA=="}})).await;
    talk.merge(&path, json!({"immutable": null})).await;
    talk.merge(&path, json!({"metadata": {"labels": {"still": "free"}}})).await;
    let mut bad = secret("b");
    bad["data"] = json!({"a": "no base64!"});
    talk.post(&secrets, bad.clone()).await;
    bad["data"] = json!({});
    talk.post(&secrets, bad).await;
    talk.put(&talk.path("secrets/b"), secret("b")).await;
}
