//! Nothing is lost and nothing is left behind: proved at every point where it can break.
//!
//! The shipped controllers run in simulated time, on an API server in memory and on the served dialects, and something
//! happens at every request of every scenario. What has to hold afterwards is in `oracle`.

#![allow(clippy::print_stdout, reason = "what it says is what it is for")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says that it failed by panicking")]

mod canary;
mod event;
mod families;
mod harm;
mod moment;
mod oracle;
mod plan;
mod real;
mod scenario;
mod settle;
mod sim;
mod tampering;
mod twins;

use families::{
    Stage, canary, corruption, double, late, leaders, mutants, replay_leaders, replay_storm, restores, single, storms,
    watches,
};
use plan::Plan;
use sim::broken::Broken;
use sim::fault::Fault;
use sim::server::Server;

/// How many plans of one family are drawn; all of the smallest family, and at night as many as the seed finds.
const SOME: usize = 2_500;
const AT_NIGHT: usize = 20_000;
/// How many plans with a second operator are drawn of each sort: each takes several times as long as another.
const STOPS: usize = 700;
/// Set for as much as there is time for at night.
const NIGHTLY: &str = "ORG_OPERATOR_NIGHTLY";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let good = match arguments.split_first() {
        Some((command, rest)) if command == "replay" => replay(rest),
        Some((prefix, rest)) => prove(prefix, rest),
        None => prove("", &[]),
    };
    std::process::exit(i32::from(!good));
}

/// Carries out all families on the scenarios whose names begin so.
fn prove(prefix: &str, families: &[String]) -> bool {
    let wanted = |family: &str| families.is_empty() || families.iter().any(|name| name == family);
    let mut scenarios = scenario::all();
    scenarios.retain(|scenario| scenario.label().starts_with(prefix));
    if scenarios.is_empty() {
        println!("crash: nothing is carried out: no scenario's name begins with {prefix}");
        return true;
    }
    let stage = Stage::prepare(scenarios);
    let count = if std::env::var_os(NIGHTLY).is_some() { AT_NIGHT } else { SOME };
    let mut good = true;
    if wanted("crashes") {
        let (crashes, passed) = single(&stage, "crashes", &Fault::CRASHES, usize::MAX);
        good &= passed;
        if wanted("crash-pairs") {
            good &= double(&stage, "crash-pairs", &crashes, &Fault::CRASHES, count);
        }
    }
    if wanted("watches") {
        good &= watches(&stage);
    }
    if wanted("late") {
        good &= late(&stage);
    }
    if wanted("restores") {
        good &= restores(&stage);
    }
    if wanted("corruption") {
        good &= corruption(prefix);
    }
    if wanted("replies") {
        good &= single(&stage, "replies", &Fault::REPLIES, count).1;
    }
    if wanted("lies") {
        good &= single(&stage, "lies", &Fault::LIES, count).1;
    }
    if wanted("canary") {
        good &= canary(&stage);
    }
    if wanted("mutants") {
        good &= mutants();
    }
    if wanted("leaders") {
        good &= leaders(&stage, if count == SOME { STOPS } else { count });
    }
    if wanted("storms") {
        good &= storms(prefix);
    }
    good &= real::families(&stage, &wanted);
    good
}

/// Carries out one plan again, as its failure names it, and tells its story; with an engine that is broken on purpose where
/// the first word says how.
fn replay(words: &[String]) -> bool {
    match words.split_first() {
        Some((family, rest)) if family == "leaders" => return replay_leaders(rest),
        Some((family, rest)) if family == "storm" => return replay_storm(rest),
        Some((family, rest)) if family == "real" => return real::replay(rest),
        _ => {}
    }
    let broken: Option<Broken> = words.first().and_then(|word| word.parse().ok());
    let words = &words[usize::from(broken.is_some())..];
    let (name, plan) = words.split_first().expect("replay [BROKEN] SCENARIO [NUMBER:FAULT|EVENT …]");
    let plan: Plan = plan.join(" ").parse().expect("what happens");
    let mut scenarios = scenario::all().into_iter().chain(scenario::pairs());
    let scenario = scenarios.find(|scenario| scenario.label() == *name).expect("a scenario");
    let server = Server::start();
    let kept = scenario.prepare(&server);
    let began = std::time::Instant::now();
    let outcome = plan::run_plan(&server, &scenario, &kept, &plan, broken, true);
    println!("{}{plan}: {:?} in {:?}\n{}", scenario.label(), outcome.wrong, began.elapsed(), outcome.story);
    outcome.wrong.is_none()
}
