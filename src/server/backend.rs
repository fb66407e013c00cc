//! `org-operator backend`: the embedded directory in the dialects of the platforms, each on a listener of its own, as their
//! servers have them.
//!
//! A dialect's listener serves its vendor's paths and nothing else. Probes, metrics, and login and introspection of each
//! dialect's directory are on a listener of their own, where no path of a vendor can be in their way.

use axum::http::header;
use axum::routing::get;
use axum::{Extension, Router};
use tokio_util::sync::CancellationToken;

mod layers;
mod listener;
pub mod mail;

pub use layers::hidden;
pub use listener::{BindError, Bound, Limits, Tls, TlsError};

use super::Readiness;
use crate::clock::Clock;
use crate::embedded::dialect::OverTls;
use crate::embedded::{Directory, http};
use crate::telemetry::{BackendMetrics, CONTENT_TYPE};

/// A platform whose admin API is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Dialect {
    /// Tyk Dashboard
    Tyk,
    /// Rockfish Data Platform
    Rockfish,
    /// ROCKIT Edge
    Rockit,
}

impl Dialect {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tyk, Self::Rockfish, Self::Rockit];

    /// Its name, which its directory below the data directory has too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tyk => "tyk",
            Self::Rockfish => "rockfish",
            Self::Rockit => "rockit",
        }
    }
}

/// What one listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Face {
    /// Tyk Dashboard: its admin API and its API.
    Tyk,
    /// Rockfish's admin API, which asks for no credential.
    RockfishAdmin,
    /// Rockfish's public API.
    Rockfish,
    /// ROCKIT Edge: its admin API and its backend API.
    Rockit,
    /// Probes, metrics, login and introspection.
    Own,
}

impl Face {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tyk => "tyk",
            Self::RockfishAdmin => "rockfish-admin",
            Self::Rockfish => "rockfish",
            Self::Rockit => "rockit",
            Self::Own => "own",
        }
    }

    /// The dialect that is spoken there, `none` on our own.
    pub const fn dialect(self) -> &'static str {
        match self {
            Self::Tyk => Dialect::Tyk.as_str(),
            Self::RockfishAdmin | Self::Rockfish => Dialect::Rockfish.as_str(),
            Self::Rockit => Dialect::Rockit.as_str(),
            Self::Own => "none",
        }
    }
}

/// What all listeners of a process share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// What a client may ask for.
    pub limits: Limits,
    /// The certificate; without one they speak plain HTTP.
    pub tls: Option<Tls>,
    /// Where requests are counted.
    pub metrics: std::sync::Arc<BackendMetrics>,
    /// Ends them.
    pub stop: CancellationToken,
}

/// The routes of our own listener: `/healthz`, `/readyz` and `/metrics`, which no limit keeps from a probe, and of each
/// dialect `/{dialect}/login` and `/{dialect}/oauth2/introspect`.
pub fn own(directories: &[(Dialect, Directory)], clock: &Clock, readiness: &Readiness, shared: &Shared) -> Router {
    let metrics = shared.metrics.clone();
    let probes = super::probes(readiness.clone(), "starting or stopping\n")
        .route("/metrics", get(move || async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.encode()) }));
    let faces = directories.iter().fold(Router::new(), |router, (dialect, directory)| {
        router.nest(&format!("/{}", dialect.as_str()), http::router(directory.clone(), clock.clone()))
    });
    probes.merge(layers::limited(faces, &shared.limits))
}

/// Serves these until [`Shared::stop`], then lets requests that have begun end within [`Limits::drain`]. The first
/// listener that fails ends all.
pub async fn serve(listeners: Vec<(Bound, Router)>, shared: &Shared) -> std::io::Result<()> {
    let serving = listeners.into_iter().map(|(bound, router)| {
        let router = if shared.tls.is_some() { router.layer(Extension(OverTls)) } else { router };
        let limited = match bound.face() {
            Face::Own => router,
            _ => layers::limited(router, &shared.limits),
        };
        let observed = layers::observed(limited, bound.face(), shared.metrics.clone());
        let shared = shared.clone();
        async move {
            let stop = shared.stop.clone();
            let served = bound.serve(observed, shared).await;
            stop.cancel();
            served
        }
    });
    futures::future::join_all(serving).await.into_iter().collect()
}
