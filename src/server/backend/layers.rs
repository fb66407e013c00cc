//! What lies around every dialect: limits, and what is told about a request.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http_body_util::Limited;
use percent_encoding::percent_decode_str;
use serde_json::json;
use tower_http::timeout::TimeoutLayer;

use super::{Face, Limits};
use crate::telemetry::BackendMetrics;

/// What follows in a path is an id and the code that enables an account.
const INVITATIONS: &str = "invitations";

/// What is logged in place of a path that nothing is served at: whoever mistypes an address may have a secret in it.
const UNKNOWN: &str = "(unknown path)";

/// The longest path that is logged, in bytes.
const PATH: usize = 200;

/// Refuses what goes beyond the limits: 413 for a body, in the words of whoever reads it, 429 with `Retry-After` for too many
/// requests, 408 for one that is not done in time. What the platforms answer to the last two is not on their public pages,
/// so these are HTTP's own words.
pub(super) fn limited(router: Router, limits: &Limits) -> Router {
    let body = limits.body;
    // Whoever reads the body refuses it in their own words, also one whose declared length is too long.
    let limit = move |request: Request| async move { request.map(|whole| Body::new(Limited::new(whole, body))) };
    router
        .layer(DefaultBodyLimit::max(body))
        .layer(middleware::map_request(limit))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, limits.request))
        .layer(middleware::from_fn_with_state(Gate::new(limits.requests_per_second), admit))
}

/// Counts every request, and logs it in one event. Neither has anything of its query, headers or body.
pub(super) fn observed(router: Router, face: Face, metrics: Arc<BackendMetrics>) -> Router {
    router.layer(middleware::from_fn_with_state(Observer { face, metrics }, observe))
}

#[derive(Clone)]
struct Gate(Arc<DefaultDirectRateLimiter>);

impl Gate {
    /// A second's worth may come at once.
    fn new(per_second: NonZeroU32) -> Self {
        Self(Arc::new(RateLimiter::direct(Quota::per_second(per_second))))
    }
}

async fn admit(State(Gate(limiter)): State<Gate>, request: Request, next: Next) -> Response {
    let Err(refused) = limiter.check() else { return next.run(request).await };
    let wait = refused.wait_time_from(DefaultClock::default().now());
    let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(json!({ "error": "too_many_requests" }))).into_response();
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    response
}

/// Rounded up, because an early client is refused again.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0).max(u64::from(wait.is_zero()))
}

#[derive(Clone)]
struct Observer {
    face: Face,
    metrics: Arc<BackendMetrics>,
}

async fn observe(State(observer): State<Observer>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let is_known = request.extensions().get::<MatchedPath>().is_some();
    let path = if is_known { hidden(request.uri().path()) } else { UNKNOWN.to_owned() };
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), began.elapsed());
    observer.metrics.request(observer.face.dialect(), method.as_str(), status, took);
    let (listener, dialect) = (observer.face.as_str(), observer.face.dialect());
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    // A probe every few seconds tells nobody anything.
    if observer.face == Face::Own {
        tracing::debug!(dialect, listener, %method, path, status, milliseconds, "request");
    } else {
        tracing::info!(dialect, listener, %method, path, status, milliseconds, "request");
    }
    response
}

/// The path as it may be logged: what follows `invitations` is left out, in whatever case and behind whatever it stands,
/// because a link that was typed wrong and found nothing still has the code in it; also if letters of the word are written
/// as `%69`. A very long one is cut.
pub fn hidden(path: &str) -> String {
    let lower = path.to_ascii_lowercase();
    if let Some(at) = lower.find(INVITATIONS) {
        return format!("{}/…", cut(&path[..at + INVITATIONS.len()]));
    }
    let decoded = percent_decode_str(&lower).decode_utf8_lossy();
    if decoded.to_ascii_lowercase().contains(INVITATIONS) {
        return format!("/{INVITATIONS}/…");
    }
    cut(path)
}

fn cut(path: &str) -> String {
    if path.len() <= PATH {
        return path.to_owned();
    }
    let end = (0..=PATH).rev().find(|&at| path.is_char_boundary(at)).unwrap_or(0);
    format!("{}…", &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};
    use tower::ServiceExt as _;

    fn limits() -> Limits {
        Limits {
            body: 8,
            requests_per_second: NonZeroU32::MIN,
            connections: 1,
            header: Duration::from_secs(1),
            request: Duration::from_secs(1),
            drain: Duration::from_secs(1),
        }
    }

    #[test]
    fn the_code_of_an_invitation_is_in_no_log() {
        for (path, logged) in [
            ("/adm/v1/orgs", "/adm/v1/orgs"),
            ("/invitations/1/s3cret", "/invitations/…"),
            ("/Invitations/1/s3cret", "/Invitations/…"),
            ("//x/invitations//1/s3cret", "//x/invitations/…"),
            ("/invitations%2F1%2Fs3cret", "/invitations/…"),
            ("/%69nvitations/1/s3cret", "/invitations/…"),
            ("/be/v1/users/%49nvit%61tions%2f1%2fs3cret", "/invitations/…"),
        ] {
            assert_eq!(hidden(path), logged);
        }
        assert_eq!(hidden(&"ä".repeat(500)), format!("{}…", "ä".repeat(100)));
    }

    #[test]
    fn seconds_to_wait_are_rounded_up_and_never_none() {
        for (milliseconds, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (59_999, 60)] {
            assert_eq!(whole_seconds(Duration::from_millis(milliseconds)), seconds, "{milliseconds} ms");
        }
    }

    #[tokio::test]
    async fn the_second_request_of_a_second_waits() {
        let router = limited(Router::new().route("/", get(|| async { "ok" })), &limits());
        let ask = || router.clone().oneshot(Request::get("/").body(Body::empty()).unwrap());
        assert_eq!(ask().await.unwrap().status(), StatusCode::OK);
        let refused = ask().await.unwrap();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()[RETRY_AFTER], "1");
    }

    #[tokio::test]
    async fn a_long_body_is_refused_whether_it_says_so_or_not() {
        let echo = Router::new().route("/", post(|body: axum::body::Bytes| async { body }));
        for (body, status) in [("12345678", StatusCode::OK), ("123456789", StatusCode::PAYLOAD_TOO_LARGE)] {
            for declared in [true, false] {
                let router = limited(echo.clone(), &limits());
                let mut request = Request::post("/");
                if declared {
                    request = request.header("content-length", body.len());
                }
                let request = request.body(Body::from(body)).unwrap();
                assert_eq!(router.oneshot(request).await.unwrap().status(), status, "{body} {declared}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_takes_too_long_ends() {
        let router = limited(Router::new().route("/", get(std::future::pending::<()>)), &limits());
        let response = router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    }
}
