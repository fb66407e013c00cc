//! One Lease, and the ways to it.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use futures::StreamExt as _;
use http::{Method, Request, Response};
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::BoxError;

/// What is wrong with one client's way to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Way {
    #[default]
    Open,
    /// No connection.
    Refused,
    /// A connection on which nothing comes back and nothing arrives.
    Silent,
    /// Everything arrives, and no answer comes back.
    Lossy,
    /// All but watches.
    Unwatched,
}

/// The server. Clones are the same.
#[derive(Clone)]
pub(super) struct Server(Arc<watch::Sender<Option<Value>>>);

impl Server {
    /// With a Lease that is nobody's.
    pub(super) fn new() -> Self {
        let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "org-operator", "namespace": "home", "resourceVersion": "1"}});
        Self(Arc::new(watch::Sender::new(Some(lease))))
    }

    pub(super) fn lease(&self) -> Option<Value> {
        self.0.borrow().clone()
    }

    pub(super) fn holder(&self) -> String {
        self.lease().and_then(|lease| Some(lease["spec"]["holderIdentity"].as_str()?.to_owned())).unwrap_or_default()
    }

    pub(super) fn transitions(&self) -> i64 {
        self.lease().and_then(|lease| lease["spec"]["leaseTransitions"].as_i64()).unwrap_or_default()
    }

    /// Somebody else changes it.
    pub(super) fn change(&self, patch: &Value) {
        self.0.send_modify(|lease| {
            if let Some(lease) = lease {
                merge(lease, patch);
                bump(lease);
            }
        });
    }

    pub(super) fn delete(&self) {
        self.0.send_replace(None);
    }

    /// A client whose way there is as `way` says.
    pub(super) fn client(&self, way: &Arc<Mutex<Way>>) -> Client {
        let (server, way) = (self.clone(), Arc::clone(way));
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let (server, way) = (server.clone(), Arc::clone(&way));
            async move {
                let before = *way.lock().unwrap();
                match before {
                    Way::Refused => return Err(BoxError::from("refused")),
                    Way::Silent => return std::future::pending().await,
                    Way::Open | Way::Lossy | Way::Unwatched => {}
                }
                let watched = request.uri().query().is_some_and(|query| query.contains("watch=true"));
                if watched && before == Way::Unwatched {
                    return Ok(status(403, "Forbidden"));
                }
                let answer = server.answer(request).await;
                // As long as a request takes on a quick network.
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
                if *way.lock().unwrap() == Way::Lossy { std::future::pending().await } else { Ok(answer) }
            }
        });
        Client::new(service, "home")
    }

    async fn answer(&self, request: Request<kube::client::Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        if head.method == Method::GET && head.uri.query().is_some_and(|query| query.contains("watch=true")) {
            return self.watched(head.uri.query().unwrap_or_default());
        }
        let sent: Value = serde_json::from_slice(&body.collect_bytes().await.unwrap()).unwrap_or_default();
        let mut answer = status(404, "NotFound");
        self.0.send_if_modified(|lease| {
            let change = match (&head.method, &mut *lease) {
                (&Method::POST, None) => {
                    let mut made = sent.clone();
                    made["metadata"]["resourceVersion"] = json!("1000");
                    *lease = Some(made);
                    true
                }
                (&Method::PATCH, Some(there)) => {
                    let same = sent["metadata"]["resourceVersion"] == there["metadata"]["resourceVersion"];
                    if same {
                        merge(there, &sent);
                        bump(there);
                    } else {
                        answer = status(409, "Conflict");
                        return false;
                    }
                    true
                }
                (&Method::POST, Some(_)) => {
                    answer = status(409, "AlreadyExists");
                    return false;
                }
                _ => false,
            };
            if let Some(lease) = lease {
                answer = Response::new(Body::from(lease.to_string()));
            }
            change
        });
        answer
    }

    fn watched(&self, query: &str) -> Response<Body> {
        let from = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion=")).unwrap_or_default();
        let events = futures::stream::unfold((self.0.subscribe(), from.to_owned()), async |(mut lease, last)| {
            loop {
                let now = lease.borrow_and_update().clone();
                let version = |lease: &Value| lease["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
                match now {
                    Some(now) if version(&now) != last => {
                        let line = format!("{}\n", json!({"type": "MODIFIED", "object": now}));
                        return Some((Ok::<_, std::io::Error>(line), (lease, version(&now))));
                    }
                    Some(_) => {}
                    None => return None,
                }
                lease.changed().await.ok()?;
            }
        });
        Response::new(Body::from_stream(events.boxed()))
    }
}

fn status(code: u16, reason: &str) -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code});
    Response::builder().status(code).body(Body::from(status.to_string())).unwrap()
}

fn bump(lease: &mut Value) {
    let version: u64 = lease["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    lease["metadata"]["resourceVersion"] = json!((version + 1).to_string());
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in members {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name], value);
        }
    }
}
