//! Plans with events, drawn from all of a family.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::{SEED, Stage, Told, carry_out};
use crate::plan::{self, Outcome, Plan};

/// A scenario's number, and what happens in it.
pub(super) type Numbered = (usize, Plan);

/// So many of them, drawn by the seed, in their order.
pub(super) fn draw(all: Vec<Numbered>, count: usize) -> Vec<Numbered> {
    let mut chance = Rng::with_seed(SEED);
    let mut drawn = BTreeSet::new();
    while drawn.len() < count.min(all.len()) {
        drawn.insert(chance.usize(..all.len()));
    }
    all.into_iter().enumerate().filter_map(|(index, plan)| drawn.contains(&index).then_some(plan)).collect()
}

/// Carries them out.
pub(super) fn carry(stage: &Stage, family: &str, plans: &[Numbered]) -> (Vec<Outcome>, bool) {
    carry_out(family, plans, |server, (scenario, plan)| {
        let (scenario, kept) = &stage.scenarios[*scenario];
        let outcome = plan::run_plan(server, scenario, kept, plan, None, false);
        let label = || scenario.label() + &plan.to_string();
        let wrong = outcome.wrong.clone().map(|error| (label(), format!("{error}\n{}", outcome.story)));
        Told { value: outcome, wrong }
    })
}

/// Carries out so many of all.
pub(super) fn carry_some(stage: &Stage, family: &str, all: Vec<Numbered>, count: usize) -> (Vec<Outcome>, bool) {
    let family = format!("{family} ({} of {})", count.min(all.len()), all.len());
    carry(stage, &family, &draw(all, count))
}
