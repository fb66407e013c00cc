//! Deleting objects.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::object::{self, Object};
use crate::request::Call;
use crate::resource::Resource;
use crate::state::{By, State};
use crate::status::{Status, removed};
use crate::write::Spot;

/// Holds an object until what it owns and blocks it is gone.
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// Holds an object until nothing names it as its owner any more.
pub(crate) const ORPHAN: &str = "orphan";

/// Namespaces that cannot be deleted.
const IMMORTAL: [&str; 3] = ["default", "kube-public", "kube-system"];

/// What a deletion is answered with.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// It is still there, or it is answered by itself.
    Object(Arc<Object>),
    /// It is gone.
    Gone(Value),
}

/// How to delete.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How<'a> {
    pub(crate) propagation: Option<&'a str>,
    pub(crate) uid: Option<&'a str>,
    pub(crate) revision: Option<&'a str>,
}

impl<'a> How<'a> {
    pub(crate) fn of(call: &'a Call) -> Self {
        let body = &call.asked.body;
        let precondition = |name: &str| body["preconditions"][name].as_str();
        Self {
            propagation: body["propagationPolicy"].as_str().or(call.options.propagation.as_deref()),
            uid: precondition("uid"),
            revision: precondition("resourceVersion"),
        }
    }
}

impl State {
    /// Deletes an object, or begins to.
    pub(crate) fn delete(&mut self, spot: &Spot<'_>, how: How<'_>, by: &By<'_>) -> Result<Deleted, Status> {
        let resource = spot.resource;
        let before = self.get(resource.store, &spot.key()).cloned();
        let before = before.ok_or_else(|| Status::not_found(resource, spot.name))?;
        check(resource, &before, how)?;
        let is_namespace = resource.kind == "Namespace";
        if is_namespace && IMMORTAL.contains(&spot.name) {
            return Err(Status::forbidden(resource, spot.name, "this namespace may not be deleted"));
        }
        let mut finalizers: Vec<&str> = before.finalizers().collect();
        let mut set = |name: &'static str, wanted: bool| {
            finalizers.retain(|finalizer| *finalizer != name || wanted);
            if wanted && !finalizers.contains(&name) {
                finalizers.push(name);
            }
        };
        if let Some(policy) = how.propagation {
            set(ORPHAN, policy == "Orphan");
            set(FOREGROUND, policy == "Foreground");
        }
        let held =
            !finalizers.is_empty() || before.value["spec"]["finalizers"].as_array().is_some_and(|f| !f.is_empty());
        if !held {
            if !by.dry_run {
                self.commit(resource.store, &spot.key(), None, by);
            }
            return Ok(Deleted::Gone(removed(resource, spot.name, &before.metadata()["uid"])));
        }
        let mut value = before.value.clone();
        object::set_finalizers(&mut value, &finalizers);
        if !before.is_being_deleted() {
            mark(&mut value, &by.now, is_namespace);
        }
        if value == before.value {
            return Ok(Deleted::Object(before));
        }
        let next = Object::new(value, before.owned.clone());
        if by.dry_run {
            return Ok(Deleted::Object(Arc::new(next)));
        }
        let marked = self.commit(resource.store, &spot.key(), Some(next), by);
        marked.map(Deleted::Object).ok_or_else(|| Status::not_found(resource, spot.name))
    }

    /// Deletes all that a list would show.
    pub(crate) fn delete_all(&mut self, call: &Call, by: &By<'_>) -> Result<Vec<Arc<Object>>, Status> {
        let all: Vec<Arc<Object>> = self.stores[call.resource.store]
            .objects
            .values()
            .filter(|object| call.asked.namespace.is_empty() || object.namespace() == call.asked.namespace)
            .filter(|object| call.options.selector.matches(&object.value))
            .cloned()
            .collect();
        for object in &all {
            let spot = Spot { resource: call.resource, namespace: object.namespace(), name: object.name() };
            self.delete(&spot, How { uid: None, revision: None, ..How::of(call) }, by)?;
        }
        Ok(all)
    }
}

fn check(resource: &Resource, before: &Object, how: How<'_>) -> Result<(), Status> {
    let found = [("UID", how.uid, before.uid()), ("ResourceVersion", how.revision, before.revision())];
    for (field, wanted, found) in found {
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            let why =
                format!("Precondition failed: {field} in precondition: {wanted}, {field} in object meta: {found}");
            let mut status = Status::conflict(resource, before.name(), &why);
            status.details["kind"] = json!(resource.kind);
            return Err(status);
        }
    }
    Ok(())
}

fn mark(value: &mut Value, now: &str, is_namespace: bool) {
    value["metadata"]["deletionTimestamp"] = json!(now);
    if is_namespace {
        value["status"] = json!({"phase": "Terminating"});
        return;
    }
    value["metadata"]["deletionGracePeriodSeconds"] = json!(0);
    if let Some(generation) = value["metadata"]["generation"].as_i64() {
        value["metadata"]["generation"] = json!(generation + 1);
    }
}
