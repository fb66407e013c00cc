//! Something happens at one request, and once more while the operator recovers from it.

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

/// Each of these faults at each request of each scenario.
pub(crate) fn single(stage: &Stage, family: &str, faults: &[Fault]) -> (Carried, bool) {
    let undisturbed: Vec<Plan> = (0..stage.scenarios.len()).map(|scenario| (scenario, Vec::new())).collect();
    let (outcomes, good) =
        carry_out(&format!("{family} (undisturbed)"), &undisturbed, |server, plan| run(stage, server, plan));
    if !good {
        return (Vec::new(), false);
    }
    let plans: Vec<Plan> = outcomes
        .iter()
        .enumerate()
        .flat_map(|(scenario, outcome)| {
            let embedded = stage.scenarios[scenario].0.platform == Kind::Embedded;
            let numbers = (0..outcome.first).flat_map(move |number| faults.iter().map(move |fault| (number, *fault)));
            // A directory in the operator's own process has no replies: it did something or not, and cannot say which.
            let told = move |(number, fault): &Step| {
                !embedded || outcome.sides[*number] == Side::Cluster || fault.is_crash() || fault.is_plain()
            };
            numbers.filter(told).map(move |step| (scenario, vec![step]))
        })
        .collect();
    let (outcomes, good) = carry_out(family, &plans, |server, plan| run(stage, server, plan));
    let carried = plans.into_iter().zip(outcomes).map(|(plan, outcome)| (plan, outcome.first)).collect();
    (carried, good)
}

/// Something more at a request of the recovery, so many times, drawn from all pairs.
pub(crate) fn double(stage: &Stage, family: &str, first: &Carried, faults: &[Fault], count: usize) -> bool {
    let mut chance = Rng::with_seed(SEED);
    let all: usize = first.iter().map(|(_, after)| after * faults.len()).sum();
    let mut drawn = std::collections::BTreeSet::new();
    while drawn.len() < count.min(all) {
        drawn.insert(chance.usize(..all));
    }
    let mut plans: Vec<Plan> = Vec::new();
    let (mut drawn, mut begin) = (drawn.into_iter().peekable(), 0);
    for ((scenario, script), after) in first {
        let end = begin + after * faults.len();
        while let Some(pair) = drawn.next_if(|pair| *pair < end) {
            let step = ((pair - begin) / faults.len(), faults[(pair - begin) % faults.len()]);
            plans.push((*scenario, [script.clone(), vec![step]].concat()));
        }
        begin = end;
    }
    carry_out(family, &plans, |server, plan| run(stage, server, plan)).1
}
