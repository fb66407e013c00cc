//! Puts the backend together, and takes it apart at the end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::Failure;
use super::super::stop::stop_on_signal;
use super::Serve;
use super::credentials::{Credential, Purpose};
use super::invitations::keep_address;
use crate::clock::Clock;
use crate::embedded::Directory;
use crate::embedded::dialect::{Serving, rockfish, rockit, tyk};
use crate::server::Readiness;
use crate::server::backend::mail::{Courier, deliver};
use crate::server::backend::{self, Bound, Dialect, Face, Shared, Tls};
use crate::telemetry::BackendMetrics;

/// A dialect whose directory is open.
struct Opened {
    dialect: Dialect,
    directory: Directory,
    path: PathBuf,
}

/// A listener's address that no link can have.
#[derive(Debug, thiserror::Error)]
#[error(
    "links of invitations cannot lead to --rockit-listen={0}, which is every address and none: give --rockit-public-url"
)]
struct NoLink(SocketAddr);

/// What is put together before anything is served.
#[derive(Default)]
struct Parts {
    listeners: Vec<(Bound, Router)>,
    couriers: Vec<(Directory, Courier)>,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let stop = stop_on_signal()?;
        let mut opened = Vec::new();
        let served = self.open_and_serve(&stop, &mut opened).await;
        for Opened { directory, .. } in opened {
            directory.close().await;
        }
        served?;
        tracing::info!("stopped");
        Ok(())
    }

    /// What it opens it leaves in `opened`, to be closed whatever happens.
    async fn open_and_serve(&self, stop: &CancellationToken, opened: &mut Vec<Opened>) -> Result<(), Failure> {
        let tls = match (&self.tls_cert_file, &self.tls_key_file) {
            (Some(certificate), Some(key)) => Some(Tls::read(certificate, key).await?),
            _ => None,
        };
        let data_dir = self.data_dir.clone().unwrap_or_default();
        for dialect in Dialect::ALL {
            if self.dialects.is_empty() || self.dialects.contains(&dialect) {
                let path = data_dir.join(dialect.as_str());
                let directory = Directory::open(&path).await?;
                opened.push(Opened { dialect, directory, path });
            }
        }
        let clock = Clock::system();
        let metrics = Arc::new(BackendMetrics::new());
        let shared = Shared { limits: self.limits.limits(), tls, metrics, stop: stop.clone() };
        let mut parts = Parts::default();
        for one in opened.iter() {
            self.add(one, &clock, &shared, &mut parts)?;
        }
        let readiness = Readiness::default();
        let directories: Vec<_> = opened.iter().map(|one| (one.dialect, one.directory.clone())).collect();
        let own = backend::own(&directories, &clock, &readiness, &shared);
        parts.listeners.push((Bound::bind(Face::Own, self.listen)?, own));
        announce(&parts.listeners, &shared);
        readiness.set();
        tracing::info!(version = env!("CARGO_PKG_VERSION"), data_dir = %data_dir.display(), "started");
        let deliveries = deliveries(parts.couriers, &clock, &shared);
        let served = tokio::select! {
            served = backend::serve(parts.listeners, &shared) => served,
            never = unready(stop, &readiness) => never,
        };
        for delivery in deliveries {
            let abort = delivery.abort_handle();
            // A mail that the server is about to take is worth a moment, not more.
            if tokio::time::timeout(shared.limits.drain, delivery).await.is_err() {
                abort.abort();
            }
        }
        Ok(served?)
    }

    /// Binds the listeners of a dialect and makes its routes.
    fn add(&self, one: &Opened, clock: &Clock, shared: &Shared, parts: &mut Parts) -> Result<(), Failure> {
        let serving = |secret: SecretString, base: Option<String>| Serving {
            directory: one.directory.clone(),
            clock: clock.clone(),
            secret,
            quirks: self.quirks.iter().map(|name| name.quirk()).collect(),
            late: self.late,
            base,
        };
        match one.dialect {
            Dialect::Tyk => {
                let secret = self.credential(one, Purpose::TykAdmin)?;
                let bound = Bound::bind(Face::Tyk, self.tyk_listen)?;
                parts.listeners.push((bound, tyk::router(serving(secret, None))));
            }
            Dialect::Rockfish => {
                let code = self.credential(one, Purpose::RockfishInvite)?;
                let admin = Bound::bind(Face::RockfishAdmin, self.rockfish_admin_listen)?;
                let public = Bound::bind(Face::Rockfish, self.rockfish_listen)?;
                parts.listeners.push((admin, rockfish::admin_router(serving(code.clone(), None))));
                parts.listeners.push((public, rockfish::public_router(serving(code, None))));
            }
            Dialect::Rockit => {
                let secret = self.credential(one, Purpose::RockitAdmin)?;
                let operator = rockit::Operator {
                    organization: self.rockit_operator_organization.clone(),
                    username: self.rockit_operator_username.clone(),
                    secret: self.credential(one, Purpose::RockitOperator)?,
                };
                let bound = Bound::bind(Face::Rockit, self.rockit_listen)?;
                let base = self.rockit_public_url.clone().unwrap_or_else(|| bound.url(shared.tls.is_some()));
                keep_address(&one.path, &base)?;
                if let Some(courier) = self.mail.courier(base.clone())? {
                    self.links_lead_somewhere(bound.address())?;
                    parts.couriers.push((one.directory.clone(), courier));
                }
                parts.listeners.push((bound, rockit::router(serving(secret, Some(base)), Some(operator))));
            }
        }
        Ok(())
    }

    /// Refuses to mail links that no recipient can open, and warns of those that only this machine can.
    fn links_lead_somewhere(&self, address: SocketAddr) -> Result<(), NoLink> {
        if self.rockit_public_url.is_some() {
            return Ok(());
        }
        if address.ip().is_unspecified() {
            return Err(NoLink(address));
        }
        if address.ip().is_loopback() {
            tracing::warn!(%address, "the links of invitations lead to this machine alone: give --rockit-public-url");
        }
        Ok(())
    }

    /// A credential, and a line that says where it is from.
    fn credential(&self, one: &Opened, purpose: Purpose) -> Result<SecretString, Failure> {
        let Credential { secret, place, is_new } = self.credentials.credential(purpose, &one.path)?;
        let (dialect, what) = (one.dialect.as_str(), purpose.what());
        if is_new {
            tracing::info!(dialect, what, file = place, "no credential was given: one was made and is in this file");
        } else {
            tracing::info!(dialect, what, credential = place, "the credential is read from there");
        }
        Ok(secret)
    }
}

/// One line for each listener, which says where it is.
fn announce(listeners: &[(Bound, Router)], shared: &Shared) {
    for (bound, _) in listeners {
        let (face, url) = (bound.face(), bound.url(shared.tls.is_some()));
        tracing::info!(dialect = face.dialect(), listener = face.as_str(), url, "listening");
        if face == Face::RockfishAdmin && !bound.address().ip().is_loopback() {
            tracing::warn!(url, "Rockfish's admin API asks for no credential: let nobody else reach it");
        }
    }
}

fn deliveries(couriers: Vec<(Directory, Courier)>, clock: &Clock, shared: &Shared) -> Vec<JoinHandle<()>> {
    let start = |(directory, courier): (Directory, Courier)| {
        let (clock, metrics, stop) = (clock.clone(), shared.metrics.clone(), shared.stop.clone());
        tokio::spawn(async move { deliver(&directory, &courier, &clock, &metrics, &stop).await })
    };
    couriers.into_iter().map(start).collect()
}

/// Takes readiness back when the process is told to stop, and goes on for ever.
async fn unready(stop: &CancellationToken, readiness: &Readiness) -> std::io::Result<()> {
    stop.cancelled().await;
    readiness.unset();
    std::future::pending().await
}
