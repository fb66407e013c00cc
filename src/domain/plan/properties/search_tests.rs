//! The search itself, as far as `make test` goes, and as far as a night does.

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::engine::Engine;
use super::search::{Bounds, Search, told};
use super::starts::families;

/// Set, it searches until ten million states are seen.
pub(super) const NIGHTLY: &str = "ORG_OPERATOR_NIGHTLY";

/// A path that a search printed: of a family, a world of it, and moves.
const REPLAY: &str = "ORG_OPERATOR_MODEL_PATH";

pub(super) const SEED: u64 = 20_260_729;

pub(super) fn say(line: std::fmt::Arguments<'_>) {
    // The harness captures what is printed by macros.
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[test]
fn no_state_within_three_faults_is_one_that_must_not_be() {
    let nightly = std::env::var_os(NIGHTLY).is_some();
    let bounds = Bounds { faults: 3, states: if nightly { 100_000 } else { 1_500 }, seed: SEED };
    let (families, next, begun) = (families(), AtomicUsize::new(0), Instant::now());
    let (total, failures) = (Mutex::new((0, 0, vec![0; 4], 0)), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(family) = families.get(number) else { return };
            let found = Search::new(family, Engine::Shipped, bounds).run();
            let mut total = total.lock().unwrap();
            total.0 += found.states;
            total.1 += found.plans;
            for (faults, states) in found.levels.iter().enumerate() {
                total.2[faults] += states;
            }
            total.3 += usize::from(!found.complete);
            if nightly {
                say(format_args!(
                    "  {number}/{}: {} states by faults {:?}, {} in all, {} s; {}",
                    families.len(),
                    found.states,
                    found.levels,
                    total.0,
                    begun.elapsed().as_secs(),
                    family.name
                ));
            }
            if let Some(failure) = found.failure {
                let path: Vec<String> = failure.path.iter().map(ToString::to_string).collect();
                let replay =
                    format!("{REPLAY}={number}:{} cargo test --lib a_path_is_replayed -- --nocapture", path.join("."));
                say(format_args!("  {}: {}\n{replay}", family.name, failure.why));
                failures.lock().unwrap().push(format!("{}: {}\n{replay}\n{}", family.name, failure.why, failure.told));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..if nightly { 2 } else { 1 } {
            scope.spawn(work);
        }
    });
    let ((states, plans, levels, cut), failures) = (total.into_inner().unwrap(), failures.into_inner().unwrap());
    say(format_args!("crash: model: {states} states by faults {levels:?}, {cut} of {} not complete", families.len()));
    say(format_args!("crash: model: {states} states, {plans} plans, {} failed, seed {SEED}", failures.len()));
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// What a failed search printed, again and in words.
#[test]
fn a_path_is_replayed() {
    let Ok(replay) = std::env::var(REPLAY) else { return };
    let (family, path) = replay.split_once(':').unwrap();
    let path: Vec<usize> = path.split('.').map(|number| number.parse().unwrap()).collect();
    let families = families();
    say(format_args!("{}", told(&families[family.parse::<usize>().unwrap()], Engine::Shipped, &path)));
}
