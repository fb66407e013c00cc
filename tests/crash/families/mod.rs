//! The families of plans, and how each is carried out on every core.

mod canary;
mod corruption;
mod events;
mod late;
mod leaders;
mod mutants;
pub(crate) mod requests;
mod restores;
pub(crate) mod storms;
mod watches;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::scenario::Scenario;
use crate::sim::Kept;
use crate::sim::server::Server;

pub(crate) use canary::canary;
pub(crate) use corruption::corruption;
pub(crate) use late::late;
pub(crate) use leaders::{leaders, replay as replay_leaders};
pub(crate) use mutants::mutants;
pub(crate) use requests::{double, single};
pub(crate) use restores::restores;
pub(crate) use storms::{replay as replay_storm, storms};
pub(crate) use watches::watches;

/// Where chance begins, for what is drawn.
pub(crate) const SEED: u64 = 6;
/// How many failures are told whole.
const TOLD: usize = 3;
/// How often progress is told where nobody looks at a terminal.
const EVERY: Duration = Duration::from_secs(30);

/// The scenarios, each prepared once.
pub(crate) struct Stage {
    pub(crate) scenarios: Vec<(Scenario, Kept)>,
}

impl Stage {
    /// Prepares them.
    pub(crate) fn prepare(scenarios: Vec<Scenario>) -> Self {
        let kept = on_every_core(&scenarios, |server, scenario| scenario.prepare(server));
        Self { scenarios: scenarios.into_iter().zip(kept).collect() }
    }
}

/// What came of one plan.
pub(crate) struct Told<T> {
    pub(crate) value: T,
    /// What is wrong, and how it is said again: the words of a command, and the story.
    pub(crate) wrong: Option<(String, String)>,
}

/// Works on all of them on every core, begun in their order, each core with a platform's server of its own.
pub(crate) fn on_every_core<P: Sync, T: Send>(all: &[P], work: impl Fn(&Server, &P) -> T + Sync) -> Vec<T> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    side_by_side(cores, all, work)
}

/// The same, so many at once.
fn side_by_side<P: Sync, T: Send>(count: usize, all: &[P], work: impl Fn(&Server, &P) -> T + Sync) -> Vec<T> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                let server = Server::start();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = all.get(index) else { return };
                    let result = work(&server, one);
                    results.lock().unwrap().insert(index, result);
                }
            });
        }
    });
    results.into_inner().unwrap().into_values().collect()
}

/// Carries out plans on every core, in the order of their numbers; tells of progress, of failures, and at the end in one
/// line how many there were. False if one failed.
pub(crate) fn carry_out<P: Sync, T: Send>(
    family: &str,
    plans: &[P],
    work: impl Fn(&Server, &P) -> Told<T> + Sync,
) -> (Vec<T>, bool) {
    carry_out_at_once(family, std::thread::available_parallelism().map_or(2, std::num::NonZero::get), plans, work)
}

/// The same, so many at once: more than there are cores, where each waits for others most of the time.
pub(crate) fn carry_out_at_once<P: Sync, T: Send>(
    family: &str,
    count: usize,
    plans: &[P],
    work: impl Fn(&Server, &P) -> Told<T> + Sync,
) -> (Vec<T>, bool) {
    let failed = AtomicUsize::new(0);
    let progress = Progress::new(family, plans.len());
    let results = side_by_side(count, plans, |server, plan| {
        let Told { value, wrong } = work(server, plan);
        if let Some((label, story)) = wrong {
            let told = failed.fetch_add(1, Ordering::Relaxed);
            progress.failure(&label, if told < TOLD { &story } else { first_line(&story) });
        }
        progress.one();
        value
    });
    let failed = failed.into_inner();
    Progress::clear();
    println!("crash: {family}: {} plans, {failed} failed, seed {SEED}, {:.0?}", plans.len(), progress.began.elapsed());
    (results, failed == 0)
}

fn first_line(story: &str) -> &str {
    story.lines().next().unwrap_or_default()
}

/// A counter on a terminal, lines elsewhere.
struct Progress {
    family: String,
    all: usize,
    done: AtomicUsize,
    began: Instant,
    told: Mutex<Instant>,
}

impl Progress {
    fn new(family: &str, all: usize) -> Self {
        let began = Instant::now();
        Self { family: family.to_owned(), all, done: AtomicUsize::new(0), began, told: Mutex::new(began) }
    }

    fn one(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let mut told = self.told.lock().unwrap();
        let terminal = std::io::stderr().is_terminal();
        if told.elapsed() < if terminal { Duration::from_millis(200) } else { EVERY } {
            return;
        }
        *told = Instant::now();
        let (start, end) = if terminal { ("\r", "\x1b[K") } else { ("", "\n") };
        // Nobody may be reading any more.
        let _ = write!(std::io::stderr(), "{start}crash: {}: {done} of {}{end}", self.family, self.all);
    }

    fn failure(&self, label: &str, story: &str) {
        Self::clear();
        println!("crash: {} failed: replay with\n  cargo test --test crash -- replay {label}\n{story}", self.family);
    }

    fn clear() {
        if std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
