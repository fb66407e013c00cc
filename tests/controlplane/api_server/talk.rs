//! One side of the comparison: what was asked and answered, without what may differ.

use std::time::Duration;

use api_server::ApiServer;
use futures::StreamExt as _;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Map, Value, json};

use super::super::support::{PATIENCE, eventually};
use super::GROUP;

/// A conversation with one server.
pub(super) struct Talk {
    client: Client,
    namespace: String,
    /// `None`: it is the real one.
    ours: Option<ApiServer>,
    /// What was asked, and what was answered.
    pub(super) said: Vec<(String, Value)>,
    /// Uids and resourceVersions in the order in which they came up.
    known: Vec<String>,
}

impl Talk {
    pub(super) fn new(client: Client, namespace: &str, ours: Option<ApiServer>) -> Self {
        Self { client, namespace: namespace.to_owned(), ours, said: Vec::new(), known: Vec::new() }
    }

    pub(super) fn forget(&self) {
        if let Some(ours) = &self.ours {
            ours.compact();
        }
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The path of a kind here.
    pub(super) fn path(&self, plural: &str) -> String {
        let group = match plural.split(['/', '?']).next().unwrap() {
            "platforms" | "organizations" | "users" | "tokens" => GROUP,
            "events" => "/apis/events.k8s.io/v1",
            "leases" => "/apis/coordination.k8s.io/v1",
            _ => "/api/v1",
        };
        format!("{group}/namespaces/{}/{plural}", self.namespace)
    }

    async fn send(&self, method: &Method, path: &str, headers: &[(&str, &str)], body: &Value) -> http::Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.client.send(request.body(Body::from(body)).unwrap()).await.unwrap()
    }

    async fn read(&self, method: &Method, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let response = self.send(method, path, headers, body).await;
        let code = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        (code, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Asks, notes what was said, and returns the body as it came.
    pub(super) async fn ask(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: Value) -> Value {
        let (code, answer) = self.read(&method, path, headers, &body).await;
        let told = self.neutral(&answer);
        self.said.push((format!("{} {method} {path} {body}", self.said.len()), json!([code, told])));
        answer
    }

    pub(super) async fn get(&mut self, path: &str) -> Value {
        self.ask(Method::GET, path, &[], Value::Null).await
    }

    pub(super) async fn post(&mut self, path: &str, body: Value) -> Value {
        self.ask(Method::POST, path, &[("content-type", "application/json")], body).await
    }

    pub(super) async fn put(&mut self, path: &str, body: Value) -> Value {
        self.ask(Method::PUT, path, &[("content-type", "application/json")], body).await
    }

    pub(super) async fn delete(&mut self, path: &str, body: Value) -> Value {
        self.ask(Method::DELETE, path, &[("content-type", "application/json")], body).await
    }

    pub(super) async fn merge(&mut self, path: &str, body: Value) -> Value {
        self.ask(Method::PATCH, path, &[("content-type", "application/merge-patch+json")], body).await
    }

    pub(super) async fn apply(&mut self, path: &str, body: Value) -> Value {
        let path = format!("{path}{}fieldManager=me&force=true", if path.contains('?') { '&' } else { '?' });
        self.ask(Method::PATCH, &path, &[("content-type", "application/apply-patch+yaml")], body).await
    }

    /// Waits until there is nothing at a path, with the collector at work.
    pub(super) async fn until_gone(&mut self, path: &str) {
        let gone = eventually(format!("{path} is gone"), PATIENCE, async || {
            while self.ours.as_ref().is_some_and(ApiServer::collect) {}
            match self.read(&Method::GET, path, &[], &Value::Null).await {
                (404, _) => Ok(()),
                (_, found) => Err(found),
            }
        });
        gone.await.unwrap();
    }

    /// Waits until an object has no finalizer of that name, with the collector at work.
    pub(super) async fn until(&mut self, path: &str, done: impl Fn(&Value) -> bool) {
        let gone = eventually(format!("{path} is as it is to be"), PATIENCE, async || {
            while self.ours.as_ref().is_some_and(ApiServer::collect) {}
            let (_, found) = self.read(&Method::GET, path, &[], &Value::Null).await;
            if done(&found) { Ok(()) } else { Err(found) }
        });
        gone.await.unwrap();
    }

    /// Opens a watch, lets `act` do something, and notes the first `count` events, or all where it ends.
    pub(super) async fn watch(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        count: usize,
        act: impl AsyncFnOnce(&mut Self),
    ) {
        let headers: Vec<_> = headers.iter().copied().chain([("accept-encoding", "identity")]).collect();
        let response = self.send(&Method::GET, path, &headers, &Value::Null).await;
        let code = response.status().as_u16();
        let (mut stream, mut lines) = (response.into_body().into_data_stream(), Lines::default());
        act(self).await;
        let mut events = Vec::new();
        while events.len() < count {
            let next = tokio::time::timeout(PATIENCE, stream.next()).await;
            let Some(chunk) = next.unwrap_or_else(|_| panic!("{path}: no more events than {events:#?}")) else { break };
            events.extend(lines.read(&chunk.unwrap()));
        }
        // What is not to be told is not told a moment later either.
        while let Ok(Some(more)) = tokio::time::timeout(Duration::from_millis(200), stream.next()).await {
            events.extend(lines.read(&more.unwrap()));
        }
        assert!(events.len() <= count, "{path}: more than {count} events: {events:#?}");
        let told: Vec<Value> = events.iter().map(|event| self.neutral(event)).collect();
        self.said.push((format!("{} WATCH {path}", self.said.len()), json!([code, told])));
    }

    /// What was said without what may differ.
    fn neutral(&mut self, value: &Value) -> Value {
        match value {
            Value::Array(items) => Value::Array(items.iter().map(|item| self.neutral(item)).collect()),
            Value::Object(fields) => {
                let is_list = fields.contains_key("items") || fields.get("type") == Some(&json!("BOOKMARK"));
                let is_status = fields.get("kind") == Some(&json!("Status"));
                let mut kept = Map::new();
                for (name, value) in fields {
                    let value = match name.as_str() {
                        "managedFields" | "storageVersionHash" | "selfLink" => continue,
                        "message" if is_status => continue,
                        "causes" => self.causes(value),
                        // Their order is nobody's.
                        "resources" => sorted(self.neutral(value)),
                        "metadata" if is_list => list_metadata(value),
                        "object" if is_list => json!({"metadata": list_metadata(&value["metadata"])}),
                        "uid" | "resourceVersion" => self.known(name, value),
                        "creationTimestamp" | "deletionTimestamp" if value.is_string() => json!("a time"),
                        "name" => named(value),
                        _ => self.neutral(value),
                    };
                    kept.insert(name.clone(), value);
                }
                Value::Object(kept)
            }
            _ => value.clone(),
        }
    }

    fn causes(&mut self, causes: &Value) -> Value {
        let mut causes = self.neutral(causes);
        for cause in causes.as_array_mut().into_iter().flatten() {
            cause.as_object_mut().unwrap().remove("message");
        }
        causes
    }

    /// Which one it is of those that came up so far.
    fn known(&mut self, name: &str, value: &Value) -> Value {
        let value = format!("{name} {value}");
        let at = self.known.iter().position(|known| *known == value).unwrap_or_else(|| {
            self.known.push(value);
            self.known.len() - 1
        });
        json!(format!("the {at}th"))
    }
}

/// The events of a watch as they come in.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// Those that are whole by now. Bookmarks come when the server likes, but for the one after what was there.
    fn read(&mut self, chunk: &[u8]) -> Vec<Value> {
        self.0.extend_from_slice(chunk);
        let mut events = Vec::new();
        while let Some(end) = self.0.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            let event: Value = serde_json::from_slice(&line).unwrap();
            if event["type"] != "BOOKMARK" || event["object"]["metadata"]["annotations"].is_object() {
                events.push(event);
            }
        }
        events
    }
}

fn list_metadata(metadata: &Value) -> Value {
    let mut metadata = metadata.clone();
    for name in ["resourceVersion", "continue"] {
        if metadata.get(name).is_some() {
            metadata[name] = json!("one");
        }
    }
    metadata
}

/// Generated names end in what nobody knows.
fn named(value: &Value) -> Value {
    match value.as_str().and_then(|name| name.strip_prefix("generated-")) {
        Some(rest) => json!(format!("generated and {} letters", rest.len())),
        None => value.clone(),
    }
}

fn sorted(mut items: Value) -> Value {
    if let Some(items) = items.as_array_mut() {
        items.sort_by_key(|item| item["name"].to_string());
    }
    items
}
