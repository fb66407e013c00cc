//! What kube-controller-manager does.

use super::*;

fn config_map(name: &str, owners: &[&Value], block: bool) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|owner| {
            json!({
                "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"], "blockOwnerDeletion": block,
            })
        })
        .collect();
    json!({"kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": owners}})
}

fn names(server: &ApiServer, kind: &str) -> Vec<String> {
    server.all(kind).iter().map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

fn delete(server: &ApiServer, kind: &str, name: &str, policy: &str) -> u16 {
    let group = if kind == "platforms" { "apis/org-operator.dev/v1alpha1" } else { "api/v1" };
    let uri = format!("/{group}/namespaces/default/{kind}/{name}");
    answer(server, Method::DELETE, &uri, &json!({"propagationPolicy": policy})).0
}

#[test]
fn what_lost_its_owner_goes_and_what_has_another_stays() {
    let server = server();
    let (first, second) = (server.apply(platform("first")).unwrap(), server.apply(platform("second")).unwrap());
    let child = server.apply(config_map("child", &[&first], false)).unwrap();
    server.apply(config_map("grandchild", &[&child], false)).unwrap();
    server.apply(config_map("shared", &[&first, &second], false)).unwrap();
    assert!(!server.collect());
    server.delete("Platform", "default", "first");
    while server.collect() {}
    assert_eq!(names(&server, "ConfigMap"), ["shared"]);
    let owners = server.get("ConfigMap", "default", "shared").unwrap()["metadata"]["ownerReferences"].clone();
    assert_eq!(owners[0]["uid"], second["metadata"]["uid"]);
    assert_eq!(owners.as_array().unwrap().len(), 1);
    // One of the same name is not the same one.
    server.apply(platform("first")).unwrap();
    server.apply(config_map("orphan", &[&first], false)).unwrap();
    while server.collect() {}
    assert_eq!(names(&server, "ConfigMap"), ["shared"]);
}

#[test]
fn a_deletion_in_the_foreground_waits_for_what_blocks_it() {
    let server = server();
    let owner = server.apply(platform("p")).unwrap();
    let mut held = config_map("held", &[&owner], true);
    held["metadata"]["finalizers"] = json!(["example.org/hold"]);
    server.apply(held).unwrap();
    server.apply(config_map("free", &[&owner], false)).unwrap();
    assert_eq!(delete(&server, "platforms", "p", "Foreground"), 200);
    while server.collect() {}
    assert_eq!((names(&server, "Platform"), names(&server, "ConfigMap")), (vec!["p".into()], vec!["held".into()]));
    let patch = json!({"metadata": {"finalizers": null}});
    assert_eq!(answer(&server, Method::PATCH, "/api/v1/namespaces/default/configmaps/held", &patch).0, 200);
    while server.collect() {}
    assert!(names(&server, "Platform").is_empty() && names(&server, "ConfigMap").is_empty());
}

#[test]
fn what_is_orphaned_stays() {
    let server = server();
    let owner = server.apply(platform("p")).unwrap();
    server.apply(config_map("child", &[&owner], true)).unwrap();
    delete(&server, "platforms", "p", "Orphan");
    while server.collect() {}
    assert!(names(&server, "Platform").is_empty());
    assert_eq!(server.get("ConfigMap", "default", "child").unwrap()["metadata"].get("ownerReferences"), None);
}

#[test]
fn a_namespace_goes_when_it_is_empty() {
    let server = server();
    server.apply(json!({"kind": "Namespace", "metadata": {"name": "n"}})).unwrap();
    let inside = |mut object: Value| {
        object["metadata"]["namespace"] = json!("n");
        server.apply(object)
    };
    let mut held = secret("held");
    held["metadata"]["finalizers"] = json!(["example.org/hold"]);
    inside(held).unwrap();
    inside(secret("free")).unwrap();
    server.apply(secret("elsewhere")).unwrap();
    assert!(server.delete("Namespace", "", "n"));
    let refused = inside(secret("late")).unwrap_err();
    assert_eq!((refused.code, &refused.details["causes"][0]["reason"]), (403, &json!("NamespaceTerminating")));
    while server.collect() {}
    assert_eq!(names(&server, "Secret"), ["elsewhere", "held"]);
    assert_eq!(server.get("Namespace", "", "n").unwrap()["status"]["phase"], "Terminating");
    let patch = json!({"metadata": {"finalizers": []}});
    assert_eq!(answer(&server, Method::PATCH, "/api/v1/namespaces/n/secrets/held", &patch).0, 200);
    while server.collect() {}
    assert_eq!(names(&server, "Secret"), ["elsewhere"]);
    assert_eq!(server.get("Namespace", "", "n"), None);
    assert_eq!(inside(secret("late")).unwrap_err().code, 404);
    assert!(!server.delete("Namespace", "", "default"));
}
