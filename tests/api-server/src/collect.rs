//! What kube-controller-manager does beside the API server: it collects what lost its owners, and empties namespaces.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::delete::{FOREGROUND, How, ORPHAN};
use crate::object::{self, Object, remove, text};
use crate::resource::{self, Resource};
use crate::state::{By, State};
use crate::write::Spot;

/// How an owner stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    There,
    Gone,
    /// It waits until what it owns is gone.
    Waiting,
    /// Of a kind that is not served: nothing is known of it.
    Unknown,
}

impl State {
    /// One round; whether something changed.
    pub(crate) fn collect(&mut self, by: &By<'_>) -> bool {
        let before = self.revision;
        self.empty_namespaces(by);
        for (resource, object) in self.everything() {
            self.collect_one(resource, &object, by);
        }
        for (resource, object) in self.everything() {
            if object.is_being_deleted() {
                self.finalize(resource, &object, by);
            }
        }
        self.revision != before
    }

    /// All objects, in the order of their kinds and keys.
    fn everything(&self) -> Vec<(&'static Resource, Arc<Object>)> {
        let stores = self.stores.iter().enumerate();
        stores
            .filter_map(|(store, content)| resource::of_store(store).map(|resource| (resource, content)))
            .flat_map(|(resource, content)| content.objects.values().map(move |object| (resource, Arc::clone(object))))
            .collect()
    }

    fn empty_namespaces(&mut self, by: &By<'_>) {
        let Some(namespaces) = resource::namespaces() else { return };
        let ending: Vec<Arc<Object>> = self.stores[namespaces.store]
            .objects
            .values()
            .filter(|namespace| namespace.is_being_deleted())
            .cloned()
            .collect();
        for namespace in ending {
            let mut inside = self.everything();
            inside.retain(|(_, object)| object.namespace() == namespace.name());
            for (resource, object) in &inside {
                self.delete_now(resource, object, "Background", by);
            }
            if !self.everything().iter().any(|(_, object)| object.namespace() == namespace.name()) {
                self.end_namespace(namespaces, &namespace, by);
            }
        }
    }

    /// Takes the finalizer off a namespace that is empty.
    fn end_namespace(&mut self, namespaces: &'static Resource, namespace: &Arc<Object>, by: &By<'_>) {
        let mut value = namespace.value.clone();
        remove(&mut value["spec"], "finalizers");
        let held = namespace.finalizers().next().is_some();
        let next = held.then(|| Object::new(value, namespace.owned.clone()));
        if next.as_ref().is_none_or(|next| next.value != namespace.value) {
            self.commit(namespaces.store, namespace.name(), next, by);
        }
    }

    fn collect_one(&mut self, resource: &'static Resource, object: &Arc<Object>, by: &By<'_>) {
        let references = object.metadata()["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
        let waits_itself = object.finalizers().any(|finalizer| finalizer == FOREGROUND);
        if references.is_empty() || (object.is_being_deleted() && !waits_itself) {
            return;
        }
        let owners: Vec<Owner> = references.iter().map(|reference| self.owner(object, reference)).collect();
        if owners.contains(&Owner::Unknown) {
            return;
        }
        if !owners.contains(&Owner::There) {
            let in_foreground = owners.contains(&Owner::Waiting) && self.is_owner(object);
            let policy = if in_foreground || waits_itself {
                "Foreground"
            } else if object.finalizers().any(|finalizer| finalizer == ORPHAN) {
                "Orphan"
            } else {
                "Background"
            };
            self.delete_now(resource, object, policy, by);
        } else if owners.iter().any(|owner| *owner != Owner::There) {
            let kept: Vec<&Value> = references
                .iter()
                .zip(&owners)
                .filter(|(_, owner)| **owner == Owner::There)
                .map(|(reference, _)| reference)
                .collect();
            let mut value = object.value.clone();
            value["metadata"]["ownerReferences"] = json!(kept);
            self.rewrite(resource, object, value, by);
        }
    }

    fn owner(&self, object: &Object, reference: &Value) -> Owner {
        let Some(resource) = resource::named(text(reference, "apiVersion"), text(reference, "kind")) else {
            return Owner::Unknown;
        };
        let key = resource.key(object.namespace(), text(reference, "name"));
        match self.get(resource.store, &key).filter(|owner| owner.uid() == text(reference, "uid")) {
            None => Owner::Gone,
            Some(owner) if owner.is_being_deleted() && owner.finalizers().any(|one| one == FOREGROUND) => {
                Owner::Waiting
            }
            Some(_) => Owner::There,
        }
    }

    fn dependents(&self, owner: &Object) -> Vec<(&'static Resource, Arc<Object>)> {
        let mut all = self.everything();
        all.retain(|(_, object)| references(object, owner).next().is_some());
        all
    }

    fn is_owner(&self, object: &Object) -> bool {
        !self.dependents(object).is_empty()
    }

    /// Takes off the finalizers that are the collector's own, where what they wait for is so.
    fn finalize(&mut self, resource: &'static Resource, object: &Arc<Object>, by: &By<'_>) {
        let has = |name: &str| object.finalizers().any(|finalizer| finalizer == name);
        let (foreground, orphan) = (has(FOREGROUND), has(ORPHAN));
        if !foreground && !orphan {
            return;
        }
        let dependents = self.dependents(object);
        let blocked = dependents
            .iter()
            .any(|(_, dependent)| references(dependent, object).any(|one| one["blockOwnerDeletion"] == true));
        if orphan {
            for (resource, dependent) in &dependents {
                let mut value = dependent.value.clone();
                if let Some(all) = value["metadata"]["ownerReferences"].as_array_mut() {
                    all.retain(|one| text(one, "uid") != object.uid());
                }
                self.rewrite(resource, dependent, value, by);
            }
        } else if blocked {
            return;
        }
        let kept: Vec<&str> = object.finalizers().filter(|one| *one != FOREGROUND && *one != ORPHAN).collect();
        let mut value = object.value.clone();
        object::set_finalizers(&mut value, &kept);
        self.rewrite(resource, object, value, by);
    }

    /// A write that may fail: somebody else may have been there before, in the same round.
    fn rewrite(&mut self, resource: &'static Resource, object: &Arc<Object>, mut value: Value, by: &By<'_>) {
        let spot = Spot { resource, namespace: object.namespace(), name: object.name() };
        if value["metadata"]["ownerReferences"].as_array().is_some_and(Vec::is_empty) {
            remove(&mut value["metadata"], "ownerReferences");
        }
        if let Some(before) = self.get(resource.store, &spot.key()).cloned() {
            let _ = self.change(&spot, &before, value, None, &By { verb: "patch", ..by.clone() });
        }
    }

    fn delete_now(&mut self, resource: &'static Resource, object: &Object, policy: &str, by: &By<'_>) {
        let spot = Spot { resource, namespace: object.namespace(), name: object.name() };
        let how = How { propagation: Some(policy), uid: Some(object.uid()), revision: None };
        // It may have gone in the same round.
        let _ = self.delete(&spot, how, by);
    }
}

fn references<'a>(object: &'a Object, owner: &'a Object) -> impl Iterator<Item = &'a Value> {
    let all = object.metadata()["ownerReferences"].as_array().into_iter().flatten();
    all.filter(|one| text(one, "uid") == owner.uid())
}
