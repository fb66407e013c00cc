//! An API server in memory, for tests in simulated time.
//!
//! It does what kube-apiserver does with what the operator asks of it, at once and always in the same way: no threads,
//! no waiting, no randomness; `tests/controlplane/api_server.rs` holds it against the real one. What it leaves out:
//! validation beyond structure (no CEL, no types, no name syntax), authorisation, `managedFields`, JSON and strategic
//! merge patches.
//!
//! Watches are told of a change when it is written. What can go wrong with that is up to the test: see
//! [`ApiServer::freeze`], [`ApiServer::drop_event`], [`ApiServer::cut_watches`], [`ApiServer::compact`] and
//! [`ApiServer::restore`].

mod beside;
mod collect;
mod delete;
mod discovery;
mod faults;
mod fields;
mod kinds;
mod list;
mod object;
mod render;
mod reply;
mod request;
mod resource;
mod schema;
mod selector;
mod state;
mod status;
mod watch;
mod write;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::Timestamp;

pub use faults::Snapshot;
pub use reply::Reply;
pub use request::Asked;
pub use state::Write;
pub use status::Status;

use delete::{Deleted, How};
use object::encode;
use render::Form;
use request::{Call, Route};
use state::{By, State};
use write::Spot;

/// What refuses requests.
type Rule = dyn Fn(&Asked) -> Option<Status> + Send + Sync;

/// An API server. Its clones are the same one.
#[derive(Clone, Debug)]
pub struct ApiServer(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    rule: Mutex<Option<Arc<Rule>>>,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("revision", &self.lock().revision).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time as objects have it: whole seconds.
    fn now(&self) -> String {
        let now = (self.now)();
        Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
    }
}

impl ApiServer {
    /// A server with nothing but the namespaces that every cluster has, whose clock shows what `now` says.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let shared = Shared { state: Mutex::new(State::new()), rule: Mutex::default(), now: Box::new(now) };
        let server = Self(Arc::new(shared));
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            server.make_namespace(name);
        }
        server.lock().writes.clear();
        server
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// A client of this server. It needs a Tokio runtime, as every client does.
    pub fn client(&self) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<kube::client::Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                Ok::<_, kube::Error>(server.handle(Request::from_parts(parts, body)))
            }
        });
        kube::Client::new(service, "default")
    }

    /// Answers a request.
    pub fn handle(&self, request: Request<Bytes>) -> Response<Reply> {
        let answer = request::read(request).and_then(|route| match route {
            Route::Call(mut call) => self.call(&mut call),
            Route::Discovery(path) => match discovery::answer(&path) {
                Some(body) => Ok(whole(200, encode(&body))),
                None if discovery::is_built_in(&path) => Err(Status::nothing()),
                None => Ok(nowhere()),
            },
            Route::Nowhere => Ok(nowhere()),
        });
        answer.unwrap_or_else(|status| whole(status.code, encode(&status.to_json())))
    }

    fn call(&self, call: &mut Call) -> Result<Response<Reply>, Status> {
        let rule = self.0.rule.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(status) = rule.and_then(|rule| rule(&call.asked)) {
            return Err(status);
        }
        let now = self.0.now();
        let mut state = self.lock();
        if call.asked.verb == "watch" {
            let id = state.watch(call)?;
            drop(state);
            return Ok(response(200, Reply::watch(Arc::clone(&self.0), id, call.options.timeout)));
        }
        if call.asked.verb == "list" {
            return Ok(whole(200, state.list(call)?));
        }
        let asked = &call.asked;
        let by =
            By { verb: asked.verb, subresource: &asked.subresource, agent: &asked.agent, dry_run: asked.dry_run, now };
        let (code, object) = match asked.verb {
            "get" => (200, state.read(call)?),
            "create" => state.create(call, &by)?,
            "update" => state.update(call, &by)?,
            "patch" => state.patch(call, &by)?,
            "deletecollection" => {
                let form = Form::of(call.options.partial);
                let all = state.delete_all(call, &by)?;
                let items: Vec<Bytes> = all.iter().map(|object| render::item(call.resource, form, object)).collect();
                let metadata = serde_json::json!({"resourceVersion": state.revision.to_string()});
                return Ok(whole(200, render::list(call.resource, form, &metadata, &items)));
            }
            _ => {
                let spot = Spot { resource: call.resource, namespace: &asked.namespace, name: &asked.name };
                match state.delete(&spot, How::of(call), &by)? {
                    Deleted::Object(object) => (200, object),
                    Deleted::Gone(answer) => return Ok(whole(200, encode(&answer))),
                }
            }
        };
        drop(state);
        Ok(whole(code, render::object(call.resource, Form::of(call.options.partial), &object)))
    }
}

fn whole(code: u16, body: Bytes) -> Response<Reply> {
    response(code, Reply::whole(body))
}

fn nowhere() -> Response<Reply> {
    whole(404, Bytes::from_static(b"404 page not found\n"))
}

fn response(code: u16, reply: Reply) -> Response<Reply> {
    let mut response = Response::new(reply);
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
