//! Takes the Lease, renews it and gives it up.
//!
//! A candidate watches the one Lease by its name: that costs the API server one event for each renewal, out of its cache,
//! and tells within milliseconds that the Lease was let go. To read it twice a second would cost ten times as many
//! requests, each of them answered by etcd. Without the right to watch that is what is left, and what is done.

use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::{Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Election, Next};
use crate::clock::Clock;
use crate::domain::annotation::FIELD_MANAGER;
use crate::fence::{self, Fence};
use crate::kubernetes::owner::{self, LEASE};

/// How often the Lease is renewed.
const RENEW: Duration = Duration::from_secs(5);
/// How soon after the beginning of a try that failed the next one begins, and how long one may take: there are four before
/// the time is up.
const RETRY: Duration = Duration::from_secs(2);
/// How long before its time is up the leader tries for the last time.
const LAST: Duration = Duration::from_millis(500);
/// How often a candidate looks that cannot watch.
const LOOK: Duration = Duration::from_millis(500);

/// Why this one does not lead any more.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// Somebody took the Lease, or deleted it.
    #[error("the Lease {LEASE} is not this process's any more, so it ends: started again, it waits for its turn")]
    Taken,
    /// It could not be renewed in time.
    #[error(
        "the Lease {LEASE} was not renewed for {} s, so this process ends: started again, it waits for its turn",
        fence::BEGIN.as_secs()
    )]
    Late(#[source] Option<Box<kube::Error>>),
}

/// A candidate, and later the leader.
pub struct Elector {
    leases: Api<Lease>,
    election: Election,
    owner_id: String,
    clock: Clock,
    fence: Fence,
    /// The newest version in hand; none where it has to be read first.
    read: Option<Lease>,
    /// When the last renewal began.
    renewed: Instant,
}

impl Elector {
    /// A candidate of that name, which no other has, for the Lease in that namespace. The fence opens when it leads.
    pub fn new(
        client: Client,
        namespace: &str,
        identity: String,
        owner_id: String,
        clock: Clock,
        fence: Fence,
    ) -> Self {
        let leases = Api::namespaced(client, namespace);
        let election = Election::new(identity);
        Self { leases, election, owner_id, clock, fence, read: None, renewed: Instant::now() }
    }

    /// Waits until this one leads.
    pub async fn win(&mut self) {
        let mut said = false;
        loop {
            match timeout(RETRY, self.attempt(true)).await {
                Ok(Ok(Next::Renew)) => return,
                Ok(Ok(Next::Wait(until))) => {
                    if !std::mem::replace(&mut said, true) {
                        tracing::info!("another leads: waiting for the Lease");
                    }
                    self.follow(until).await;
                }
                // Somebody was faster, as the next look shows.
                Ok(Err(kube::Error::Api(status))) if status.is_conflict() => {}
                Ok(Err(error)) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the Lease cannot be read or written");
                    sleep(RETRY).await;
                }
                Ok(Ok(Next::Take)) | Err(_) => sleep(RETRY).await,
            }
        }
    }

    /// Goes on leading until `done`; an error where that ends before.
    pub async fn hold(&mut self, done: &CancellationToken) -> Result<(), Lost> {
        let (mut at, mut failed) = (self.renewed + RENEW, None);
        loop {
            tokio::select! {
                biased;
                () = done.cancelled() => return Ok(()),
                () = sleep_until(at.min(self.renewed + fence::BEGIN)) => {}
            }
            let (began, deadline) = (Instant::now(), self.renewed + fence::BEGIN);
            // This process may have been stopped meanwhile.
            if began >= deadline {
                return Err(Lost::Late(failed));
            }
            let last = deadline - LAST;
            at = if began < last { last.min(began + RETRY) } else { deadline };
            match timeout_at(at, self.attempt(false)).await {
                Ok(Ok(Next::Renew)) => (at, failed) = (self.renewed + RENEW, None),
                Ok(Ok(Next::Take | Next::Wait(_))) => {
                    self.fence.close();
                    return Err(Lost::Taken);
                }
                // What has become of it?
                Ok(Err(kube::Error::Api(status))) if status.is_conflict() || status.is_not_found() => at = began,
                Ok(Err(error)) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the Lease was not renewed");
                    failed = Some(Box::new(error));
                }
                Err(_) => tracing::warn!("the API server does not answer: the Lease was not renewed"),
            }
        }
    }

    /// Waits until nothing can be stored any more that this one began while it led.
    pub async fn over(&self) {
        if self.fence.may_finish() {
            sleep_until(self.renewed + fence::FINISH).await;
        }
    }

    /// Gives the Lease up, if this one holds it. The fence shuts before.
    pub async fn release(self) {
        self.fence.close();
        let release = async {
            let Some(lease) = self.leases.get_opt(LEASE).await? else { return Ok(()) };
            let Some(spec) = self.election.released(&lease, self.clock.now()) else { return Ok(()) };
            self.write(Some(&lease), spec).await.map(drop)
        };
        match timeout(RETRY, release).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error: kube::Error = error;
                tracing::warn!(error = &error as &dyn std::error::Error, "the Lease was not given up: it runs out");
            }
            Err(_) => tracing::warn!("the API server does not answer: the Lease was not given up, and runs out"),
        }
    }

    /// One look at the Lease and the write that follows; [`Next::Renew`] where this one has it now. One that has led does
    /// not `take` it again: whoever had it meanwhile has changed what this process believes to know.
    async fn attempt(&mut self, take: bool) -> Result<Next, kube::Error> {
        let lease = match self.read.take() {
            Some(lease) => Some(lease),
            None => self.leases.get_opt(LEASE).await?,
        };
        let began = Instant::now();
        let next = self.election.observe(lease.as_ref(), began);
        if next == Next::Renew || (next == Next::Take && take) {
            let held = self.election.held(lease.as_ref(), self.clock.now());
            // Where this fails nobody knows which version is the newest: it is read again.
            self.read = Some(self.write(lease.as_ref(), held).await?);
            self.renewed = began;
            self.fence.renewed(began);
            return Ok(Next::Renew);
        }
        self.read = lease;
        Ok(next)
    }

    async fn write(&self, read: Option<&Lease>, spec: LeaseSpec) -> Result<Lease, kube::Error> {
        let field_manager = Some(FIELD_MANAGER.to_owned());
        let Some(read) = read else {
            let lease = Lease { spec: Some(spec), ..owner::lease(&self.owner_id) };
            return self.leases.create(&PostParams { field_manager, ..PostParams::default() }, &lease).await;
        };
        let patch = json!({"metadata": {"resourceVersion": read.metadata.resource_version}, "spec": spec});
        let params = PatchParams { field_manager, ..PatchParams::default() };
        self.leases.patch(LEASE, &params, &Patch::Merge(patch)).await
    }

    /// Follows the Lease in hand until there is something to do about it, at the latest `until`.
    async fn follow(&mut self, mut until: Instant) {
        let Some(version) = self.read.take().and_then(|lease| lease.metadata.resource_version) else {
            return sleep(LOOK).await;
        };
        let params = WatchParams::default().fields(&format!("metadata.name={LEASE}"));
        let Ok(Ok(events)) = timeout(RETRY, self.leases.watch(&params, &version)).await else {
            return sleep(LOOK).await;
        };
        let mut events = std::pin::pin!(events);
        loop {
            match timeout_at(until, events.next()).await {
                Ok(Some(Ok(WatchEvent::Added(lease) | WatchEvent::Modified(lease)))) => {
                    match self.election.observe(Some(&lease), Instant::now()) {
                        Next::Wait(later) => until = later,
                        Next::Renew | Next::Take => {
                            self.read = Some(lease);
                            return;
                        }
                    }
                }
                Ok(Some(Ok(WatchEvent::Bookmark(_)))) => {}
                // Nothing was heard of it. It is read once more before it is taken: the watch may be dead.
                Err(_) => return,
                Ok(_) => return sleep(LOOK).await,
            }
        }
    }
}
