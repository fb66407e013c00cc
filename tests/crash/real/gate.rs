//! Where a real process asks its servers: the wire of a world, on ports of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{StatusCode, Uri};
use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::sim::World;

/// What the manifests call the platforms.
const HOSTS: [&str; 4] = ["tyk.test", "rockfish-admin.test", "rockfish.test", "rockit.test"];
/// A process has a patience of its own.
const PATIENCE: Duration = Duration::from_hours(1);

/// The ports.
pub(crate) struct Gate {
    /// Where the API server is.
    pub(crate) cluster: String,
    /// Where each platform is, by how the manifests call it.
    pub(crate) platforms: Vec<(&'static str, String)>,
    in_flight: Arc<AtomicUsize>,
    runtime: Option<Runtime>,
}

/// A request under way.
struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    /// Opens them.
    pub(crate) fn open(world: &World) -> Self {
        // A request that waits for its server keeps a thread.
        let runtime = Builder::new_multi_thread().worker_threads(4).enable_all().build().expect("a runtime");
        let in_flight = Arc::new(AtomicUsize::new(0));
        let (cluster, count) = (world.cluster(), Arc::clone(&in_flight));
        let router = Router::new().fallback(move |request: Request| {
            let (cluster, count) = (cluster.clone(), Arc::clone(&count));
            async move {
                let _under_way = InFlight::new(&count);
                let mut request = whole(request).await;
                // The gate has a right of its own.
                request.headers_mut().remove(AUTHORIZATION);
                cluster.ask(request).await.map_or_else(|_| lost(), of_its_own)
            }
        });
        let cluster = listen(&runtime, router);
        let platforms = HOSTS.map(|host| {
            let (platforms, count) = (world.platforms.clone(), Arc::clone(&in_flight));
            let router = Router::new().fallback(move |request: Request| {
                let (platforms, count) = (platforms.clone(), Arc::clone(&count));
                async move {
                    let _under_way = InFlight::new(&count);
                    let mut request = whole(request).await;
                    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
                    *request.uri_mut() = format!("http://{host}{path}").parse::<Uri>().expect("an address");
                    platforms
                        .within(PATIENCE, request)
                        .await
                        .map_or_else(|_| lost(), |answer| of_its_own(answer.map(Body::from)))
                }
            });
            (host, listen(&runtime, router))
        });
        Self { cluster, platforms: platforms.into(), in_flight, runtime: Some(runtime) }
    }

    /// How many requests are under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn listen(runtime: &Runtime, router: Router) -> String {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    runtime.spawn(async move { axum::serve(listener, router).await });
    url
}

/// With all of its body, and without what only concerns the connection.
async fn whole(request: Request) -> http::Request<bytes::Bytes> {
    let (mut head, body) = request.into_parts();
    for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    http::Request::from_parts(head, body)
}

/// Without what only concerned the connection that it came by.
fn of_its_own(mut answer: Response) -> Response {
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        answer.headers_mut().remove(name);
    }
    answer
}

fn lost() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}
