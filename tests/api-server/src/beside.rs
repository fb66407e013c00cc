//! What a test does and sees beside the API.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::delete::How;
use crate::object::{Object, text};
use crate::resource::{self, Resource};
use crate::state::{By, Write};
use crate::status::Status;
use crate::write::Spot;
use crate::{ApiServer, Asked};

/// The field manager of what a test applies.
const MANAGER: &str = "kubectl";

impl ApiServer {
    fn by(&self, verb: &'static str, agent: &'static str) -> By<'static> {
        By { verb, subresource: "", agent, dry_run: false, now: self.0.now() }
    }

    /// An object of that kind; no namespace where the kind has none.
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let resource = resource::of_kind(kind)?;
        let key = resource.key(namespace, name);
        self.lock().get(resource.store, &key).map(|object| object.value.clone())
    }

    /// All objects of that kind, by namespace and name.
    pub fn all(&self, kind: &str) -> Vec<Value> {
        let Some(resource) = resource::of_kind(kind) else { return Vec::new() };
        self.lock().stores[resource.store].objects.values().map(|object| object.value.clone()).collect()
    }

    /// Applies a manifest as a person does: it makes the object, or changes what the manifest says and said before.
    ///
    /// `apiVersion` may be left out, and the namespace, which then is `default`.
    pub fn apply(&self, mut object: Value) -> Result<Value, Status> {
        let resource = resource_of(&object)?;
        object["apiVersion"] = json!(resource.api_version);
        let name = text(&object["metadata"], "name").to_owned();
        let mut namespace = text(&object["metadata"], "namespace").to_owned();
        if namespace.is_empty() && resource.namespaced {
            "default".clone_into(&mut namespace);
        }
        let spot = Spot { resource, namespace: &namespace, name: &name };
        let mut by = self.by("patch", MANAGER);
        let mut state = self.lock();
        if state.get(resource.store, &spot.key()).is_none() {
            by.verb = "create";
        }
        let (_, applied) = state.apply(&spot, object, MANAGER, &by)?;
        Ok(applied.value.clone())
    }

    /// Deletes an object as a person does, or begins to; whether it was there.
    pub fn delete(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let Some(resource) = resource::of_kind(kind) else { return false };
        let spot = Spot { resource, namespace, name };
        let by = self.by("delete", MANAGER);
        let how = How { propagation: Some("Background"), ..How::default() };
        self.lock().delete(&spot, how, &by).is_ok()
    }

    /// Overwrites an object, or makes one, as it is: no rule is applied, only the resourceVersion is a new one.
    pub fn put(&self, object: Value) {
        let Ok(resource) = resource_of(&object) else { return };
        let (namespace, name) = (text(&object["metadata"], "namespace"), text(&object["metadata"], "name"));
        let key = resource.key(namespace, name);
        let by = self.by("put", "test");
        let mut state = self.lock();
        let owned = state.get(resource.store, &key).map(|before| before.owned.clone()).unwrap_or_default();
        state.commit(resource.store, &key, Some(Object::new(object, owned)), &by);
    }

    /// Does what kube-controller-manager does, once round: what lost its owners is deleted, deletions in the foreground
    /// go on, namespaces that are being deleted lose what is in them and then go. Whether something changed.
    pub fn collect(&self) -> bool {
        let by = self.by("delete", "kube-controller-manager");
        self.lock().collect(&by)
    }

    /// The newest resourceVersion.
    pub fn revision(&self) -> u64 {
        self.lock().revision
    }

    /// All writes that changed something, in their order.
    pub fn writes(&self) -> Vec<Write> {
        self.lock().writes.clone()
    }

    /// Those after that revision.
    pub fn writes_since(&self, revision: u64) -> Vec<Write> {
        let state = self.lock();
        let first = state.writes.partition_point(|write| write.revision <= revision);
        state.writes[first..].to_vec()
    }

    /// From now on requests are refused as `rule` says, which sees each before it is looked at. It replaces the rule before.
    pub fn refuse(&self, rule: impl Fn(&Asked) -> Option<Status> + Send + Sync + 'static) {
        self.set_rule(Some(Arc::new(rule)));
    }

    /// From now on none is.
    pub fn refuse_nothing(&self) {
        self.set_rule(None);
    }

    fn set_rule(&self, rule: Option<Arc<crate::Rule>>) {
        *self.0.rule.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = rule;
    }

    pub(crate) fn make_namespace(&self, name: &str) {
        let namespace = json!({"kind": "Namespace", "metadata": {"name": name}});
        // It is not there yet, and nothing else is refused about it.
        let _ = self.apply(namespace);
    }
}

fn resource_of(object: &Value) -> Result<&'static Resource, Status> {
    let (api_version, kind) = (text(object, "apiVersion"), text(object, "kind"));
    let found = if api_version.is_empty() { resource::of_kind(kind) } else { resource::named(api_version, kind) };
    found.ok_or_else(|| Status::new(404, "NotFound", format!("no kind {kind} in {api_version}")))
}
