//! Operators that share a Lease, in simulated time. One that is stopped (as by SIGSTOP) is one that is not polled.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::super::{Elector, Lost};
use super::server::{Server, Way};
use crate::clock::Clock;
use crate::fence::Fence;

/// How often it is looked who may act.
const TICK: Duration = Duration::from_millis(50);

/// One operator.
struct Operator {
    fence: Fence,
    way: Arc<Mutex<Way>>,
    stopped: watch::Sender<bool>,
    terminate: CancellationToken,
    /// It leads, and this is what became of that.
    task: JoinHandle<Result<(), Lost>>,
}

impl Operator {
    fn start(server: &Server, name: &str) -> Self {
        let (fence, way, terminate) = (Fence::shut(), Arc::default(), CancellationToken::new());
        let client = server.client(&way);
        let mut elector =
            Elector::new(client, "home", name.to_owned(), "owner".to_owned(), Clock::system(), fence.clone());
        let (stopped, mut is_stopped) = watch::channel(false);
        let end = terminate.clone();
        let life = async move {
            let won = end.run_until_cancelled(elector.win()).await.is_some();
            if won {
                elector.hold(&end).await?;
            }
            elector.release().await;
            Ok(())
        };
        let task = tokio::spawn(async move {
            let mut life = std::pin::pin!(life);
            loop {
                let _ = is_stopped.wait_for(|stopped| !stopped).await;
                tokio::select! {
                    biased;
                    Ok(()) = is_stopped.changed() => {}
                    ended = &mut life => return ended,
                }
            }
        });
        Self { fence, way, stopped, terminate, task }
    }

    fn way(&self, way: Way) {
        *self.way.lock().unwrap() = way;
    }

    /// Waits until it leads, and says how long that took.
    async fn leads(&self) -> Duration {
        let began = Instant::now();
        while !self.fence.may_begin() {
            assert!(began.elapsed() < Duration::from_mins(2), "it never leads");
            sleep(TICK).await;
        }
        began.elapsed()
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One that leads, and one that waits.
async fn two() -> (Server, Operator, Operator) {
    let server = Server::new();
    let first = Operator::start(&server, "first");
    assert!(first.leads().await < seconds(1), "nobody holds it");
    let second = Operator::start(&server, "second");
    sleep(seconds(30)).await;
    assert!(first.fence.may_begin() && !second.fence.may_finish());
    assert_eq!((server.holder(), server.transitions()), ("first".to_owned(), 0));
    (server, first, second)
}

#[tokio::test(start_paused = true)]
async fn one_that_is_killed_is_followed_after_the_lease_has_run_out() {
    let (server, first, second) = two().await;
    first.task.abort();
    let took = second.leads().await;
    assert!(took > seconds(9) && took < seconds(17), "{took:?}");
    assert!(!first.fence.may_finish());
    assert_eq!((server.holder(), server.transitions()), ("second".to_owned(), 1));
}

#[tokio::test(start_paused = true)]
async fn one_that_ends_well_is_followed_at_once_even_without_a_watch() {
    for way in [Way::Open, Way::Unwatched] {
        let (server, first, second) = two().await;
        second.way(way);
        sleep(seconds(10)).await;
        first.terminate.cancel();
        let took = second.leads().await;
        assert!(took < seconds(1), "{way:?}: {took:?}");
        first.task.await.unwrap().unwrap();
        assert!(!first.fence.may_finish());
        assert_eq!(server.holder(), "second");
    }
}

#[tokio::test(start_paused = true)]
async fn a_candidate_ends_without_touching_the_lease() {
    let (server, first, second) = two().await;
    second.terminate.cancel();
    second.task.await.unwrap().unwrap();
    sleep(seconds(30)).await;
    assert!(first.fence.may_begin());
    assert_eq!((server.holder(), server.transitions()), ("first".to_owned(), 0));
}

#[tokio::test(start_paused = true)]
async fn one_that_was_stopped_finds_that_it_may_do_nothing() {
    let (server, first, second) = two().await;
    first.stopped.send_replace(true);
    second.leads().await;
    assert!(!first.fence.may_finish());
    first.stopped.send_replace(false);
    let lost = first.task.await.unwrap().unwrap_err();
    assert!(matches!(lost, Lost::Late(None)), "{lost:?}");
    assert!(!first.fence.may_finish());
    sleep(seconds(30)).await;
    assert_eq!((server.holder(), server.transitions()), ("second".to_owned(), 1));
}

/// Who was stopped while another led and gave the Lease up again does not go on as if nothing had been.
#[tokio::test(start_paused = true)]
async fn one_whose_lease_was_anothers_meanwhile_does_not_lead_on() {
    for patch in [json!({"spec": {"holderIdentity": "other"}}), json!({"spec": {"holderIdentity": ""}})] {
        let (server, first, _second) = two().await;
        server.change(&patch);
        let lost = first.task.await.unwrap().unwrap_err();
        assert!(matches!(lost, Lost::Taken), "{lost:?}");
        assert!(!first.fence.may_finish());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_deleted_is_made_again_when_nobody_can_think_that_it_has_it() {
    let (server, first, second) = two().await;
    server.delete();
    let lost = first.task.await.unwrap().unwrap_err();
    assert!(matches!(lost, Lost::Taken), "{lost:?}");
    let took = second.leads().await;
    assert!(took > seconds(9) && took < seconds(17), "{took:?}");
    let made = server.lease().unwrap();
    assert_eq!(made["metadata"]["annotations"]["org-operator.dev/owner-id"], "owner");
}

#[tokio::test(start_paused = true)]
async fn a_leader_goes_on_where_the_api_server_is_away_for_nine_seconds_and_not_for_eleven() {
    for way in [Way::Refused, Way::Silent, Way::Lossy] {
        for (away, outlasts) in [(9, true), (11, false)] {
            let (server, first, second) = two().await;
            // From just after a renewal.
            let before = server.lease();
            while server.lease() == before {
                sleep(Duration::from_millis(1)).await;
            }
            // The answer is on its way still.
            sleep(TICK).await;
            first.way(way);
            sleep(seconds(away)).await;
            let (leads, finishes) = (first.fence.may_begin(), first.fence.may_finish());
            assert_eq!((leads, finishes), (outlasts, true), "{way:?}, {away} s");
            first.way(Way::Open);
            if outlasts {
                sleep(seconds(60)).await;
                assert!(first.fence.may_begin() && !second.fence.may_finish(), "{way:?}");
                assert_eq!((server.holder(), server.transitions()), ("first".to_owned(), 0));
            } else {
                let lost = first.task.await.unwrap().unwrap_err();
                assert!(matches!(lost, Lost::Late(_)), "{lost:?}");
                second.leads().await;
                assert!(!first.fence.may_finish());
            }
        }
    }
}

/// Somebody else's change of the Lease costs the leader nothing, and no candidate takes it for a sign.
#[tokio::test(start_paused = true)]
async fn a_conflict_is_read_again() {
    let (server, first, second) = two().await;
    for round in 0..100 {
        server.change(&json!({"metadata": {"annotations": {"example.org/round": round.to_string()}}}));
        sleep(Duration::from_millis(730)).await;
        assert!(first.fence.may_begin() && !second.fence.may_finish(), "{round}");
    }
    assert_eq!((server.holder(), server.transitions()), ("first".to_owned(), 0));
}

/// Of many that want it at the same moment one gets it.
#[tokio::test(start_paused = true)]
async fn of_many_one_leads() {
    let server = Server::new();
    let all: Vec<Operator> = (0..8).map(|number| Operator::start(&server, &format!("operator-{number}"))).collect();
    for _ in 0..1200 {
        sleep(TICK).await;
        assert!(all.iter().filter(|one| one.fence.may_finish()).count() <= 1);
    }
    assert_eq!(all.iter().filter(|one| one.fence.may_begin()).count(), 1);
    assert_eq!(server.transitions(), 0);
}

/// What happens to one of the operators.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Stopped(u64),
    Way(Way, u64),
    Terminated,
    Killed,
}

fn happens() -> impl Strategy<Value = Happens> {
    let way = prop_oneof![Just(Way::Refused), Just(Way::Silent), Just(Way::Lossy), Just(Way::Unwatched)];
    prop_oneof![
        3 => (0..40_000_u64).prop_map(Happens::Stopped),
        3 => (way, 0..40_000_u64).prop_map(|(way, for_)| Happens::Way(way, for_)),
        1 => Just(Happens::Terminated),
        1 => Just(Happens::Killed),
    ]
}

/// Looks who may act, until then; who may store anything is alone with that.
async fn watched(all: &mut [Operator], server: &Server, names: &mut u64, until: Instant) -> Result<(), TestCaseError> {
    while Instant::now() < until {
        sleep(TICK).await;
        for one in all.iter_mut().filter(|one| one.task.is_finished()) {
            // What becomes of a Deployment's pod. One that ended in need may have left calls in flight.
            if !one.fence.may_finish() {
                *names += 1;
                *one = Operator::start(server, &format!("operator-{names}"));
            }
        }
        let finish = all.iter().filter(|one| one.fence.may_finish()).count();
        prop_assert!(finish <= 1, "{finish} may act at once");
    }
    Ok(())
}

async fn run(plan: Vec<(usize, u64, Happens)>) -> Result<(), TestCaseError> {
    let (server, mut names) = (Server::new(), 3);
    let mut all: Vec<Operator> = (0..3).map(|number| Operator::start(&server, &format!("operator-{number}"))).collect();
    for (who, pause, happens) in plan {
        watched(&mut all, &server, &mut names, Instant::now() + Duration::from_millis(pause)).await?;
        let later = |for_: u64, heal: Box<dyn FnOnce() + Send>| {
            tokio::spawn(async move {
                sleep(Duration::from_millis(for_)).await;
                heal();
            });
        };
        let one = &all[who];
        match happens {
            Happens::Stopped(for_) => {
                let stopped = one.stopped.clone();
                stopped.send_replace(true);
                later(
                    for_,
                    Box::new(move || {
                        stopped.send_replace(false);
                    }),
                );
            }
            Happens::Way(way, for_) => {
                let link = Arc::clone(&one.way);
                *link.lock().unwrap() = way;
                later(for_, Box::new(move || *link.lock().unwrap() = Way::Open));
            }
            Happens::Terminated => one.terminate.cancel(),
            Happens::Killed => {
                one.task.abort();
                // Nothing is in flight of what is not there any more.
                one.fence.close();
            }
        }
    }
    // What was stopped goes on, and somebody leads.
    watched(&mut all, &server, &mut names, Instant::now() + seconds(120)).await?;
    let leaders = all.iter().filter(|one| one.fence.may_begin()).count();
    prop_assert_eq!(leaders, 1, "who leads when all is well");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn never_two_whatever_happens(plan in prop::collection::vec((0..3_usize, 0..20_000_u64, happens()), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(plan))?;
    }
}
