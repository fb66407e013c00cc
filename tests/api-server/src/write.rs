//! Creating objects and changing them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::fields;
use crate::kinds;
use crate::object::{self, Object, Owned, copy, finalizers, is_being_deleted, remove, text};
use crate::render::from_core_event;
use crate::request::{Call, PatchKind};
use crate::resource::{self, Resource};
use crate::state::{By, State};
use crate::status::Status;

/// An object and the HTTP status code of the answer that has it.
pub(crate) type Written = Result<(u16, Arc<Object>), Status>;

/// Where a write goes.
pub(crate) struct Spot<'a> {
    pub(crate) resource: &'static Resource,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl Spot<'_> {
    pub(crate) fn key(&self) -> String {
        self.resource.key(self.namespace, self.name)
    }
}

impl State {
    /// Creates what was sent.
    pub(crate) fn create(&mut self, call: &Call, by: &By<'_>) -> Written {
        let asked = &call.asked;
        let spot = Spot { resource: call.resource, namespace: &asked.namespace, name: "" };
        self.create_at(&spot, asked.body.clone(), Vec::new(), by)
    }

    fn create_at(&mut self, spot: &Spot<'_>, sent: Value, owned: Vec<Owned>, by: &By<'_>) -> Written {
        let resource = spot.resource;
        let mut value = received(spot, sent)?;
        let metadata = &mut value["metadata"];
        if text(metadata, "name").is_empty() && !text(metadata, "generateName").is_empty() {
            const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
            let (mut number, mut name) = (self.mixed(), text(metadata, "generateName").to_owned());
            for _ in 0..5 {
                name.push(char::from(LETTERS[usize::try_from(number % 27).unwrap_or_default()]));
                number /= 27;
            }
            metadata["name"] = json!(name);
        }
        let name = text(metadata, "name").to_owned();
        if resource.namespaced {
            self.check_namespace(spot, &name)?;
            metadata["namespace"] = json!(spot.namespace);
        }
        if name.is_empty() {
            let message = "Required value: name or generateName is required";
            let causes = [("FieldValueRequired", "metadata.name", message), kinds::UNCHECKED];
            return Err(Status::invalid(resource, "", if resource.custom { &causes } else { &causes[..1] }));
        }
        if !text(metadata, "resourceVersion").is_empty() {
            let message = "resourceVersion should not be set on objects to be created";
            return Err(Status::new(500, "", message));
        }
        for field in ["deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
            remove(metadata, field);
        }
        let uid = (self.mixed(), self.mixed());
        let metadata = &mut value["metadata"];
        metadata["uid"] = json!(uid_of(uid));
        metadata["creationTimestamp"] = json!(by.now);
        if resource.custom {
            metadata["generation"] = json!(1);
            if resource.has_status {
                remove(&mut value, "status");
            }
        }
        kinds::prepare(resource, &mut value, None)?;
        object::check_owners(resource, &value)?;
        let key = resource.key(spot.namespace, &name);
        if self.get(resource.store, &key).is_some() {
            return Err(Status::already_exists(resource, &name));
        }
        let mut created = Object::new(value, owned);
        created.is_new = created.value.get("status").is_some() && resource.custom;
        if by.dry_run {
            return Ok((201, Arc::new(created)));
        }
        let created = self.commit(resource.store, &key, Some(created), by);
        created.map(|created| (201, created)).ok_or_else(|| Status::not_found(resource, &name))
    }

    /// Nothing is made in a namespace that is not there or is being deleted.
    fn check_namespace(&self, spot: &Spot<'_>, name: &str) -> Result<(), Status> {
        let Some(namespaces) = resource::namespaces() else { return Ok(()) };
        let Some(namespace) = self.get(namespaces.store, spot.namespace) else {
            return Err(Status::not_found(namespaces, spot.namespace));
        };
        if !namespace.is_being_deleted() {
            return Ok(());
        }
        let space = spot.namespace;
        let why = format!("unable to create new content in namespace {space} because it is being terminated");
        let mut status = Status::forbidden(spot.resource, name, &why);
        status.details["causes"] = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {space} is being terminated"),
            "field": "metadata.namespace",
        }]);
        Err(status)
    }

    /// Replaces an object by what was sent.
    pub(crate) fn update(&mut self, call: &Call, by: &By<'_>) -> Written {
        let asked = &call.asked;
        let spot = Spot { resource: call.resource, namespace: &asked.namespace, name: &asked.name };
        let mut value = received(&spot, asked.body.clone())?;
        if text(&value["metadata"], "name") != spot.name {
            let message = "the name of the object does not match the name on the URL";
            return Err(Status::bad_request(message));
        }
        let Some(before) = self.get(spot.resource.store, &spot.key()).cloned() else {
            if spot.resource.put_creates() && asked.subresource.is_empty() {
                return self.create_at(&spot, value, Vec::new(), by);
            }
            return Err(Status::not_found(spot.resource, spot.name));
        };
        let uid = text(&value["metadata"], "uid");
        if !uid.is_empty() && uid != before.uid() {
            let found = before.uid();
            let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {found}");
            return Err(Status::conflict(spot.resource, spot.name, &why));
        }
        if text(&value["metadata"], "resourceVersion").is_empty() {
            at_any_version(&spot, &before, &mut value)?;
        }
        self.change(&spot, &before, value, None, by)
    }

    /// Patches an object.
    pub(crate) fn patch(&mut self, call: &Call, by: &By<'_>) -> Written {
        let (asked, options) = (&call.asked, &call.options);
        let spot = Spot { resource: call.resource, namespace: &asked.namespace, name: &asked.name };
        if options.patch == Some(PatchKind::Apply) {
            let Some(manager) = options.manager.as_deref().filter(|manager| !manager.is_empty()) else {
                let cause = ("FieldValueRequired", "fieldManager", "Required value: is required for apply patch");
                return Err(Status::invalid_as("PatchOptions", "meta.k8s.io", "", &[cause]));
            };
            return self.apply(&spot, asked.body.clone(), manager, by);
        }
        let Some(before) = self.get(spot.resource.store, &spot.key()).cloned() else {
            return Err(Status::not_found(spot.resource, spot.name));
        };
        let patch = if spot.resource.is_other_form() { from_core_event(&asked.body) } else { asked.body.clone() };
        let mut value = before.value.clone();
        fields::merge_patch(&mut value, patch);
        object::tidy_metadata(&mut value).map_err(Status::unreadable_patch)?;
        for (field, wanted) in [("name", before.name()), ("namespace", before.namespace())] {
            let found = text(&value["metadata"], field);
            if !found.is_empty() && found != wanted {
                let message =
                    format!("the {field} of the object ({found}) does not match the {field} on the URL ({wanted})");
                return Err(Status::bad_request(message));
            }
        }
        if text(&value["metadata"], "resourceVersion").is_empty() {
            at_any_version(&spot, &before, &mut value)?;
        }
        self.change(&spot, &before, value, None, by).map_err(Status::unreadable_patch)
    }

    /// Applies what a manager wants of an object, and makes the object where there is none.
    pub(crate) fn apply(&mut self, spot: &Spot<'_>, sent: Value, manager: &str, by: &By<'_>) -> Written {
        let applied = received(spot, sent)?;
        let status = by.subresource == "status";
        let mut fields = applied.clone();
        for name in ["apiVersion", "kind", if status { "metadata" } else { "status" }] {
            remove(&mut fields, name);
        }
        if status {
            remove(&mut fields, "spec");
        }
        for name in ["name", "namespace", "uid", "resourceVersion"] {
            if let Some(metadata) = fields.get_mut("metadata") {
                remove(metadata, name);
            }
        }
        let owned = Owned { manager: manager.to_owned(), status, fields: Arc::new(fields) };
        let schema = Some(&spot.resource.schema);
        let Some(before) = self.get(spot.resource.store, &spot.key()).cloned() else {
            if status {
                return Err(Status::not_found(spot.resource, spot.name));
            }
            if !text(&applied["metadata"], "uid").is_empty() {
                let why = "uid mismatch: the provided object specified a uid, and no existing object was found";
                return Err(Status::conflict(spot.resource, spot.name, why));
            }
            let mut value = applied;
            value["metadata"]["name"] = json!(spot.name);
            return self.create_at(spot, value, vec![owned], by);
        };
        // With a status only that is merged, because nothing else counts.
        let live = if status {
            json!({"metadata": before.metadata(), "status": before.value["status"]})
        } else {
            before.value.clone()
        };
        let mut value = fields::merge(schema, live, &applied);
        let is_own = |one: &&Owned| one.manager == manager && one.status == status;
        if let Some(last) = before.owned.iter().find(is_own) {
            let others: Vec<&Value> = before.owned.iter().filter(|one| !is_own(one)).map(|one| &*one.fields).collect();
            fields::prune_within(schema, &mut value, &last.fields, Some(&owned.fields), &others);
        }
        object::tidy_metadata(&mut value)?;
        self.change(spot, &before, value, Some(owned), by)
    }

    /// Makes `value` the next version of an object, as far as it may become that.
    pub(crate) fn change(
        &mut self,
        spot: &Spot<'_>,
        before: &Arc<Object>,
        value: Value,
        applied: Option<Owned>,
        by: &By<'_>,
    ) -> Written {
        let after = settled(spot.resource, before, value, by.subresource == "status")?;
        let owned = owners(spot.resource, before, &after, applied);
        if after == before.value && owned == before.owned && !before.is_new {
            return Ok((200, Arc::clone(before)));
        }
        let is_over = is_being_deleted(&after)
            && finalizers(&after).next().is_none()
            && after["spec"]["finalizers"].as_array().is_none_or(Vec::is_empty);
        let next = Object::new(after, owned);
        if by.dry_run {
            return Ok((200, Arc::new(next)));
        }
        if is_over {
            let last = self.commit(spot.resource.store, &spot.key(), None, by);
            // The answer is the version that was sent, at the revision of the one before.
            return last.map(|_| (200, Arc::new(next))).ok_or_else(|| Status::not_found(spot.resource, spot.name));
        }
        let written = self.commit(spot.resource.store, &spot.key(), Some(next), by);
        written.map(|written| (200, written)).ok_or_else(|| Status::not_found(spot.resource, spot.name))
    }
}

/// A change of the newest version, whichever that is, where the kind allows such.
fn at_any_version(spot: &Spot<'_>, before: &Object, value: &mut Value) -> Result<(), Status> {
    if !spot.resource.is_unconditional() {
        return Err(Status::unconditional(spot.resource, spot.name));
    }
    value["metadata"]["resourceVersion"] = json!(before.revision());
    Ok(())
}

/// A uid of version 4 made of two numbers.
fn uid_of((first, second): (u64, u64)) -> String {
    let digits = format!("{first:016x}{second:016x}");
    let (start, rest) = digits.split_at(8);
    format!("{start}-{}-4{}-8{}-{}", &rest[..4], &rest[5..8], &rest[9..12], &rest[12..])
}

/// What was sent, if it is an object of that kind for that place.
fn received(spot: &Spot<'_>, sent: Value) -> Result<Value, Status> {
    let mut value = if spot.resource.is_other_form() { from_core_event(&sent) } else { sent };
    if !value.is_object() {
        return Err(Status::bad_request("the body of the request is no object"));
    }
    let resource = resource::of_store(spot.resource.store).unwrap_or(spot.resource);
    let (kind, group) = (text(&value, "kind").to_owned(), resource.group.as_str());
    if resource.custom && !kind.is_empty() && kind != resource.kind {
        let message = format!("Invalid value: \"{kind}\": must be {}", resource.kind);
        let name = text(&value["metadata"], "name");
        return Err(Status::invalid_as(&kind, group, name, &[("FieldValueInvalid", "kind", &message)]));
    }
    for (field, wanted) in [("apiVersion", &resource.api_version), ("kind", &resource.kind)] {
        match text(&value, field) {
            "" => value[field] = json!(wanted),
            found if found == wanted => {}
            found => {
                let message = format!("{field} in the data ({found}) does not match the expected one ({wanted})");
                return Err(Status::bad_request(message));
            }
        }
    }
    object::tidy_metadata(&mut value)?;
    let namespace = text(&value["metadata"], "namespace");
    if resource.namespaced && !namespace.is_empty() && namespace != spot.namespace {
        let message = "the namespace of the provided object does not match the namespace sent on the request";
        return Err(Status::bad_request(message));
    }
    Ok(value)
}

/// What becomes of an object that is to be `value`: what is the API server's own stays, and so does the other part.
fn settled(resource: &Resource, before: &Object, mut value: Value, status: bool) -> Result<Value, Status> {
    let metadata = &value["metadata"];
    if text(metadata, "resourceVersion") != before.revision() {
        return Err(Status::modified(resource, before.name()));
    }
    if status {
        let mut after = before.value.clone();
        copy(&value, &mut after, "status");
        kinds::prepare(resource, &mut after, Some(&before.value))?;
        return Ok(after);
    }
    let uid = text(&value["metadata"], "uid");
    if !uid.is_empty() && uid != before.uid() {
        let message = format!("Invalid value: \"{uid}\": field is immutable");
        let cause = ("FieldValueInvalid", "metadata.uid", message.as_str());
        return Err(Status::invalid_metadata(resource, before.name(), cause));
    }
    let own = ["uid", "name", "namespace", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"];
    for field in own.into_iter().chain(["generation", "generateName"]) {
        copy(before.metadata(), &mut value["metadata"], field);
    }
    if resource.has_status {
        copy(&before.value, &mut value, "status");
    }
    kinds::prepare(resource, &mut value, Some(&before.value))?;
    object::check_owners(resource, &value)?;
    if before.is_being_deleted()
        && let Some(new) = finalizers(&value).find(|new| before.finalizers().all(|old| old != *new))
    {
        let message = format!(
            "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {new}"
        );
        let cause = ("FieldValueForbidden", "metadata.finalizers", message.as_str());
        return Err(Status::invalid_metadata(resource, before.name(), cause));
    }
    if resource.custom && !same_but_metadata(&before.value, &value) {
        value["metadata"]["generation"] = json!(before.metadata()["generation"].as_i64().unwrap_or_default() + 1);
    }
    Ok(value)
}

/// Whether two versions have the same manifest. Status is the same in both.
fn same_but_metadata(before: &Value, after: &Value) -> bool {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return false };
    before.len() == after.len()
        && before.iter().all(|(name, value)| name == "metadata" || after.get(name) == Some(value))
}

/// Who owns what after a change.
fn owners(resource: &Resource, before: &Object, after: &Value, applied: Option<Owned>) -> Vec<Owned> {
    let schema = Some(&resource.schema);
    let mut owned: Vec<Owned> = Vec::with_capacity(before.owned.len() + 1);
    let mut applied = applied;
    for one in &before.owned {
        if let Some(new) = applied.take_if(|new| new.manager == one.manager && new.status == one.status) {
            // Ownership is of fields and not of values: with the same fields nothing changes.
            owned.push(if fields::alike(schema, &one.fields, &new.fields) { one.clone() } else { new });
        } else if let Some(left) = fields::disown(schema, &one.fields, &before.value, after) {
            let fields = if left == *one.fields { Arc::clone(&one.fields) } else { Arc::new(left) };
            owned.push(Owned { fields, ..one.clone() });
        }
    }
    owned.extend(applied);
    owned
}
