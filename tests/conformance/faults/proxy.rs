//! A proxy between a client and the platform that lets one request go wrong.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER, TRANSFER_ENCODING};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::Response;
use axum_server::tls_rustls::RustlsConfig;
use bytes::Bytes;
use futures::stream;
use org_operator::platform::http::{Service, TransportError};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;

use super::fault::Fault;
use crate::subject::{Platform, Subject};
use crate::wire::{Listener, serve};

/// How long the longest reply is, in bytes.
const ENDLESS: usize = 100_000_000;

/// What it is made of.
static PART: [u8; 65_536] = [b'x'; 65_536];

/// Places that no request may get to.
pub(crate) struct Traps {
    /// Where redirects point.
    pub(crate) elsewhere: Listener,
    /// A port that is taken and not listened on.
    _closed: TcpSocket,
    closed: SocketAddr,
    /// A server whose certificate nobody trusts; how many requests it got.
    untrusted: SocketAddr,
    pub(crate) received: Arc<AtomicUsize>,
    tls: axum_server::Handle<SocketAddr>,
}

impl Traps {
    pub(crate) async fn new() -> Self {
        let closed = TcpSocket::new_v4().unwrap();
        closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let received = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&received);
        let router = Router::new().fallback(move || {
            count.fetch_add(1, Ordering::Relaxed);
            async { "{}" }
        });
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        let config = RustlsConfig::from_pem(certificate.into(), key.into()).await.unwrap();
        let tls = axum_server::Handle::new();
        let server = axum_server::bind_rustls(([127, 0, 0, 1], 0).into(), config).handle(tls.clone());
        tokio::spawn(server.serve(router.into_make_service()));
        let untrusted = tls.listening().await.unwrap();
        let elsewhere = Listener::new(Router::new().fallback(async || "{}")).await;
        Self { elsewhere, closed: closed.local_addr().unwrap(), _closed: closed, untrusted, received, tls }
    }
}

impl Drop for Traps {
    fn drop(&mut self) {
        self.tls.shutdown();
    }
}

/// What the listeners of one proxy share.
struct Shared {
    platform: Platform,
    /// Which request goes wrong, and how.
    fault: Option<(usize, Fault)>,
    elsewhere: String,
    client: reqwest::Client,
    seen: Mutex<Vec<String>>,
    begun: AtomicBool,
    sent: AtomicUsize,
    done: Notify,
    written: AtomicUsize,
}

/// The proxy.
pub(crate) struct Proxy {
    /// In front of the admin's and the public API.
    pub(crate) addresses: [Option<String>; 2],
    shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Shared {
    /// The fault of the request of that number.
    fn fault(&self, number: usize) -> Option<Fault> {
        let begun = self.begun.load(Ordering::Relaxed);
        self.fault.filter(|(at, _)| begun && *at == number).map(|(_, fault)| fault)
    }
}

impl Proxy {
    pub(crate) async fn new(
        subject: &Subject,
        client: &reqwest::Client,
        traps: &Traps,
        fault: Option<(usize, Fault)>,
    ) -> Self {
        let shared = Arc::new(Shared {
            platform: subject.variant.platform,
            fault,
            elsewhere: traps.elsewhere.address.replace("127.0.0.1", "localhost"),
            client: client.clone(),
            seen: Mutex::default(),
            begun: AtomicBool::new(false),
            sent: AtomicUsize::new(0),
            done: Notify::new(),
            written: AtomicUsize::new(0),
        });
        let (mut addresses, mut tasks) = ([None, None], Vec::new());
        for (address, listener) in addresses.iter_mut().zip([&subject.admin, &subject.public]) {
            let Some(listener) = listener else { continue };
            let router = Router::new().fallback(pass).with_state((listener.address.clone(), Arc::clone(&shared)));
            let (own, task) = serve(router).await;
            *address = Some(own);
            tasks.push(task);
        }
        Self { addresses, shared, tasks }
    }

    /// What arrived, as `GET /user`.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// From here on requests count.
    pub(crate) fn begin(&self) {
        self.shared.begun.store(true, Ordering::Relaxed);
        self.shared.sent.store(0, Ordering::Relaxed);
        self.shared.seen.lock().unwrap().clear();
    }

    /// How many requests the client has sent, whether they got here or not.
    pub(crate) fn sent(&self) -> usize {
        self.shared.sent.load(Ordering::Relaxed)
    }

    /// How many bytes of the longest reply were taken.
    pub(crate) fn written(&self) -> usize {
        self.shared.written.load(Ordering::Relaxed)
    }

    /// Returns when the request that went wrong has been done by the server.
    pub(crate) async fn done(&self) {
        self.shared.done.notified().await;
    }

    /// A service for the client: what keeps a request from arriving happens in it, the rest here.
    pub(crate) fn service(&self, traps: &Traps, inner: &Service) -> Service {
        let (shared, inner, closed, untrusted) =
            (Arc::clone(&self.shared), inner.clone(), traps.closed, traps.untrusted);
        Service::new(tower::service_fn(move |mut request: http::Request<Bytes>| {
            let number = shared.sent.fetch_add(1, Ordering::Relaxed);
            let detour = match shared.fault(number) {
                Some(Fault::NoConnection) => Some(("http", closed)),
                Some(Fault::UntrustedCertificate) => Some(("https", untrusted)),
                _ => None,
            };
            if let Some((scheme, address)) = detour {
                let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
                *request.uri_mut() = format!("{scheme}://{address}{path}").parse::<Uri>().unwrap();
            }
            let inner = inner.clone();
            async move { inner.oneshot(request).await.map_err(|error: TransportError| error) }
        }))
    }
}

async fn pass(State((upstream, shared)): State<(String, Arc<Shared>)>, request: Request) -> Response {
    let number = shared.sent.load(Ordering::Relaxed) - 1;
    shared.seen.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
    let fault = shared.fault(number);
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    // Something that repeats all that it was sent: none of it may get into a message.
    let echo = format!("{path} {:?} {}", head.headers, String::from_utf8_lossy(&body));
    let (client, method, mut headers) = (shared.client.clone(), head.method, head.headers);
    headers.remove(HOST);
    let forward = async move {
        let request = client.request(method, format!("{upstream}{path}")).headers(headers).body(body);
        let response = request.send().await.unwrap();
        let mut reply = Response::new(());
        *reply.status_mut() = response.status();
        reply.headers_mut().clone_from(response.headers());
        reply.headers_mut().remove(TRANSFER_ENCODING);
        (reply, response.bytes().await.unwrap())
    };
    match fault {
        None => whole(forward.await),
        Some(Fault::SilenceAfter) => {
            // Also when the client has gone meanwhile.
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                forward.await;
                shared.done.notify_one();
            });
            std::future::pending().await
        }
        Some(fault @ (Fault::Slow | Fault::Cut | Fault::Truncated)) => {
            let (head, body) = forward.await;
            shared.done.notify_one();
            broken(fault, head, &body)
        }
        Some(fault) => instead(fault, &shared, &echo).await,
    }
}

fn whole((head, body): (Response<()>, Bytes)) -> Response {
    head.map(|()| Body::from(body))
}

/// The answer, and how it does not end.
fn broken(fault: Fault, mut head: Response<()>, body: &Bytes) -> Response {
    // An answer without a body has nothing to break.
    if head.status() == StatusCode::NO_CONTENT {
        *head.status_mut() = StatusCode::OK;
    }
    let half = if body.is_empty() { Bytes::from_static(b"{\"") } else { body.slice(..body.len() / 2) };
    match fault {
        Fault::Truncated => {
            head.headers_mut().remove(CONTENT_LENGTH);
            whole((head, half))
        }
        Fault::Cut => {
            head.headers_mut().insert(CONTENT_LENGTH, (body.len() + 1000).into());
            let parts = [Ok(half), Err(io::Error::other("cut"))];
            head.map(|()| Body::from_stream(stream::iter(parts)))
        }
        _ => {
            head.headers_mut().remove(CONTENT_LENGTH);
            let bytes = stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
            });
            head.map(|()| Body::from_stream(bytes))
        }
    }
}

/// What is answered without asking the platform.
async fn instead(fault: Fault, shared: &Arc<Shared>, echo: &str) -> Response {
    let answer = |status: u16, content_type: &'static str, body: Body| {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    };
    let said = |status, body: Value| answer(status, "application/json", Body::from(body.to_string()));
    match fault {
        Fault::Status(status, pause) => {
            let mut response = answer(status, "text/plain", Body::from(echo.to_owned()));
            if let Some(seconds) = pause {
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
            }
            response
        }
        Fault::Absent => said(404, failure(shared.platform, "item-not-found", echo)),
        Fault::Failure => said(200, failure(shared.platform, "internal", echo)),
        Fault::Page => {
            let page = format!("<!doctype html><html><body>Sign in <pre>{echo}</pre></body></html>");
            answer(200, "text/html; charset=utf-8", Body::from(page))
        }
        Fault::Endless => {
            let shared = Arc::clone(shared);
            let chunks = stream::unfold(0, move |written| {
                shared.written.store(written, Ordering::Relaxed);
                let chunk = if written == 0 { Bytes::from_static(b"[\"") } else { Bytes::from_static(&PART) };
                let next = written + chunk.len();
                futures::future::ready((written < ENDLESS).then_some((Ok::<_, Infallible>(chunk), next)))
            });
            answer(200, "application/json", Body::from_stream(chunks))
        }
        Fault::Redirect(status) => {
            let mut response = answer(status, "text/plain", Body::from(echo.to_owned()));
            let location = format!("{}/elsewhere", shared.elsewhere);
            response.headers_mut().insert(LOCATION, location.try_into().unwrap());
            response
        }
        _ => std::future::pending().await,
    }
}

/// A failure in the platform's own form.
fn failure(platform: Platform, word: &str, message: &str) -> Value {
    match platform {
        Platform::Tyk => json!({ "Status": "Error", "Message": message, "Meta": null }),
        Platform::Rockit => json!({ "status": "failed", "error": word, "message": message }),
        Platform::Embedded | Platform::Rockfish => json!({ "error": word, "message": message }),
    }
}
