//! What goes over the wire: a listener on a free port of the loopback that remembers each exchange.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) sent: Bytes,
    pub(crate) status: StatusCode,
    pub(crate) reply_headers: HeaderMap,
    pub(crate) reply: Bytes,
}

impl Exchange {
    /// As `GET /user?limit=1`.
    pub(crate) fn call(&self) -> String {
        format!("{} {}", self.method, self.uri)
    }

    /// What was sent, as JSON.
    pub(crate) fn request(&self) -> Value {
        serde_json::from_slice(&self.sent).unwrap_or(Value::Null)
    }

    /// What was answered, as JSON.
    pub(crate) fn answer(&self) -> Value {
        serde_json::from_slice(&self.reply).unwrap_or(Value::Null)
    }
}

/// What went over one listener.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Arc<Mutex<Vec<Exchange>>>);

impl Wire {
    /// What went over it since this was asked last.
    pub(crate) fn take(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn add(&self, exchange: Exchange) {
        self.0.lock().unwrap().push(exchange);
    }
}

/// A router on a port of its own, until it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    /// As `http://127.0.0.1:PORT`.
    pub(crate) address: String,
    pub(crate) wire: Wire,
    task: JoinHandle<()>,
}

impl Listener {
    pub(crate) async fn new(router: Router) -> Self {
        let wire = Wire::default();
        let router = router.layer(from_fn_with_state(wire.clone(), remember));
        let (address, task) = serve(router).await;
        Self { address, wire, task }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves that on a free port.
pub(crate) async fn serve(router: Router) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (address, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

async fn remember(State(wire): State<Wire>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let sent = to_bytes(body, usize::MAX).await.unwrap();
    let (method, uri, headers) = (head.method.clone(), head.uri.clone(), head.headers.clone());
    let response = next.run(Request::from_parts(head, Body::from(sent.clone()))).await;
    let (head, body) = response.into_parts();
    let reply = to_bytes(body, usize::MAX).await.unwrap();
    let (status, reply_headers) = (head.status, head.headers.clone());
    wire.add(Exchange { method, uri, headers, sent, status, reply_headers, reply: reply.clone() });
    Response::from_parts(head, Body::from(reply))
}
