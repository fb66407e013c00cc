//! More than one cluster in the life of an organisation: moved, rebuilt from Git, taken over from one that died. The
//! second cluster is a control plane of its own, and its operator watches all namespaces.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{Cluster, Contents, Operator, Process, another_plane, condition, is_ready, namespace};

const ROTATE: &str = "org-operator.dev/rotate-requested-at";
const TAKE_OVER: &str = "org-operator.dev/take-over-from";

const PLATFORM: &str = "{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}";
/// Several looks at everything, at one each second.
const SEVERAL_RESYNCS: Duration = Duration::from_secs(3);
/// A watch takes a moment; nothing is looked at by itself so soon.
const NOTICED: Duration = Duration::from_secs(5);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn manifest(kind: &str, name: &str, spec: &Value) -> Value {
    json!({ "kind": kind, "metadata": { "name": name }, "spec": spec })
}

/// The manifest of a resource that had its credential renewed once: the request stays in Git.
fn renewed_once(kind: &str, name: &str, spec: &Value) -> Value {
    let mut manifest = manifest(kind, name, spec);
    manifest["metadata"]["annotations"] = json!({ ROTATE: "once" });
    manifest
}

/// A Secret as it is copied to another cluster: without what belongs to this one.
fn copied(secret: &Value) -> Value {
    let metadata = &secret["metadata"];
    json!({
        "kind": "Secret", "type": secret["type"], "data": secret["data"],
        "metadata": { "name": metadata["name"], "labels": metadata["labels"], "annotations": metadata["annotations"] },
    })
}

/// The values of all Secrets of a namespace, by name.
async fn values(cluster: &Cluster) -> BTreeMap<String, Value> {
    let secrets = cluster.list("Secret").await;
    secrets.iter().map(|secret| (text(&secret["metadata"]["name"]), secret["data"].clone())).collect()
}

/// The ids on the platform, by `Kind/name`.
async fn ids(cluster: &Cluster) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for kind in ["Organization", "User", "Token"] {
        for object in cluster.list(kind).await {
            let key = format!("{kind}/{}", text(&object["metadata"]["name"]));
            all.insert(key, object["status"]["externalID"].clone());
        }
    }
    all
}

/// An organisation with all that has a Secret, which is released when its resources go.
fn released(adoption: &str) -> Vec<Value> {
    let admin = json!({ "username": "boss", "email": "boss@acme.example" });
    let organization = json!({
        "platformRef": { "name": "embedded" }, "externalName": "Acme Ltd", "admin": admin, "keyPair": { "size": 2048 },
        "adoptionPolicy": adoption, "deletionPolicy": "Retain",
    });
    let user = |type_: &str| {
        json!({
            "organizationRef": { "name": "acme" }, "type": type_, "email": "x@acme.example",
            "adoptionPolicy": adoption, "deletionPolicy": "Retain",
        })
    };
    vec![
        manifest("Platform", "embedded", &json!({ "embedded": {} })),
        manifest("Organization", "acme", &organization),
        renewed_once("User", "ada", &user("Person")),
        manifest("User", "ci", &user("Machine")),
        renewed_once("Token", "ci", &json!({ "userRef": { "name": "ci" }, "deletionPolicy": "Retain" })),
    ]
}

#[tokio::test]
async fn an_organisation_moves_to_another_cluster_with_its_secrets() {
    let namespace = namespace("moved");
    let mut old = Operator::start(&[&namespace], &["--owner-id=old"]).await;
    let from = Cluster::of(&namespace).await;
    let manifests = released("Never");
    for manifest in &manifests {
        from.apply_one(manifest).await;
    }
    old.wait_all_ready(&from, 5).await;
    let (ids_before, values_before) = (ids(&from).await, values(&from).await);
    let pair = from.get("Organization", "acme").await.unwrap()["status"]["keyPair"].clone();
    for manifest in manifests.iter().rev() {
        from.delete(&text(&manifest["kind"]), &text(&manifest["metadata"]["name"])).await;
    }
    old.wait_all_gone(&from).await;
    old.stop().await;
    let contents = Contents::read(&old).await;
    assert_eq!(contents, contents.clone().unmarked(), "released is unmarked");
    assert_eq!(contents.tokens().len(), 1);

    let plane = another_plane();
    let mut new = Process::on(&plane, &[], &["--owner-id=new"]);
    new.inherit(&old);
    let home = plane.namespace("home").unwrap();
    let to = Cluster::on(&plane, &home).await;
    for secret in from.list("Secret").await {
        to.apply_one(&copied(&secret)).await;
    }
    new.run().await;
    for manifest in released("IfExists") {
        to.apply_one(&manifest).await;
    }
    new.wait_all_ready(&to, 5).await;
    assert_eq!((ids(&to).await, values(&to).await), (ids_before, values_before));
    for (kind, name) in [("Organization", "acme"), ("User", "ada"), ("User", "ci")] {
        assert_eq!(to.get(kind, name).await.unwrap()["status"]["origin"], "Adopted", "{kind} {name}");
    }
    for (kind, name) in [("User", "ada"), ("Token", "ci")] {
        let object = to.get(kind, name).await.unwrap();
        assert_eq!(object["status"]["lastHandledRotateAt"], "once", "an old request is no new one: {object:#}");
    }
    let moved = &to.get("Organization", "acme").await.unwrap()["status"]["keyPair"];
    assert_eq!(["fingerprint", "publicKey"].map(|field| &moved[field]), ["fingerprint", "publicKey"].map(|f| &pair[f]));
    assert!(new.is_active(&to.value("ci-token", "token").await).await);
    for (username, secret) in [("boss", "acme-admin"), ("ada", "ada-credentials")] {
        let password = to.value(secret, "password").await;
        assert!(new.login("Acme Ltd", username, &password).await.is_some(), "{username}");
    }
    let requests = new.platform_requests(&format!("{home}/embedded")).await;
    assert!(requests.contains_key("find"), "they are not counted: {requests:?}");
    for operation in ["create", "delete", "set_password"] {
        assert!(!requests.contains_key(operation), "{requests:?}");
    }
    new.stop().await;
    let after = Contents::read(&new).await;
    assert_eq!(after.clone().unmarked(), contents);
    assert_eq!(after.organization("Acme Ltd").owner.as_deref(), Some(format!("new/{home}/acme").as_str()));
}

/// Git has the manifests, and nothing has the Secrets: what can be had again is there again, and the rest says so.
#[tokio::test]
async fn a_cluster_is_rebuilt_from_its_manifests_alone() {
    let namespace = namespace("rebuilt");
    let mut old = Operator::start(&[&namespace], &["--owner-id=same"]).await;
    let from = Cluster::of(&namespace).await;
    let user = |type_: &str| json!({ "organizationRef": { "name": "acme" }, "type": type_, "email": "x@acme.example" });
    let keyed = json!({ "platformRef": { "name": "embedded" }, "keyPair": { "size": 2048 } });
    let manifests = [
        manifest("Platform", "embedded", &json!({ "embedded": {} })),
        manifest("Organization", "acme", &json!({ "platformRef": { "name": "embedded" } })),
        manifest("Organization", "keyed", &keyed),
        renewed_once("User", "ada", &user("Person")),
        manifest("User", "ci", &user("Machine")),
        manifest("Token", "ci", &json!({ "userRef": { "name": "ci" } })),
    ];
    for manifest in &manifests {
        from.apply_one(manifest).await;
    }
    old.wait_all_ready(&from, 6).await;
    let before = ids(&from).await;
    let token = from.value("ci-token", "token").await;
    let password = from.value("ada-credentials", "password").await;
    let pair = from.get("Secret", "keyed-keypair").await.unwrap();
    old.kill();

    let plane = another_plane();
    plane.run(["create", "namespace", &namespace]).unwrap();
    let mut new = Process::on(&plane, &[], &["--owner-id=same", "--resync=1s"]);
    new.inherit(&old);
    new.run().await;
    let to = Cluster::on(&plane, &namespace).await;
    for manifest in &manifests {
        to.apply_one(manifest).await;
    }
    for (kind, name) in [("Organization", "acme"), ("User", "ci")] {
        let resumed = new.wait_ready(&to, kind, name).await;
        assert_eq!(resumed["status"]["externalID"], before[&format!("{kind}/{name}")]);
    }
    let minted = new.wait_ready(&to, "Token", "ci").await;
    let lost = &before["Token/ci"];
    assert_ne!(minted["status"]["externalID"], *lost);
    assert_eq!(minted["status"]["leftBehind"], json!([lost]), "{minted:#}");
    let left = condition(&minted, "LeftBehind");
    assert_eq!((&left["status"], &left["reason"]), (&json!("True"), &json!("CannotRevoke")), "{minted:#}");
    assert!(text(&left["message"]).contains(&text(lost)), "{left:#}");
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert!(new.is_active(&token).await, "somebody may still use it");
    assert!(new.is_active(&to.value("ci-token", "token").await).await);

    for (kind, name, ways_out) in
        [("Organization", "keyed", ["restore that Secret", "import"]), ("User", "ada", ["restore that Secret", ROTATE])]
    {
        let object = new.wait_reason(&to, kind, name, "ValueUnavailable").await;
        let stalled = condition(&object, "Stalled");
        assert_eq!(stalled["reason"], "ValueUnavailable", "{object:#}");
        let message = text(&stalled["message"]);
        assert!(ways_out.iter().all(|way_out| message.contains(way_out)), "{message}");
    }
    let unanswered = to.get("User", "ada").await.unwrap();
    assert_eq!(unanswered["status"]["lastHandledRotateAt"], "once", "an old request is no new one: {unanswered:#}");
    assert!(new.login("acme", "ada", &password).await.is_some(), "nothing is reset by itself");
    to.annotate("User", "ada", ROTATE, json!("now")).await;
    let reset = new.wait_ready(&to, "User", "ada").await;
    assert_eq!(reset["status"]["externalID"], before["User/ada"]);
    assert_eq!(reset["status"]["lastHandledRotateAt"], "now");
    let credentials = to.secret("ada-credentials").await.unwrap();
    assert_eq!(credentials.keys().collect::<Vec<_>>(), ["password", "username"]);
    assert!(new.login("acme", "ada", &credentials["password"]).await.is_some());
    assert!(new.login("acme", "ada", &password).await.is_none(), "the one before has ended");

    to.apply_one(&copied(&pair)).await;
    let healed = new.wait_ready(&to, "Organization", "keyed").await;
    assert_eq!(healed["status"]["externalID"], before["Organization/keyed"]);
    assert_eq!(to.get("Secret", "keyed-keypair").await.unwrap()["data"], pair["data"]);
}

#[tokio::test]
async fn what_a_dead_cluster_left_is_taken_over_by_name() {
    let namespace = namespace("dead");
    let mut old = Operator::start(&[&namespace], &["--owner-id=alpha"]).await;
    let from = Cluster::of(&namespace).await;
    let organization = |name: &str| {
        let spec = json!({
            "platformRef": { "name": "embedded" }, "externalName": "Acme Ltd", "deletionPolicy": "Delete",
        });
        manifest("Organization", name, &spec)
    };
    let user = |organization: &str| {
        manifest("User", "ci", &json!({ "organizationRef": { "name": organization }, "type": "Machine" }))
    };
    from.apply(PLATFORM).await;
    from.apply_one(&organization("acme")).await;
    from.apply_one(&user("acme")).await;
    old.wait_all_ready(&from, 3).await;
    let before = ids(&from).await;
    old.kill();

    let plane = another_plane();
    let home = plane.namespace("home").unwrap();
    let to = Cluster::on(&plane, &home).await;
    let mut new = Process::on(&plane, &[], &["--owner-id=beta", "--resync=1s"]);
    new.inherit(&old);
    new.run().await;
    to.apply(PLATFORM).await;
    to.apply_one(&organization("taken")).await;
    to.apply_one(&user("taken")).await;
    for (kind, name, id) in [("Organization", "taken", "Organization/acme"), ("User", "ci", "User/ci")] {
        let refused = new.wait_reason(&to, kind, name, "OwnedElsewhere").await;
        assert_eq!(condition(&refused, "Stalled")["reason"], "OwnedElsewhere", "{refused:#}");
        // Neither a part of the owner id nor none of it is it.
        for wrong in ["alph", ""] {
            to.annotate(kind, name, TAKE_OVER, json!(wrong)).await;
            tokio::time::sleep(SEVERAL_RESYNCS).await;
            let refused = new.wait_reason(&to, kind, name, "OwnedElsewhere").await;
            assert!(refused["status"]["externalID"].is_null(), "{refused:#}");
        }
        to.annotate(kind, name, TAKE_OVER, json!("alpha")).await;
        let taken = new.wait_ready(&to, kind, name).await;
        assert_eq!(taken["status"]["externalID"], before[id], "{taken:#}");
        to.told_once("TakenOver", kind, name).await;
    }
    new.stop().await;
    let contents = Contents::read(&new).await;
    let taken = contents.organization("Acme Ltd");
    assert_eq!(taken.owner, Some(format!("beta/{home}/taken")));
    assert_eq!(taken.user("ci").owner, Some(format!("beta/{home}/ci")));
}

#[tokio::test]
async fn labels_of_a_namespace_are_noticed_at_once() {
    let plane = another_plane();
    let mut operator = Process::on(&plane, &[], &[]);
    operator.run().await;
    let owner = Cluster::on(&plane, &plane.namespace("owner").unwrap()).await;
    let tenant = owner.beside(&plane.namespace("tenant").unwrap());
    let selector = json!({ "from": "Selector", "selector": { "matchLabels": { "tenant": "yes" } } });
    owner.apply_one(&manifest("Platform", "embedded", &json!({ "embedded": {}, "allowedNamespaces": selector }))).await;
    operator.wait_ready(&owner, "Platform", "embedded").await;
    let reference = json!({ "name": "embedded", "namespace": owner.namespace() });
    tenant.apply_one(&manifest("Organization", "acme", &json!({ "platformRef": reference }))).await;
    operator.wait_reason(&tenant, "Organization", "acme", "NamespaceNotAllowed").await;
    // A settled object is not looked at again for ten minutes.
    for (label, allowed) in [(json!("yes"), true), (json!("no"), false), (json!("yes"), true), (Value::Null, false)] {
        let began = Instant::now();
        let labels = json!({ "metadata": { "labels": { "tenant": label } } });
        tenant.patch("Namespace", tenant.namespace(), labels).await;
        let noticed = |object: &Value| {
            if allowed { is_ready(object) } else { condition(object, "Ready")["reason"] == "NamespaceNotAllowed" }
        };
        operator.wait(&tenant, "Organization", "acme", &format!("notices {label}"), noticed).await;
        assert!(began.elapsed() < NOTICED, "{label}: {:?}", began.elapsed());
    }
}
