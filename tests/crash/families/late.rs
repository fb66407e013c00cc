//! Platforms whose reads show what was made only later.

use super::Stage;
use super::events::{Numbered, carry, carry_some};
use crate::event::Event;
use crate::plan::Plan;
use crate::sim::fault::Fault;
use crate::sim::platform::Kind;

/// How many plans are carried out.
const COUNT: usize = 300;
/// How many seconds later.
const LATE: [u64; 3] = [1, 30, 60];

/// Each scenario undisturbed, and with a crash at each of its requests.
pub(crate) fn late(stage: &Stage) -> bool {
    let with = |scenario: usize, seconds: u64, script| -> Numbered {
        (scenario, Plan { script, events: vec![Event::Late(seconds)] })
    };
    let platforms = stage.scenarios.iter().map(|(scenario, _)| scenario.platform);
    let remote: Vec<usize> =
        platforms.enumerate().filter_map(|(at, kind)| (kind != Kind::Embedded).then_some(at)).collect();
    let undisturbed: Vec<Numbered> =
        remote.iter().flat_map(|scenario| LATE.map(|seconds| with(*scenario, seconds, Vec::new()))).collect();
    let (outcomes, good) = carry(stage, "late (undisturbed)", &undisturbed);
    let mut all = Vec::new();
    for ((scenario, plan), outcome) in undisturbed.iter().zip(&outcomes) {
        let [Event::Late(seconds)] = plan.events[..] else { continue };
        for number in 0..outcome.first {
            all.extend(Fault::CRASHES.map(|fault| with(*scenario, seconds, vec![(number, fault)])));
        }
    }
    let (outcomes, passed) = carry_some(stage, "late", all, COUNT);
    println!("crash: late: twins met in {} plans", outcomes.iter().filter(|outcome| outcome.twins > 0).count());
    good && passed
}
