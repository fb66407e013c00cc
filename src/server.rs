//! The operator's own port: probes, metrics, and the embedded backend's login and introspection. [`backend`] serves the
//! dialects.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

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

/// What the embedded backend serves, from when its directory is open.
#[derive(Clone, Debug, Default)]
pub struct Late(Arc<OnceLock<Router>>);

impl Late {
    /// From now on it is served.
    pub fn open(&self, directory: Directory, clock: Clock) {
        // There is one directory in a process.
        let _ = self.0.set(http::router(directory, clock));
    }

    async fn answer(self, request: Request) -> Response {
        match self.0.get() {
            Some(router) => router.clone().oneshot(request).await.into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

/// Serves until `stop`, then lets requests that have begun end. An unreachable platform is no reason to be unready.
pub async fn serve(
    listener: TcpListener,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    embedded: Late,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = router(readiness, metrics, embedded);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(readiness: Readiness, metrics: Arc<Metrics>, embedded: Late) -> Router {
    probes(readiness, "caches not filled yet\n")
        .route("/metrics", get(move || async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.encode()) }))
        .fallback(move |request| embedded.answer(request))
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

    #[tokio::test]
    async fn readiness_follows_the_caches_and_health_does_not() {
        let readiness = Readiness::default();
        let router = router(readiness.clone(), Arc::new(Metrics::new()), Late::default());
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
