//! Something happens at one request, and once more while the operator recovers from it.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::{SEED, Stage, Told, carry_out};
use crate::plan::{self, Outcome};
use crate::sim::fault::Fault;
use crate::sim::platform::Kind;
use crate::sim::server::Server;
use crate::sim::wire::{Side, Step};

/// A plan: the scenario's number, and what happens.
type Plan = (usize, Vec<Step>);

fn run(stage: &Stage, server: &Server, (scenario, script): &Plan) -> Told<Outcome> {
    let (scenario, kept) = &stage.scenarios[*scenario];
    let outcome = plan::run(server, scenario, kept, script, false);
    let wrong =
        outcome.wrong.clone().map(|error| (plan::label(scenario, script), format!("{error}\n{}", outcome.story)));
    Told { value: outcome, wrong }
}

/// What was carried out, and how many requests each plan made after what happened last.
pub(crate) type Carried = Vec<(Plan, usize)>;

/// Each of these faults at each request of each scenario, or so many of them, drawn by the seed.
pub(crate) fn single(stage: &Stage, family: &str, faults: &[Fault], count: usize) -> (Carried, bool) {
    let undisturbed: Vec<Plan> = (0..stage.scenarios.len()).map(|scenario| (scenario, Vec::new())).collect();
    let (outcomes, good) =
        carry_out(&format!("{family} (undisturbed)"), &undisturbed, |server, plan| run(stage, server, plan));
    if !good {
        return (Vec::new(), false);
    }
    let mut plans = Vec::new();
    for (scenario, outcome) in outcomes.iter().enumerate() {
        let platform = stage.scenarios[scenario].0.platform;
        for (number, side) in outcome.sides.iter().enumerate().take(outcome.first) {
            let lies = faults == Fault::LIES || *side == Side::Cluster;
            let told = faults.iter().filter(|fault| is_possible(platform, *side, **fault) && (lies || !fault.is_lie()));
            plans.extend(told.map(|fault| (scenario, vec![(number, *fault)])));
        }
    }
    let plans = drawn(plans, count);
    let (outcomes, good) = carry_out(family, &plans, |server, plan| run(stage, server, plan));
    let carried = plans.into_iter().zip(outcomes).map(|(plan, outcome)| (plan, outcome.first)).collect();
    (carried, good)
}

/// Something more at a request of the recovery, so many times, drawn from all pairs by the seed.
pub(crate) fn double(stage: &Stage, family: &str, first: &Carried, faults: &[Fault], count: usize) -> bool {
    let all = first.iter().flat_map(|((scenario, script), after)| {
        let second = (0..*after).flat_map(|number| faults.iter().map(move |fault| (number, *fault)));
        second.map(move |step| (*scenario, script, step))
    });
    let plans = drawn(all.collect(), count);
    let plans: Vec<Plan> =
        plans.into_iter().map(|(scenario, script, step)| (scenario, [script.as_slice(), &[step]].concat())).collect();
    carry_out(family, &plans, |server, plan| run(stage, server, plan)).1
}

/// A directory in the operator's own process has no replies: it did something or not, and cannot say which.
pub(crate) fn is_possible(platform: Kind, side: Side, fault: Fault) -> bool {
    let direct = platform == Kind::Embedded && side == Side::Platform;
    !direct || fault.is_crash() || fault.is_plain()
}

/// So many of them, in their order, drawn by the seed.
pub(super) fn drawn<T>(all: Vec<T>, count: usize) -> Vec<T> {
    let chosen = Rng::with_seed(SEED).choose_multiple(0..all.len(), count.min(all.len()));
    let chosen: BTreeSet<usize> = chosen.into_iter().collect();
    all.into_iter().enumerate().filter(|(index, _)| chosen.contains(index)).map(|(_, plan)| plan).collect()
}
