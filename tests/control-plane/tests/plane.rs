//! What a plane has to do for the tests that run against it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says that it failed by panicking")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use control_plane::ControlPlane;
use serde_json::{Value, json};

/// One plane for all tests here, as in any other test binary.
fn plane() -> &'static ControlPlane {
    ControlPlane::shared().unwrap()
}

/// Waits until `done` says so.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_mins(1);
    while !done() {
        assert!(Instant::now() < limit, "{what}: not within a minute");
        thread::sleep(Duration::from_millis(100));
    }
}

fn exists(arguments: &[&str]) -> bool {
    !plane().run(arguments.iter().copied().chain(["--ignore-not-found", "-o", "name"])).unwrap().is_empty()
}

/// A file of rules that let a service account read config maps and nothing else.
fn rules() -> &'static Path {
    static RULES: OnceLock<PathBuf> = OnceLock::new();
    RULES.get_or_init(|| {
        let path = plane().dir().join("rules.yaml");
        std::fs::write(&path, "- apiGroups: ['']\n  resources: [configmaps]\n  verbs: [get, list]\n").unwrap();
        path
    })
}

#[test]
fn it_is_ready_and_says_its_version() {
    assert_eq!(plane().run(["get", "--raw", "/readyz"]).unwrap(), "ok");
    let version: Value = serde_json::from_str(&plane().run(["version", "-o", "json"]).unwrap()).unwrap();
    assert_eq!(version["serverVersion"]["gitVersion"], version["clientVersion"]["gitVersion"]);
    assert_eq!(version["serverVersion"]["major"], "1");
}

#[test]
fn a_service_account_has_the_rights_of_its_file_and_no_others() {
    let namespace = plane().namespace("rights").unwrap();
    let kubeconfig = plane().service_account_kubeconfig(&namespace, "reader", rules()).unwrap();
    let run = |arguments: &[&str]| plane().kubectl_as(&kubeconfig).args(arguments).output().unwrap();

    let allowed = run(&["get", "configmaps", "-o", "name"]);
    assert!(allowed.status.success(), "{}", String::from_utf8_lossy(&allowed.stderr));
    // The namespace of the kubeconfig is the account's own.
    assert_eq!(String::from_utf8_lossy(&allowed.stdout), "configmap/kube-root-ca.crt\n");

    let denied = run(&["get", "secrets"]);
    assert!(!denied.status.success());
    let message = String::from_utf8_lossy(&denied.stderr).into_owned();
    let account = format!("\"system:serviceaccount:{namespace}:reader\" cannot list resource \"secrets\"");
    assert!(message.contains("Forbidden") && message.contains(&account), "{message}");

    assert_eq!(std::fs::metadata(&kubeconfig).unwrap().permissions().mode() & 0o777, 0o600);
    plane().delete_namespace(&namespace).unwrap();
}

#[test]
fn a_tenant_has_its_rights_in_its_namespace_alone() {
    let (own, other) = (plane().namespace("rights").unwrap(), plane().namespace("rights").unwrap());
    let kubeconfig = plane().tenant_kubeconfig(&own, "reader", rules()).unwrap();
    let may = |namespace: &str| {
        let get = ["get", "configmaps", "--namespace", namespace];
        plane().kubectl_as(&kubeconfig).args(get).output().unwrap().status.success()
    };
    assert_eq!((may(&own), may(&other)), (true, false));
    for namespace in [own, other] {
        plane().delete_namespace(&namespace).unwrap();
    }
}

#[test]
fn a_namespace_can_be_deleted() {
    let namespace = plane().namespace("goes").unwrap();
    plane().run(["create", "configmap", "inside", "--namespace", &namespace]).unwrap();
    plane().delete_namespace(&namespace).unwrap();
    until("the namespace goes", || !exists(&["get", "namespace", &namespace]));
}

#[test]
fn what_has_lost_its_owner_is_collected() {
    let namespace = plane().namespace("owned").unwrap();
    let apply = |name: &str, owners: Value| {
        let metadata = json!({ "name": name, "namespace": namespace, "ownerReferences": owners });
        plane().apply(&json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata })).unwrap();
    };
    apply("owner", json!([]));
    let uid = plane()
        .run(["get", "configmap", "owner", "--namespace", &namespace, "-o", "jsonpath={.metadata.uid}"])
        .unwrap();
    apply("owned", json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid }]));
    apply("bystander", json!([]));
    plane().run(["delete", "configmap", "owner", "--namespace", &namespace]).unwrap();
    until("the owned one goes", || !exists(&["get", "configmap", "owned", "--namespace", &namespace]));
    assert!(exists(&["get", "configmap", "bystander", "--namespace", &namespace]));
    plane().delete_namespace(&namespace).unwrap();
}

#[test]
fn the_audit_log_has_each_write_once() {
    let namespace = plane().namespace("audit").unwrap();
    plane().run(["create", "configmap", "seen", "--namespace", &namespace]).unwrap();
    plane().run(["create", "configmap", "tried", "--namespace", &namespace, "--dry-run=server"]).unwrap();
    plane().run(["get", "configmap", "seen", "--namespace", &namespace]).unwrap();
    let events = plane()
        .audit_events(|event| event.namespace == namespace && event.resource == "configmaps" && event.user == "admin")
        .unwrap();
    let short: Vec<_> =
        events.iter().map(|event| (event.verb.as_str(), event.name.as_str(), event.dry_run, event.code)).collect();
    assert_eq!(
        short,
        [("create", "seen", false, 201), ("create", "tried", true, 201), ("get", "seen", false, 200)],
        "{events:#?}"
    );
    assert_eq!(events.iter().filter(|event| event.is_write() && event.succeeded()).count(), 1);
    plane().delete_namespace(&namespace).unwrap();
}

#[test]
fn two_planes_live_side_by_side() {
    let first = plane();
    let other = ControlPlane::start().unwrap();
    assert_ne!(first.dir(), other.dir());
    other.run(["create", "namespace", "only-here"]).unwrap();
    assert!(!exists(&["get", "namespace", "only-here"]));
    let dir = other.dir().to_owned();
    drop(other);
    assert!(!dir.exists(), "{} is left behind", dir.display());
    assert_eq!(plane().run(["get", "--raw", "/readyz"]).unwrap(), "ok");
}

#[test]
fn a_refusal_says_what_kubectl_said() {
    let error = plane().run(["get", "namespace", "no-such"]).unwrap_err().to_string();
    assert!(error.starts_with("kubectl get namespace no-such: "), "{error}");
    assert!(error.contains("not found"), "{error}");
}

#[test]
fn nobody_but_its_owner_reads_its_files() {
    assert_eq!(std::fs::metadata(plane().dir()).unwrap().permissions().mode() & 0o077, 0);
}

#[test]
fn a_program_under_test_outlives_the_thread_that_asked_for_it() {
    let start = || {
        plane().spawn(Path::new("/bin/sleep"), |command| {
            command.arg("600");
        })
    };
    let mut child = thread::spawn(start).join().unwrap().unwrap();
    // By then the kernel would have killed a child of the ended thread.
    plane().run(["get", "--raw", "/readyz"]).unwrap();
    assert_eq!(child.try_wait().unwrap(), None);
    // The process is the program itself, not one around it: a signal reaches it.
    let comm = format!("/proc/{}/comm", child.id());
    until("it runs", || std::fs::read_to_string(&comm).unwrap() == "sleep\n");
    child.kill().unwrap();
    child.wait().unwrap();
}
