//! No secret outside Secrets, whatever happens and however much is logged.

use fastrand::Rng;
use org_operator::telemetry::{LogFormat, lines};

use super::{SEED, Stage, Told, carry_out};
use crate::canary::{Canaries, Page, panics, prove};
use crate::plan;
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
    let proved = prove();
    let plans: Vec<Plan> = (0..stage.scenarios.len()).map(|scenario| (scenario, Vec::new())).collect();
    let (requests, undisturbed) = carry_out("canary (undisturbed)", &plans, |server, plan| search(stage, server, plan));
    let faults: Vec<Fault> = Fault::CRASHES.into_iter().chain(Fault::REPLIES).collect();
    let all: Vec<(usize, Step)> = requests
        .iter()
        .enumerate()
        .flat_map(|(scenario, requests)| (0..*requests).map(move |number| (scenario, number)))
        .flat_map(|(scenario, number)| faults.iter().map(move |fault| (scenario, (number, *fault))))
        .collect();
    let mut drawn = Rng::with_seed(SEED).choose_multiple(all, DRAWN);
    drawn.sort_unstable();
    let plans: Vec<Plan> = drawn.into_iter().map(|(scenario, step)| (scenario, vec![step])).collect();
    let (_, disturbed) = carry_out("canary", &plans, |server, plan| search(stage, server, plan));
    proved && undisturbed && disturbed
}

/// Carries a plan out while everything is logged, and looks for what is secret.
fn search(stage: &Stage, server: &Server, (scenario, script): &Plan) -> Told<usize> {
    let (scenario, kept) = &stage.scenarios[*scenario];
    let (page, canaries) = (Page::default(), Canaries::default());
    for value in [TYK_SECRET, INVITE_CODE, ROCKIT_KEY, ROCKIT_BACKEND, "canary-dxorglnk"] {
        canaries.add(value);
    }
    let mut world = scenario.begin(server, kept);
    for secret in world.api.all("Secret") {
        canaries.secret(&secret);
    }
    world.watch_secrets(&canaries);
    let subscriber = lines(LogFormat::Text, "trace", false, page.clone()).expect("a subscriber");
    // What else may be wrong is for the other families to say; without a fault nothing is.
    let ended = tracing::subscriber::with_default(subscriber, || plan::carry_out(&mut world, scenario, script));
    let log = page.text();
    let mut wrong = canaries.search(&world, &log).err();
    if script.is_empty() {
        wrong = wrong.or(ended.err()).or_else(|| log.is_empty().then(|| "nothing was logged".to_owned()));
    }
    if std::env::var_os("CANARY").is_some() {
        println!("{}: {} bytes of log", plan::label(scenario, script), log.len());
    }
    let requests = world.busy;
    let directory = world.directory.clone();
    server.run(move || async move { directory.close().await });
    Told { value: requests, wrong: wrong.map(|wrong| (plan::label(scenario, script), wrong)) }
}
