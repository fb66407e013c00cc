//! What every test here needs: the plane, an operator of its own, and ways to look at both.

mod audit;
mod directory;
mod inside;
mod objects;
mod operator;
mod refusal;

use std::fmt::Display;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use control_plane::ControlPlane;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

pub(crate) use audit::Writes;
pub(crate) use directory::{Contents, http};
pub(crate) use inside::{Inside, Options};
pub(crate) use objects::{Cluster, KINDS, condition, example, is_ready, quickstart, says};
pub(crate) use operator::{Operator, Process};
pub(crate) use refusal::Refusal;

/// How long anything may take that an operator at work does. It takes seconds; the rest is for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// The plane of this run, with the definitions of `crds/` installed.
pub(crate) fn plane() -> &'static ControlPlane {
    static DEFINED: OnceLock<()> = OnceLock::new();
    let plane = ControlPlane::shared().unwrap_or_else(|error| panic!("{error}"));
    DEFINED.get_or_init(|| define(plane));
    plane
}

/// Another plane, with the same definitions: another cluster. It goes when it is dropped.
pub(crate) fn another_plane() -> ControlPlane {
    let plane = ControlPlane::start().unwrap_or_else(|error| panic!("{error}"));
    define(&plane);
    plane
}

fn define(plane: &ControlPlane) {
    let crds = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    plane.run(["apply".as_ref(), "--server-side".as_ref(), "-f".as_ref(), crds.as_os_str()]).unwrap();
    plane.run(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]).unwrap();
}

/// Makes a namespace. It goes when the plane goes: deleting it would cost more than leaving it.
pub(crate) fn namespace(prefix: &str) -> String {
    plane().namespace(prefix).unwrap()
}

/// A client with all rights on a plane. It belongs to the runtime of the test that asks.
pub(crate) async fn client_of(plane: &ControlPlane) -> Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// The same on the plane of this run.
pub(crate) async fn client() -> Client {
    client_of(plane()).await
}

/// Runs `look` until it succeeds; what it says when it does not is printed if that takes too long.
pub(crate) async fn eventually<T, E: Display>(
    what: impl Display,
    within: Duration,
    mut look: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, String> {
    let limit = Instant::now() + within;
    loop {
        match look().await {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() > limit => {
                return Err(format!("{what}: not within {} s; at the end: {error}", within.as_secs()));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}
