//! The platform's server: a thread of its own, in real time, that the simulation waits for, so that simulated time stands
//! still meanwhile and everything happens in one order.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel, sync_channel};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

type Job = Box<dyn FnOnce(&Runtime) + Send>;

/// The thread. Dropping it ends it.
#[derive(Clone, Debug)]
pub(crate) struct Server(Sender<Job>);

impl Server {
    pub(crate) fn start() -> Self {
        let (jobs, queue) = channel::<Job>();
        std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                while let Ok(job) = queue.recv() {
                    job(&runtime);
                }
            })
            .unwrap();
        Self(jobs)
    }

    /// Does that there, and waits for it.
    pub(crate) fn run<T: Send + 'static, F: Future<Output = T>>(&self, work: impl FnOnce() -> F + Send + 'static) -> T {
        let (sender, receiver) = sync_channel(1);
        // What is logged there is logged by the same process.
        let log = tracing::dispatcher::get_default(Clone::clone);
        let job: Job = Box::new(move |runtime| {
            let done = tracing::dispatcher::with_default(&log, || runtime.block_on(work()));
            // Who asked waits for it.
            let _ = sender.send(done);
        });
        self.0.send(job).expect("the server's thread lives");
        receiver.recv().expect("the server's work did not panic")
    }

    /// Asks a router.
    pub(crate) fn ask(&self, router: Router, request: Request<Bytes>) -> Response<Bytes> {
        self.run(move || async move {
            let answer = router.oneshot(request.map(Body::from)).await.unwrap();
            let (head, body) = answer.into_parts();
            Response::from_parts(head, body.collect().await.unwrap().to_bytes())
        })
    }
}

/// Where data directories are made: in memory where the machine has that.
pub(crate) fn scratch() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}
