//! Grants of a Platform's owner, and two resources for one object.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Cluster, Operator, condition, namespace};

/// How long the writes of an object that is stalled are counted. Everything is looked at again each second.
const WATCHED: Duration = Duration::from_secs(4);

/// Two namespaces with one operator; the Platform is in the first.
async fn two(prefix: &str) -> (Operator, Cluster, Cluster) {
    let (first, second) = (namespace(prefix), namespace(prefix));
    let operator = Operator::start(&[&first, &second], &["--resync=1s"]).await;
    let owner = Cluster::of(&first).await;
    let tenant = owner.beside(&second);
    owner.apply("{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}").await;
    operator.wait_ready(&owner, "Platform", "embedded").await;
    (operator, owner, tenant)
}

fn organization(platform: &Cluster, name: &str, spec: &Value) -> Value {
    let mut manifest = json!({
        "kind": "Organization", "metadata": { "name": name },
        "spec": { "platformRef": { "name": "embedded", "namespace": platform.namespace() } },
    });
    for (field, value) in spec.as_object().unwrap() {
        manifest["spec"][field] = value.clone();
    }
    manifest
}

/// The sentence of an object that is stalled for that reason.
async fn stalled(operator: &Operator, cluster: &Cluster, kind: &str, name: &str, reason: &str) -> String {
    let object = operator.wait_reason(cluster, kind, name, reason).await;
    assert_eq!(condition(&object, "Stalled")["reason"], reason, "{object:#}");
    condition(&object, "Ready")["message"].as_str().unwrap().to_owned()
}

async fn allow(owner: &Cluster, grants: Value) {
    owner.patch("Platform", "embedded", json!({ "spec": { "allowedNamespaces": grants } })).await;
}

#[tokio::test]
async fn another_namespace_needs_the_owners_grant() {
    let (operator, owner, tenant) = two("grant").await;
    for (name, spec) in [
        ("plain", json!({})),
        ("deletes", json!({ "deletionPolicy": "Delete" })),
        ("adopts", json!({ "adoptionPolicy": "IfExists" })),
    ] {
        tenant.apply_one(&organization(&owner, name, &spec)).await;
    }
    for name in ["plain", "deletes", "adopts"] {
        let message = stalled(&operator, &tenant, "Organization", name, "NamespaceNotAllowed").await;
        assert!(message.contains(&format!("the Platform {}/embedded", owner.namespace())), "{message}");
        assert!(message.contains("allowedNamespaces"), "{message}");
    }
    operator
        .written_once(&tenant, WATCHED, &["organizations/plain", "organizations/deletes", "organizations/adopts"])
        .await;

    allow(&owner, json!({ "from": "Selector", "selector": { "matchLabels": { "tier": "gold" } } })).await;
    let mark = operator.mark(tenant.namespace());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(operator.writes_since(tenant.namespace(), mark).total(), 0, "a namespace without the label");
    stalled(&operator, &tenant, "Organization", "plain", "NamespaceNotAllowed").await;
    tenant.patch("Namespace", tenant.namespace(), json!({ "metadata": { "labels": { "tier": "gold" } } })).await;
    operator.wait_ready(&tenant, "Organization", "plain").await;

    for (name, permission) in [("deletes", "[Delete]"), ("adopts", "[Adopt]")] {
        let message = stalled(&operator, &tenant, "Organization", name, "NotPermitted").await;
        assert!(message.contains(permission), "{message}");
    }
    allow(&owner, json!({ "from": "All", "selector": null, "permissions": ["Delete"] })).await;
    operator.wait_ready(&tenant, "Organization", "deletes").await;
    stalled(&operator, &tenant, "Organization", "adopts", "NotPermitted").await;
    allow(&owner, json!({ "permissions": ["Delete", "Adopt"] })).await;
    operator.wait_ready(&tenant, "Organization", "adopts").await;
    // A grant that goes takes nothing from the platform, and says so.
    let made = tenant.get("Organization", "plain").await.unwrap()["status"]["externalID"].clone();
    allow(&owner, json!({ "from": "Same", "permissions": [] })).await;
    stalled(&operator, &tenant, "Organization", "plain", "NamespaceNotAllowed").await;
    allow(&owner, json!({ "from": "All" })).await;
    let again = operator.wait_ready(&tenant, "Organization", "plain").await;
    assert_eq!((&again["status"]["externalID"], made.is_string()), (&made, true));
}

#[tokio::test]
async fn the_oldest_of_two_for_one_organisation_has_it() {
    let (operator, owner, tenant) = two("names").await;
    allow(&owner, json!({ "from": "All", "permissions": ["Delete"] })).await;
    let shared = json!({ "externalName": "Shared Ltd", "deletionPolicy": "Delete" });
    owner.apply_one(&organization(&owner, "first", &shared)).await;
    let first = operator.wait_ready(&owner, "Organization", "first").await;
    owner.apply_one(&organization(&owner, "second", &shared)).await;
    let message = stalled(&operator, &owner, "Organization", "second", "NameConflict").await;
    assert!(message.contains("the Organization first") && message.contains("Shared Ltd"), "{message}");
    tenant.apply_one(&organization(&owner, "third", &shared)).await;
    let message = stalled(&operator, &tenant, "Organization", "third", "NameConflict").await;
    assert!(message.contains("another namespace"), "{message}");
    assert!(
        !message.contains("first") && !message.contains(owner.namespace()),
        "names what is nobody's business: {message}"
    );
    operator.written_once(&owner, WATCHED, &["organizations/second"]).await;
    assert_eq!(operator.writes(tenant.namespace()).of("organizations/third"), ["status"]);

    owner.delete("Organization", "first").await;
    operator.wait_gone(&owner, "Organization", "first").await;
    // The older of the two that waited has it now, and only that one. Those of one second are told apart by namespace.
    let age = async |cluster: &Cluster, name: &str| {
        let waiting = cluster.get("Organization", name).await.unwrap();
        (waiting["metadata"]["creationTimestamp"].as_str().unwrap().to_owned(), cluster.namespace().to_owned())
    };
    let mut order = [(&owner, "second"), (&tenant, "third")];
    if age(&tenant, "third").await < age(&owner, "second").await {
        order.reverse();
    }
    let [heir, other] = order;
    let taken = operator.wait_ready(heir.0, "Organization", heir.1).await;
    assert_ne!(taken["status"]["externalID"], first["status"]["externalID"]);
    stalled(&operator, other.0, "Organization", other.1, "NameConflict").await;
}

#[tokio::test]
async fn two_users_for_one_username() {
    let (operator, owner, _) = two("names").await;
    owner.apply_one(&organization(&owner, "acme", &json!({}))).await;
    operator.wait_ready(&owner, "Organization", "acme").await;
    let user = |name: &str| {
        json!({
            "kind": "User", "metadata": { "name": name },
            "spec": { "organizationRef": { "name": "acme" }, "type": "Machine", "username": "robot" },
        })
    };
    owner.apply_one(&user("first")).await;
    operator.wait_ready(&owner, "User", "first").await;
    owner.apply_one(&user("second")).await;
    let message = stalled(&operator, &owner, "User", "second", "NameConflict").await;
    assert!(message.contains("the User first") && message.contains("robot"), "{message}");
    operator.written_once(&owner, WATCHED, &["users/second"]).await;
    owner.delete("User", "first").await;
    operator.wait_ready(&owner, "User", "second").await;
}

/// What is on the platform already, without a mark of anybody's, is left alone until the manifest says otherwise.
#[tokio::test]
async fn what_exists_is_taken_over_only_when_asked() {
    let (operator, owner, _) = two("adopt").await;
    owner.apply_one(&organization(&owner, "maker", &json!({ "externalName": "Old Ltd" }))).await;
    let made = operator.wait_ready(&owner, "Organization", "maker").await;
    assert_eq!(made["status"]["origin"], "Created", "{made:#}");
    // Retained: it stays, and its mark goes.
    owner.delete("Organization", "maker").await;
    operator.wait_gone(&owner, "Organization", "maker").await;

    owner.apply_one(&organization(&owner, "taker", &json!({ "externalName": "Old Ltd" }))).await;
    let message = stalled(&operator, &owner, "Organization", "taker", "AlreadyExists").await;
    assert!(message.contains("Old Ltd") && message.contains("adoptionPolicy"), "{message}");
    operator.written_once(&owner, WATCHED, &["organizations/taker"]).await;

    owner.patch("Organization", "taker", json!({ "spec": { "adoptionPolicy": "IfExists" } })).await;
    let taken = operator.wait_ready(&owner, "Organization", "taker").await;
    assert_eq!(taken["status"]["origin"], "Adopted", "{taken:#}");
    assert_eq!(taken["status"]["externalID"], made["status"]["externalID"]);
    let events = owner.events().await;
    let of_taker =
        |reason: &str| events.iter().filter(|(_, found, _, name)| found == reason && name == "taker").count();
    assert_eq!((of_taker("Adopted"), of_taker("Created")), (1, 0), "{events:?}");
}
