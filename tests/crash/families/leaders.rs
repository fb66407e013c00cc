//! A second operator: the leader is stopped at a request, the other takes over, and the first goes on; or the leader ends
//! well, and the other follows at once, but not while a call is in flight.

use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;

use super::{SEED, Stage, Told, carry_out};
use crate::plan;
use crate::scenario::{self, Scenario};
use crate::settle::{Watch, unsettled};
use crate::sim::fault::Fault;
use crate::sim::platform::Kind;
use crate::sim::process::{Halt, Leases, Process};
use crate::sim::server::Server;
use crate::sim::stop::Stop;
use crate::sim::wire::{Side, Step};
use crate::sim::{Kept, World};

/// How long anything may take.
const LIMIT: Duration = Duration::from_hours(2);
/// How often the world is looked at.
const TICK: Duration = Duration::from_secs(1);
/// For how long one operator goes on before the other does, where both live.
const TURN: Duration = Duration::from_millis(100);
/// For how long one that hears nothing of its Lease goes on.
const DEAF: Duration = Duration::from_secs(40);
/// For how long a call is held at the end of its operator.
const HELD: Duration = Duration::from_secs(3);
/// How soon the other leads after one that ended well.
const HANDED_OVER: Duration = Duration::from_secs(1);
/// How soon a twin that can be told from others is gone.
const TWIN: Duration = Duration::from_secs(30);

/// What happens to the leader.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// None: nothing.
    at: Option<(usize, Stop)>,
    /// It does not notice that it lost the Lease; only the fence does.
    deaf: bool,
    /// At which request of the other it goes on; once all is settled, where there is none.
    resumed: Option<usize>,
}

impl Plan {
    const NOTHING: Self = Self { at: None, deaf: false, resumed: None };

    fn script(&self) -> Vec<Step> {
        self.at.iter().map(|(number, stop)| (*number, Fault::Stop(*stop))).collect()
    }

    fn label(&self, scenario: &Scenario) -> String {
        let label = format!("leaders {}", plan::label(scenario, &self.script()));
        let resumed = self.resumed.map_or_else(|| "settled".to_owned(), |number| number.to_string());
        format!("{label} {} {resumed}", if self.deaf { "deaf" } else { "led" })
    }

    fn parse(words: &[String]) -> Option<Self> {
        let [step, how, resumed] = words else { return None };
        let (number, fault) = step.split_once(':')?;
        let Ok(Fault::Stop(point)) = fault.parse() else { return None };
        Some(Self { at: Some((number.parse().ok()?, point)), deaf: how == "deaf", resumed: resumed.parse().ok() })
    }
}

/// Stops the leader at requests of each scenario, in one of several ways, and ends it well at requests of each; so many of
/// each are drawn.
pub(crate) fn leaders(stage: &Stage, count: usize) -> bool {
    let run = |server: &Server, (scenario, plan): &(usize, Plan)| {
        let (scenario, kept) = &stage.scenarios[*scenario];
        run(server, scenario, kept, plan, false)
    };
    let undisturbed: Vec<_> = (0..stage.scenarios.len()).map(|scenario| (scenario, Plan::NOTHING)).collect();
    let (requests, good) = carry_out("leaders (undisturbed)", &undisturbed, run);
    if !good {
        return false;
    }
    let mut chance = Rng::with_seed(SEED);
    let (mut stops, mut ends) = (Vec::new(), Vec::new());
    for (scenario, requests) in requests.into_iter().enumerate() {
        for number in 0..requests {
            for stop in Stop::ALL {
                let resumed = chance.bool().then(|| chance.usize(..24));
                stops.push((scenario, Plan { at: Some((number, stop)), deaf: chance.bool(), resumed }));
            }
            ends.push((scenario, Plan { at: Some((number, Stop::Hold)), ..Plan::NOTHING }));
        }
    }
    for plans in [&mut stops, &mut ends] {
        chance.shuffle(plans);
        plans.truncate(count);
    }
    // `resetCreds` names a user and no key: one that arrives after a person has made the next user of that name ends the key
    // of that one. docs/reliability.md says so.
    stops.retain(|(scenario, plan)| {
        let is_reset = stage.scenarios[*scenario].0.label() == "rockit/token-delete";
        !(is_reset && plan.resumed.is_none() && matches!(plan.at, Some((_, Stop::Sent))))
    });
    let (_, stopped) = carry_out("leaders (stopped)", &stops, run);
    let (_, ended) = carry_out("leaders (ended)", &ends, run);
    stopped && ended
}

/// Carries out one plan again.
pub(crate) fn replay(words: &[String]) -> bool {
    let (name, rest) = words.split_first().expect("replay leaders SCENARIO NUMBER:STOP led|deaf NUMBER|settled");
    let plan =
        if rest.is_empty() { Plan::NOTHING } else { Plan::parse(rest).expect("NUMBER:STOP led|deaf NUMBER|settled") };
    let scenario = scenario::all().into_iter().find(|scenario| scenario.label() == *name).expect("a scenario");
    let server = Server::start();
    let kept = scenario.prepare(&server);
    let told = run(&server, &scenario, &kept, &plan, true);
    let (label, story) = told.wrong.clone().unwrap_or_default();
    println!("{label}\n{story}");
    story.starts_with("None")
}

fn run(server: &Server, scenario: &Scenario, kept: &Kept, plan: &Plan, tell: bool) -> Told<usize> {
    let mut world = scenario.begin(server, kept, None);
    let mut pair = Pair { leases: Leases::new(&world), scenario, plan, story: String::new() };
    let result = pair.carry_out(&mut world);
    let wrong = result.clone().err();
    let wrong = (tell || wrong.is_some()).then(|| {
        let story =
            format!("{}\n--- the first\n{}--- the last\n{}", said(wrong.as_deref()), pair.story, plan::story(&world));
        (plan.label(scenario), story)
    });
    world.close();
    Told { value: result.unwrap_or_default(), wrong }
}

fn said(wrong: Option<&str>) -> &str {
    wrong.unwrap_or("None")
}

/// Two operators and their Lease.
struct Pair<'a> {
    leases: Leases,
    scenario: &'a Scenario,
    plan: &'a Plan,
    story: String,
}

impl Pair<'_> {
    /// How many requests the first made while there was something to do.
    fn carry_out(&mut self, world: &mut World) -> Result<usize, String> {
        for deed in &self.scenario.act {
            world.deed(deed)?;
        }
        let mut first = Process::start(world, &self.leases, "first", self.plan.deaf);
        first.wire.play(&self.plan.script());
        let mut watch = Watch::new(world);
        let halt = first.go(world, LIMIT, TICK, |world| watch.look(world));
        let busy = world.busy;
        let mut second = match (halt, self.plan.at) {
            (Halt::Seen, None) => first,
            (Halt::Stopped, Some((_, stop))) => {
                let mut second = Process::start(world, &self.leases, "second", false);
                let (wire, done) = (
                    first.wire.clone(),
                    match stop {
                        Stop::Hold => self.end(world, first, &mut second),
                        _ => self.stop(world, first, &mut second, stop),
                    },
                );
                self.story = plan::told(&wire);
                done?;
                second
            }
            (halt, _) => return Err(format!("the leader: {halt:?}: {}", unsettled(world).unwrap_or_default())),
        };
        Self::settle(world, &mut second)?;
        second.end(world);
        plan::check(world, self.scenario, true).map(|()| busy)
    }

    /// The leader stands still, the other takes over, and the first goes on.
    fn stop(&self, world: &mut World, mut first: Process, second: &mut Process, stop: Stop) -> Result<(), String> {
        first.deafen();
        let held: Vec<Step> = self.plan.resumed.iter().map(|number| (*number, Fault::Stop(Stop::Hold))).collect();
        second.wire.play(&held);
        let (mut watch, began) = (Watch::new(world), world.time.now());
        let halt = second.go(world, LIMIT, TICK, |world| {
            if !world.wire.is_played() && since(world, began) > Duration::from_mins(2) {
                world.wire.play(&[]);
            }
            watch.look(world)
        });
        if !matches!(halt, Halt::Stopped | Halt::Seen) {
            return Err(format!("the other: {halt:?}: {}", unsettled(world).unwrap_or_default()));
        }
        first.wire.standstill().resume();
        second.wire.standstill().resume();
        let resumed = world.time.now();
        while !first.ended && since(world, resumed) < DEAF {
            first.go(world, TICK, TICK, |_| false);
            if second.go(world, TICK, TICK, |_| false) == Halt::Ended {
                return Err("the other ended as well".to_owned());
            }
        }
        if !first.ended && !self.plan.deaf {
            return Err("one that does not lead any more goes on".to_owned());
        }
        first.end(world);
        if stop == Stop::Sent && self.scenario.platform == Kind::Tyk {
            return self.twins(world, second, resumed);
        }
        Ok(())
    }

    /// A twin of an organisation that bears a mark is gone soon.
    fn twins(&self, world: &mut World, second: &mut Process, since_then: Timestamp) -> Result<(), String> {
        let left = TWIN.saturating_sub(since(world, since_then)).max(TURN);
        if second.go(world, left, left, |_| false) == Halt::Ended {
            return Err("the other ended as well".to_owned());
        }
        let there = world.truth().organizations.len() - 1;
        let expected = world.api.all("Organization").len() + self.scenario.expected(true).retained;
        (there <= expected.max(1)).then_some(()).ok_or(format!("{there} organisations are there after {TWIN:?}"))
    }

    /// The leader ends well while one of its calls is held.
    fn end(&self, world: &mut World, mut first: Process, second: &mut Process) -> Result<(), String> {
        second.go(world, TURN, TURN, |_| false);
        first.stop.cancel();
        let asked = first.wire.asked();
        let held = asked.iter().find(|asked| asked.fault.is_some()).ok_or("nothing is held")?.clone();
        let began = world.time.now();
        while !first.ended && since(world, began) < HELD {
            first.go(world, TURN, TURN, |_| false);
            second.go(world, TURN, TURN, |_| false);
            let other = self.leases.holder() == "second";
            // A status carries the resourceVersion that it was computed from, and an Event says what was: either may be cut
            // off, and arrive whenever it does.
            let counts = held.writes && (held.side == Side::Platform || held.what.contains("/secrets"));
            if other && (counts || !first.ended) {
                return Err(format!("the other leads, and in flight is {}", held.what));
            }
        }
        first.wire.standstill().resume();
        let began = world.time.now();
        while !first.ended && since(world, began) < Duration::from_secs(30) {
            first.go(world, TURN, TURN, |_| false);
            if self.leases.holder() != "first" && !first.ended {
                return Err("the Lease is given up before the end".to_owned());
            }
            if !first.ended {
                second.go(world, TURN, TURN, |_| false);
            }
        }
        if !first.ended {
            return Err("it does not end".to_owned());
        }
        let ended = world.time.now();
        while self.leases.holder() != "second" {
            if since(world, ended) >= HANDED_OVER {
                return Err("nobody leads within a second".to_owned());
            }
            second.go(world, TURN, TURN, |_| false);
        }
        first.end(world);
        Ok(())
    }

    fn settle(world: &mut World, last: &mut Process) -> Result<(), String> {
        let mut watch = Watch::new(world);
        match last.go(world, LIMIT, TICK, |world| watch.look(world)) {
            Halt::Seen => Ok(()),
            halt => Err(format!("it does not come to rest: {halt:?}: {}", unsettled(world).unwrap_or_default())),
        }
    }
}

fn since(world: &World, then: Timestamp) -> Duration {
    world.time.now().duration_since(then).unsigned_abs()
}
