//! One listener: bound first, so that a port in use is known before anything is served, then served until the end.

use std::future::{Ready, ready};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tower::{Service, service_fn};

use super::{Face, Shared};
use crate::telemetry::BackendMetrics;

/// What a client may ask of one listener.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest body, in bytes.
    pub body: usize,
    /// Requests in a second, of all clients together.
    pub requests_per_second: NonZeroU32,
    /// Connections at a time; one more is closed at once.
    pub connections: usize,
    /// How long a client may take for a TLS handshake, for the head of a request, and for sending none.
    pub header: Duration,
    /// How long a request may take, its body included, and for how long a client may read nothing of its answer.
    pub request: Duration,
    /// How long requests under way have when the process is told to stop.
    pub drain: Duration,
}

/// A certificate and its key, as the listeners use them.
#[derive(Clone, Debug)]
pub struct Tls(RustlsConfig);

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the certificate {} with the key {}: both have to be PEM, and belong together", certificate.display(), key.display())]
pub struct TlsError {
    certificate: PathBuf,
    key: PathBuf,
    source: io::Error,
}

impl Tls {
    /// Reads a chain of certificates and its private key, both PEM.
    pub async fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let config = RustlsConfig::from_pem_file(certificate, key).await.map_err(|source| TlsError {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            source,
        })?;
        let mut server = (*config.get_inner()).clone();
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.reload_from_config(Arc::new(server));
        Ok(Self(config))
    }
}

/// A port that cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: choose another --{flag}")]
pub struct BindError {
    address: SocketAddr,
    flag: &'static str,
    source: io::Error,
}

/// A listener that is bound and does not serve yet.
#[derive(Debug)]
pub struct Bound {
    face: Face,
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Takes that address; port 0 takes any that is free.
    pub fn bind(face: Face, address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source| BindError { address, flag: flag(face), source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { face, listener, address })
    }

    /// What it is for.
    pub const fn face(&self) -> Face {
        self.face
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is, for a client on this machine.
    pub fn url(&self, tls: bool) -> String {
        format!("{}://{}", if tls { "https" } else { "http" }, self.address)
    }

    /// Serves until it is told to stop, and a while longer.
    pub(super) async fn serve(self, router: Router, shared: Shared) -> io::Result<()> {
        let Shared { limits, tls, metrics, stop } = shared;
        let face = self.face;
        let handle = Handle::new();
        let control = handle.control();
        let drained = tokio::spawn(async move {
            stop.cancelled().await;
            control.graceful_shutdown(Some(limits.drain));
        });
        let places = Arc::new(Semaphore::new(limits.connections));
        let connect = service_fn(move |_: SocketAddr| {
            let admitted =
                Place::take(&places, face, &metrics).map(|place| Admitted { router: router.clone(), _place: place });
            async { admitted.ok_or_else(|| io::Error::other("there are too many connections")) }
        });
        let mut server = axum_server::from_tcp(self.listener)?
            .handle(handle)
            .http1_only()
            .first_request_timeout(limits.header)
            .accept_error_handler(move |peer, error| {
                // What one client did is that client's business.
                if peer.is_some() {
                    tracing::debug!(listener = face.as_str(), %error, "a connection was not taken");
                } else {
                    tracing::warn!(listener = face.as_str(), %error, "no connection can be taken");
                }
            });
        server.http_builder().http1().header_read_timeout(limits.header);
        let outcome = match tls {
            Some(Tls(config)) => {
                let acceptor =
                    RustlsAcceptor::new(config).handshake_timeout(limits.header).acceptor(Read(limits.request));
                server.acceptor(acceptor).serve(connect).await
            }
            None => server.acceptor(Read(limits.request)).serve(connect).await,
        };
        drained.abort();
        outcome
    }
}

/// Takes connections that fail once the client has read nothing for so long of what waits for it: a connection has a
/// place, and whoever does not read would keep it for ever.
#[derive(Clone, Copy)]
struct Read(Duration);

impl<S> Accept<TcpStream, S> for Read {
    type Stream = Pin<Box<TimeoutStream<TcpStream>>>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.0));
        ready(Ok((Box::pin(stream), service)))
    }
}

/// The flag that chooses the address.
const fn flag(face: Face) -> &'static str {
    match face {
        Face::Tyk => "tyk-listen",
        Face::RockfishAdmin => "rockfish-admin-listen",
        Face::Rockfish => "rockfish-listen",
        Face::Rockit => "rockit-listen",
        Face::Own => "listen",
    }
}

/// A connection's place among those that are allowed.
struct Place {
    face: Face,
    metrics: Arc<BackendMetrics>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn take(places: &Arc<Semaphore>, face: Face, metrics: &Arc<BackendMetrics>) -> Option<Arc<Self>> {
        let permit = Arc::clone(places).try_acquire_owned().ok()?;
        metrics.connected(face.dialect());
        Some(Arc::new(Self { face, metrics: Arc::clone(metrics), _permit: permit }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.disconnected(self.face.dialect());
    }
}

/// The routes for one connection, which has its place for as long as they are there.
#[derive(Clone)]
struct Admitted {
    router: Router,
    _place: Arc<Place>,
}

impl<R> Service<R> for Admitted
where
    Router: Service<R>,
{
    type Response = <Router as Service<R>>::Response;
    type Error = <Router as Service<R>>::Error;
    type Future = <Router as Service<R>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.router.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.router.call(request)
    }
}
