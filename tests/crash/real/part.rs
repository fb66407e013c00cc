//! A world's part of a real API server: namespaces of its own, which the world calls as it does in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use super::mirror::{Written, resource};
use super::plane::{self, Plane};
use super::watches::Watches;
use crate::scenario::{NAMESPACE, PLATFORMS};
use crate::settle::KINDS;
use crate::sim::api::Answer;

/// How long it may take until a write shows in a watch. What comes later is a watch that is late, which may be.
const SHOWN: Duration = Duration::from_millis(500);
/// How long is waited for kube-controller-manager, each time.
const CONTROLLERS: Duration = Duration::from_millis(300);
/// Who writes for a person.
const MANAGER: &str = "kubectl";
/// Where definitions are.
const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// The group of ours.
const GROUP: &str = "org-operator.dev";

/// A part. Its clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Part(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plane: &'static Plane,
    /// What the world calls a namespace, and its name.
    names: [(&'static str, String); 2],
    watches: Watches,
    /// Nobody else is on the server.
    alone: bool,
    /// All definitions are there, and none of them is going.
    defined: AtomicBool,
}

impl Part {
    /// A part with nothing in it yet.
    pub(crate) fn new(plane: &'static Plane) -> Self {
        Self::of(plane, false)
    }

    /// One of a server that nobody else is on.
    pub(crate) fn alone(plane: &'static Plane) -> Self {
        Self::of(plane, true)
    }

    fn of(plane: &'static Plane, alone: bool) -> Self {
        let number = plane.number();
        let names = [NAMESPACE, PLATFORMS].map(|name| (name, format!("w{number}-{name}")));
        Self(Arc::new(Inner { plane, names, watches: Watches::default(), alone, defined: AtomicBool::new(true) }))
    }

    /// Where it is.
    pub(crate) fn plane(&self) -> &'static Plane {
        self.0.plane
    }

    /// The names of its namespaces.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        self.0.names.iter().map(|(_, name)| name.clone()).collect()
    }

    /// Where a process of the operator runs that is alone.
    pub(crate) fn home(&self) -> String {
        self.name_of(PLATFORMS)
    }

    fn name_of(&self, called: &str) -> String {
        let found = self.0.names.iter().find(|(name, _)| *name == called);
        found.map_or_else(|| called.to_owned(), |(_, name)| name.clone())
    }

    /// With the names of the server.
    fn outwards(&self, mut object: Value) -> Value {
        rename(&mut object, &|called| self.name_of(called));
        object
    }

    /// With the names of the world.
    fn inwards(&self, mut object: Value) -> Value {
        let called = |name: &str| {
            let found = self.0.names.iter().find(|(_, real)| real == name);
            found.map_or_else(|| name.to_owned(), |(called, _)| (*called).to_owned())
        };
        rename(&mut object, &called);
        object
    }

    pub(crate) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let name = if kind == "Namespace" { self.name_of(name) } else { name.to_owned() };
        let found = self.0.plane.mirror.get(kind, &self.name_of(namespace), &name);
        found.map(|object| self.inwards(object))
    }

    pub(crate) fn all(&self, kind: &str) -> Vec<Value> {
        let mirror = self.0.plane.mirror;
        let found = self.0.names.iter().flat_map(|(_, name)| match kind {
            "Namespace" => mirror.get(kind, "", name).into_iter().collect(),
            _ => mirror.all(kind, name),
        });
        found.map(|object| self.inwards(object)).collect()
    }

    pub(crate) fn newest(&self, kind: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for (called, _) in &self.0.names {
            let answer = self.ask("GET", &self.path(kind, called, ""), None);
            let listed: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            all.extend(listed["items"].as_array().into_iter().flatten().map(|object| self.inwards(object.clone())));
        }
        all
    }

    pub(crate) fn apply(&self, object: Value) -> Result<Value, String> {
        let mut object = self.outwards(object);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, metadata) = (text(&object["kind"]), &object["metadata"]);
        let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
        let path = self.path(&kind, &namespace, &name);
        // What was read is edited, and what was not is applied.
        let answer = if metadata["resourceVersion"].is_null() {
            object["apiVersion"] = json!(resource(&kind).api_version);
            let path = format!("{path}?fieldManager={MANAGER}&force=true&fieldValidation=Strict");
            self.ask("PATCH", &path, Some(("application/apply-patch+yaml", object)))
        } else {
            let edited = json!({ "metadata": { "annotations": metadata["annotations"] }, "spec": object["spec"] });
            self.ask("PATCH", &path, Some(("application/merge-patch+json", edited)))
        };
        let said: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        if !answer.status().is_success() {
            return Err(format!("{}", said["message"]));
        }
        self.wait(&kind, &said, false);
        Ok(self.inwards(said))
    }

    pub(crate) fn delete(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let name = if kind == "Namespace" { self.name_of(name) } else { name.to_owned() };
        let options = json!({ "propagationPolicy": "Background" });
        let answer = self.ask("DELETE", &self.path(kind, namespace, &name), Some(("application/json", options)));
        if answer.status().is_success() {
            self.wait(kind, &serde_json::from_slice(answer.body()).unwrap_or_default(), true);
        }
        answer.status().is_success()
    }

    /// How often something changed in it.
    pub(crate) fn revision(&self) -> u64 {
        self.0.names.iter().map(|(_, name)| self.0.plane.mirror.changes(name)).sum()
    }

    /// Deletes the definition of a kind, where the server is this world's alone.
    pub(crate) fn delete_definition(&self, kind: &str) -> bool {
        if self.0.alone {
            let path = format!("{DEFINITIONS}/{}.{GROUP}", resource(kind).plural);
            let answer = self.ask("DELETE", &path, Some(("application/json", json!({}))));
            self.0.defined.store(false, Ordering::Relaxed);
            return answer.status().is_success();
        }
        false
    }

    /// Removes what is left of other worlds: their operators are gone, and a definition waits for all of its kind.
    pub(crate) fn clear(&self) {
        for kind in KINDS {
            let root = format!("/apis/{}/{}", resource(kind).api_version, resource(kind).plural);
            let listed: Value = serde_json::from_slice(self.ask("GET", &root, None).body()).unwrap_or_default();
            for object in listed["items"].as_array().into_iter().flatten() {
                let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
                let path = self.path(kind, &text("namespace"), &text("name"));
                let free = json!({ "metadata": { "finalizers": null } });
                self.ask("PATCH", &path, Some(("application/merge-patch+json", free)));
                self.ask("DELETE", &path, None);
            }
        }
    }

    /// Makes again the definitions that are not there.
    pub(crate) fn define(&self) {
        if self.0.alone && !self.0.defined.load(Ordering::Relaxed) && self.definitions().len() < KINDS.len() {
            plane::define(self.0.plane.control);
        }
    }

    /// Those that are there.
    fn definitions(&self) -> Vec<Value> {
        let listed: Value = serde_json::from_slice(self.ask("GET", DEFINITIONS, None).body()).unwrap_or_default();
        let all = listed["items"].as_array().cloned().unwrap_or_default();
        let going = |definition: &Value| !definition["metadata"]["deletionTimestamp"].is_null();
        self.0.defined.store(all.len() == KINDS.len() && !all.iter().any(going), Ordering::Relaxed);
        all
    }

    /// What is going needs servers that work in real time; unless it waits for the operator.
    pub(crate) fn wait_for_controllers(&self) {
        let mirror = self.0.plane.mirror;
        let going = |object: &Value| !object["metadata"]["deletionTimestamp"].is_null();
        // Whether what is in something that is going waits for nobody but those servers.
        let theirs = |within: &[Value]| within.is_empty() || !within.iter().all(going);
        if !self.0.defined.load(Ordering::Relaxed) {
            let kinds: Vec<Value> = self
                .definitions()
                .iter()
                .filter(|one| going(one))
                .map(|one| one["spec"]["names"]["kind"].clone())
                .collect();
            let held =
                |kind: &str| self.0.names.iter().flat_map(|(_, name)| mirror.all(kind, name)).collect::<Vec<_>>();
            if kinds.iter().filter_map(Value::as_str).any(|kind| theirs(&held(kind))) {
                std::thread::sleep(CONTROLLERS);
            }
        }
        for (_, name) in &self.0.names {
            if mirror.has_orphans(name) {
                mirror.wait_for_change(name, CONTROLLERS);
            }
            if mirror.get("Namespace", "", name).is_some_and(|namespace| going(&namespace)) {
                let within: Vec<Value> = KINDS.iter().flat_map(|kind| mirror.all(kind, name)).collect();
                if theirs(&within) {
                    mirror.wait_for_change(name, CONTROLLERS);
                }
            }
        }
    }

    /// What the operator asks.
    pub(crate) fn handle(&self, request: Request<Bytes>) -> Answer {
        let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
        let plane = self.0.plane;
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        let at = segments.iter().position(|segment| *segment == "namespaces");
        let of = at.and_then(|at| Some(((*segments.get(at + 2)?).to_owned(), (*segments.get(at + 1)?).to_owned())));
        let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        if let (Some("1" | "true"), Some(of)) = (parameter("watch"), &of) {
            let from = parameter("resourceVersion").and_then(|version| version.parse().ok()).unwrap_or_default();
            let (watch, client) = (self.0.watches.opened(of.clone(), from), plane.operator.clone());
            return plane.run(async move {
                let answer = client.send(request.map(kube::client::Body::from)).await.expect("the API server answers");
                if !answer.status().is_success() {
                    return answer.map(Body::new);
                }
                answer.map(|body| watch.pump(body))
            });
        }
        let writes = request.method() != "GET" && parameter("dryRun").is_none();
        let answer = plane.ask(&plane.operator, request);
        if let (true, true, Some((plural, namespace))) = (writes, answer.status().is_success(), of) {
            let said: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
            let kind = said["kind"].as_str().unwrap_or_default();
            if kind == "Secret" || KINDS.contains(&kind) {
                self.wait(kind, &said, false);
                if let Some(written) = Written::of(&said, false) {
                    self.0.watches.wait(&(plural, namespace), &written, SHOWN);
                }
            }
        }
        answer.map(Body::from)
    }

    /// Waits until a write shows.
    fn wait(&self, kind: &str, answer: &Value, deletes: bool) {
        let Some(written) = Written::of(answer, deletes) else { return };
        self.0.plane.mirror.wait(kind, &written, SHOWN);
        let namespace = answer["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        self.0.watches.wait(&(resource(kind).plural, namespace), &written, SHOWN);
    }

    fn path(&self, kind: &str, namespace: &str, name: &str) -> String {
        let resource = resource(kind);
        let root =
            if resource.group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{}", resource.api_version) };
        let within =
            if kind == "Namespace" { String::new() } else { format!("/namespaces/{}", self.name_of(namespace)) };
        let name = if name.is_empty() { String::new() } else { format!("/{name}") };
        format!("{root}{within}/{}{name}", resource.plural)
    }

    /// Asks as a person.
    fn ask(&self, method: &str, path: &str, body: Option<(&str, Value)>) -> Response<Bytes> {
        let mut request = Request::builder().method(method).uri(path);
        let mut content = Bytes::new();
        if let Some((content_type, body)) = body {
            request = request.header("content-type", content_type);
            content = Bytes::from(body.to_string());
        }
        self.0.plane.ask(&self.0.plane.admin, request.body(content).expect("a request"))
    }
}

/// Calls the namespaces of an object otherwise, wherever it names one.
fn rename(value: &mut Value, name: &impl Fn(&str) -> String) {
    if value["kind"] == "Namespace"
        && let Some(own) = value["metadata"]["name"].as_str().map(name)
    {
        value["metadata"]["name"] = json!(own);
    }
    rename_below(value, name);
}

fn rename_below(value: &mut Value, name: &impl Fn(&str) -> String) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                match value.as_str() {
                    Some(called) if field == "namespace" => *value = json!(name(called)),
                    _ => rename_below(value, name),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename_below(item, name)),
        _ => {}
    }
}
