//! Objects in the form that was asked for.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::object::{Object, encode};
use crate::resource::Resource;

/// How much of an object is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    /// Its metadata.
    Partial,
}

impl Form {
    pub(crate) fn of(partial: bool) -> Self {
        if partial { Self::Partial } else { Self::Whole }
    }
}

const PARTIAL: &str = "PartialObjectMetadata";
const PARTIAL_VERSION: &str = "meta.k8s.io/v1";

/// An object.
pub(crate) fn object(resource: &Resource, form: Form, object: &Object) -> Bytes {
    match form {
        Form::Partial => encode(&partial(object)),
        Form::Whole if resource.is_other_form() => encode(&to_core_event(&object.value)),
        Form::Whole => object.json(),
    }
}

/// An object as a member of a list.
pub(crate) fn item(resource: &Resource, form: Form, item: &Object) -> Bytes {
    if form == Form::Partial || resource.custom {
        return object(resource, form, item);
    }
    let mut value = if resource.is_other_form() { to_core_event(&item.value) } else { item.value.clone() };
    if let Some(fields) = value.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    encode(&value)
}

/// A list of such members.
pub(crate) fn list(resource: &Resource, form: Form, metadata: &Value, items: &[Bytes]) -> Bytes {
    let (api_version, kind) = match form {
        Form::Partial => (PARTIAL_VERSION, PARTIAL),
        Form::Whole => (resource.api_version.as_str(), resource.kind.as_str()),
    };
    let mut text = format!(r#"{{"kind":"{kind}List","apiVersion":"{api_version}","metadata":{metadata},"items":["#);
    let mut bytes = std::mem::take(&mut text).into_bytes();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            bytes.push(b',');
        }
        bytes.extend_from_slice(item);
    }
    bytes.extend_from_slice(b"]}");
    Bytes::from(bytes)
}

fn partial(object: &Object) -> Value {
    json!({"kind": PARTIAL, "apiVersion": PARTIAL_VERSION, "metadata": object.metadata()})
}

/// A bookmark without its revision.
pub(crate) fn bookmark(resource: &Resource, form: Form) -> Value {
    match form {
        Form::Partial => json!({"kind": PARTIAL, "apiVersion": PARTIAL_VERSION, "metadata": {}}),
        Form::Whole => json!({"kind": resource.kind, "apiVersion": resource.api_version, "metadata": {}}),
    }
}

/// Fields of an event that have another name in the core group: there, and here.
const RENAMED: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

fn to_core_event(event: &Value) -> Value {
    renamed(event, "v1", |(core, ours)| (ours, core))
}

/// An event of the core group as it is kept.
pub(crate) fn from_core_event(event: &Value) -> Value {
    renamed(event, "events.k8s.io/v1", |names| names)
}

fn renamed<'a>(event: &Value, api_version: &str, order: impl Fn((&'a str, &'a str)) -> (&'a str, &'a str)) -> Value {
    let mut fields: Map<String, Value> = event.as_object().cloned().unwrap_or_default();
    for names in RENAMED {
        let (from, to) = order(names);
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
    }
    fields.insert("apiVersion".to_owned(), json!(api_version));
    Value::Object(fields)
}
