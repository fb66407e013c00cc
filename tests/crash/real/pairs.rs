//! Something happens at one request and once more while the operator recovers, on the real API server.

use fastrand::Rng;

use super::part::Part;
use super::plane::Plane;
use crate::NIGHTLY;
use crate::families::requests::is_possible;
use crate::families::{SEED, Stage, Told, carry_out_at_once, on_every_core};
use crate::plan::{self, Outcome, Plan};
use crate::scenario::{LATE, Scenario};
use crate::sim::World;
use crate::sim::broken::Broken;
use crate::sim::fault::Fault;
use crate::sim::platform::Kind;
use crate::sim::server::Server;
use crate::sim::time::Time;
use crate::sim::wire::Side;

/// How many plans are drawn, and at night.
const SOME: usize = 500;
const AT_NIGHT: usize = 1_500;
/// How many operators live at once.
const AT_ONCE: usize = 6;

/// Draws the plans by the requests that are made in memory where nothing happens, and carries them out.
pub(crate) fn family(stage: &Stage) -> bool {
    let count = if std::env::var_os(NIGHTLY).is_some() { AT_NIGHT } else { SOME };
    let plans = draw(stage, count);
    carry_out_at_once("real-pairs", AT_ONCE, &plans, |server, (scenario, plan)| {
        let scenario = &stage.scenarios[*scenario].0;
        let wrong = run(server, scenario, plan, None, false)
            .map_or_else(Some, |outcome| outcome.wrong.map(|error| format!("{error}\n{}", outcome.story)));
        Told { value: (), wrong: wrong.map(|story| (format!("real pairs {}{plan}", scenario.label()), story)) }
    })
    .1
}

/// Carries it out once more, and tells its story.
pub(crate) fn replay(scenario: &Scenario, plan: &Plan) -> String {
    let outcome = run(&Server::start(), scenario, plan, None, true);
    outcome.map_or_else(|error| error, |outcome| format!("{:?}\n{}", outcome.wrong, outcome.story))
}

/// Carries one out, with an engine that is broken on purpose where it says how. An error is one of the preparation.
pub(crate) fn run(
    server: &Server,
    scenario: &Scenario,
    plan: &Plan,
    broken: Option<Broken>,
    tell: bool,
) -> Result<Outcome, String> {
    let part = Part::new(Plane::shared());
    let mut world = World::real(server, scenario.quirk, LATE, part, Time::from_now());
    if let Err(error) = scenario.raise(&mut world) {
        let story = plan::story(&world);
        world.close();
        return Err(format!("it could not be prepared: {error}\n{story}"));
    }
    world.forget_what_was_asked();
    Ok(plan::conduct(world, scenario, plan, broken, tell))
}

fn draw(stage: &Stage, count: usize) -> Vec<(usize, Plan)> {
    let mut chance = Rng::with_seed(SEED);
    let undisturbed =
        on_every_core(&stage.scenarios, |server, (scenario, kept)| plan::run(server, scenario, kept, &[], false));
    let drawn = (0..count).map(|_| {
        let scenario = chance.usize(..undisturbed.len());
        let (platform, outcome) = (stage.scenarios[scenario].0.platform, &undisturbed[scenario]);
        let number = chance.usize(..outcome.first.max(1));
        let first = (number, fault(&mut chance, platform, &outcome.sides[number..=number]));
        // Who will be asked by then is not known before.
        let second =
            (chance.usize(..outcome.first.max(1)), fault(&mut chance, platform, &[Side::Cluster, Side::Platform]));
        (scenario, Plan::of(&[first, second]))
    });
    drawn.collect()
}

/// Something that can happen to a request to each of them.
fn fault(chance: &mut Rng, platform: Kind, sides: &[Side]) -> Fault {
    let possible = |fault: &Fault| {
        sides.iter().all(|side| is_possible(platform, *side, *fault) && (*side == Side::Cluster || !fault.is_lie()))
    };
    let faults: Vec<Fault> = Fault::CRASHES.into_iter().chain(Fault::REPLIES).filter(possible).collect();
    faults[chance.usize(..faults.len())]
}
