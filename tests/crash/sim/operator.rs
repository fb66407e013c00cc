//! One life of the operator: the shipped controllers in a runtime of their own, whose time is simulated. A crash drops
//! the runtime with every task in it, wherever each stands.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use org_operator::api::{Platform, PlatformRecord, PlatformType};
use org_operator::controller::connection::{Connect, Parts as ConnectionParts, Platforms, label};
use org_operator::controller::context::Parts;
use org_operator::controller::stop::Stop;
use org_operator::controller::{Settings, watch};
use org_operator::domain::key::KeySize;
use org_operator::fence::Fence;
use org_operator::keys::{self, KeyPool, PrivateKey};
use org_operator::kubernetes::fenced::fenced;
use org_operator::kubernetes::secret::SecretStore;
use org_operator::platform::{AdminApi, Metered};
use org_operator::telemetry::Metrics;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::World;
use super::broken::Layer;
use super::cluster::Cluster;
use super::embedded::Wired;
use crate::canary::Canaries;

/// What the owner marks begin with.
pub(crate) const OWNER: &str = "crash";
/// How often the operator looks at what is at rest.
pub(crate) const RESYNC: Duration = Duration::from_mins(1);
/// How often the world is looked at.
const TICK: Duration = Duration::from_secs(1);

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At a point of the script.
    Crashed,
    /// Whoever watched has seen enough.
    Stopped,
    /// Its time was up.
    Overdue,
}

/// The platforms, the embedded one over the wire like the others.
struct Connections {
    platforms: Platforms,
    embedded: Arc<Wired>,
    metrics: Arc<Metrics>,
}

impl Connections {
    fn embedded(&self, label: String) -> Arc<dyn AdminApi> {
        Arc::new(Metered::new(Arc::clone(&self.embedded), label, Arc::clone(&self.metrics)))
    }
}

#[async_trait]
impl Connect for Connections {
    async fn connect(&self, platform: &Platform) -> Result<Arc<dyn AdminApi>, Stop> {
        match platform.spec.platform_type() {
            Some(PlatformType::Embedded) => Ok(self.embedded(label(platform))),
            _ => self.platforms.connect(platform).await,
        }
    }

    async fn reconnect(&self, recorded: &PlatformRecord) -> Option<Arc<dyn AdminApi>> {
        match recorded.type_ {
            PlatformType::Embedded => Some(self.embedded(format!("{}/{}", recorded.namespace, recorded.name))),
            _ => self.platforms.reconnect(recorded).await,
        }
    }

    fn refresh(&self, platform: &Platform) {
        self.platforms.refresh(platform);
    }

    async fn reopen(&self, platform: &Platform) {
        self.platforms.reopen(platform).await;
    }
}

/// Keys that lie ready: what a plan is about is not how long one takes.
static KEYS: LazyLock<Vec<PrivateKey>> =
    LazyLock::new(|| (0..4).map(|_| keys::generate(KeySize::Rsa2048).expect("a key")).collect());

/// What the operator runs with.
pub(super) fn parts(world: &World, metrics: &Arc<Metrics>, layer: Option<&Layer>, fence: &Fence) -> Parts {
    let client = layer.map_or_else(|| world.cluster().client(), Layer::client);
    let (client, clock) = (fenced(client, fence), world.time.clock());
    let connections = ConnectionParts {
        clock: clock.clone(),
        metrics: Arc::clone(metrics),
        secrets: SecretStore::new(client.clone()),
        owner_id: OWNER.to_owned(),
        fence: fence.clone(),
        transport: world.platforms.transport(layer.cloned()),
    };
    let connect = Connections {
        platforms: Platforms::new(None, connections),
        embedded: Arc::new(world.embedded(layer.cloned(), fence)),
        metrics: Arc::clone(metrics),
    };
    Parts {
        client,
        settings: Settings {
            owner_id: OWNER.to_owned(),
            default_platform: None,
            resync: RESYNC,
            deadline: Duration::from_secs(10),
            concurrency: 8,
        },
        connect: Arc::new(connect),
        keys: ready_keys(),
        metrics: Arc::clone(metrics),
        clock,
        seed: 0,
    }
}

/// A pool in which keys lie ready: it makes them on threads of its own, for which simulated time does not wait.
fn ready_keys() -> KeyPool {
    let pool = KeyPool::with_generator(1, move |_| Ok(KEYS[0].clone()));
    for key in KEYS.iter() {
        pool.put(KeySize::Rsa2048, key.clone());
    }
    pool
}

impl World {
    /// The way to the API server.
    pub(crate) fn cluster(&self) -> Cluster {
        Cluster {
            api: self.api.clone(),
            wire: self.wire.clone(),
            time: self.time.clone(),
            canaries: self.platforms.canaries.clone(),
        }
    }

    /// From now on what is secret is remembered, and what is said outside Secrets.
    pub(crate) fn watch_secrets(&mut self, canaries: &Canaries) {
        self.platforms.canaries = Some(canaries.clone());
    }

    /// Lets an operator live until it crashes, `watch` has seen enough, or its time is up. `watch` is asked each second.
    pub(crate) fn live(&mut self, limit: Duration, mut watch: impl FnMut(&mut Self) -> bool) -> End {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let metrics = Arc::new(Metrics::new());
        let end = runtime.block_on(async {
            self.time.go();
            let layer = self
                .broken
                .map(|broken| Layer::new(broken, self.cluster(), self.directory.clone(), self.server.clone()));
            let engine = || {
                let (parts, stop) = (parts(self, &metrics, layer.as_ref(), &Fence::open()), CancellationToken::new());
                let watched = self.api.watched();
                tokio::spawn(async move { watch::run(parts, &watched, stop, || {}).await })
            };
            let operators: Vec<_> = (0..layer.as_ref().map_or(1, Layer::engines)).map(|_| engine()).collect();
            let began = tokio::time::Instant::now();
            let end = loop {
                tokio::select! {
                    biased;
                    () = self.wire.crash() => break End::Crashed,
                    () = tokio::time::sleep(TICK) => {}
                }
                assert!(!operators.iter().any(JoinHandle::is_finished), "the operator ended by itself");
                if self.wire.crashes_next() {
                    break End::Crashed;
                }
                self.api.collect();
                self.agenda.happen(self.time.now());
                if let Some(mut twins) = self.twins.take() {
                    twins.look(self);
                    self.twins = Some(twins);
                }
                if watch(self) {
                    break End::Stopped;
                }
                if began.elapsed() > limit {
                    break End::Overdue;
                }
            };
            // The clock is this runtime's, and outside of it another would be read.
            self.time.stop();
            end
        });
        // Threads that still work on something are left behind, as a dead process leaves them.
        runtime.shutdown_background();
        self.wire.revive();
        self.metrics.push_str(&metrics.encode());
        end
    }
}
