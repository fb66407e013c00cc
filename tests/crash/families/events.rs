//! Plans with events, drawn from all of a family.

use super::requests::drawn;
use super::{Stage, Told, carry_out};
use crate::plan::{self, Outcome, Plan};

/// A scenario's number, and what happens in it.
pub(super) type Numbered = (usize, Plan);

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
    carry(stage, &family, &drawn(all, count))
}
