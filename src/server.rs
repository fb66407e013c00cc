//! The operator's own port: probes, metrics, and the embedded backend's login and introspection. [`backend`] serves the
//! dialects.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub mod backend;

use crate::clock::Clock;
use crate::embedded::{Directory, http};
use crate::telemetry::{CONTENT_TYPE, Metrics};

/// Whether the process is at work: the operator's caches hold what the API server has, or the backend's listeners are
/// bound.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on it is.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// No longer.
    pub fn unset(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves until `stop`, then lets requests that have begun end. An unreachable platform is no reason to be unready.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    directory: Option<Directory>,
    clock: Clock,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = router(readiness, metrics, directory, clock);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(readiness: Readiness, metrics: Arc<Metrics>, directory: Option<Directory>, clock: Clock) -> Router {
    let own = probes(readiness, "caches not filled yet\n")
        .route("/metrics", get(move || async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.encode()) }));
    match directory {
        Some(directory) => own.merge(http::router(directory, clock)),
        None => own,
    }
}

/// `/healthz`, and `/readyz`, which says that much while it is not.
fn probes(readiness: Readiness, unready: &'static str) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route(
        "/readyz",
        get(move || async move {
            if readiness.get() { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, unready) }
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn readiness_follows_the_caches_and_health_does_not() {
        let readiness = Readiness::default();
        let router = router(readiness.clone(), Arc::new(Metrics::new()), None, Clock::system());
        let status = |path: &'static str| {
            let router = router.clone();
            async move { router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap().status() }
        };
        assert_eq!(status("/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status("/healthz").await, StatusCode::OK);
        readiness.set();
        assert_eq!(status("/readyz").await, StatusCode::OK);
        assert_eq!(status("/metrics").await, StatusCode::OK);
        assert_eq!(status("/login").await, StatusCode::NOT_FOUND, "there is no directory to log in to");
    }
}
