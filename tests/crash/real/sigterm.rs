//! SIGTERM while the real process is at each step of a creation: it ends within its grace period, and after the next start
//! nothing is lost and nothing is there twice.

use std::time::Duration;

use fastrand::Rng;

use super::AT_ONCE;
use super::live::Live;
use crate::NIGHTLY;
use crate::families::{SEED, Stage, Told, carry_out_at_once};
use crate::plan::Plan;
use crate::scenario::Scenario;
use crate::sim::fault::Fault;
use crate::sim::server::Server;
use crate::sim::stop::Stop;

/// How long it may take until the process is at that step.
const REACHED: Duration = Duration::from_mins(1);

/// What becomes of the request that it waits for: it is sent, or answered, once SIGTERM is heard; or never.
const HELD: [Fault; 4] = [Fault::Stop(Stop::Hold), Fault::Stop(Stop::Applied), Fault::Hang, Fault::HangApplied];

/// Every step of every creation, held in one of the two ways in which it goes on; at night in all four, and where all is
/// made at once.
pub(crate) fn family(stage: &Stage) -> bool {
    let scenarios: Vec<&Scenario> = stage.scenarios.iter().map(|(scenario, _)| scenario).collect();
    let all = std::env::var_os(NIGHTLY).is_some();
    // What is made all at once is made in the same steps.
    let is_one = |name: &str| name.ends_with("-create") && (all || name != "all-create");
    let created: Vec<usize> = (0..scenarios.len()).filter(|index| is_one(scenarios[*index].name)).collect();
    let (steps, good) = carry_out_at_once("sigterm (undisturbed)", AT_ONCE, &created, |server, scenario| {
        told(server, scenarios[*scenario], &Plan::default())
    });
    if !good {
        return false;
    }
    let (mut chance, mut plans) = (Rng::with_seed(SEED), Vec::new());
    for (scenario, steps) in created.into_iter().zip(steps) {
        for step in 0..steps {
            let drawn = chance.usize(..2);
            let held = if all { &HELD[..] } else { &HELD[drawn..=drawn] };
            plans.extend(held.iter().map(|fault| (scenario, Plan::of(&[(step, *fault)]))));
        }
    }
    carry_out_at_once("sigterm", AT_ONCE, &plans, |server, (scenario, plan)| told(server, scenarios[*scenario], plan)).1
}

fn told(server: &Server, scenario: &Scenario, plan: &Plan) -> Told<usize> {
    let outcome = carry_out(server, scenario, plan, false);
    let wrong = outcome.as_ref().err().map(|story| (format!("real sigterm {}{plan}", scenario.label()), story.clone()));
    Told { value: outcome.unwrap_or_default(), wrong }
}

/// Carries it out once more, and tells its story.
pub(crate) fn replay(scenario: &Scenario, plan: &Plan) -> String {
    carry_out(&Server::start(), scenario, plan, true).map_or_else(|story| story, |steps| format!("None, {steps} steps"))
}

/// How many steps there were.
fn carry_out(server: &Server, scenario: &Scenario, plan: &Plan, tell: bool) -> Result<usize, String> {
    let mut live = Live::begin(server, scenario)?;
    let done = terminated(&mut live, plan);
    if tell {
        println!("{}", live.story());
    }
    let steps = live.world.busy;
    done.map(|()| steps).map_err(|error| format!("{error}\n{}", live.story()))
}

fn terminated(live: &mut Live<'_>, plan: &Plan) -> Result<(), String> {
    live.world.wire.play(&plan.script);
    live.world.busy = 0;
    live.act()?;
    if let [(_, fault)] = plan.script[..] {
        reached(live, fault)?;
        live.operator.terminate();
        live.operator.says("stopping: calls in flight are ended first")?;
        live.world.wire.standstill().resume();
        live.operator.ends()?;
        live.operator.start();
    }
    live.settle()?;
    live.check()
}

/// Waits until the process is at that step.
fn reached(live: &mut Live<'_>, fault: Fault) -> Result<(), String> {
    let wire = live.world.wire.clone();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|error| error.to_string())?;
    let arrived = async {
        match fault {
            Fault::Stop(_) => wire.standstill().reached().await,
            _ => {
                while !wire.is_played() {
                    tokio::time::sleep(super::process::LOOK).await;
                }
            }
        }
    };
    runtime
        .block_on(async { tokio::time::timeout(REACHED, arrived).await })
        .map_err(|_| "it never came there".to_owned())
}
