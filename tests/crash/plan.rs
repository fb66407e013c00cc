//! A plan: a scenario, and what happens on its way.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::time::Duration;

use crate::event::Event;
use crate::oracle;
use crate::scenario::Scenario;
use crate::sim::broken::Broken;
use crate::sim::fault::Fault;
use crate::sim::platform::Kind;
use crate::sim::server::Server;
use crate::sim::wire::{Side, Step, Wire};
use crate::sim::{Kept, World};
use crate::tampering::{self, Tampering};
use crate::twins::Twins;

/// What happens on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Plan {
    /// To requests.
    pub(crate) script: Vec<Step>,
    /// Beside them.
    pub(crate) events: Vec<Event>,
}

impl Plan {
    /// One in which nothing happens beside requests.
    pub(crate) fn of(script: &[Step]) -> Self {
        Self { script: script.to_vec(), events: Vec::new() }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.script.iter().try_for_each(|(number, fault)| write!(f, " {number}:{fault}"))?;
        self.events.iter().try_for_each(|event| write!(f, " {event}"))
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(words: &str) -> Result<Self, String> {
        let mut plan = Self::default();
        for word in words.split_whitespace() {
            match word.split_once(':').and_then(|(number, fault)| Some((number.parse().ok()?, fault))) {
                Some((number, fault)) => plan.script.push((number, fault.parse()?)),
                None => plan.events.push(word.parse()?),
            }
        }
        Ok(plan)
    }
}

/// What came of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// How many requests were made after the last thing that happened until all was settled for the first time.
    pub(crate) first: usize,
    /// Who was asked by each of them.
    pub(crate) sides: Vec<Side>,
    /// Which of the requests may have changed something, by their numbers.
    pub(crate) writing: Vec<usize>,
    /// How many events watches were told from the deed on.
    pub(crate) told: u64,
    /// How often there were two of one name.
    pub(crate) twins: usize,
    /// What is wrong.
    pub(crate) wrong: Option<String>,
    /// All that was asked of the servers.
    pub(crate) story: String,
}

/// How a command names a plan.
pub(crate) fn label(scenario: &Scenario, script: &[Step]) -> String {
    scenario.label() + &Plan::of(script).to_string()
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
    run_plan(server, scenario, kept, &Plan::of(script), broken, tell)
}

/// The same with whatever else happens.
pub(crate) fn run_plan(
    server: &Server,
    scenario: &Scenario,
    kept: &Kept,
    plan: &Plan,
    broken: Option<Broken>,
    tell: bool,
) -> Outcome {
    let late = plan.events.iter().find_map(|event| match event {
        Event::Late(seconds) => Some(Duration::from_secs(*seconds)),
        _ => None,
    });
    let mut world = scenario.begin(server, kept, late);
    world.twins = late.map(Twins::new);
    conduct(world, scenario, plan, broken, tell)
}

/// The same in a world that has come to where the scenario begins.
pub(crate) fn conduct(
    mut world: World,
    scenario: &Scenario,
    plan: &Plan,
    broken: Option<Broken>,
    tell: bool,
) -> Outcome {
    // Behind its back what is said to be Ready need not be so for a while.
    (world.broken, world.looks) = (broken, plan.events.is_empty());
    let sent = world.api.events_sent();
    let wrong = carry_out(&mut world, scenario, plan).err();
    let writing = world.wire.asked().iter().filter(|asked| asked.writes).filter_map(|asked| asked.number).collect();
    let outcome = Outcome {
        first: world.busy,
        sides: world.wire.sides(),
        writing,
        told: world.api.events_sent() - sent,
        twins: world.twins.as_ref().map_or(0, |twins| twins.met),
        story: if wrong.is_some() || tell { story(&world) } else { String::new() },
        wrong,
    };
    world.close();
    outcome
}

/// What is done, what happens, and what has to hold in the end.
pub(crate) fn carry_out(world: &mut World, scenario: &Scenario, plan: &Plan) -> Result<(), String> {
    let tampering = Tampering::of(plan, world, scenario.platform);
    tampering::begin(world, scenario, plan, &tampering)?;
    let tampered = tampering.carry_out(world, scenario)?;
    if let Some(wrong) = world.twins.as_mut().and_then(|twins| twins.wrong.take()) {
        return Err(wrong);
    }
    if let [wrong, ..] = &world.wire.forbidden()[..] {
        return Err(wrong.clone());
    }
    if tampered {
        return Ok(());
    }
    check(world, scenario, plan.script.iter().any(|(_, fault)| !fault.is_crash()))
}

/// What has to hold once a scenario is done.
pub(crate) fn check(world: &World, scenario: &Scenario, unanswered: bool) -> Result<(), String> {
    let asked = world.wire.asked();
    let minted = asked.iter().filter(|asked| asked.fault == Some(Fault::Twice) && asked.what.ends_with("/token"));
    let expected = oracle::Expected { minted: minted.count(), ..scenario.expected(unanswered) };
    oracle::check(world, expected)?;
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
