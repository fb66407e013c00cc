//! What the API server says where it does not do what it was asked, and where it has removed something.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::resource::Resource;

/// A refusal, as the API server words it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message} ({code} {reason})")]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// The reason in a word.
    pub reason: Cow<'static, str>,
    /// For people.
    pub message: String,
    /// What it is about; null for nothing.
    pub details: Value,
}

impl Status {
    /// One without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason: Cow::Borrowed(reason), message: message.into(), details: Value::Null }
    }

    fn about(code: u16, reason: &'static str, message: String, resource: &Resource, name: &str) -> Self {
        Self { details: details(resource, name), ..Self::new(code, reason, message) }
    }

    pub(crate) fn not_found(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", resource.qualified());
        Self::about(404, "NotFound", message, resource, name)
    }

    pub(crate) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", resource.qualified());
        Self::about(409, "AlreadyExists", message, resource, name)
    }

    pub(crate) fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.qualified());
        Self::about(409, "Conflict", message, resource, name)
    }

    pub(crate) fn modified(resource: &Resource, name: &str) -> Self {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, why)
    }

    pub(crate) fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!("{} \"{name}\" is forbidden: {why}", resource.qualified());
        Self::about(403, "Forbidden", message, resource, name)
    }

    /// Refused because of some fields: reason, field and message of each.
    pub(crate) fn invalid(resource: &Resource, name: &str, causes: &[(&str, &str, &str)]) -> Self {
        Self::invalid_as(&resource.kind, &resource.group, name, causes)
    }

    /// The same, where it is told of by another name of the kind.
    pub(crate) fn invalid_as(kind: &str, group: &str, name: &str, causes: &[(&str, &str, &str)]) -> Self {
        let fields: Vec<String> = causes.iter().map(|(_, field, message)| format!("{field}: {message}")).collect();
        let message = format!("{kind} \"{name}\" is invalid: {}", fields.join(", "));
        let mut status = Self::new(422, "Invalid", message);
        let causes =
            causes.iter().map(|(reason, field, message)| json!({"reason": reason, "message": message, "field": field}));
        status.details = json!({"kind": kind, "name": name, "group": group, "causes": causes.collect::<Vec<_>>()});
        if let Some(details) = status.details.as_object_mut() {
            details.retain(|_, value| value != "");
        }
        status
    }

    /// Refused by the metadata of a change. The real server looks at that of what is defined by a definition twice.
    pub(crate) fn invalid_metadata(resource: &Resource, name: &str, cause: (&str, &str, &str)) -> Self {
        let causes = [cause, cause];
        Self::invalid(resource, name, if resource.custom { &causes } else { &causes[1..] })
    }

    /// A change needs a resourceVersion and has none.
    pub(crate) fn unconditional(resource: &Resource, name: &str) -> Self {
        let message = "Invalid value: 0: must be specified for an update";
        let cause = ("FieldValueInvalid", "metadata.resourceVersion", message);
        Self::invalid_as(&resource.plural, &resource.group, name, &[cause])
    }

    /// A patch makes something of the object that cannot be read.
    pub(crate) fn unreadable_patch(self) -> Self {
        if self.code != 400 {
            return self;
        }
        Self::invalid_as("", "", "", &[("FieldValueInvalid", "patch", &self.message)])
    }

    /// Nothing is served there.
    pub(crate) fn nothing() -> Self {
        let message = "the server could not find the requested resource";
        Self { details: json!({}), ..Self::new(404, "NotFound", message) }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// A revision that is not known any more.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// A revision that is not known yet.
    pub(crate) fn too_large(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let mut status = Self::new(504, "Timeout", message);
        let cause = json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
        status.details = json!({"causes": [cause], "retryAfterSeconds": 1});
        status
    }

    /// As it is sent.
    pub fn to_json(&self) -> Value {
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            body["reason"] = json!(self.reason);
        }
        if !self.details.is_null() {
            body["details"] = self.details.clone();
        }
        body
    }
}

fn details(resource: &Resource, name: &str) -> Value {
    let mut details = json!({"name": name, "kind": resource.plural});
    if !resource.group.is_empty() {
        details["group"] = json!(resource.group);
    }
    details
}

/// What a deletion is answered with that removed the object.
pub(crate) fn removed(resource: &Resource, name: &str, uid: &Value) -> Value {
    let mut details = details(resource, name);
    details["uid"] = uid.clone();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
