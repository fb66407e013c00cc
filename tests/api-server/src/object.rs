//! Objects as they are kept, and the rules of their metadata.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::resource::Resource;
use crate::status::Status;

/// An object in one version.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) value: Value,
    /// What was applied, by whom.
    pub(crate) owned: Vec<Owned>,
    /// It was only created so far. The defaults of its status are not stored then, so the first write stores something
    /// even where it changes nothing.
    pub(crate) is_new: bool,
    json: OnceLock<Bytes>,
}

/// What one manager applied last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Owned {
    pub(crate) manager: String,
    /// On the subresource.
    pub(crate) status: bool,
    pub(crate) fields: Arc<Value>,
}

impl Object {
    pub(crate) fn new(value: Value, owned: Vec<Owned>) -> Self {
        Self { value, owned, is_new: false, json: OnceLock::new() }
    }

    /// As it is sent.
    pub(crate) fn json(&self) -> Bytes {
        self.json.get_or_init(|| encode(&self.value)).clone()
    }

    pub(crate) fn metadata(&self) -> &Value {
        &self.value["metadata"]
    }

    pub(crate) fn revision(&self) -> &str {
        text(self.metadata(), "resourceVersion")
    }

    pub(crate) fn uid(&self) -> &str {
        text(self.metadata(), "uid")
    }

    pub(crate) fn name(&self) -> &str {
        text(self.metadata(), "name")
    }

    pub(crate) fn namespace(&self) -> &str {
        text(self.metadata(), "namespace")
    }

    pub(crate) fn is_being_deleted(&self) -> bool {
        is_being_deleted(&self.value)
    }

    pub(crate) fn finalizers(&self) -> impl Iterator<Item = &str> {
        finalizers(&self.value)
    }

    /// The same at another revision.
    pub(crate) fn at(&self, revision: u64) -> Self {
        let mut value = self.value.clone();
        value["metadata"]["resourceVersion"] = json!(revision.to_string());
        Self::new(value, self.owned.clone())
    }
}

/// As JSON.
pub(crate) fn encode(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

/// A field that is text; empty where it is not there.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn is_being_deleted(value: &Value) -> bool {
    value["metadata"].get("deletionTimestamp").is_some()
}

pub(crate) fn finalizers(value: &Value) -> impl Iterator<Item = &str> {
    value["metadata"]["finalizers"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Sets a list of finalizers, or takes an empty one away.
pub(crate) fn set_finalizers(value: &mut Value, finalizers: &[&str]) {
    if finalizers.is_empty() {
        remove(&mut value["metadata"], "finalizers");
    } else {
        value["metadata"]["finalizers"] = json!(finalizers);
    }
}

/// Takes a field away.
pub(crate) fn remove(value: &mut Value, name: &str) -> Option<Value> {
    value.as_object_mut().and_then(|fields| fields.remove(name))
}

/// Gives a field the value that it has in another object, which may be none.
pub(crate) fn copy(from: &Value, to: &mut Value, name: &str) {
    match from.get(name) {
        Some(value) => to[name] = value.clone(),
        None => drop(remove(to, name)),
    }
}

/// What metadata has.
const KNOWN: [&str; 13] = [
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
];

/// Reads metadata as the API server does: what it does not know and what is empty goes, what is of a wrong type is refused.
pub(crate) fn tidy_metadata(value: &mut Value) -> Result<(), Status> {
    let malformed = |name: &str| Status::bad_request(format!("metadata.{name} cannot be read"));
    if !value["metadata"].is_object() {
        value["metadata"] = Value::Object(Map::new());
    }
    let Some(metadata) = value["metadata"].as_object_mut() else { return Ok(()) };
    metadata.retain(|name, value| KNOWN.contains(&name.as_str()) && !is_empty(value));
    for (name, value) in &*metadata {
        let right = match name.as_str() {
            "labels" | "annotations" => value.as_object().is_some_and(|all| all.values().all(Value::is_string)),
            "finalizers" => value.as_array().is_some_and(|all| all.iter().all(Value::is_string)),
            "ownerReferences" => value.as_array().is_some_and(|all| all.iter().all(Value::is_object)),
            "generation" | "deletionGracePeriodSeconds" => value.is_i64(),
            _ => value.is_string(),
        };
        if !right {
            return Err(malformed(name));
        }
    }
    Ok(())
}

/// What is not written out.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Refuses owner references that name nothing, and more than one controller.
pub(crate) fn check_owners(resource: &Resource, value: &Value) -> Result<(), Status> {
    let metadata = &value["metadata"];
    let Some(owners) = metadata["ownerReferences"].as_array() else { return Ok(()) };
    let mut missing = Vec::new();
    for (at, owner) in owners.iter().enumerate() {
        let empty = ["apiVersion", "kind", "name", "uid"].into_iter().filter(|field| text(owner, field).is_empty());
        missing.extend(empty.map(|field| format!("metadata.ownerReferences[{at}].{field}")));
    }
    let mut causes: Vec<_> = missing
        .iter()
        .map(|field| ("FieldValueRequired", field.as_str(), "Required value: must not be empty"))
        .collect();
    if owners.iter().filter(|owner| owner["controller"] == true).count() > 1 {
        let message = "Invalid value: Only one reference can have Controller set to true";
        causes.push(("FieldValueInvalid", "metadata.ownerReferences", message));
    }
    if causes.is_empty() { Ok(()) } else { Err(Status::invalid(resource, text(metadata, "name"), &causes)) }
}
