//! Platforms that fail, and calls that take long. The operator runs inside the test here, on a platform with a switch.

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
use org_operator::domain::capability::Capabilities;
use org_operator::domain::entity::{Created, Entity, InOrganization, Kind, Lookup, OfUser};
use org_operator::domain::fault::FaultKind;
use org_operator::embedded::Directory;
use org_operator::keys::{self, KeyPool};
use org_operator::platform::{AdminApi, Backend, Embedded, Error};
use org_operator::telemetry::Metrics;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::support::{Cluster, PATIENCE, client, condition, eventually, namespace};

/// Long enough for everything at rest to be looked at several times.
const SEVERAL_RESYNCS: Duration = Duration::from_secs(4);

/// The embedded platform with a switch.
#[derive(Debug)]
struct Switched {
    inner: Embedded,
    /// What every call answers, while there is something here.
    fault: Mutex<Option<FaultKind>>,
    /// While this is held, creations are begun and not ended.
    gate: tokio::sync::RwLock<()>,
    /// Creations that were begun.
    creations: AtomicUsize,
}

impl Switched {
    fn set(&self, fault: Option<FaultKind>) {
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

    async fn delete(&self, scope: &E::Scope, id: &str) -> Result<(), Error> {
        self.check()?;
        self.inner.delete(scope, id).await
    }
}

#[async_trait]
impl AdminApi for Switched {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
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

/// An operator in this process. It stops when the test ends.
struct Inside {
    cluster: Cluster,
    platform: Arc<Switched>,
    directory: Directory,
    /// While this is held, key pairs are begun and not ended.
    keys: Arc<tokio::sync::RwLock<()>>,
    _stop: DropGuard,
    _files: TempDir,
}

impl Inside {
    /// An operator with a Platform that is Ready. Everything is looked at each second, and may take one.
    async fn start() -> Self {
        let namespace = namespace("inside");
        let files = tempfile::tempdir().unwrap();
        let directory = Directory::open(files.path()).await.unwrap();
        let clock = Clock::system();
        let platform = Arc::new(Switched {
            inner: Embedded::new(directory.clone(), clock.clone()),
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
        let second = Duration::from_secs(1);
        let parts = Parts {
            client: client().await,
            settings: Settings {
                owner_id: "inside".to_owned(),
                default_platform: None,
                resync: second,
                deadline: second,
                concurrency: 8,
            },
            connect: Arc::new(One(platform.clone())),
            keys: pool,
            metrics: Arc::new(Metrics::new()),
            clock,
        };
        let stop = CancellationToken::new();
        let cluster = Cluster::of(&namespace).await;
        let token = stop.clone();
        tokio::spawn(async move { watch::run(parts, &[namespace], token, || {}).await });
        let inside = Self { cluster, platform, directory, keys, _stop: stop.drop_guard(), _files: files };
        inside.cluster.apply("{kind: Platform, metadata: {name: embedded}, spec: {embedded: {}}}").await;
        inside.reason("Platform", "embedded", "Succeeded").await;
        inside
    }

    async fn organization(&self, name: &str, spec: Value) {
        let mut manifest = json!({
            "kind": "Organization", "metadata": { "name": name }, "spec": { "platformRef": { "name": "embedded" } },
        });
        for (field, value) in spec.as_object().unwrap() {
            manifest["spec"][field] = value.clone();
        }
        self.cluster.apply_one(&manifest).await;
    }

    /// Waits until the object's Ready has that reason.
    async fn reason(&self, kind: &str, name: &str, reason: &str) -> Value {
        let what = format!("{kind} {name} says {reason}");
        let found = eventually(what, PATIENCE, async || {
            let object = self.cluster.get(kind, name).await.unwrap_or_default();
            if condition(&object, "Ready")["reason"] == reason {
                Ok(object)
            } else {
                Err(format!("{:#}", object["status"]))
            }
        });
        found.await.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn version(&self, kind: &str, name: &str) -> Value {
        self.cluster.get(kind, name).await.unwrap()["metadata"]["resourceVersion"].clone()
    }

    fn creations(&self) -> usize {
        self.platform.creations.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_flips_nothing_that_is_settled() {
    let inside = Inside::start().await;
    inside.organization("settled", json!({ "admin": { "username": "boss", "email": "b@acme.example" } })).await;
    inside
        .cluster
        .apply("{kind: User, metadata: {name: robot}, spec: {organizationRef: {name: settled}, type: Machine}}")
        .await;
    inside.cluster.apply("{kind: Token, metadata: {name: robot}, spec: {userRef: {name: robot}}}").await;
    let settled = [("Organization", "settled"), ("User", "robot"), ("Token", "robot")];
    for (kind, name) in settled {
        inside.reason(kind, name, "Succeeded").await;
    }
    // The first membership made the default project, which the next look finds.
    tokio::time::sleep(SEVERAL_RESYNCS).await;

    for (number, (fault, reason)) in [
        (FaultKind::Unavailable(None), "PlatformUnavailable"),
        (FaultKind::TimedOut, "TimedOut"),
        (FaultKind::Forbidden, "CredentialRejected"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut before = Vec::new();
        for (kind, name) in settled {
            before.push(inside.version(kind, name).await);
        }
        inside.platform.set(Some(fault));
        inside.reason("Platform", "embedded", reason).await;
        let new = format!("new-{number}");
        inside.organization(&new, json!({})).await;
        let waiting = inside.reason("Organization", &new, reason).await;
        assert_eq!(condition(&waiting, "Reconciling")["status"], "True", "{waiting:#}");
        tokio::time::sleep(SEVERAL_RESYNCS).await;
        for ((kind, name), version) in settled.into_iter().zip(before) {
            let object = inside.cluster.get(kind, name).await.unwrap();
            assert_eq!(object["metadata"]["resourceVersion"], version, "{fault:?}: written\n{object:#}");
            assert_eq!(condition(&object, "Ready")["status"], "True");
        }
        inside.platform.set(None);
        inside.reason("Platform", "embedded", "Succeeded").await;
        inside.reason("Organization", &new, "Succeeded").await;
    }
}

/// The deadline gives a condition; the call goes on, the next pass waits for that one, and nothing is made twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_hangs_is_joined_and_not_repeated() {
    let inside = Inside::start().await;
    let closed = inside.platform.gate.write().await;
    inside.organization("slow", json!({})).await;
    let waiting = inside.reason("Organization", "slow", "Progressing").await;
    let message = condition(&waiting, "Ready")["message"].as_str().unwrap();
    assert!(message.contains("1 s") && message.contains("creating on the platform"), "{message}");
    assert_eq!(condition(&waiting, "Reconciling")["status"], "True");
    let version = &waiting["metadata"]["resourceVersion"];
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(inside.creations(), 1, "the call was repeated");
    assert_eq!(inside.version("Organization", "slow").await, *version, "it says so once");
    drop(closed);
    let ready = inside.reason("Organization", "slow", "Succeeded").await;
    assert_eq!(inside.creations(), 1);
    let found = inside.directory.organizations_by_name("slow").await.unwrap();
    let ids: Vec<&str> = found.iter().map(|organization| organization.id.as_str()).collect();
    assert_eq!(ids, [ready["status"]["externalID"].as_str().unwrap()]);
}

/// A key pair that takes longer than the deadline: its turn comes, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_key_pair_is_waited_for() {
    let inside = Inside::start().await;
    let closed = inside.keys.write().await;
    inside.organization("keyed", json!({ "keyPair": {} })).await;
    let waiting = inside.reason("Organization", "keyed", "Progressing").await;
    let message = condition(&waiting, "Ready")["message"].as_str().unwrap();
    assert!(message.contains("generating the key pair"), "{message}");
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(
        inside.version("Organization", "keyed").await,
        waiting["metadata"]["resourceVersion"],
        "it says so once"
    );
    assert_eq!(inside.creations(), 0, "the Secret comes first");
    drop(closed);
    let ready = inside.reason("Organization", "keyed", "Succeeded").await;
    assert_eq!(inside.creations(), 1);
    let public = inside.cluster.value("keyed-keypair", "public.pem").await;
    assert_eq!(ready["status"]["keyPair"]["publicKey"], public.as_str());
}

/// What only the platform knows about names; nothing is called for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_the_platform_does_not_take() {
    let inside = Inside::start().await;
    inside.organization("named", json!({ "externalName": "forbidden" })).await;
    let stalled = inside.reason("Organization", "named", "InvalidSpec").await;
    let message = condition(&stalled, "Stalled")["message"].as_str().unwrap();
    assert_eq!(message, "externalName: choose a name that is not forbidden");
    tokio::time::sleep(SEVERAL_RESYNCS).await;
    assert_eq!(inside.version("Organization", "named").await, stalled["metadata"]["resourceVersion"]);
    assert_eq!(inside.creations(), 0);
}
