//! The API server's objects, as JSON: what kubectl shows is what a test asserts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use control_plane::ControlPlane;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use serde::Deserialize;
use serde_json::{Value, json};

/// The kinds of ours, parents first.
pub(crate) const KINDS: [&str; 4] = ["Platform", "Organization", "User", "Token"];

/// One namespace, seen with all rights.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: Client,
    namespace: String,
}

impl Cluster {
    /// That namespace.
    pub(crate) async fn of(namespace: &str) -> Self {
        Self { client: super::client().await, namespace: namespace.to_owned() }
    }

    /// A namespace of another plane.
    pub(crate) async fn on(plane: &ControlPlane, namespace: &str) -> Self {
        Self { client: super::client_of(plane).await, namespace: namespace.to_owned() }
    }

    /// Another namespace by the same client.
    pub(crate) fn beside(&self, namespace: &str) -> Self {
        Self { client: self.client.clone(), namespace: namespace.to_owned() }
    }

    /// That namespace, seen with the rights of a client.
    pub(crate) fn by(client: Client, namespace: &str) -> Self {
        Self { client, namespace: namespace.to_owned() }
    }

    /// Its name.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Typed access.
    pub(crate) fn typed<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Access to a kind of ours, or to one of the core group.
    pub(crate) fn api(&self, kind: &str) -> Api<DynamicObject> {
        let (group, version) = if KINDS.contains(&kind) { ("org-operator.dev", "v1alpha1") } else { ("", "v1") };
        let plural = format!("{}s", kind.to_lowercase());
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), &plural);
        // Without a namespace it is all of them.
        if kind == "Namespace" || self.namespace.is_empty() {
            Api::all_with(self.client.clone(), &resource)
        } else {
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
        }
    }

    /// Applies every document of `yaml` in this namespace, server-side, as a user does. `apiVersion` may be left out.
    pub(crate) async fn apply(&self, yaml: &str) {
        for document in documents(yaml) {
            self.apply_one(&document).await;
        }
    }

    /// Applies one manifest.
    pub(crate) async fn apply_one(&self, manifest: &Value) -> Value {
        let mut object = manifest.clone();
        let kind = object["kind"].as_str().expect("a manifest has a kind").to_owned();
        object["apiVersion"] = json!(if KINDS.contains(&kind.as_str()) { "org-operator.dev/v1alpha1" } else { "v1" });
        object["metadata"]["namespace"] = json!(self.namespace);
        let name = object["metadata"]["name"].as_str().expect("a manifest has a name").to_owned();
        let params = PatchParams::apply("test").validation_strict().force();
        let applied = self.api(&kind).patch(&name, &params, &Patch::Apply(&object)).await;
        serde_json::to_value(applied.unwrap_or_else(|error| panic!("{manifest} is refused: {error}"))).unwrap()
    }

    /// Changes an object by merge patch, as `kubectl patch` and `kubectl annotate` do.
    pub(crate) async fn patch(&self, kind: &str, name: &str, patch: Value) -> Value {
        let patched = self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        serde_json::to_value(patched).unwrap()
    }

    /// An object, `None` if there is none.
    pub(crate) async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        let found = self.api(kind).get_opt(name).await.unwrap();
        found.map(|object| serde_json::to_value(object).unwrap())
    }

    /// Waits until `done` finds what it looks for in an object, and returns that object.
    pub(crate) async fn until(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        done: impl Fn(&Value) -> bool,
    ) -> Result<Value, String> {
        let what = format!("{kind} {name} {what}");
        let found = super::eventually(what, super::PATIENCE, async || match self.get(kind, name).await {
            Some(object) if done(&object) => Ok(object),
            Some(object) => Err(format!("{:#}", object["status"])),
            None => Err("there is none".to_owned()),
        });
        found.await
    }

    /// All objects of a kind.
    pub(crate) async fn list(&self, kind: &str) -> Vec<Value> {
        let found = self.api(kind).list(&ListParams::default()).await.unwrap();
        found.items.into_iter().map(|object| serde_json::to_value(object).unwrap()).collect()
    }

    /// Sets an annotation, or with `null` takes it off.
    pub(crate) async fn annotate(&self, kind: &str, name: &str, annotation: &str, value: Value) {
        self.patch(kind, name, json!({ "metadata": { "annotations": { annotation: value } } })).await;
    }

    /// Begins to delete an object. It need not be there.
    pub(crate) async fn delete(&self, kind: &str, name: &str) {
        match self.api(kind).delete(name, &DeleteParams::default()).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(error) => panic!("{kind} {name} cannot be deleted: {error}"),
        }
    }

    /// A Secret's values as text, `None` if there is no such Secret.
    pub(crate) async fn secret(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let secret = self.typed::<Secret>().get_opt(name).await.unwrap()?;
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        Some(secret.data.unwrap_or_default().iter().map(|(key, value)| (key.clone(), text(&value.0))).collect())
    }

    /// One value of a Secret that must be there.
    pub(crate) async fn value(&self, secret: &str, key: &str) -> String {
        let values = self.secret(secret).await.unwrap_or_else(|| panic!("there is no Secret {secret}"));
        values.get(key).unwrap_or_else(|| panic!("the Secret {secret} has no {key}, but {:?}", values.keys())).clone()
    }

    /// Makes an Opaque Secret of somebody else's.
    pub(crate) async fn make_secret(&self, name: &str, values: &[(&str, &str)]) {
        let data: BTreeMap<_, _> = values.iter().map(|(key, value)| (*key, STANDARD.encode(value))).collect();
        self.apply_one(&json!({ "kind": "Secret", "metadata": { "name": name }, "data": data })).await;
    }

    /// The events: type, reason, kind and name of what each is about.
    pub(crate) async fn events(&self) -> Vec<(String, String, String, String)> {
        let events = self.typed::<Event>().list(&ListParams::default()).await.unwrap();
        let mut all: Vec<_> = events.iter().map(told).collect();
        all.sort();
        all
    }

    /// What was told more than once: in two events, or in one that counts.
    pub(crate) async fn told_again(&self) -> Vec<(String, String, String, String)> {
        let events = self.typed::<Event>().list(&ListParams::default()).await.unwrap();
        let mut seen = BTreeSet::new();
        events.iter().filter(|event| !seen.insert(told(event)) || event.series.is_some()).map(told).collect()
    }

    /// How often it was told of an object why: one event counts all that are alike.
    pub(crate) async fn event_count(&self, reason: &str, kind: &str, name: &str) -> usize {
        let events = self.typed::<Event>().list(&ListParams::default()).await.unwrap();
        let told = events.into_iter().filter(|event| {
            let about = event.regarding.as_ref();
            event.reason.as_deref() == Some(reason)
                && about.is_some_and(|about| (about.kind.as_deref(), about.name.as_deref()) == (Some(kind), Some(name)))
        });
        told.map(|event| event.series.map_or(1, |series| usize::try_from(series.count).unwrap())).sum()
    }

    /// Waits until it was told of an object why, once and no more: events come after the status.
    pub(crate) async fn told_once(&self, reason: &str, kind: &str, name: &str) {
        let what = format!("{reason} is told of {kind} {name}");
        let told =
            super::eventually(what, super::PATIENCE, async || match self.event_count(reason, kind, name).await {
                1 => Ok(()),
                count => Err(format!("{count} times")),
            });
        told.await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// What is there of ours and of Secrets: `Kind/name`.
    pub(crate) async fn everything(&self) -> Vec<String> {
        let mut all = Vec::new();
        for kind in KINDS.into_iter().chain(["Secret"]) {
            let found = self.api(kind).list(&ListParams::default()).await.unwrap();
            all.extend(found.items.iter().map(|object| format!("{kind}/{}", object.name_any())));
        }
        all
    }
}

/// The condition of that type; null if the object has none.
pub(crate) fn condition<'a>(object: &'a Value, type_: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().find(|condition| condition["type"] == type_).unwrap_or(&Value::Null)
}

/// Ready for its manifest as it is now.
pub(crate) fn is_ready(object: &Value) -> bool {
    let ready = condition(object, "Ready");
    ready["status"] == "True"
        && ready["observedGeneration"] == object["metadata"]["generation"]
        && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// Not Ready for that reason, for its manifest as it is now.
pub(crate) fn says(object: &Value, reason: &str) -> bool {
    let ready = condition(object, "Ready");
    ready["reason"] == reason && ready["observedGeneration"] == object["metadata"]["generation"]
}

/// The documents of a YAML text.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(yaml).map(|document| Value::deserialize(document).unwrap()).collect()
}

/// The resources of `examples/quickstart.yaml` without its namespace, in the file's order.
pub(crate) fn quickstart() -> Vec<Value> {
    example("quickstart")
}

/// The resources of a file in `examples/` without namespaces, in the file's order.
pub(crate) fn example(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/{name}.yaml"));
    let mut all = documents(&std::fs::read_to_string(path).unwrap());
    all.retain(|document| document["kind"] != "Namespace");
    all
}

/// Type, reason, kind and name of what an event is about.
fn told(event: &Event) -> (String, String, String, String) {
    let about = event.regarding.clone().unwrap_or_default();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (text(&event.type_), text(&event.reason), text(&about.kind), text(&about.name))
}
