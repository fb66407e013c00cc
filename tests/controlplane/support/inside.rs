//! An operator in the test's own process: on a platform with a switch, and with a clock that may run fast.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use org_operator::api::{Platform, PlatformRecord};
use org_operator::clock::Clock;
use org_operator::controller::connection::Connect;
use org_operator::controller::context::Parts;
use org_operator::controller::stop::Stop;
use org_operator::controller::{Settings, watch};
use org_operator::domain::capability::{Capabilities, Capability, Support};
use org_operator::domain::entity::{Created, Entity, InOrganization, Kind, Lookup, OfUser, Page};
use org_operator::domain::fault::FaultKind;
use org_operator::embedded::Directory;
use org_operator::fence::Fence;
use org_operator::keys::{self, KeyPool};
use org_operator::kubernetes::fenced::fenced;
use org_operator::platform::{AdminApi, Backend, Embedded, Ended, Error};
use org_operator::telemetry::Metrics;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::objects::condition;
use super::{Cluster, client, namespace};

/// The embedded platform with a switch.
#[derive(Debug)]
pub(crate) struct Switched {
    inner: Embedded,
    /// What it cannot do.
    without: &'static [Capability],
    /// What every call answers, while there is something here.
    fault: Mutex<Option<FaultKind>>,
    /// While this is held, creations are begun and not ended.
    pub(crate) gate: tokio::sync::RwLock<()>,
    /// Creations that were begun.
    creations: AtomicUsize,
}

impl Switched {
    /// From now on every call answers that, or what is right.
    pub(crate) fn set(&self, fault: Option<FaultKind>) {
        *self.fault.lock().unwrap() = fault;
    }

    fn check(&self) -> Result<(), Error> {
        let fault = *self.fault.lock().unwrap();
        fault.map_or(Ok(()), |kind| Err(Error::new(kind, "call", "the switch is off")))
    }
}

#[async_trait]
impl<E: Entity> Backend<E> for Switched
where
    Embedded: Backend<E>,
{
    async fn find(&self, scope: &E::Scope, lookup: &Lookup) -> Result<Vec<E::Record>, Error> {
        self.check()?;
        self.inner.find(scope, lookup).await
    }

    async fn list(&self, scope: &E::Scope, from: Option<&str>) -> Result<Page<E::Record>, Error> {
        self.check()?;
        self.inner.list(scope, from).await
    }

    async fn create(&self, new: E::New) -> Result<Created<E>, Error> {
        self.creations.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        let _open = self.gate.read().await;
        self.inner.create(new).await
    }

    async fn update(&self, scope: &E::Scope, id: &str, change: &E::Change) -> Result<E::Record, Error> {
        self.check()?;
        self.inner.update(scope, id, change).await
    }

    async fn delete(&self, scope: &E::Scope, id: &str) -> Result<Ended, Error> {
        self.check()?;
        self.inner.delete(scope, id).await
    }
}

#[async_trait]
impl AdminApi for Switched {
    fn capabilities(&self) -> Capabilities {
        let cannot = |all: Capabilities, &capability: &Capability| all.with(capability, Support::Unsupported);
        self.without.iter().fold(self.inner.capabilities(), cannot)
    }

    fn url(&self) -> String {
        self.inner.url()
    }

    async fn probe(&self) -> Result<String, Error> {
        self.check()?;
        self.inner.probe().await
    }

    async fn set_password(&self, scope: &InOrganization, user_id: &str, password: SecretString) -> Result<(), Error> {
        self.check()?;
        self.inner.set_password(scope, user_id, password).await
    }

    async fn authenticates(&self, of: &OfUser, value: &SecretString) -> Result<Option<String>, Error> {
        self.check()?;
        self.inner.authenticates(of, value).await
    }

    fn visible_after(&self) -> Duration {
        self.inner.visible_after()
    }

    fn check_name(&self, kind: Kind, name: &str) -> Result<(), String> {
        if name == "forbidden" {
            Err("choose a name that is not forbidden".to_owned())
        } else {
            self.inner.check_name(kind, name)
        }
    }
}

struct One(Arc<Switched>);

#[async_trait]
impl Connect for One {
    async fn connect(&self, _: &Platform) -> Result<Arc<dyn AdminApi>, Stop> {
        Ok(self.0.clone())
    }

    async fn reconnect(&self, _: &PlatformRecord) -> Option<Arc<dyn AdminApi>> {
        Some(self.0.clone())
    }
}

/// What an operator in this process is started with.
pub(crate) struct Options {
    /// Its time, and its platform's.
    pub(crate) clock: Clock,
    /// How often it looks at what is at rest.
    pub(crate) resync: Duration,
    /// How long a look may take.
    pub(crate) deadline: Duration,
    /// What its platform cannot do.
    pub(crate) without: &'static [Capability],
    /// Whether it may write.
    pub(crate) fence: Fence,
}

impl Default for Options {
    /// Everything is looked at each second, and may take one.
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self { clock: Clock::system(), resync: second, deadline: second, without: &[], fence: Fence::open() }
    }
}

impl Options {
    /// Time runs that many times as fast; everything is looked at each second of real time.
    pub(crate) fn fast(speed: u32) -> Self {
        Self {
            clock: Clock::fast(speed),
            resync: Duration::from_secs(speed.into()),
            deadline: Duration::from_secs(10),
            without: &[],
            fence: Fence::open(),
        }
    }
}

/// An operator in this process. It stops when the test ends.
pub(crate) struct Inside {
    /// The namespace that it watches.
    pub(crate) cluster: Cluster,
    /// Its platform.
    pub(crate) platform: Arc<Switched>,
    /// What is behind the platform.
    pub(crate) directory: Directory,
    /// Its time.
    pub(crate) clock: Clock,
    /// While this is held, key pairs are begun and not ended.
    pub(crate) keys: Arc<tokio::sync::RwLock<()>>,
    _stop: DropGuard,
    _files: TempDir,
}

impl Inside {
    /// An operator with a Platform that is Ready.
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    /// The same, with those options.
    pub(crate) async fn with(options: Options) -> Self {
        let Options { clock, resync, deadline, without, fence } = options;
        let namespace = namespace("inside");
        let files = tempfile::tempdir().unwrap();
        let directory = Directory::open(files.path()).await.unwrap();
        let platform = Arc::new(Switched {
            inner: Embedded::new(directory.clone(), clock.clone()),
            without,
            fault: Mutex::default(),
            gate: tokio::sync::RwLock::default(),
            creations: AtomicUsize::default(),
        });
        let keys = Arc::new(tokio::sync::RwLock::new(()));
        let gate = keys.clone();
        let pool = KeyPool::with_generator(1, move |size| {
            let _open = gate.blocking_read();
            keys::generate(size)
        });
        let settings =
            Settings { owner_id: "inside".to_owned(), default_platform: None, resync, deadline, concurrency: 8 };
        let parts = Parts {
            client: fenced(client().await, &fence),
            settings,
            connect: Arc::new(One(platform.clone())),
            keys: pool,
            metrics: Arc::new(Metrics::new()),
            clock: clock.clone(),
            seed: 0,
        };
        let stop = CancellationToken::new();
        let cluster = Cluster::of(&namespace).await;
        let token = stop.clone();
        tokio::spawn(async move { watch::run(parts, &[namespace], token, || {}).await });
        let inside = Self { cluster, platform, directory, clock, keys, _stop: stop.drop_guard(), _files: files };
        inside.cluster.apply("{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}").await;
        inside.reason("Platform", "embedded", "Succeeded").await;
        inside
    }

    /// Applies an Organization.
    pub(crate) async fn organization(&self, name: &str, spec: Value) {
        let mut manifest = json!({
            "kind": "Organization", "metadata": { "name": name }, "spec": { "platformRef": { "name": "embedded" } },
        });
        for (field, value) in spec.as_object().unwrap() {
            manifest["spec"][field] = value.clone();
        }
        self.cluster.apply_one(&manifest).await;
    }

    /// Waits until the object's Ready has that reason.
    pub(crate) async fn reason(&self, kind: &str, name: &str, reason: &str) -> Value {
        let what = format!("says {reason}");
        self.wait(kind, name, &what, |object| condition(object, "Ready")["reason"] == reason).await
    }

    /// Waits until `done` finds what it looks for in an object, and returns that object.
    pub(crate) async fn wait(&self, kind: &str, name: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        let found = self.cluster.until(kind, name, what, done).await;
        found.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The version of an object that is there.
    pub(crate) async fn version(&self, kind: &str, name: &str) -> Value {
        self.cluster.get(kind, name).await.unwrap()["metadata"]["resourceVersion"].clone()
    }

    /// How many creations on the platform were begun.
    pub(crate) fn creations(&self) -> usize {
        self.platform.creations.load(Ordering::SeqCst)
    }
}
