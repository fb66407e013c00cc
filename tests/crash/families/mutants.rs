//! Engines that are broken on purpose: each is caught by every family that should catch it, and the shipped one passes the
//! very same plans.

use std::fmt;
use std::time::Instant;

use fastrand::Rng;

use super::requests::is_possible;
use super::{SEED, Stage, side_by_side};
use crate::plan::{self, Plan};
use crate::real::pairs;
use crate::scenario;
use crate::sim::broken::Broken;
use crate::sim::fault::Fault;
use crate::sim::server::Server;
use crate::sim::wire::Step;

/// How many plans of a family are tried before it has not caught an engine.
const TRIES: usize = 24;
/// How many are tried at once: those on the real API server wait most of the time.
const AT_ONCE: usize = 6;

/// A family of plans.
#[derive(Clone, Copy, Debug)]
enum Family {
    Crashes,
    Pairs,
    Replies,
    RealPairs,
}

/// All of them.
const EVERY: [Family; 4] = [Family::Crashes, Family::Pairs, Family::Replies, Family::RealPairs];

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crashes => "crashes",
            Self::Pairs => "crash-pairs",
            Self::Replies => "replies",
            Self::RealPairs => "real-pairs",
        })
    }
}

/// What is broken, in which scenario it matters, and which families have to see it.
const CASES: [(Broken, &str, &[Family]); 7] = [
    (Broken::StoreAfterStatus, "embedded/token-rotate", &EVERY),
    // Where tokens carry a mark, a mark is enough to find it again.
    (Broken::MintBeforeRecord, "rockfish/token-create", &[Family::Crashes, Family::Pairs, Family::RealPairs]),
    (Broken::RevokeBeforeStore, "embedded/token-rotate", &EVERY),
    (Broken::DeleteWithoutId, "rockfish/organization-delete-twin", &EVERY),
    (Broken::DeleteWithoutId, "rockfish/person-delete-twin", &EVERY),
    // Nothing is sent again to whom nobody answers but by who lives to wait for the answer.
    (Broken::RetryCreate, "rockfish/token-create", &[Family::Replies, Family::RealPairs]),
    (Broken::JoinNothing, "rockfish/token-create", &EVERY),
];

/// What came of one engine in one family.
struct Trial {
    name: String,
    broken: Broken,
    tried: usize,
    /// Which plan caught it.
    caught: Option<String>,
    /// A plan that the shipped engine does not pass.
    shipped: Option<String>,
}

/// Tries every broken engine. False if one is not caught where it should be.
pub(crate) fn mutants() -> bool {
    let began = Instant::now();
    let mut scenarios = scenario::all();
    scenarios.retain(|scenario| CASES.iter().any(|(_, name, _)| *name == scenario.label()));
    let stage = Stage::prepare(scenarios);
    let cases: Vec<_> = CASES
        .iter()
        .flat_map(|(broken, name, families)| families.iter().map(move |family| (*broken, *name, *family)))
        .collect();
    let trials =
        side_by_side(AT_ONCE, &cases, |server, (broken, name, family)| attempt(&stage, server, *broken, name, *family));
    tell(&trials, began)
}

fn tell(trials: &[Trial], began: Instant) -> bool {
    for trial in trials {
        if let Some(wrong) = &trial.shipped {
            println!("crash: mutants failed: the shipped engine does not pass {wrong}");
        } else if let Some(by) = trial.caught.as_ref().filter(|_| std::env::var_os("MUTANTS").is_some()) {
            println!("crash: mutants: {} caught by {by}", trial.name);
        } else if trial.caught.is_none() {
            println!("crash: mutants failed: {} is not caught in {} plans", trial.name, trial.tried);
        }
    }
    let good = |trial: &&Trial| trial.caught.is_some() && trial.shipped.is_none();
    let caught = Broken::ALL.iter().filter(|broken| {
        let mut own = trials.iter().filter(|trial| trial.broken == **broken).peekable();
        own.peek().is_some() && own.all(|trial| good(&trial))
    });
    let (caught, all) = (caught.count(), Broken::ALL.len());
    let seen = trials.iter().filter(good).count();
    let plans: usize = trials.iter().map(|trial| trial.tried).sum();
    println!(
        "crash: mutants: {caught} of {all} caught, by {seen} of {} families and scenarios that should, {plans} plans, \
         seed {SEED}, {:.0?}",
        trials.len(),
        began.elapsed()
    );
    caught == all
}

/// Carries out plans of that family, drawn by chance, until one catches the engine.
fn attempt(stage: &Stage, server: &Server, broken: Broken, name: &str, family: Family) -> Trial {
    let (scenario, kept) = stage.scenarios.iter().find(|(found, _)| found.label() == name).expect("a scenario");
    let run = |script: &[Step], broken| match family {
        Family::RealPairs => {
            let outcome = pairs::run(server, scenario, &Plan::of(script), broken, false);
            outcome.expect("the real API server takes what the scenario begins with")
        }
        _ => plan::run_broken(server, scenario, kept, script, false, broken),
    };
    let mut chance = Rng::with_seed(SEED);
    let mut trial =
        Trial { name: format!("{broken} in {name} by {family}"), broken, tried: 0, caught: None, shipped: None };
    let undisturbed = run(&[], None);
    if let Some(wrong) = undisturbed.wrong {
        trial.shipped = Some(format!("{name}: {wrong}"));
        return trial;
    }
    // Where tokens carry no mark, nobody can tell that a request came twice.
    let replies: Vec<Fault> = Fault::REPLIES.into_iter().filter(|fault| *fault != Fault::Twice).collect();
    let both: Vec<Fault> = Fault::CRASHES.into_iter().chain(replies.iter().copied()).collect();
    let faults: &[Fault] = match family {
        Family::Crashes | Family::Pairs => &Fault::CRASHES,
        Family::Replies => &replies,
        Family::RealPairs => &both,
    };
    let points = undisturbed.writing.iter().filter(|number| **number < undisturbed.first);
    let mut steps: Vec<Step> = points.flat_map(|number| faults.iter().map(move |fault| (*number, *fault))).collect();
    steps.retain(|(number, fault)| is_possible(scenario.platform, undisturbed.sides[*number], *fault));
    chance.shuffle(&mut steps);
    // What is over at once leaves less to see than what lasts.
    steps.sort_by_key(|(_, fault)| !matches!(fault, Fault::Hang | Fault::HangApplied));
    for step in steps.into_iter().take(TRIES) {
        let mut script = vec![step];
        if matches!(family, Family::Pairs | Family::RealPairs) {
            let after = run(&script, None).first;
            if after == 0 {
                continue;
            }
            script.push((chance.usize(..after), faults[chance.usize(..faults.len())]));
        }
        trial.tried += 1;
        let label = plan::label(scenario, &script);
        if let Some(wrong) = run(&script, None).wrong {
            trial.shipped = Some(format!("{label}: {wrong}"));
            return trial;
        }
        if let Some(wrong) = run(&script, Some(broken)).wrong {
            trial.caught = Some(format!("{label}: {wrong}"));
            return trial;
        }
    }
    trial
}
