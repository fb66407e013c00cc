//! The platforms' servers, and the operator's way to them over the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use org_operator::embedded::Directory;
use org_operator::embedded::dialect::{Quirk, Serving, rockfish, rockit, tyk};
use org_operator::platform::http::{Service, Transport, TransportError};

use super::broken::Layer;
use super::fault::Fault;
use super::guard::{Guard, deleted};
use super::stop::Stop;
use super::time::Time;
use super::wire::{Side, Turn};
use crate::canary::Canaries;

/// The admin secret of the Dashboard.
pub(crate) const TYK_SECRET: &str = "canary-tyk-admin-secret";
/// The code that lets anybody create a user on Rockfish's public API.
pub(crate) const INVITE_CODE: &str = "canary-rockfish-invite-code";
/// The key that ROCKIT's admin tokens are signed with.
pub(crate) const ROCKIT_KEY: &str = "canary-rockit-admin-key-0123456789";
/// The token of ROCKIT's account that may delete any organisation.
pub(crate) const ROCKIT_BACKEND: &str = "canary-rockit-backend-token";

/// Which platform a plan is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Embedded,
    Tyk,
    Rockfish,
    Rockit,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Embedded, Self::Tyk, Self::Rockfish, Self::Rockit];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Tyk => "tyk",
            Self::Rockfish => "rockfish",
            Self::Rockit => "rockit",
        }
    }
}

/// The way from an operator to the platforms.
#[derive(Clone)]
pub(crate) struct Platforms {
    pub(crate) guard: Guard,
    pub(crate) time: Time,
    /// Who looks for what is secret.
    pub(crate) canaries: Option<Canaries>,
    served: Arc<Mutex<Served>>,
    quirk: Option<Quirk>,
    late: Duration,
}

/// What is served now.
struct Served {
    directory: Directory,
    routers: BTreeMap<&'static str, Router>,
}

impl Platforms {
    /// The way to what is served from that directory.
    pub(crate) fn new(guard: Guard, directory: &Directory, time: Time, quirk: Option<Quirk>, late: Duration) -> Self {
        let served = Arc::new(Mutex::new(serve(directory, &time, quirk, late)));
        Self { guard, time, canaries: None, served, quirk, late }
    }

    /// From now on another directory is served.
    pub(crate) fn serve(&self, directory: &Directory) {
        let served = serve(directory, &self.time, self.quirk, self.late);
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = served;
    }

    /// What the operator's requests go through.
    pub(crate) fn transport(&self, layer: Option<Layer>) -> Transport {
        let platforms = self.clone();
        Transport::through(move |timeout| {
            let (platforms, layer) = (platforms.clone(), layer.clone());
            Service::new(tower::service_fn(move |request| {
                let (platforms, layer) = (platforms.clone(), layer.clone());
                async move {
                    match layer {
                        Some(layer) => layer.platform(&platforms, timeout, request).await,
                        None => platforms.within(timeout, request).await,
                    }
                }
            }))
        })
    }

    /// Asks over the wire, and does not wait for ever.
    pub(crate) async fn within(
        &self,
        timeout: Duration,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, TransportError> {
        let answer = tokio::time::timeout(timeout, self.clone().ask(request));
        answer.await.unwrap_or(Err(TransportError::TimedOut))
    }

    /// The request reaches whatever is served then.
    fn deliver(&self, request: Request<Bytes>, twice: bool) -> Response<Bytes> {
        let host = request.uri().host().unwrap_or_default();
        let (router, directory) = {
            let served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
            let router = served.routers.get(host).unwrap_or_else(|| panic!("nobody serves {host}"));
            (router.clone(), served.directory.clone())
        };
        if let Some((kind, id)) = deleted(request.method(), request.uri().path()) {
            self.guard.look(&directory, kind, id);
        }
        if twice {
            self.guard.server.ask(router.clone(), request.clone());
        }
        self.guard.server.ask(router, request)
    }

    async fn ask(self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let what = format!("{} {}", request.method(), request.uri());
        // ROCKIT's pings are POSTs, and change nothing.
        let writes = request.method() != "GET" && !request.uri().path().contains("ping");
        let wire = &self.guard.wire;
        let unsent = || TransportError::Connect("nothing was sent".into());
        if !wire.standstill().gate(writes).await {
            return Err(unsent());
        }
        let (entry, fault) = match wire.turn(self.time.now(), Side::Platform, writes, true, what) {
            Turn::Go(entry, fault) => (entry, fault),
            Turn::Dead => return std::future::pending().await,
        };
        let mut answer = None;
        match fault {
            Some(Fault::Stop(Stop::Before)) if !wire.standstill().before(writes).await => return Err(unsent()),
            Some(Fault::Stop(Stop::Hold)) => wire.standstill().stand_still(false).await,
            Some(Fault::Stop(Stop::Sent)) => {
                let (platforms, request) = (self.clone(), request.clone());
                answer = wire.standstill().sent(move || platforms.deliver(request, false)).await;
            }
            _ => {}
        }
        let resumed = matches!(fault, Some(Fault::Stop(Stop::Before | Stop::Hold)));
        if resumed || fault.is_none_or(Fault::is_applied) {
            answer = Some(self.deliver(request.clone(), fault == Some(Fault::Twice)));
        }
        if let Some(canaries) = &self.canaries {
            canaries.platform(&request, answer.as_ref());
        }
        let status = answer.as_ref().map_or_else(|| "nothing".to_owned(), |answer| answer.status().to_string());
        if !wire.answered(entry, fault, status) {
            return std::future::pending().await;
        }
        if let Some(Fault::Stop(Stop::Applied | Stop::Lost)) = fault {
            wire.standstill().stand_still(true).await;
        }
        let reset = || std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the connection was reset");
        match (fault, answer) {
            (Some(Fault::Stop(Stop::Lost)), _) => Err(TransportError::Lost(reset().into())),
            (None | Some(Fault::CrashReplied | Fault::Twice | Fault::Stop(_)), Some(answer)) => Ok(answer),
            (Some(Fault::Cut), Some(answer)) => Ok(answer.map(|body| body.slice(..body.len() / 2))),
            (Some(Fault::Hang | Fault::HangApplied), _) => std::future::pending().await,
            (Some(Fault::Html), _) => Ok(reply(200, "text/html", "<html><body>It works!</body></html>")),
            (Some(Fault::Envelope), _) => {
                Ok(reply(200, "application/json", r#"{"Status":"Error","status":"failed","Message":"on purpose"}"#))
            }
            (Some(Fault::Status(code) | Fault::StatusApplied(code)), _) => Ok(reply(code, "application/json", "{}")),
            _ => Err(TransportError::Lost(reset().into())),
        }
    }
}

/// Every dialect on that directory, by host; a plan uses one.
fn serve(directory: &Directory, time: &Time, quirk: Option<Quirk>, late: Duration) -> Served {
    let serving = |secret: &str, base: &str| Serving {
        directory: directory.clone(),
        clock: time.clock(),
        secret: secret.into(),
        quirks: BTreeSet::from_iter(quirk),
        late,
        base: Some(format!("http://{base}")),
    };
    let operator = rockit::Operator {
        organization: "operator".to_owned(),
        username: "operator".to_owned(),
        secret: ROCKIT_BACKEND.into(),
    };
    let routers = BTreeMap::from([
        ("tyk.test", tyk::router(serving(TYK_SECRET, "tyk.test"))),
        ("rockfish-admin.test", rockfish::admin_router(serving(INVITE_CODE, "rockfish-admin.test"))),
        ("rockfish.test", rockfish::public_router(serving(INVITE_CODE, "rockfish.test"))),
        ("rockit.test", rockit::router(serving(&STANDARD.encode(ROCKIT_KEY), "rockit.test"), Some(operator))),
    ]);
    Served { directory: directory.clone(), routers }
}

fn reply(code: u16, content_type: &'static str, body: &'static str) -> Response<Bytes> {
    let mut reply = Response::new(Bytes::from_static(body.as_bytes()));
    *reply.status_mut() = StatusCode::from_u16(code).expect("a status");
    reply.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    reply
}
