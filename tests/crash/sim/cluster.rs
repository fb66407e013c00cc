//! The operator's client of the API server, over the wire.

use axum::body::Body as Content;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::json;

use super::api::Api;
use super::fault::Fault;
use super::stop::Stop;
use super::time::Time;
use super::wire::{Side, Turn, Wire};
use crate::canary::Canaries;

pub(crate) use super::api::Answer;

/// The way from an operator to its API server.
#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) api: Api,
    pub(crate) wire: Wire,
    pub(crate) time: Time,
    /// Who looks for what is secret.
    pub(crate) canaries: Option<Canaries>,
}

impl Cluster {
    /// An operator's client.
    pub(crate) fn client(&self) -> kube::Client {
        let cluster = self.clone();
        client(move |request| cluster.clone().ask(request))
    }

    /// Asks over the wire.
    pub(crate) async fn ask(self, mut request: Request<Bytes>) -> std::io::Result<Answer> {
        let what = format!("{} {}", request.method(), request.uri());
        let writes = request.method() != "GET" && !what.contains("dryRun=All");
        let unsent = || std::io::Error::new(std::io::ErrorKind::NotConnected, "nothing was sent");
        if !self.wire.standstill().gate(writes).await {
            return Err(unsent());
        }
        let turn = self.wire.turn(self.time.now(), Side::Cluster, writes, !is_collection(&request), what);
        let (entry, fault) = match turn {
            Turn::Go(entry, fault) => (entry, fault),
            Turn::Dead => return std::future::pending().await,
        };
        if let Some(canaries) = &self.canaries {
            canaries.told(&mut request);
            canaries.cluster(&request);
        }
        let mut answer = None;
        match fault {
            Some(Fault::Stop(Stop::Before)) if !self.wire.standstill().before(writes).await => return Err(unsent()),
            Some(Fault::Stop(Stop::Hold)) => self.wire.standstill().stand_still(false).await,
            Some(Fault::Stop(Stop::Sent)) => {
                let (api, request) = (self.api.clone(), request.clone());
                answer = self.wire.standstill().sent(move || api.handle(request)).await;
            }
            _ => {}
        }
        let resumed = matches!(fault, Some(Fault::Stop(Stop::Before | Stop::Hold)));
        if resumed || fault.is_none_or(Fault::is_applied) {
            if fault == Some(Fault::Twice) {
                drop(self.api.handle(request.clone()));
            }
            answer = Some(self.api.handle(request));
        }
        let status = answer.as_ref().map_or_else(|| "nothing".to_owned(), |answer| answer.status().to_string());
        if !self.wire.answered(entry, fault, status) {
            return std::future::pending().await;
        }
        if let Some(Fault::Stop(Stop::Applied | Stop::Lost)) = fault {
            self.wire.standstill().stand_still(true).await;
        }
        let lost = || std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the connection was reset");
        match (fault, answer) {
            (Some(Fault::Stop(Stop::Lost)), _) => Err(lost()),
            (None | Some(Fault::CrashReplied | Fault::Twice | Fault::Stop(_)), Some(answer)) => Ok(answer),
            (Some(Fault::Cut), Some(answer)) => {
                let (head, body) = answer.into_parts();
                let whole = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
                Ok(Response::from_parts(head, Content::from(whole.slice(..whole.len() / 2))))
            }
            (Some(Fault::Hang | Fault::HangApplied), _) => std::future::pending().await,
            (Some(Fault::Html), _) => Ok(page()),
            (Some(Fault::Envelope), _) => Ok(refusal(500, StatusCode::OK)),
            (Some(Fault::Status(code) | Fault::StatusApplied(code)), _) => {
                Ok(refusal(code, StatusCode::from_u16(code).expect("a status")))
            }
            _ => Err(lost()),
        }
    }
}

/// A client whose requests are answered so.
pub(super) fn client<F>(ask: impl Fn(Request<Bytes>) -> F + Clone + Send + 'static) -> kube::Client
where
    F: Future<Output = std::io::Result<Answer>> + Send + 'static,
{
    let service = tower::service_fn(move |request: Request<Body>| {
        let ask = ask.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
            ask(Request::from_parts(head, body)).await
        }
    });
    kube::Client::new(service, "operator")
}

/// Lists and watches, which begin every life and change nothing.
fn is_collection(request: &Request<Bytes>) -> bool {
    let segments = request.uri().path().split('/').filter(|segment| !segment.is_empty()).collect::<Vec<_>>();
    let below = segments.iter().position(|segment| *segment == "namespaces").map_or(segments.len(), |at| at + 2);
    request.method() == "GET" && segments.len() <= below + 1
}

fn page() -> Answer {
    let mut answer = Response::new(Content::from(Bytes::from_static(b"<html><body>Bad Gateway</body></html>")));
    *answer.status_mut() = StatusCode::BAD_GATEWAY;
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("text/html"));
    answer
}

fn refusal(code: u16, status: StatusCode) -> Answer {
    let reason = match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "code": code,
        "message": "on purpose",
    });
    let mut answer = Response::new(Content::from(body.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    answer
}
