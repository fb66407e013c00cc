//! Metrics for Prometheus, all with the prefix `org_operator_`.

use std::fmt::Write as _;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::domain::entity::Kind;

/// The media type of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How one pass over an object ended (label `result`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReconcileResult {
    /// Nothing is left to do: the object is Ready, or gone.
    Settled,
    /// Steps are under way, or something that is needed is not there yet.
    Waiting,
    /// No retry heals it: somebody has to change something.
    Stalled,
    /// It failed and is tried again.
    Failed,
}

impl ReconcileResult {
    const ALL: [Self; 4] = [Self::Settled, Self::Waiting, Self::Stalled, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Waiting => "waiting",
            Self::Stalled => "stalled",
            Self::Failed => "failed",
        }
    }
}

/// What became of writing a Secret (label `result`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretWrite {
    /// It was created.
    Created,
    /// It was there and was changed.
    Changed,
    /// One of that name is there and is not ours.
    Conflict,
    /// The API server refused it or did not answer.
    Failed,
}

impl SecretWrite {
    const ALL: [Self; 4] = [Self::Created, Self::Changed, Self::Conflict, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Conflict => "conflict",
            Self::Failed => "failed",
        }
    }
}

/// A label value out of a fixed set, so that no label grows with what users write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Word(pub(super) &'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        encoder.write_str(self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKindAndResult {
    kind: Word,
    result: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfResult {
    result: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPlatform {
    platform: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOperation {
    platform: String,
    operation: Word,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    platform: String,
    operation: Word,
    outcome: Word,
}

/// Makes histograms with these upper bounds, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds(pub(super) &'static [f64]);

impl MetricConstructor<Histogram> for Bounds {
    fn new_metric(&self) -> Histogram {
        Histogram::new(self.0.iter().copied())
    }
}

/// A pass settles in milliseconds where nothing changed; its deadline is 10 s by default.
const RECONCILE_BOUNDS: Bounds = Bounds(&[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]);

/// From well under a second on the embedded backend to an hour behind a dependency that somebody forgot.
const READY_BOUNDS: Bounds = Bounds(&[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0]);

/// One request may take 30 s at most.
pub(super) const REQUEST_BOUNDS: Bounds =
    Bounds(&[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]);

pub(super) type Histograms<S> = Family<S, Histogram, Bounds>;

/// All metrics of a process. Recording is cheap and never fails.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<OfKindAndResult, Counter>,
    reconcile_durations: Histograms<OfKind>,
    times_to_ready: Histograms<OfKind>,
    platform_requests: Family<OfOutcome, Counter>,
    platform_request_durations: Histograms<OfOperation>,
    platforms_up: Family<OfPlatform, Gauge>,
    secret_writes: Family<OfResult, Counter>,
    key_pool_size: Gauge,
    leader: Gauge,
}

impl Metrics {
    /// Metrics that have counted nothing. Series whose labels are known from the start are there with zero, so that a
    /// rate sees the first event.
    pub fn new() -> Self {
        let metrics = Self {
            registry: Registry::with_prefix("org_operator"),
            reconciles: Family::default(),
            reconcile_durations: Family::new_with_constructor(RECONCILE_BOUNDS),
            times_to_ready: Family::new_with_constructor(READY_BOUNDS),
            platform_requests: Family::default(),
            platform_request_durations: Family::new_with_constructor(REQUEST_BOUNDS),
            platforms_up: Family::default(),
            secret_writes: Family::default(),
            key_pool_size: Gauge::default(),
            leader: Gauge::default(),
        };
        for kind in [Kind::Platform, Kind::Organization, Kind::User, Kind::Token] {
            for result in ReconcileResult::ALL {
                drop(metrics.reconciles.get_or_create(&of_kind_and_result(kind, result)));
            }
        }
        for result in SecretWrite::ALL {
            drop(metrics.secret_writes.get_or_create(&of_result(result)));
        }
        metrics.registered()
    }

    /// The library adds what a kind of metric ends with: `_total`, `_info`, and the unit.
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("reconcile", "Passes over an object, by how they ended", self.reconciles.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "Time that one pass over an object took",
            Unit::Seconds,
            self.reconcile_durations.clone(),
        );
        registry.register_with_unit(
            "time_to_ready",
            "Time from an object's creation until it was Ready for the first time",
            Unit::Seconds,
            self.times_to_ready.clone(),
        );
        registry.register(
            "platform_requests",
            "Requests to a platform's admin API, by how they ended",
            self.platform_requests.clone(),
        );
        registry.register_with_unit(
            "platform_request_duration",
            "Time that one request to a platform's admin API took",
            Unit::Seconds,
            self.platform_request_durations.clone(),
        );
        registry.register(
            "platform_up",
            "Whether the platform answered when it was last asked (1) or not (0)",
            self.platforms_up.clone(),
        );
        registry.register("secret_writes", "Secrets written, by what became of it", self.secret_writes.clone());
        registry.register("key_pool_size", "RSA keys that lie ready", self.key_pool_size.clone());
        registry.register("leader", "Whether this process works (1) or waits for its turn (0)", self.leader.clone());
        registry.register("build", "The version that runs", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        self
    }

    /// Whether this process works from now on, or waits for its turn.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// One pass over an object ended.
    pub fn reconciled(&self, kind: Kind, result: ReconcileResult, took: Duration) {
        self.reconciles.get_or_create(&of_kind_and_result(kind, result)).inc();
        self.reconcile_durations.get_or_create(&of_kind(kind)).observe(took.as_secs_f64());
    }

    /// An object was Ready for the first time, that long after its creation.
    pub fn became_ready(&self, kind: Kind, after: Duration) {
        self.times_to_ready.get_or_create(&of_kind(kind)).observe(after.as_secs_f64());
    }

    /// One request to a platform (`namespace/name`) ended. Operation and outcome are words of the code, not of a
    /// reply.
    pub fn platform_request(&self, platform: &str, operation: &'static str, outcome: &'static str, took: Duration) {
        let (operation, outcome) = (Word(operation), Word(outcome));
        let platform = platform.to_owned();
        self.platform_requests.get_or_create(&OfOutcome { platform: platform.clone(), operation, outcome }).inc();
        let durations = self.platform_request_durations.get_or_create(&OfOperation { platform, operation });
        durations.observe(took.as_secs_f64());
    }

    /// Whether a platform (`namespace/name`) answered when it was last asked.
    pub fn platform_up(&self, platform: &str, up: bool) {
        self.platforms_up.get_or_create(&of_platform(platform)).set(i64::from(up));
    }

    /// A Platform (`namespace/name`) was deleted: it is neither up nor down, and nobody wants an alert about it. What
    /// was counted about its requests stays until the process ends.
    pub fn platform_gone(&self, platform: &str) {
        self.platforms_up.remove(&of_platform(platform));
    }

    /// A Secret was written, or was not.
    pub fn secret_write(&self, result: SecretWrite) {
        self.secret_writes.get_or_create(&of_result(result)).inc();
    }

    /// How many keys lie ready, of all sizes together.
    pub fn key_pool_size(&self, ready: usize) {
        self.key_pool_size.set(i64::try_from(ready).unwrap_or(i64::MAX));
    }

    /// All metrics in the text format of `OpenMetrics` 1.0 ([`CONTENT_TYPE`]).
    pub fn encode(&self) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail; were it to, the closing `# EOF` is missing and a scraper refuses the page.
        let _ = text::encode(&mut page, &self.registry);
        page
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn of_kind(kind: Kind) -> OfKind {
    OfKind { kind: Word(kind.as_str()) }
}

fn of_kind_and_result(kind: Kind, result: ReconcileResult) -> OfKindAndResult {
    OfKindAndResult { kind: Word(kind.as_str()), result: Word(result.as_str()) }
}

fn of_result(result: SecretWrite) -> OfResult {
    OfResult { result: Word(result.as_str()) }
}

fn of_platform(platform: &str) -> OfPlatform {
    OfPlatform { platform: platform.to_owned() }
}

#[cfg(test)]
mod tests;
