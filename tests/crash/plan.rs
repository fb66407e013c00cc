//! A plan: a scenario, and what happens on its way.

use std::fmt::Write as _;

use crate::oracle;
use crate::scenario::Scenario;
use crate::settle::settle;
use crate::sim::Kept;
use crate::sim::World;
use crate::sim::broken::Broken;
use crate::sim::platform::Kind;
use crate::sim::server::Server;
use crate::sim::wire::{Side, Step, Wire};

/// What came of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// How many requests were made after the last thing that happened until all was settled for the first time.
    pub(crate) first: usize,
    /// Who was asked by each of them.
    pub(crate) sides: Vec<Side>,
    /// Which of the requests may have changed something, by their numbers.
    pub(crate) writing: Vec<usize>,
    /// What is wrong.
    pub(crate) wrong: Option<String>,
    /// All that was asked of the servers.
    pub(crate) story: String,
}

/// How a command names a plan.
pub(crate) fn label(scenario: &Scenario, script: &[Step]) -> String {
    let steps = script.iter().map(|(number, fault)| format!(" {number}:{fault}"));
    scenario.label() + &steps.collect::<String>()
}

/// Carries a plan out, and tells its story where something is wrong or it is wanted.
pub(crate) fn run(server: &Server, scenario: &Scenario, kept: &Kept, script: &[Step], tell: bool) -> Outcome {
    run_broken(server, scenario, kept, script, tell, None)
}

/// The same with an engine that is broken on purpose.
pub(crate) fn run_broken(
    server: &Server,
    scenario: &Scenario,
    kept: &Kept,
    script: &[Step],
    tell: bool,
    broken: Option<Broken>,
) -> Outcome {
    let mut world = scenario.begin(server, kept);
    (world.broken, world.looks) = (broken, true);
    let result = carry_out(&mut world, scenario, script);
    let wrong = result.err();
    let told = wrong.is_some() || tell;
    let writing = world.wire.asked().iter().filter(|asked| asked.writes).filter_map(|asked| asked.number).collect();
    let outcome = Outcome {
        first: world.busy,
        sides: world.wire.sides(),
        writing,
        wrong,
        story: if told { story(&world) } else { String::new() },
    };
    world.close();
    outcome
}

/// What is done, what happens, and what has to hold in the end.
pub(crate) fn carry_out(world: &mut World, scenario: &Scenario, script: &[Step]) -> Result<(), String> {
    for deed in &scenario.act {
        world.deed(deed)?;
    }
    world.wire.play(script);
    settle(world)?;
    check(world, scenario, script.iter().any(|(_, fault)| !fault.is_crash()))
}

/// What has to hold once a scenario is done.
pub(crate) fn check(world: &World, scenario: &Scenario, unanswered: bool) -> Result<(), String> {
    oracle::check(world, scenario.expected(unanswered))?;
    // Only where a platform tells nobody whose an object is may a person be asked.
    if scenario.platform == Kind::Embedded && !world.asked.is_empty() {
        return Err(format!("a person was asked: {:?}", world.asked));
    }
    Ok(())
}

/// All that was asked, for who has to find out why.
pub(crate) fn story(world: &World) -> String {
    let mut story = told(&world.wire);
    for kind in crate::settle::KINDS {
        for object in world.api.all(kind) {
            let (metadata, status) = (&object["metadata"], &object["status"]);
            let _ = writeln!(story, "{kind} {metadata} {status}");
        }
    }
    story
}

/// What was asked over that wire.
pub(crate) fn told(wire: &Wire) -> String {
    let mut story = String::new();
    for asked in wire.asked() {
        let number = asked.number.map_or_else(String::new, |number| number.to_string());
        let fault = asked.fault.map_or_else(String::new, |fault| format!(" !! {fault}"));
        let time = asked.at.strftime("%H:%M:%S%.3f");
        let _ = writeln!(story, "{time} {number:>4} {:?} {} -> {}{fault}", asked.side, asked.what, asked.answer);
    }
    story
}
