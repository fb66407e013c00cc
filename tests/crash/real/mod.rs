//! Plans on a real API server.
//!
//! Most run the shipped controllers in simulated time as in memory: each of their requests is carried out by the real
//! server while simulated time stands still, and goes on when their watches have shown what came of it. What
//! kube-controller-manager does comes when it comes. Others run the real process, in real time, whose requests pass the
//! same wire.

mod gate;
mod live;
pub(crate) mod mirror;
pub(crate) mod pairs;
pub(crate) mod part;
pub(crate) mod plane;
mod process;
mod sigkill;
mod sigterm;
mod storms;
mod watches;

use crate::families::Stage;
use crate::scenario::{self, Scenario};

/// How many processes or operators are at work at once: they wait for the API server most of the time.
const AT_ONCE: usize = 8;

/// Carries out those that are wanted.
pub(crate) fn families(stage: &Stage, wanted: &impl Fn(&str) -> bool) -> bool {
    // It waits for a server of its own most of the time.
    std::thread::scope(|scope| {
        let definitions = wanted("real-definitions").then(|| scope.spawn(storms::definitions));
        let good = shared(stage, wanted);
        definitions.is_none_or(|definitions| definitions.join().unwrap_or(false)) && good
    })
}

/// Those on the server that they share.
fn shared(stage: &Stage, wanted: &impl Fn(&str) -> bool) -> bool {
    let mut good = true;
    if wanted("sigterm") {
        good &= sigterm::family(stage);
    }
    if wanted("sigkill") {
        good &= sigkill::family(stage);
    }
    if wanted("real-pairs") {
        good &= pairs::family(stage);
    }
    if wanted("real-storms") {
        good &= storms::family();
    }
    good
}

/// Carries out one plan again.
pub(crate) fn replay(words: &[String]) -> bool {
    let (family, rest) = words.split_first().expect("replay real FAMILY …");
    let (label, rest) = rest.split_first().expect("replay real FAMILY SCENARIO …");
    if let "storms" | "definitions" = family.as_str() {
        let seed = rest.first().and_then(|seed| seed.parse().ok()).expect("a seed");
        let story = storms::replay(family, label, seed);
        println!("{story}");
        return story.starts_with("None");
    }
    let scenario = named(label);
    let plan = rest.join(" ").parse().expect("what happens");
    let told = match family.as_str() {
        "sigterm" => sigterm::replay(&scenario, &plan),
        "sigkill" => sigkill::replay(&scenario, &plan),
        "pairs" => pairs::replay(&scenario, &plan),
        _ => panic!("replay real sigterm|sigkill|pairs …"),
    };
    println!("{told}");
    told.starts_with("None")
}

fn named(label: &str) -> Scenario {
    scenario::all().into_iter().find(|scenario| scenario.label() == label).expect("a scenario")
}
