//! SIGKILL of the real process while it creates, renews, changes and deletes, and once more while it recovers.

use fastrand::Rng;

use super::AT_ONCE;
use super::live::Live;
use crate::NIGHTLY;
use crate::families::{SEED, Stage, Told, carry_out_at_once, on_every_core};
use crate::plan::{self, Plan};
use crate::scenario::Scenario;
use crate::sim::fault::Fault;
use crate::sim::platform::Kind;
use crate::sim::server::Server;
use crate::sim::wire::Side;

/// How many plans are drawn, and at night.
const SOME: usize = 48;
const AT_NIGHT: usize = 480;

/// Draws moments by the requests that are made in memory.
pub(crate) fn family(stage: &Stage) -> bool {
    let counts = on_every_core(&stage.scenarios, |server, (scenario, kept)| {
        let outcome = plan::run(server, scenario, kept, &[], false);
        // A directory in the process itself is asked over no wire.
        let asked = |side: &&Side| scenario.platform != Kind::Embedded || **side == Side::Cluster;
        outcome.sides.iter().take(outcome.first).filter(asked).count()
    });
    let mut chance = Rng::with_seed(SEED);
    let mut plans: Vec<(usize, Plan)> = Vec::new();
    let count = if std::env::var_os(NIGHTLY).is_some() { AT_NIGHT } else { SOME };
    while plans.len() < count && !counts.is_empty() {
        let scenario = chance.usize(..counts.len());
        let mut step = || (chance.usize(..counts[scenario].max(1)), Fault::CRASHES[chance.usize(..3)]);
        let script = [step(), step()];
        plans.push((scenario, Plan::of(&script)));
    }
    carry_out_at_once("sigkill", AT_ONCE, &plans, |server, (scenario, plan)| {
        let scenario = &stage.scenarios[*scenario].0;
        let outcome = carry_out(server, scenario, plan, false);
        Told {
            value: (),
            wrong: outcome.err().map(|story| (format!("real sigkill {}{plan}", scenario.label()), story)),
        }
    })
    .1
}

/// Carries it out once more, and tells its story.
pub(crate) fn replay(scenario: &Scenario, plan: &Plan) -> String {
    carry_out(&Server::start(), scenario, plan, true).map_or_else(|story| story, |()| "None".to_owned())
}

fn carry_out(server: &Server, scenario: &Scenario, plan: &Plan, tell: bool) -> Result<(), String> {
    let mut live = Live::begin(server, scenario)?;
    live.world.wire.play(&plan.script);
    let done = live.act().and_then(|()| live.settle()).and_then(|()| live.check());
    if tell {
        println!("{}", live.story());
    }
    done.map_err(|error| format!("{error}\n{}", live.story()))
}
