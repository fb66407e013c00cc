//! How requests get to a platform: one client for each Platform's trust and patience.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use tower::util::BoxCloneSyncService;
use url::Host;
use zeroize::Zeroizing;

/// What sends requests: HTTP over the network, or a router in a test.
pub type Service = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, TransportError>;

/// How many bytes of a reply are read: an extension of the request.
#[derive(Clone, Copy, Debug)]
pub struct Limit(pub usize);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Nothing was sent.
    #[error("the connection could not be made")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was sent, and the time was up.
    #[error("the time was up")]
    TimedOut,
    /// It was sent, and the connection ended within the answer or before it.
    #[error("the connection ended")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is longer than the limit.
    #[error("the limit was reached")]
    TooLong,
}

/// Whose certificates are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// What the system trusts.
    #[default]
    System,
    /// These authorities and no others, PEM.
    Only(String),
}

/// Certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the certificates of the authorities cannot be read: write them as PEM")]
pub struct BadTrust(#[source] reqwest::Error);

/// What makes a service for that trust and that patience.
type Make = dyn Fn(&Trust, Duration) -> Result<Service, BadTrust> + Send + Sync;

/// What requests go through: the network, or what a test puts in its place.
#[derive(Clone)]
pub struct Transport(Arc<Make>);

impl Transport {
    /// HTTP over the network.
    pub fn network() -> Self {
        Self(Arc::new(service))
    }

    /// That service, whatever the trust. A service has to keep to its own patience: no request may take longer.
    pub fn through(make: impl Fn(Duration) -> Service + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |_, timeout| Ok(make(timeout))))
    }

    /// A service for that trust; a request with its answer takes no longer than `timeout`.
    pub fn service(&self, trust: &Trust, timeout: Duration) -> Result<Service, BadTrust> {
        (self.0)(trust, timeout)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

/// HTTP over the network with that trust; a request with its answer takes no longer than `timeout`.
pub fn service(trust: &Trust, timeout: Duration) -> Result<Service, BadTrust> {
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(Routable))
        // Shorter than all of it, so that a host that swallows packets is told from one that took the request.
        .connect_timeout(timeout / 2)
        .timeout(timeout)
        .user_agent(concat!("org-operator/", env!("CARGO_PKG_VERSION")));
    if let Trust::Only(pem) = trust {
        let certificates = Certificate::from_pem_bundle(pem.as_bytes()).map_err(BadTrust)?;
        builder = builder.tls_certs_only(certificates);
    }
    let client = builder.build().map_err(BadTrust)?;
    Ok(Service::new(tower::service_fn(move |request| exchange(client.clone(), request))))
}

async fn exchange(client: Client, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
    let limit = request.extensions().get::<Limit>().map_or(usize::MAX, |limit| limit.0);
    let request = request.try_into().map_err(lost)?;
    let mut response = client.execute(request).await.map_err(lost)?;
    let mut head = Response::new(());
    *head.status_mut() = response.status();
    head.headers_mut().clone_from(response.headers());
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > limit {
            return Err(TransportError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(head.map(|()| Bytes::from_owner(body)))
}

/// Its message has the URL, and a URL may have an invite code.
fn lost(error: reqwest::Error) -> TransportError {
    let error = error.without_url();
    if error.is_connect() {
        TransportError::Connect(error.into())
    } else if error.is_timeout() {
        TransportError::TimedOut
    } else {
        TransportError::Lost(error.into())
    }
}

/// Looks names up, and leaves out what is link-local: there a cloud's metadata service listens, which answers to nobody
/// but this machine.
struct Routable;

impl Resolve for Routable {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let routable: Vec<SocketAddr> = found.filter(|address| !link_local(address.ip())).collect();
            Ok(Box::new(routable.into_iter()) as Addrs)
        })
    }
}

/// Whether a host is an address that is link-local.
pub(super) fn is_link_local(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(_) => false,
        Host::Ipv4(address) => link_local(IpAddr::V4(*address)),
        Host::Ipv6(address) => link_local(IpAddr::V6(*address)),
    }
}

fn link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(mapped) => mapped.is_link_local(),
            None => address.is_unicast_link_local(),
        },
    }
}
