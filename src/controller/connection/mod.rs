//! From a Platform resource to its admin API.
//!
//! A connection is made once and kept: what a client has learnt of its server and the budget that its requests share are
//! in it. The Secrets that it was made from are read again every minute, with each look at the Platform itself, and after
//! a credential was refused; where one has changed, a new connection takes the old one's place.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use tokio::sync::Mutex as Turn;

use super::stop::Stop;
use crate::api::{Platform, PlatformRecord, PlatformType};
use crate::clock::Clock;
use crate::domain::condition::Reason;
use crate::embedded::Directory;
use crate::fence::Fence;
use crate::kubernetes::secret::SecretStore;
use crate::platform::http::Transport;
use crate::platform::{AdminApi, Budget, Embedded, Metered};
use crate::telemetry::Metrics;

mod keeper;
mod recipe;

use recipe::{Ingredients, budget_limits};

/// How long a credential that was read counts as the one that is there: nobody watches Secrets.
const FRESH: Duration = Duration::from_mins(1);

/// Connects to platforms.
#[async_trait]
pub trait Connect: Send + Sync {
    /// The admin API that a Platform describes, bound to its address and credential.
    async fn connect(&self, platform: &Platform) -> Result<Arc<dyn AdminApi>, Stop>;

    /// The admin API of an object whose Platform resource is gone, where none is needed to reach it.
    async fn reconnect(&self, recorded: &PlatformRecord) -> Option<Arc<dyn AdminApi>>;

    /// From now on what a Platform's Secrets hold has to be read again.
    fn refresh(&self, _: &Platform) {}

    /// The Platform is asked again at once, though it wanted to be left alone: somebody knows that it is back.
    async fn reopen(&self, _: &Platform) {}
}

/// A Platform as metrics name it: `namespace/name`.
pub fn label(platform: &Platform) -> String {
    format!("{}/{}", platform.namespace().unwrap_or_default(), platform.name_any())
}

/// The platforms that this operator knows. Every call to one is counted under the Platform that led to it.
#[derive(Debug)]
pub struct Platforms {
    embedded: Option<Arc<Embedded>>,
    parts: Parts,
    /// By namespace and name of the Platform.
    known: Mutex<HashMap<(String, String), Arc<Known>>>,
}

/// What connections are made of, beside the Platform and its Secrets.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The time.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Secrets.
    pub secrets: SecretStore,
    /// What the owner marks begin with.
    pub owner_id: String,
    /// What requests go through.
    pub transport: Transport,
    /// Whether calls may be begun. The client of `secrets` is within the same: [`crate::kubernetes::fenced`].
    pub fence: Fence,
}

/// What is kept of one Platform.
#[derive(Debug, Default)]
struct Known {
    /// The credential was refused, or somebody wants it read again.
    stale: Arc<AtomicBool>,
    connection: Turn<Option<Connection>>,
}

#[derive(Debug)]
struct Connection {
    uid: Option<String>,
    generation: Option<i64>,
    /// SHA-256 over the Secrets' values.
    digest: [u8; 32],
    budget: Arc<Budget>,
    read_at: Timestamp,
    api: Arc<dyn AdminApi>,
}

impl Platforms {
    /// With this directory as the embedded platform, where the operator has one.
    pub fn new(directory: Option<Directory>, parts: Parts) -> Self {
        let embedded = directory
            .map(|directory| Arc::new(Embedded::new(directory, parts.clock.clone()).fenced(parts.fence.clone())));
        Self { embedded, parts, known: Mutex::default() }
    }

    fn known(&self, namespace: String, name: String) -> Arc<Known> {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry((namespace, name)).or_default())
    }

    fn metered<A: AdminApi + ?Sized + 'static>(
        &self,
        api: &Arc<A>,
        label: String,
        refused: &Arc<AtomicBool>,
    ) -> Arc<dyn AdminApi> {
        Arc::new(Metered::new(Arc::clone(api), label, Arc::clone(&self.parts.metrics)).noting(Arc::clone(refused)))
    }

    async fn remote(&self, platform: &Platform) -> Result<Arc<dyn AdminApi>, Stop> {
        let known = self.known(platform.namespace().unwrap_or_default(), platform.name_any());
        let mut connection = known.connection.lock().await;
        let (uid, generation, now) = (platform.uid(), platform.meta().generation, self.parts.clock.now());
        let current = connection.as_ref().filter(|current| current.uid == uid);
        let fresh = current.filter(|current| {
            let age = Duration::try_from(now.duration_since(current.read_at)).unwrap_or_default();
            current.generation == generation && age < FRESH && !known.stale.load(Ordering::Relaxed)
        });
        if let Some(fresh) = fresh {
            return Ok(Arc::clone(&fresh.api));
        }
        known.stale.store(false, Ordering::Relaxed);
        // A changed manifest may be about another address, which nobody asked to be left alone.
        let same = current.filter(|current| current.generation == generation);
        let before = same.map(|current| current.digest);
        let budget = same.map(|current| Arc::clone(&current.budget));
        let budget = budget.unwrap_or_else(|| Arc::new(Budget::new(budget_limits(platform))));
        let mut ingredients = Ingredients::new(platform, &self.parts, Arc::clone(&budget), before);
        let made = recipe::make(platform, &mut ingredients).await;
        let digest = ingredients.digest();
        match (made, current) {
            // The namespace that is deleted takes the credential first; what was made on the platform still has to go.
            (Err(_), Some(current)) if platform.meta().deletion_timestamp.is_some() => Ok(Arc::clone(&current.api)),
            (Err(stop), _) => Err(stop),
            (Ok(Some(api)), _) => {
                let api = self.metered(&api, label(platform), &known.stale);
                let kept = Arc::clone(&api);
                *connection = Some(Connection { uid, generation, digest, budget, read_at: now, api });
                Ok(kept)
            }
            (Ok(None), _) => {
                let current = connection.as_mut().ok_or(Stop::Again)?;
                current.read_at = now;
                Ok(Arc::clone(&current.api))
            }
        }
    }
}

#[async_trait]
impl Connect for Platforms {
    async fn connect(&self, platform: &Platform) -> Result<Arc<dyn AdminApi>, Stop> {
        match platform.spec.platform_type() {
            Some(PlatformType::Embedded) => match &self.embedded {
                Some(embedded) => Ok(self.metered(embedded, label(platform), &Arc::default())),
                None => Err(Stop::held(
                    Reason::Unsupported,
                    "this operator has no embedded backend: start it with --embedded-data-dir, or choose another platform",
                )),
            },
            Some(_) => self.remote(platform).await,
            None => Err(Stop::held(Reason::InvalidSpec, "give exactly one of embedded, tyk, rockfish and rockit")),
        }
    }

    async fn reconnect(&self, recorded: &PlatformRecord) -> Option<Arc<dyn AdminApi>> {
        if recorded.type_ == PlatformType::Embedded {
            let embedded = self.embedded.as_ref().filter(|embedded| recorded.url == embedded.url())?;
            let label = format!("{}/{}", recorded.namespace, recorded.name);
            return Some(self.metered(embedded, label, &Arc::default()));
        }
        let known = self.known(recorded.namespace.clone(), recorded.name.clone());
        let connection = known.connection.lock().await;
        connection.as_ref().filter(|known| known.api.url() == recorded.url).map(|known| Arc::clone(&known.api))
    }

    fn refresh(&self, platform: &Platform) {
        let known = self.known(platform.namespace().unwrap_or_default(), platform.name_any());
        known.stale.store(true, Ordering::Relaxed);
    }

    async fn reopen(&self, platform: &Platform) {
        let known = self.known(platform.namespace().unwrap_or_default(), platform.name_any());
        if let Some(connection) = known.connection.lock().await.as_ref() {
            connection.budget.reopen();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn every_way_to_a_platform_is_counted_under_its_name() {
        let files = tempfile::tempdir().unwrap();
        let directory = Directory::open(files.path()).await.unwrap();
        let metrics = Arc::new(Metrics::new());
        let never = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("no API server"))
        });
        let parts = Parts {
            clock: Clock::system(),
            metrics: Arc::clone(&metrics),
            secrets: SecretStore::new(kube::Client::new(never, "default")),
            owner_id: "owner".to_owned(),
            transport: Transport::network(),
            fence: Fence::open(),
        };
        let platforms = Platforms::new(Some(directory), parts);
        let counted = |name: &str| {
            let line = format!(
                r#"org_operator_platform_requests_total{{platform="{name}",operation="probe",outcome="ok"}} 1"#
            );
            metrics.encode().lines().any(|found| found == line)
        };

        let manifest = json!({ "metadata": { "namespace": "acme", "name": "edge" }, "spec": { "embedded": {} } });
        let platform: Platform = serde_json::from_value(manifest).unwrap();
        let api = platforms.connect(&platform).await.unwrap();
        api.probe().await.unwrap();
        assert!(counted("acme/edge"), "{}", metrics.encode());

        let mut recorded = PlatformRecord {
            namespace: "acme".to_owned(),
            name: "gone".to_owned(),
            type_: PlatformType::Embedded,
            url: api.url(),
        };
        platforms.reconnect(&recorded).await.unwrap().probe().await.unwrap();
        assert!(counted("acme/gone"), "{}", metrics.encode());

        recorded.url = "embedded:elsewhere".to_owned();
        assert!(platforms.reconnect(&recorded).await.is_none());
    }

    #[tokio::test]
    async fn a_connection_is_kept_until_its_credential_or_its_manifest_changes() {
        let secret = Arc::new(Mutex::new("one"));
        let served = Arc::clone(&secret);
        let api_server = tower::service_fn(move |_: http::Request<kube::client::Body>| {
            use base64::Engine as _;
            let value = base64::engine::general_purpose::STANDARD.encode(*served.lock().unwrap());
            let text =
                json!({ "metadata": { "name": "s", "resourceVersion": "1" }, "data": { "k": value } }).to_string();
            async move { Ok::<_, std::io::Error>(http::Response::new(kube::client::Body::from(text.into_bytes()))) }
        });
        let parts = Parts {
            clock: Clock::system(),
            metrics: Arc::new(Metrics::new()),
            secrets: SecretStore::new(kube::Client::new(api_server, "default")),
            owner_id: "owner".to_owned(),
            transport: Transport::network(),
            fence: Fence::open(),
        };
        let platforms = Platforms::new(None, parts);
        let manifest = |generation: i64| -> Platform {
            let metadata = json!({ "namespace": "acme", "name": "edge", "uid": "u", "generation": generation });
            let tyk = json!({ "url": "https://tyk.example", "adminSecretRef": { "name": "s", "key": "k" } });
            serde_json::from_value(json!({ "metadata": metadata, "spec": { "tyk": tyk } })).unwrap()
        };
        let connect = async |generation: i64| {
            let platform = manifest(generation);
            platforms.refresh(&platform);
            platforms.connect(&platform).await.unwrap()
        };
        let first = connect(1).await;
        assert!(Arc::ptr_eq(&first, &connect(1).await), "nothing has changed");
        *secret.lock().unwrap() = "two";
        let second = connect(1).await;
        assert!(!Arc::ptr_eq(&first, &second), "another credential");
        assert!(Arc::ptr_eq(&second, &connect(1).await));
        assert!(!Arc::ptr_eq(&second, &connect(2).await), "another manifest");
    }
}
