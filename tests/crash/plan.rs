//! A plan: a scenario, and what happens on its way.

use std::fmt::Write as _;

use crate::oracle::{self, Expected};
use crate::scenario::Scenario;
use crate::settle::settle;
use crate::sim::Kept;
use crate::sim::World;
use crate::sim::platform::Kind;
use crate::sim::server::Server;
use crate::sim::wire::{Step, Wire};

/// What came of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// How many requests were made after the last thing that happened until all was settled for the first time.
    pub(crate) first: usize,
    /// What a person was asked to decide.
    pub(crate) asked: Vec<String>,
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
    let mut world = scenario.begin(server, kept);
    let result = carry_out(&mut world, scenario, script);
    let (wrong, asked) = (result.err(), std::mem::take(&mut world.asked));
    let told = wrong.is_some() || tell;
    let outcome = Outcome { first: world.busy, asked, wrong, story: if told { story(&world) } else { String::new() } };
    let directory = world.directory.clone();
    server.run(move || async move { directory.close().await });
    outcome
}

fn carry_out(world: &mut World, scenario: &Scenario, script: &[Step]) -> Result<(), String> {
    for deed in &scenario.act {
        world.deed(deed)?;
    }
    world.wire.play(script);
    settle(world)?;
    let retained = usize::from(scenario.name == "organization-retain");
    let ended = scenario.platform == Kind::Rockit && scenario.name == "token-delete";
    oracle::check(world, Expected { platform: scenario.platform, retained, ended })?;
    // Only where a platform tells nobody whose an object is may a person be asked.
    let alone = matches!(scenario.platform, Kind::Embedded);
    if alone && !world.asked.is_empty() {
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
