//! What every pass has at hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::runtime::events::{Recorder, Reporter};

use super::absences::Absences;
use super::backoff::Backoff;
use super::cache::Cache;
use super::connection::Connect;
use super::in_flight::InFlight;
use super::namespaces::Namespaces;
use super::outcome::Outcomes;
use super::recent::Recent;
use super::twins::Twins;
use crate::api::{Organization, Platform, Token, User};
use crate::clock::Clock;
use crate::domain::brake::{self, Counted};
use crate::keys::KeyPool;
use crate::kubernetes::secret::SecretStore;
use crate::telemetry::Metrics;

/// What the operator was started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the owner marks begin with.
    pub owner_id: String,
    /// The Platform of Organizations that name none: namespace and name.
    pub default_platform: Option<(String, String)>,
    /// How often a settled object is looked at.
    pub resync: Duration,
    /// How long one pass may take.
    pub deadline: Duration,
    /// How many objects of a kind are worked on at once.
    pub concurrency: u16,
}

/// What every pass has at hand.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// What the operator was started with.
    pub settings: Settings,
    /// Cached Platforms.
    pub platforms: Kind<Platform>,
    /// Cached Organizations.
    pub organizations: Kind<Organization>,
    /// Cached Users.
    pub users: Kind<User>,
    /// Cached Tokens.
    pub tokens: Kind<Token>,
    /// Labels of Namespaces.
    pub namespaces: Namespaces,
    /// Secrets.
    pub secrets: SecretStore,
    /// Connections to platforms.
    pub connect: Arc<dyn Connect>,
    /// RSA keys.
    pub keys: KeyPool,
    /// Calls in flight.
    pub in_flight: InFlight,
    /// Delays of objects that do not get on.
    pub backoff: Backoff,
    /// Since when a recorded id has been missing on its platform.
    pub missing: Absences,
    /// Since when deletions of what is shown, or cannot be, have been answered by that it is not there.
    pub unfound: Absences,
    /// Since when it has been known of a deletion that the platform cannot say whether it came to anything.
    pub untold: Since,
    /// When users were ended by this process, by platform and id.
    pub ended: Since,
    /// Since when the platform of something that is being deleted has not answered.
    pub outages: Since,
    /// Since when a renewal has been known to be due.
    pub due: Since,
    /// When something was last made.
    pub made: Since,
    /// Since when it has been known that one of that name is there, where only a refused creation tells.
    pub taken: Since,
    /// What was seen beside objects whose names may be shared.
    pub twins: Twins,
    /// What came of attempts, until status says it.
    pub outcomes: Outcomes,
    /// What was made again because it had vanished.
    pub recreations: Recreations,
    /// Events.
    pub recorder: Recorder,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Clock,
    /// One at a time writes to a Platform on behalf of what is made on it: its finalizer, and the count of deletions.
    pub platform_writes: tokio::sync::Mutex<()>,
}

/// One kind's objects: what the watch saw, and what was written since.
#[derive(Debug)]
pub struct Kind<K: kube::Resource<DynamicType = ()> + Clone + 'static> {
    /// What the watch saw.
    pub cache: Cache<K>,
    /// What was written since.
    pub recent: Recent<K>,
}

impl<K: kube::Resource<DynamicType = ()> + Clone + 'static> Kind<K> {
    /// From a cache.
    pub fn new(cache: Cache<K>) -> Self {
        Self { cache, recent: Recent::default() }
    }

    /// The newest known version of one object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        self.cache.get(namespace, name).map(|cached| self.recent.freshest(cached))
    }

    /// The newest known versions of those for which `wanted` holds.
    pub fn all(&self, mut wanted: impl FnMut(&K) -> bool) -> Vec<Arc<K>> {
        let mut objects = self.cache.all(|_| true);
        for object in &mut objects {
            *object = self.recent.freshest(Arc::clone(object));
        }
        objects.retain(|object| wanted(object));
        objects
    }
}

/// What a context is made of, beside what it starts with itself.
pub struct Parts {
    /// The API server; where several share the work, within a fence: [`crate::kubernetes::fenced`].
    pub client: Client,
    /// What the operator was started with.
    pub settings: Settings,
    /// Connections to platforms.
    pub connect: Arc<dyn Connect>,
    /// RSA keys.
    pub keys: KeyPool,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Clock,
    /// Where the chance in delays begins.
    pub seed: u64,
}

impl Context {
    /// A context over these caches.
    pub fn new(
        parts: Parts,
        namespaces: Namespaces,
        platforms: Cache<Platform>,
        organizations: Cache<Organization>,
        users: Cache<User>,
        tokens: Cache<Token>,
    ) -> Self {
        let Parts { client, settings, connect, keys, metrics, clock, seed } = parts;
        let reporter = Reporter { controller: "org-operator.dev/org-operator".to_owned(), instance: None };
        Self {
            platforms: Kind::new(platforms),
            organizations: Kind::new(organizations),
            users: Kind::new(users),
            tokens: Kind::new(tokens),
            namespaces,
            secrets: SecretStore::new(client.clone()),
            recorder: Recorder::new(client.clone(), reporter),
            in_flight: InFlight::default(),
            backoff: Backoff::new(seed),
            missing: Absences::default(),
            unfound: Absences::default(),
            untold: Since::default(),
            ended: Since::default(),
            outages: Since::default(),
            due: Since::default(),
            made: Since::default(),
            taken: Since::default(),
            twins: Twins::default(),
            outcomes: Outcomes::default(),
            recreations: Recreations::default(),
            platform_writes: tokio::sync::Mutex::default(),
            client,
            settings,
            connect,
            keys,
            metrics,
            clock,
        }
    }

    /// Waits until the first list of every kind has arrived; false when the watches have ended before.
    pub async fn caches_filled(&self) -> bool {
        self.platforms.cache.ready().await
            && self.organizations.cache.ready().await
            && self.users.cache.ready().await
            && self.tokens.cache.ready().await
    }

    /// What this process knows about an object that is gone is of no use any more.
    pub fn forget(&self, uid: &str) {
        self.backoff.reset(uid);
        self.outcomes.forget(uid);
        self.missing.forget(uid);
        self.unfound.forget(uid);
        self.twins.forget(uid);
        for since in [&self.outages, &self.due, &self.made, &self.taken, &self.untold] {
            since.clear(uid);
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Since when something has been so, by uid, as far as this process saw.
#[derive(Debug, Default)]
pub struct Since(Mutex<HashMap<String, Timestamp>>);

impl Since {
    /// It is so at `now`, or it is not; says since when it has been, if that was seen before.
    pub fn track(&self, uid: &str, is_so: bool, now: Timestamp) -> Option<Timestamp> {
        let mut all = self.all();
        if !is_so {
            all.remove(uid);
            return None;
        }
        let known = all.get(uid).copied();
        all.entry(uid.to_owned()).or_insert(now);
        known
    }

    /// It is so from `now` on, whatever was before.
    pub fn set(&self, uid: &str, now: Timestamp) {
        self.all().insert(uid.to_owned(), now);
    }

    /// Since when it has been so.
    pub fn since(&self, uid: &str) -> Option<Timestamp> {
        self.all().get(uid).copied()
    }

    /// What has been so for longer than that is not wanted any more.
    pub fn drop_older(&self, than: Duration, now: Timestamp) {
        self.all().retain(|_, since| now.duration_since(*since).unsigned_abs() < than);
    }

    /// It is not so, or nobody wants to know any more.
    pub fn clear(&self, uid: &str) {
        self.all().remove(uid);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What vanished from platforms and was made again, by URL: so much that it looks like an emptied or restored platform is
/// not. Kept in memory alone, so that a restart begins a new hour: the damage is an object too many, not a loss.
#[derive(Debug, Default)]
pub struct Recreations(Mutex<HashMap<String, Vec<Counted>>>);

impl Recreations {
    /// Whether one more may be made again on that platform.
    pub fn may(&self, url: &str, limit: i32, now: Timestamp) -> bool {
        let all = self.all();
        brake::count(all.get(url).map(Vec::as_slice).unwrap_or_default(), limit, now).is_some()
    }

    /// One was made again.
    pub fn count(&self, url: &str, now: Timestamp) {
        let mut all = self.all();
        let record = all.entry(url.to_owned()).or_default();
        *record = brake::count(record, 0, now).unwrap_or_default();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Vec<Counted>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
