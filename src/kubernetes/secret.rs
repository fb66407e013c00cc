//! Secrets: one writer, one set of rules.
//!
//! A Secret is created whole by POST and changed by merge patch with the resourceVersion just read; never by
//! server-side apply, which merges into a foreign Secret without a conflict. Nothing here lists or watches: to list
//! Secrets is to read them all. Replies are read as text and parsed here, because a client that cannot decode a reply
//! logs it.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{GetParams, Patch, PatchParams, PostParams};
use kube::core::Request;
use kube::{Client, Resource};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::image::{Applied, SecretImage};
use crate::domain::annotation::{FIELD_MANAGER, SECRET_APPLIED, SECRET_RELEASED};

/// How long one request to the API server may take.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// The values of a Secret by key.
pub type Values = BTreeMap<String, SecretString>;

/// A Secret as it was read.
#[derive(Debug)]
pub struct StoredSecret {
    /// For the precondition of the next change.
    pub resource_version: String,
    /// The uid of its controlling owner.
    pub controller_uid: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Values.
    pub values: Values,
}

impl StoredSecret {
    /// Whether all these keys are there with a value.
    pub fn has(&self, keys: &[&str]) -> bool {
        keys.iter().all(|key| self.values.get(*key).is_some_and(|value| !value.expose_secret().is_empty()))
    }
}

/// SHA-256 over keys and values, in hex: tells an edited Secret without keeping its values.
pub fn digest(values: &Values) -> String {
    let mut hash = Sha256::new();
    for (key, value) in values {
        for part in [key.as_bytes(), value.expose_secret().as_bytes()] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// Why a Secret could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// A Secret of that name is there already.
    #[error("a Secret of that name is there already")]
    AlreadyExists,
    /// It changed since it was read.
    #[error("the Secret changed since it was read")]
    Conflict,
    /// The operator has no right to it.
    #[error(
        "the operator may not {verb} Secrets in the namespace {namespace}: a RoleBinding to its Secret rights is missing"
    )]
    Denied {
        /// What was tried.
        verb: &'static str,
        /// Where.
        namespace: String,
    },
    /// The API server refuses the write: quota, admission policy, immutable Secret, namespace going away.
    #[error(
        "the API server refuses to write the Secret {name} ({code}): a quota, an admission policy, an immutable Secret \
         or a namespace that is being deleted stands in the way"
    )]
    Refused {
        /// The Secret.
        name: String,
        /// HTTP status code.
        code: u16,
    },
    /// What was read is not a Secret that can be understood.
    #[error("the Secret {name} could not be read: its data is not valid")]
    Malformed {
        /// The Secret.
        name: String,
    },
    /// The API server did not answer.
    #[error("the API server did not answer")]
    Unavailable(#[source] Box<kube::Error>),
    /// The API server took too long to answer: a write may have happened.
    #[error("the API server did not answer in time")]
    TimedOut,
}

/// Reads and writes Secrets.
#[derive(Clone)]
pub struct SecretStore {
    client: Client,
}

impl std::fmt::Debug for SecretStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretStore")
    }
}

impl SecretStore {
    /// A store on that client.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// A watch has no end, so the client has no limit of its own for how long an answer may take.
    async fn send(&self, request: axum::http::Request<Vec<u8>>) -> Result<String, Failed> {
        match tokio::time::timeout(DEADLINE, self.client.request_text(request)).await {
            Ok(answer) => answer.map_err(Failed::Kube),
            Err(_) => Err(Failed::TimedOut),
        }
    }

    /// Reads one; `None` where there is none.
    pub async fn get(&self, namespace: &str, name: &str) -> Result<Option<StoredSecret>, SecretError> {
        let request = request(namespace)
            .get(name, &GetParams::default())
            .map_err(|error| unavailable(kube::Error::BuildRequest(error)))?;
        match self.send(request).await {
            Ok(text) => parse(name, &Zeroizing::new(text)).map(Some),
            Err(Failed::Kube(kube::Error::Api(status))) if status.is_not_found() => Ok(None),
            Err(Failed::Kube(kube::Error::Api(status))) if status.is_forbidden() => {
                Err(SecretError::Denied { verb: "get", namespace: namespace.to_owned() })
            }
            Err(Failed::Kube(error)) => Err(unavailable(error)),
            Err(Failed::TimedOut) => Err(SecretError::TimedOut),
        }
    }

    /// Creates one whole. With `dry_run` nothing is written, but everything is checked.
    pub async fn create(&self, image: &SecretImage, dry_run: bool) -> Result<StoredSecret, SecretError> {
        let mut body = body(image, None);
        body["type"] = json!(image.type_);
        let params = PostParams { dry_run, field_manager: Some(FIELD_MANAGER.to_owned()) };
        let request = request(&image.namespace)
            .create(&params, serialise(body))
            .map_err(|error| unavailable(kube::Error::BuildRequest(error)))?;
        self.write("create", &image.namespace, &image.name, request).await
    }

    /// Brings one that was read to what it is to be; what is on it beyond that stays, but for what an earlier manifest
    /// added.
    pub async fn replace(
        &self,
        image: &SecretImage,
        read: &StoredSecret,
        dry_run: bool,
    ) -> Result<StoredSecret, SecretError> {
        let mut body = body(image, Some(&read.resource_version));
        let obsolete = image.obsolete(read);
        for (part, names) in
            [("labels", &obsolete.labels), ("annotations", &obsolete.annotations), ("data", &obsolete.keys)]
        {
            let target = if part == "data" { &mut body["data"] } else { &mut body["metadata"][part] };
            for name in names {
                target[name] = Value::Null;
            }
        }
        if image.applied == Applied::default() && read.annotations.contains_key(SECRET_APPLIED) {
            body["metadata"]["annotations"][SECRET_APPLIED] = Value::Null;
        }
        for name in image.outdated.iter().filter(|name| !image.annotations.contains_key(**name)) {
            body["metadata"]["annotations"][name] = Value::Null;
        }
        for key in image.dropped {
            body["data"][key] = Value::Null;
        }
        if read.annotations.contains_key(SECRET_RELEASED) {
            body["metadata"]["annotations"][SECRET_RELEASED] = Value::Null;
        }
        // A merge patch that leaves them out would leave them as they are.
        if image.owner.is_none() {
            body["metadata"]["ownerReferences"] = Value::Null;
        }
        self.patch(&image.namespace, &image.name, body, dry_run).await
    }

    /// Lets one outlive its resource: the owner reference goes, and an annotation says since when.
    pub async fn release(
        &self,
        namespace: &str,
        name: &str,
        read: &StoredSecret,
        now: Timestamp,
    ) -> Result<(), SecretError> {
        let since = Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
        let body = json!({"metadata": {
            "resourceVersion": read.resource_version,
            "ownerReferences": null,
            "annotations": {SECRET_RELEASED: since},
        }});
        self.patch(namespace, name, body, false).await.map(drop)
    }

    /// Gives one an owner reference; nothing else changes.
    pub async fn set_owner(
        &self,
        namespace: &str,
        name: &str,
        read: &StoredSecret,
        owner: OwnerReference,
    ) -> Result<(), SecretError> {
        let body = json!({"metadata": {
            "resourceVersion": read.resource_version,
            "ownerReferences": [owner],
        }});
        self.patch(namespace, name, body, false).await.map(drop)
    }

    /// Puts one value into one that was read, or takes it out; nothing else changes.
    pub async fn put(
        &self,
        namespace: &str,
        name: &str,
        read: &StoredSecret,
        key: &str,
        value: Option<&SecretString>,
    ) -> Result<StoredSecret, SecretError> {
        let body = json!({
            "metadata": {"resourceVersion": read.resource_version},
            "data": {key: value.map(|value| STANDARD.encode(value.expose_secret()))},
        });
        self.patch(namespace, name, body, false).await
    }

    async fn patch(
        &self,
        namespace: &str,
        name: &str,
        body: Value,
        dry_run: bool,
    ) -> Result<StoredSecret, SecretError> {
        let params = PatchParams { dry_run, field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let patch = Patch::Merge(Wiped(body));
        let request = request(namespace)
            .patch(name, &params, &patch)
            .map_err(|error| unavailable(kube::Error::BuildRequest(error)))?;
        self.write("patch", namespace, name, request).await
    }

    async fn write(
        &self,
        verb: &'static str,
        namespace: &str,
        name: &str,
        request: axum::http::Request<Vec<u8>>,
    ) -> Result<StoredSecret, SecretError> {
        match self.send(request).await {
            Ok(text) => parse(name, &Zeroizing::new(text)),
            Err(error) => Err(refusal(verb, namespace, name, error)),
        }
    }
}

/// A request that was not answered well.
enum Failed {
    Kube(kube::Error),
    TimedOut,
}

/// A body with secrets in it, wiped when it is dropped.
struct Wiped(Value);

impl serde::Serialize for Wiped {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(members) => members.values_mut().for_each(wipe),
        _ => {}
    }
}

fn serialise(body: Value) -> Vec<u8> {
    Wiped(body).0.to_string().into_bytes()
}

fn body(image: &SecretImage, resource_version: Option<&str>) -> Value {
    let metadata = ObjectMeta {
        name: Some(image.name.clone()),
        namespace: Some(image.namespace.clone()),
        resource_version: resource_version.map(str::to_owned),
        labels: Some(image.labels.clone()),
        annotations: Some(image.annotations.clone()),
        owner_references: image.owner.clone().map(|owner| vec![owner]),
        ..ObjectMeta::default()
    };
    let data: serde_json::Map<String, Value> = image
        .values
        .iter()
        .map(|(key, value)| (key.clone(), Value::String(STANDARD.encode(value.expose_secret().as_bytes()))))
        .collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
}

fn request(namespace: &str) -> Request {
    Request::new(Secret::url_path(&(), Some(namespace)))
}

/// The parts of a Secret that are read. Its `Debug` would print values, so it has none.
#[derive(Deserialize)]
struct Raw {
    metadata: ObjectMeta,
    #[serde(default)]
    data: BTreeMap<String, Zeroizing<String>>,
}

fn parse(name: &str, text: &str) -> Result<StoredSecret, SecretError> {
    let malformed = || SecretError::Malformed { name: name.to_owned() };
    let raw: Option<Raw> = serde_json::from_str(text).ok();
    // Something else that says success, a Status say, would pass for a Secret in which nothing is left.
    let raw = raw.filter(|raw| raw.metadata.name.as_deref() == Some(name)).ok_or_else(malformed)?;
    let mut values = Values::new();
    for (key, encoded) in raw.data {
        let bytes = Zeroizing::new(STANDARD.decode(encoded.as_bytes()).map_err(|_| malformed())?);
        // A foreign Secret may hold bytes that are no text: such a value is none of ours.
        if let Ok(text) = std::str::from_utf8(&bytes) {
            values.insert(key, SecretString::from(text));
        }
    }
    let controller = raw.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    Ok(StoredSecret {
        // The answer to a dry-run of a creation has none, and nothing is changed by it.
        resource_version: raw.metadata.resource_version.unwrap_or_default(),
        controller_uid: controller.map(|owner| owner.uid.clone()),
        labels: raw.metadata.labels.unwrap_or_default(),
        annotations: raw.metadata.annotations.unwrap_or_default(),
        values,
    })
}

fn refusal(verb: &'static str, namespace: &str, name: &str, failed: Failed) -> SecretError {
    let error = match failed {
        Failed::Kube(error) => error,
        Failed::TimedOut => return SecretError::TimedOut,
    };
    match error {
        kube::Error::Api(status) if status.is_already_exists() => SecretError::AlreadyExists,
        kube::Error::Api(status) if status.is_conflict() => SecretError::Conflict,
        // The authoriser's own words; a quota or an admission plugin answers 403 too.
        kube::Error::Api(status)
            if status.is_forbidden() && status.message.contains(&format!("cannot {verb} resource")) =>
        {
            SecretError::Denied { verb, namespace: namespace.to_owned() }
        }
        kube::Error::Api(status) if (400..500).contains(&status.code) && status.code != 429 => {
            SecretError::Refused { name: name.to_owned(), code: status.code }
        }
        error => unavailable(error),
    }
}

fn unavailable(error: kube::Error) -> SecretError {
    SecretError::Unavailable(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_keys_from_values() {
        let value = |(k, v): &(&str, &str)| ((*k).to_owned(), SecretString::from(*v));
        let of = |pairs: &[(&str, &str)]| digest(&pairs.iter().map(value).collect());
        assert_eq!(of(&[("a", "b")]), of(&[("a", "b")]));
        assert_ne!(of(&[("a", "bc")]), of(&[("ab", "c")]));
        assert_ne!(of(&[("a", "b")]), of(&[("a", "c")]));
        assert_eq!(of(&[]).len(), 64);
    }

    #[test]
    fn what_was_read_cannot_be_printed() {
        let text = json!({
            "metadata": {"resourceVersion": "7", "name": "s", "ownerReferences": [
                {"apiVersion": "v1", "kind": "X", "name": "x", "uid": "u", "controller": true}]},
            "data": {"token": STANDARD.encode("canary"), "binary": STANDARD.encode([0xff, 0xfe])},
        });
        let read = parse("s", &text.to_string()).unwrap();
        assert_eq!(read.controller_uid.as_deref(), Some("u"));
        assert!(read.has(&["token"]) && !read.has(&["token", "binary"]) && !format!("{read:?}").contains("canary"));
        let status = json!({"kind": "Status", "metadata": {}, "status": "Failure"}).to_string();
        let errors = [&text.to_string()[..60], &status].map(|strange| parse("s", strange).unwrap_err());
        assert!(!format!("{errors:?}").contains("canary"));
    }
}
