//! No secret outside Secrets, whatever happens and however much is logged.

use org_operator::telemetry::{LogFormat, lines};

use super::requests::drawn;
use super::{Stage, Told, carry_out};
use crate::canary::{Canaries, Leak, Page, forget_panics, panics, prove};
use crate::plan;
use crate::scenario;
use crate::sim::fault::Fault;
use crate::sim::platform::{INVITE_CODE, ROCKIT_BACKEND, ROCKIT_KEY, TYK_SECRET};
use crate::sim::server::Server;
use crate::sim::wire::Step;

/// How many plans with something that happens are drawn.
const DRAWN: usize = 240;

type Plan = (usize, Vec<Step>);

/// Every scenario undisturbed, and a sample of what can happen at their requests.
pub(crate) fn canary(stage: &Stage) -> bool {
    panics();
    let proved = prove() && leaks();
    let plans: Vec<Plan> = (0..stage.scenarios.len()).map(|scenario| (scenario, Vec::new())).collect();
    let (requests, undisturbed) =
        carry_out("canary (undisturbed)", &plans, |server, plan| search(stage, server, plan, None));
    let faults: Vec<Fault> = Fault::CRASHES.into_iter().chain(Fault::REPLIES).collect();
    let all: Vec<(usize, Step)> = requests
        .iter()
        .enumerate()
        .flat_map(|(scenario, requests)| (0..*requests).map(move |number| (scenario, number)))
        .flat_map(|(scenario, number)| faults.iter().map(move |fault| (scenario, (number, *fault))))
        .collect();
    let plans: Vec<Plan> = drawn(all, DRAWN).into_iter().map(|(scenario, step)| (scenario, vec![step])).collect();
    let (_, disturbed) = carry_out("canary", &plans, |server, plan| search(stage, server, plan, None));
    proved && undisturbed && disturbed
}

/// An engine that tells what a Secret holds is caught, wherever it tells it.
fn leaks() -> bool {
    let mut scenarios = scenario::all();
    scenarios.retain(|scenario| scenario.label() == "embedded/token-create");
    let (stage, server) = (Stage::prepare(scenarios), Server::start());
    let caught = |leak: &Leak| search(&stage, &server, &(0, Vec::new()), Some(*leak)).wrong;
    let caught: Vec<Option<(String, String)>> = Leak::ALL.iter().map(caught).collect();
    for (leak, _) in Leak::ALL.iter().zip(&caught).filter(|(_, caught)| caught.is_none()) {
        println!("crash: canary failed: what is told is not found: {leak:?}");
    }
    let found = caught.iter().flatten().filter(|(_, wrong)| wrong.contains("holds")).count();
    println!("crash: canary: {found} of {} engines that tell caught", Leak::ALL.len());
    forget_panics();
    found == Leak::ALL.len()
}

/// Carries a plan out while everything is logged, and looks for what is secret.
fn search(stage: &Stage, server: &Server, (scenario, script): &Plan, leak: Option<Leak>) -> Told<usize> {
    let (scenario, kept) = &stage.scenarios[*scenario];
    let (page, canaries) = (Page::default(), Canaries::default());
    for value in [TYK_SECRET, INVITE_CODE, ROCKIT_KEY, ROCKIT_BACKEND, "canary-dxorglnk"] {
        canaries.add(value);
    }
    let mut world = scenario.begin(server, kept, None);
    for secret in world.api.all("Secret") {
        canaries.secret(&secret);
    }
    if let Some(leak) = leak {
        canaries.leak(leak);
    }
    world.watch_secrets(&canaries);
    let subscriber = lines(LogFormat::Text, "trace", false, page.clone()).expect("a subscriber");
    // What else may be wrong is for the other families to say; without a fault nothing is.
    let ended = tracing::subscriber::with_default(subscriber, || {
        plan::carry_out(&mut world, scenario, &plan::Plan::of(script))
    });
    let log = page.text();
    let mut wrong = canaries.search(&world, &log).err();
    if script.is_empty() {
        wrong = wrong.or(ended.err()).or_else(|| log.is_empty().then(|| "nothing was logged".to_owned()));
    }
    if std::env::var_os("CANARY").is_some() {
        println!("{}\n{}", plan::label(scenario, script), String::from_utf8_lossy(&log));
    }
    let requests = world.busy;
    world.close();
    Told { value: requests, wrong: wrong.map(|wrong| (plan::label(scenario, script), wrong)) }
}
