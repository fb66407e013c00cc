//! Rules of single kinds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::object::{copy, is_empty, remove, text};
use crate::resource::Resource;
use crate::status::Status;

/// What is said beside where something is wrong with what is defined by a definition.
pub(crate) const UNCHECKED: (&str, &str, &str) =
    ("FieldValueInvalid", "<nil>", "Invalid value: some validation rules were not checked");

/// Brings an object into the form in which it is stored; `before` is its version so far.
pub(crate) fn prepare(resource: &Resource, value: &mut Value, before: Option<&Value>) -> Result<(), Status> {
    match resource.kind.as_str() {
        "Secret" => secret(resource, value, before),
        "ConfigMap" => {
            keep(value, &["data", "binaryData", "immutable"]);
            immutable(resource, value, before, &["data", "binaryData"])
        }
        "Namespace" => {
            namespace(value, before);
            Ok(())
        }
        "Event" => event(value),
        "Lease" => {
            keep(value, &["spec"]);
            if !value["spec"].is_object() {
                value["spec"] = json!({});
            }
            Ok(())
        }
        _ => {
            let Some(path) = resource.schema.fill(value) else { return Ok(()) };
            let message = format!("Invalid value: null: {path} must not be null");
            let causes = [("FieldValueTypeInvalid", path.as_str(), message.as_str()), UNCHECKED];
            Err(Status::invalid(resource, text(&value["metadata"], "name"), &causes))
        }
    }
}

/// Drops all fields but these, and those that are empty.
fn keep(value: &mut Value, known: &[&str]) {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, value| {
            matches!(name.as_str(), "apiVersion" | "kind" | "metadata")
                || (known.contains(&name.as_str()) && !is_empty(value))
        });
    }
}

fn immutable(resource: &Resource, value: &Value, before: Option<&Value>, fields: &[&str]) -> Result<(), Status> {
    let Some(before) = before.filter(|before| before["immutable"] == true) else { return Ok(()) };
    let name = text(&before["metadata"], "name");
    for field in fields.iter().copied().chain(["immutable"]) {
        if value.get(field) != before.get(field) {
            let message = "Forbidden: field is immutable when `immutable` is set";
            return Err(Status::invalid(resource, name, &[("FieldValueForbidden", field, message)]));
        }
    }
    Ok(())
}

fn secret(resource: &Resource, value: &mut Value, before: Option<&Value>) -> Result<(), Status> {
    if let Some(Value::Object(texts)) = remove(value, "stringData") {
        if !value["data"].is_object() {
            value["data"] = Value::Object(Map::new());
        }
        for (key, text) in texts {
            value["data"][key] = json!(STANDARD.encode(text.as_str().unwrap_or_default()));
        }
    }
    keep(value, &["data", "type", "immutable"]);
    for (key, data) in value["data"].as_object().into_iter().flatten() {
        if data.as_str().is_none_or(|data| STANDARD.decode(data).is_err()) {
            return Err(Status::bad_request(format!("data.{key}: illegal base64 data")));
        }
    }
    if text(value, "type").is_empty() {
        value["type"] = json!("Opaque");
    }
    if let Some(before) = before.filter(|before| before["type"] != value["type"]) {
        let name = text(&before["metadata"], "name");
        let message = format!("Invalid value: {}: field is immutable", value["type"]);
        return Err(Status::invalid(resource, name, &[("FieldValueInvalid", "type", &message)]));
    }
    immutable(resource, value, before, &["data"])
}

fn namespace(value: &mut Value, before: Option<&Value>) {
    keep(value, &["spec", "status"]);
    let name = text(&value["metadata"], "name").to_owned();
    value["metadata"]["labels"]["kubernetes.io/metadata.name"] = json!(name);
    if let Some(before) = before {
        copy(before, value, "spec");
    } else {
        value["spec"] = json!({"finalizers": ["kubernetes"]});
        value["status"] = json!({"phase": "Active"});
    }
}

/// The longest note that is not refused, in bytes.
const NOTE: usize = 1024;

fn event(value: &mut Value) -> Result<(), Status> {
    if text(value, "note").len() > NOTE {
        let name = text(&value["metadata"], "name");
        let message = format!("Invalid value: can have at most {NOTE} characters");
        // It is told of by the name that the field has in the core group.
        return Err(Status::invalid_as("Event", "", name, &[("FieldValueInvalid", "message", &message)]));
    }
    for (name, default) in [
        ("regarding", json!({})),
        ("deprecatedSource", json!({})),
        ("deprecatedFirstTimestamp", Value::Null),
        ("deprecatedLastTimestamp", Value::Null),
    ] {
        if value.get(name).is_none() {
            value[name] = default;
        }
    }
    Ok(())
}
