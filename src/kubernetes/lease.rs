//! Who leads, of several operators that share a Lease: what follows from what is seen of it.
//!
//! The rules are those of Kubernetes' own controllers. A candidate takes a Lease that nobody holds, or that it has not seen
//! change for as long as a Lease lasts, by its own clock: the times in it are another machine's and are there for people.
//! Every write carries the resourceVersion that was read, so of two that want it one is refused.
//! [`elector`] is what does it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use tokio::time::Instant;

pub mod elector;
pub mod lead;

pub use elector::{Elector, Lost};
pub use lead::lead;

/// How long a Lease lasts that is not renewed. Longer than its holder acts on it: see [`crate::fence`].
pub const DURATION: Duration = Duration::from_secs(15);

/// One that leads or would like to.
#[derive(Clone, Debug)]
pub struct Election {
    identity: String,
    seen: Option<Seen>,
}

/// A version of the Lease, and when it was seen first.
#[derive(Clone, Debug)]
struct Seen {
    version: Option<String>,
    since: Instant,
}

/// What follows from a look at the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is this one's, to be renewed.
    Renew,
    /// It is nobody's, or its holder's no more: to be taken.
    Take,
    /// It is another's. If it has not changed by then, it is nobody's.
    Wait(Instant),
}

impl Election {
    /// One of that name, which no other may have.
    pub fn new(identity: String) -> Self {
        Self { identity, seen: None }
    }

    /// What follows from the Lease as it is now; `None` where there is none.
    ///
    /// One that is not there was deleted, for it is made before anybody waits for it: who held it finds out with its next
    /// renewal and acts until then, so it is waited for like for one that is held.
    pub fn observe(&mut self, lease: Option<&Lease>, now: Instant) -> Next {
        let version = lease.and_then(|lease| lease.metadata.resource_version.clone());
        let known = self.seen.take().filter(|seen| seen.version == version);
        let seen = known.unwrap_or(Seen { version, since: now });
        let until = seen.since + lease.map_or(DURATION, lasts);
        self.seen = Some(seen);
        match lease.map(holder) {
            Some(holder) if holder == self.identity => Next::Renew,
            Some("") => Next::Take,
            _ if now >= until => Next::Take,
            _ => Next::Wait(until),
        }
    }

    /// What the Lease says once this one has taken it, or renewed it.
    pub fn held(&self, before: Option<&Lease>, now: Timestamp) -> LeaseSpec {
        let spec = before.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let mine = spec.holder_identity.as_ref() == Some(&self.identity);
        let transitions = spec.lease_transitions.map_or(0, |count| count.saturating_add(i32::from(!mine)));
        LeaseSpec {
            acquire_time: spec.acquire_time.filter(|_| mine).or(Some(MicroTime(now))),
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            lease_transitions: Some(transitions),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        }
    }

    /// What it says once this one has given it up; `None` where it has nothing to give up.
    pub fn released(&self, before: &Lease, now: Timestamp) -> Option<LeaseSpec> {
        (holder(before) == self.identity).then(|| LeaseSpec {
            holder_identity: Some(String::new()),
            renew_time: Some(MicroTime(now)),
            ..LeaseSpec::default()
        })
    }
}

fn holder(lease: &Lease) -> &str {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
}

/// How long its holder says that it lasts: another version's may last longer.
fn lasts(lease: &Lease) -> Duration {
    let said = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    said.and_then(|seconds| u64::try_from(seconds).ok()).map_or(DURATION, Duration::from_secs).max(DURATION)
}

#[cfg(test)]
mod tests;
