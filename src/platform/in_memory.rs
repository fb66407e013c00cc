//! Platforms in memory, for tests of the clients: what would go over the network goes to a router.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::http::{Limit, Origin, Service, TransportError};
use super::{Budget, Limits};
use crate::clock::Clock;
use crate::domain::entity::Lookup;
use crate::domain::fault::FaultKind;
use crate::embedded::Directory;
use crate::embedded::dialect::{Quirk, Serving};

pub(super) fn by_id(id: &str) -> Lookup {
    Lookup::Id(id.to_owned())
}

pub(super) fn by_name(name: &str) -> Lookup {
    Lookup::Name(name.to_owned())
}

/// A directory of its own to serve a dialect from, and the place of its files. With [`Quirk::Late`] it is late by half a
/// minute.
pub(super) async fn serving(secret: &str, quirks: &[Quirk], clock: Clock) -> (Serving, TempDir) {
    let files = tempfile::tempdir().unwrap();
    let serving = Serving {
        directory: Directory::open(files.path()).await.unwrap(),
        clock,
        secret: secret.into(),
        quirks: quirks.iter().copied().collect(),
        late: Duration::from_secs(30),
        base: None,
    };
    (serving, files)
}

/// The API at `base`, which that router serves.
pub(super) fn origin(base: &str, router: Router, clock: &Clock) -> Origin {
    let service = Service::new(tower::service_fn(move |request: Request<Bytes>| exchange(router.clone(), request)));
    over(base, service, clock)
}

/// The API at `base`, reached through that service.
pub(super) fn over(base: &str, service: Service, clock: &Clock) -> Origin {
    let limits = Limits { requests_per_second: NonZeroU32::new(1000).unwrap(), concurrency: 8 };
    Origin::new(base, service, Arc::new(Budget::new(limits)), clock.clone()).unwrap()
}

async fn exchange(router: Router, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
    let limit = request.extensions().get::<Limit>().map_or(usize::MAX, |limit| limit.0);
    let (head, body) = router.oneshot(request.map(Body::from)).await.unwrap().into_parts();
    let body = to_bytes(body, limit).await.map_err(|_| TransportError::TooLong)?;
    Ok(Response::from_parts(head, body))
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Method, path and query, as `GET /user?limit=1`.
    pub(super) call: String,
    pub(super) headers: HeaderMap,
    /// The body; `Null` where there is none.
    pub(super) body: Value,
}

impl Seen {
    /// The value of a header, empty without one.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

#[derive(Clone)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    body: String,
}

/// An answer that is a fault, and what it means of a call that reads or may be repeated, and of one that creates.
pub(super) struct Fault {
    pub(super) status: u16,
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) body: &'static str,
    pub(super) repeatable: FaultKind,
    pub(super) creation: FaultKind,
}

/// The faults that mean the same on every call.
pub(super) fn faults() -> Vec<Fault> {
    let unavailable = FaultKind::Unavailable(None);
    let both = |status, kind| Fault { status, headers: &[], body: "", repeatable: kind, creation: kind };
    let strange = |status, headers, body| Fault {
        status,
        headers,
        body,
        repeatable: unavailable,
        creation: FaultKind::OutcomeUnknown,
    };
    let nine = Some(Duration::from_secs(9));
    vec![
        Fault { headers: &[("location", "https://elsewhere.example/")], ..both(307, unavailable) },
        both(400, FaultKind::Invalid),
        both(409, FaultKind::AlreadyExists),
        both(429, FaultKind::RateLimited(None)),
        Fault { headers: &[("retry-after", "9")], ..both(429, FaultKind::RateLimited(nine)) },
        both(503, unavailable),
        Fault { headers: &[("retry-after", "9")], ..both(503, FaultKind::Unavailable(nine)) },
        strange(500, &[], "boom"),
        strange(502, &[], "<html>"),
        strange(200, &[("content-type", "text/html; charset=utf-8")], "Welcome"),
        strange(200, &[], "<!doctype html><title>Welcome</title>"),
    ]
}

/// A server that gives each call the answer that the test wrote for it last, and 404 without a body, or what the test wrote
/// for all, to any other.
#[derive(Clone, Default)]
pub(super) struct Scripted {
    answers: Arc<Mutex<BTreeMap<String, Answer>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Scripted {
    /// Answers `call` (as `GET /user?limit=1`) with that status and that JSON.
    pub(super) fn on(&self, call: &str, status: u16, body: &Value) -> &Self {
        self.text(call, status, &[], &body.to_string())
    }

    /// Answers `call` with that status, those headers and that text.
    pub(super) fn text(&self, call: &str, status: u16, headers: &[(&'static str, &'static str)], body: &str) -> &Self {
        let answer = Answer { status, headers: headers.to_vec(), body: body.to_owned() };
        self.answers.lock().unwrap().insert(call.to_owned(), answer);
        self
    }

    /// Answers every other call so.
    pub(super) fn otherwise(&self, status: u16, headers: &[(&'static str, &'static str)], body: &str) -> &Self {
        self.text("", status, headers, body)
    }

    /// What has arrived since this was asked last.
    pub(super) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// As that, without headers and bodies.
    pub(super) fn calls(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.call).collect()
    }

    /// The server as the API at `base`.
    pub(super) fn origin(&self, base: &str, clock: &Clock) -> Origin {
        let server = self.clone();
        over(base, Service::new(tower::service_fn(move |request| std::future::ready(server.answer(&request)))), clock)
    }

    fn answer(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let call = format!("{} {path}", request.method());
        let limit = request.extensions().get::<Limit>().map_or(usize::MAX, |limit| limit.0);
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        self.seen.lock().unwrap().push(Seen { call: call.clone(), headers: request.headers().clone(), body });
        let answers = self.answers.lock().unwrap();
        let answer = answers.get(&call).or_else(|| answers.get("")).cloned();
        let answer = answer.unwrap_or(Answer { status: 404, headers: Vec::new(), body: String::new() });
        if answer.body.len() > limit {
            return Err(TransportError::TooLong);
        }
        let mut response = Response::builder().status(answer.status);
        for (name, value) in answer.headers {
            response = response.header(name, value);
        }
        Ok(response.body(Bytes::from(answer.body)).unwrap())
    }
}
