//! A real control plane, and the runtime that talks to it beside simulated time.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use bytes::Bytes;
use control_plane::ControlPlane;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::{Builder, Runtime};

use super::mirror::Mirror;

/// The namespace of the operators' account.
const HOME: &str = "operators";
/// The account's name.
const ACCOUNT: &str = "org-operator";

/// A control plane with the definitions of `crds/`. It lives as long as the process.
pub(crate) struct Plane {
    pub(crate) control: &'static ControlPlane,
    /// A person with all rights.
    pub(crate) admin: Client,
    /// What the operator may, and no more.
    pub(crate) operator: Client,
    pub(crate) mirror: &'static Mirror,
    runtime: Runtime,
    worlds: AtomicUsize,
}

impl std::fmt::Debug for Plane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plane").field("control", &self.control).finish_non_exhaustive()
    }
}

impl Plane {
    /// The one that plans share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<&'static Plane> = OnceLock::new();
        SHARED.get_or_init(|| Self::on(ControlPlane::shared().unwrap_or_else(|error| panic!("{error}"))))
    }

    /// One more, for what changes all of a cluster.
    pub(crate) fn another() -> &'static Self {
        Self::on(Box::leak(Box::new(ControlPlane::start().unwrap_or_else(|error| panic!("{error}")))))
    }

    fn on(control: &'static ControlPlane) -> &'static Self {
        define(control);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let account =
            control.service_account_kubeconfig(HOME, ACCOUNT, &root.join("charts/org-operator/files/rules.yaml"));
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let mirror: &'static Mirror = Box::leak(Box::default());
        let (admin, operator) = runtime.block_on(async {
            let clients = (client(control.kubeconfig()).await, client(&account.expect("an account")).await);
            let admin = clients.0.clone();
            let following = tokio::runtime::Handle::current();
            let follow = move || {
                let _entered = following.enter();
                Mirror::follow(mirror, &admin);
            };
            tokio::task::spawn_blocking(follow).await.expect("it is followed");
            clients
        });
        Box::leak(Box::new(Self { control, admin, operator, mirror, runtime, worlds: AtomicUsize::new(0) }))
    }

    /// A number that no other world here has.
    pub(crate) fn number(&self) -> usize {
        self.worlds.fetch_add(1, Ordering::Relaxed)
    }

    /// Does that beside simulated time, and waits for it.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        let (sender, receiver) = sync_channel(1);
        self.runtime.spawn(async move {
            // Who asked waits for it.
            let _ = sender.send(work.await);
        });
        receiver.recv().expect("the work did not panic")
    }

    /// Asks the API server, and waits for the whole answer.
    pub(crate) fn ask(&self, client: &Client, request: Request<Bytes>) -> Response<Bytes> {
        let client = client.clone();
        self.run(async move {
            let answer = client.send(request.map(Body::from)).await.expect("the API server answers");
            let (head, body) = answer.into_parts();
            Response::from_parts(head, body.collect().await.expect("all of the answer").to_bytes())
        })
    }
}

/// Installs the definitions, and waits until they are served.
pub(crate) fn define(control: &ControlPlane) {
    let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    control.run(["apply".as_ref(), "--server-side".as_ref(), "-f".as_ref(), crds.as_os_str()]).expect("definitions");
    control.run(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).expect("definitions");
}

async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.expect("a kubeconfig");
    // As the operator has it.
    config.default_retry = false;
    Client::try_from(config).expect("a client")
}
