//! One operator of several: the shipped controllers under the shipped election, in a runtime of their own that can stand
//! still while another's goes on.

use std::sync::Arc;
use std::time::Duration;

use api_server::ApiServer;
use jiff::Timestamp;
use org_operator::cli::Failure;
use org_operator::controller::watch;
use org_operator::fence::Fence;
use org_operator::kubernetes::lease::{Elector, lead};
use org_operator::kubernetes::owner;
use org_operator::telemetry::Metrics;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::World;
use super::operator::{OWNER, parts};
use super::wire::Wire;

/// The namespace of the Lease.
const HOME: &str = "operators";

/// The API server that the Lease is on: one of its own, so that renewals are neither counted nor written down.
#[derive(Clone, Debug)]
pub(crate) struct Leases(ApiServer);

impl Leases {
    pub(crate) fn new(world: &World) -> Self {
        let time = world.time.clone();
        let api = ApiServer::new(move || time.now());
        api.apply(json!({ "kind": "Namespace", "metadata": { "name": HOME } })).expect("a namespace");
        Self(api)
    }

    /// Who holds it.
    pub(crate) fn holder(&self) -> String {
        let lease = self.0.get("Lease", HOME, "org-operator").unwrap_or_default();
        lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
    }
}

/// Why an operator does not go on for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// It has reached a point of the script.
    Stopped,
    /// It has ended by itself.
    Ended,
    /// Whoever watched has seen enough.
    Seen,
    /// Its time was up.
    Overdue,
}

/// An operator.
pub(crate) struct Process {
    pub(crate) wire: Wire,
    /// What SIGTERM does.
    pub(crate) stop: CancellationToken,
    pub(crate) ended: bool,
    /// It does not look at the Lease any more, and only the fence knows.
    deaf: CancellationToken,
    runtime: Runtime,
    life: JoinHandle<Result<(), Failure>>,
    metrics: Arc<Metrics>,
    /// When it was last alive.
    last: Timestamp,
}

impl Process {
    /// Starts one of that name. One that can go `deaf` has a lead that nobody watches.
    pub(crate) fn start(world: &mut World, leases: &Leases, name: &str, deaf: bool) -> Self {
        let (wire, stop, heard) = (Wire::default(), CancellationToken::new(), CancellationToken::new());
        let (metrics, fence) = (Arc::new(Metrics::new()), Fence::shut());
        wire.standstill().fenced_by(&fence);
        attach(world, &wire);
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let (client, clock, name) = (
            {
                let _entered = runtime.enter();
                leases.0.client()
            },
            world.time.clock(),
            name.to_owned(),
        );
        #[allow(
            clippy::async_yields_async,
            reason = "the life goes on when the runtime is let run, and is not waited for"
        )]
        let life = runtime.block_on(async {
            let parts = parts(world, &metrics, None, &fence);
            let (stop, never, heard, watched) = (stop.clone(), stop.clone(), heard.clone(), world.api.watched());
            tokio::spawn(async move {
                let owner_id = owner::establish(&client, HOME, Some(OWNER.to_owned()), None).await?;
                let mut elector = Elector::new(client, HOME, name, owner_id, clock, fence);
                if stop.run_until_cancelled(elector.win()).await.is_none() {
                    elector.release().await;
                    return Ok(());
                }
                let work = async move {
                    watch::run(parts, &watched, never, || {}).await;
                    Ok::<_, Failure>(())
                };
                if deaf {
                    tokio::spawn(async move { elector.hold(&heard).await });
                    return work.await;
                }
                lead(elector, stop, work).await
            })
        });
        Self { wire, stop, ended: false, deaf: heard, runtime, life, metrics, last: world.time.now() }
    }

    /// From now on it hears nothing of its Lease.
    pub(crate) fn deafen(&self) {
        self.deaf.cancel();
    }

    /// Goes on until one of the things happens that halt it. `watch` is asked each `tick`. What has passed since it was
    /// last alive has passed for it too.
    pub(crate) fn go(
        &mut self,
        world: &mut World,
        limit: Duration,
        tick: Duration,
        mut watch: impl FnMut(&mut World) -> bool,
    ) -> Halt {
        if self.ended {
            return Halt::Ended;
        }
        attach(world, &self.wire);
        let passed = world.time.now().duration_since(self.last).unsigned_abs();
        let (wire, life) = (&self.wire, &mut self.life);
        let halt = self.runtime.block_on(async {
            tokio::time::advance(passed).await;
            world.time.go();
            let began = tokio::time::Instant::now();
            let halt = loop {
                tokio::select! {
                    biased;
                    () = wire.standstill().reached() => break Halt::Stopped,
                    _ = &mut *life => break Halt::Ended,
                    () = tokio::time::sleep(tick) => {}
                }
                world.api.collect();
                if watch(world) {
                    break Halt::Seen;
                }
                if began.elapsed() >= limit {
                    break Halt::Overdue;
                }
            };
            // The clock is this runtime's, and outside of it another would be read.
            world.time.stop();
            halt
        });
        self.last = world.time.now();
        self.ended = halt == Halt::Ended;
        halt
    }

    /// Ends it as SIGKILL does.
    pub(crate) fn end(self, world: &mut World) {
        self.runtime.shutdown_background();
        world.metrics.push_str(&self.metrics.encode());
    }
}

/// What is asked of the world is asked over that operator's wire.
fn attach(world: &mut World, wire: &Wire) {
    world.wire = wire.clone();
    world.platforms.guard.wire = wire.clone();
}
