//! What a request is about.

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use crate::sim::api::Api;

/// The annotation of a Secret that holds what a platform made.
const MINTED: &str = "org-operator.dev/external-id";

fn body(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_default()
}

fn is_dry(request: &Request<Bytes>) -> bool {
    request.uri().query().is_some_and(|query| query.contains("dryRun=All"))
}

/// Whether it writes the status of one of our objects.
pub(super) fn is_status_write(request: &Request<Bytes>) -> bool {
    request.method() == "PATCH" && request.uri().path().ends_with("/status")
}

/// The uid of the object whose status it writes.
pub(super) fn uid_of(request: &Request<Bytes>) -> String {
    body(request)["metadata"]["uid"].as_str().unwrap_or_default().to_owned()
}

/// The version that it says it builds on.
pub(super) fn version_of(request: &Request<Bytes>) -> Value {
    body(request)["metadata"]["resourceVersion"].clone()
}

/// The uid of the owner of a Secret that it writes a minted value into.
pub(super) fn keeps_minted(request: &Request<Bytes>) -> Option<String> {
    let writes = ["POST", "PATCH"].contains(&request.method().as_str());
    if !writes || is_dry(request) || !request.uri().path().contains("/secrets") {
        return None;
    }
    let metadata = &body(request)["metadata"];
    metadata["annotations"][MINTED].as_str()?;
    Some(metadata["ownerReferences"][0]["uid"].as_str()?.to_owned())
}

/// Whether it records an attempt that is not recorded yet.
pub(super) fn opened_attempt(request: &Request<Bytes>, api: &Api) -> bool {
    if !is_status_write(request) {
        return false;
    }
    let (body, path) = (body(request), request.uri().path());
    let segments: Vec<&str> = path.split('/').collect();
    let [.., namespace, _, name, _] = segments[..] else { return false };
    let before = api.get(body["kind"].as_str().unwrap_or_default(), namespace, name).unwrap_or_default();
    body["status"]["attemptOpen"] == true && body["status"]["attempt"] != before["status"]["attempt"]
}

/// The same, and nothing is written.
pub(super) fn dry(request: &Request<Bytes>) -> Request<Bytes> {
    let mut dry = request.clone();
    *dry.uri_mut() = format!("{}&dryRun=All", request.uri()).parse().expect("an address");
    dry
}

/// Changes its body.
pub(super) fn with_body(request: &mut Request<Bytes>, change: impl FnOnce(&mut Value)) {
    let mut body = body(request);
    change(&mut body);
    *request.body_mut() = Bytes::from(body.to_string());
    request.headers_mut().remove("content-length");
}

/// Whether something is created on a platform.
pub(super) fn creates(request: &Request<Bytes>) -> bool {
    let path = request.uri().path();
    request.method() == "POST" && !path.contains("ping") && !path.contains("login")
}

/// The id of the organisation or user that is deleted on a platform.
pub(super) fn deletes(request: &Request<Bytes>) -> Option<String> {
    let (kind, id) = request.uri().path().rsplit_once('/')?;
    let deletes = request.method() == "DELETE" && (kind.ends_with("organization") || kind.ends_with("user"));
    deletes.then(|| id.to_owned())
}

/// Aims it at something else on the same server.
pub(super) fn with_target(request: &mut Request<Bytes>, path: &str) {
    let host = request.uri().host().unwrap_or_default();
    *request.uri_mut() = format!("http://{host}{path}").parse().expect("an address");
}
