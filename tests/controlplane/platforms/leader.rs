//! Two operators that share a Lease: the one that leads is ended in good order, stopped, and killed. On a platform that is
//! played, because an embedded directory stays open as long as its process is only stopped.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::support::{
    Cluster, KINDS, Operator, PATIENCE, Process, Refusal, condition, eventually, http, is_ready, namespace, says,
};
use super::served::{Served, call};

const SECRET: &str = "pipeline-token";
/// How often it is looked who leads.
const TICK: Duration = Duration::from_millis(20);
/// A Lease lasts 15 seconds from its last renewal, which is up to 5 seconds old when its holder goes.
const RUNS_OUT: (Duration, Duration) = (Duration::from_secs(9), Duration::from_secs(20));

/// One that leads and one that waits.
struct Scene {
    served: Served,
    cluster: Cluster,
    first: Operator,
    second: Operator,
}

impl Scene {
    async fn new() -> Self {
        let namespace = namespace("leader");
        let served = Served::start("rockfish", &[]).await;
        let cluster = Cluster::of(&namespace).await;
        let first = Operator::start(&[&namespace], &["--leader-elect"]).await;
        eventually("the first one leads", PATIENCE, async || leads(&first).await).await.unwrap();
        let mut second = first.beside();
        second.run().await;
        let scene = Self { served, cluster, first, second };
        assert_eq!(leads(&scene.second).await, Err("it waits".to_owned()), "and is ready to");
        scene
    }

    async fn lease(&self) -> LeaseSpec {
        let lease = self.cluster.beside(self.first.home()).typed::<Lease>().get("org-operator").await.unwrap();
        lease.spec.unwrap()
    }

    /// Applies the example; returns its number of resources once the first operator has minted a token that the API server
    /// does not let it store.
    async fn minted(&self) -> usize {
        let count = self.served.apply(&self.cluster, "rockfish").await;
        let refused = eventually("the Secret is refused", PATIENCE, async || {
            let log = self.first.log();
            if log.contains("Secret not written: trying again") { Ok(()) } else { Err(self.first.log_tail()) }
        });
        refused.await.unwrap();
        // What is under way besides when the leader dies would be for a person to say as well.
        let made = eventually("the users are there", PATIENCE, async || {
            let users = self.cluster.list("User").await;
            if users.iter().all(is_ready) { Ok(()) } else { Err(self.first.log_tail()) }
        });
        made.await.unwrap();
        count
    }

    /// Waits until the second one leads, and says how long that took.
    async fn second_leads(&self) -> Duration {
        let began = Instant::now();
        while leads(&self.second).await.is_err() {
            assert!(began.elapsed() < PATIENCE, "{}", self.second.log_tail());
            tokio::time::sleep(TICK).await;
        }
        began.elapsed()
    }

    /// All is Ready, and the token in the Secret is one that logs in. Rockfish marks no token, so whether one was minted that
    /// is in no Secret is for a person to say.
    async fn settles(&self, count: usize) {
        let settled = eventually("all becomes Ready", PATIENCE, async || {
            let tokens = self.cluster.list("Token").await;
            for token in tokens.iter().filter(|token| says(token, "OutcomeUnknown")) {
                let message = condition(token, "Ready")["message"].as_str().unwrap();
                let (_, answer) = message.split_once("resolve=").unwrap();
                let name = token["metadata"]["name"].as_str().unwrap();
                self.cluster.annotate("Token", name, "org-operator.dev/resolve", json!(answer)).await;
            }
            if tokens.iter().all(is_ready) { Ok(()) } else { Err(self.second.log_tail()) }
        });
        settled.await.unwrap();
        self.second.wait_all_ready(&self.cluster, count).await;
        let bearer = format!("Bearer {}", self.cluster.value(SECRET, "token").await);
        let url = format!("{}/organization", self.served.url("rockfish"));
        let answer = call(Method::GET, url, &[("authorization", &bearer)], None).await;
        assert_eq!(answer.status, StatusCode::OK);
    }

    /// The version of everything.
    async fn versions(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for kind in KINDS.into_iter().chain(["Secret"]) {
            let versions = self
                .cluster
                .list(kind)
                .await
                .into_iter()
                .map(|object| json!([kind, object["metadata"]["name"], object["metadata"]["resourceVersion"]]));
            all.extend(versions);
        }
        all
    }
}

async fn leads(operator: &Process<'_>) -> Result<(), String> {
    let answer = http().get(operator.url() + "/metrics").timeout(Duration::from_secs(5)).send().await;
    let metrics = answer.map_err(|error| error.to_string())?.text().await.map_err(|error| error.to_string())?;
    if metrics.lines().any(|line| line == "org_operator_leader 1") { Ok(()) } else { Err("it waits".to_owned()) }
}

fn within(took: Duration, (least, most): (Duration, Duration)) {
    assert!(took >= least && took <= most, "it took {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_ended_hands_over_when_its_calls_have_ended_and_not_before() {
    let mut scene = Scene::new().await;
    let refusal = Refusal::of_stores(&scene.cluster, SECRET).await;
    let count = scene.minted().await;
    scene.first.signal("TERM");
    let terminated = Instant::now();
    let (mut ended, mut led) = (None, None);
    while ended.is_none() || led.is_none() {
        assert!(terminated.elapsed() < Duration::from_secs(30), "{}", scene.first.log_tail());
        if ended.is_none() && scene.first.exited().is_some() {
            ended = Some(terminated.elapsed());
        }
        if led.is_none() && leads(&scene.second).await.is_ok() {
            led = Some(terminated.elapsed());
        }
        tokio::time::sleep(TICK).await;
    }
    let (ended, led) = (ended.unwrap(), led.unwrap());
    // What it tries to store, it tries for three seconds.
    assert!(led > Duration::from_secs(1), "a call was in flight: {led:?}");
    assert!(led < ended + Duration::from_secs(1), "ended after {ended:?}, followed after {led:?}");
    assert_eq!(scene.first.exited().unwrap().code(), Some(0), "{}", scene.first.log_tail());
    println!("a call in flight at SIGTERM: ended after {ended:?}, the other leads after {led:?}");

    refusal.lift().await;
    scene.settles(count).await;
    let lease = scene.lease().await;
    assert_eq!((lease.lease_transitions, lease.lease_duration_seconds), (Some(1), Some(15)));
}

/// Stopped between the platform's answer and the Secret, and awake again when the other has stored its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_stopped_writes_nothing_any_more() {
    let mut scene = Scene::new().await;
    let refusal = Refusal::of_stores(&scene.cluster, SECRET).await;
    let count = scene.minted().await;
    scene.first.signal("STOP");
    let (took, ()) = tokio::join!(scene.second_leads(), refusal.lift());
    within(took, RUNS_OUT);
    println!("the other leads {took:?} after SIGSTOP");
    scene.settles(count).await;
    let quiet = eventually("all is at rest", PATIENCE, async || {
        let before = scene.versions().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let after = scene.versions().await;
        if before == after { Ok(after) } else { Err("it is not") }
    });
    let before = quiet.await.unwrap();
    let mark = scene.first.mark(scene.cluster.namespace());

    scene.first.signal("CONT");
    let ended = eventually("it ends", PATIENCE, async || scene.first.exited().ok_or("it runs")).await;
    assert_eq!(ended.unwrap().code(), Some(1), "{}", scene.first.log_tail());
    assert!(scene.first.log().contains("does not lead any more"), "{}", scene.first.log_tail());
    assert_eq!(scene.versions().await, before);
    // Both have one name to the API server, and the other is at rest.
    let writes = scene.first.writes_since(scene.cluster.namespace(), mark);
    assert_eq!((writes.total(), writes.events), (0, 0), "{writes:?}");
    assert_eq!(leads(&scene.second).await, Ok(()));
    scene.settles(count).await;
    assert_eq!(scene.lease().await.lease_transitions, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_killed_is_followed_when_the_lease_has_run_out() {
    let mut scene = Scene::new().await;
    let refusal = Refusal::of_stores(&scene.cluster, SECRET).await;
    let count = scene.minted().await;
    scene.first.kill();
    let (took, ()) = tokio::join!(scene.second_leads(), refusal.lift());
    within(took, RUNS_OUT);
    println!("the other leads {took:?} after SIGKILL");
    scene.settles(count).await;
    // The next one waits for its turn.
    let first = scene.first.beside();
    scene.first = first;
    scene.first.run().await;
    assert_eq!(leads(&scene.first).await, Err("it waits".to_owned()));
    scene.second.stop().await;
    let began = Instant::now();
    eventually("the first one leads again", PATIENCE, async || leads(&scene.first).await).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}
