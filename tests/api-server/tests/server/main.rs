//! What the server does beside and against the API: faults, collection, and that a real client understands it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says that it failed by panicking")]

mod collection;
mod faults;
mod watcher;

use api_server::{ApiServer, Reply, Status};
use bytes::Bytes;
use http::{Method, Request, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A server at a time that stands still.
fn server() -> ApiServer {
    ApiServer::new(|| Timestamp::from_second(1_800_000_000).unwrap())
}

fn ask(server: &ApiServer, method: Method, uri: &str, body: &Value) -> Response<Reply> {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    let request = Request::builder().method(method).uri(uri).header("content-type", "application/merge-patch+json");
    server.handle(request.body(body).unwrap())
}

/// The one answer to a request: status code and body.
fn answer(server: &ApiServer, method: Method, uri: &str, body: &Value) -> (u16, Value) {
    let response = ask(server, method, uri, body);
    let code = response.status().as_u16();
    (code, serde_json::from_slice(&response.into_body().try_next().unwrap()).unwrap())
}

/// Opens a watch.
fn watch(server: &ApiServer, uri: &str) -> Reply {
    ask(server, Method::GET, uri, &Value::Null).into_body()
}

/// What a watch has been told since it was asked last: type, name and resourceVersion.
fn told(watch: &mut Reply) -> Vec<(String, String, u64)> {
    let mut all = Vec::new();
    while let Some(line) = watch.try_next() {
        let event: Value = serde_json::from_slice(&line).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &event["object"]["metadata"];
        let revision = text(&metadata["resourceVersion"]).parse().unwrap_or_default();
        all.push((text(&event["type"]), text(&metadata["name"]), revision));
    }
    all
}

/// The same without revisions, as `ADDED a`.
fn events(watch: &mut Reply) -> Vec<String> {
    told(watch).into_iter().map(|(event, name, _)| format!("{event} {name}")).collect()
}

fn secret(name: &str) -> Value {
    json!({"kind": "Secret", "metadata": {"name": name}})
}

fn platform(name: &str) -> Value {
    json!({"kind": "Platform", "metadata": {"name": name}, "spec": {"embedded": {}}})
}
