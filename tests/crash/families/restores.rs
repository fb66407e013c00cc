//! Clusters and platforms that are restored from a backup, or emptied.

use super::Stage;
use super::events::{Numbered, carry, carry_some};
use crate::event::{Event, Point};
use crate::plan::Plan;
use crate::sim::fault::Fault;
use crate::sim::platform::Kind;

/// How many plans are carried out.
const COUNT: usize = 350;
/// How many of them set the cluster back while the platform may not show yet what was made.
const UNSEEN: usize = 150;
/// How many seconds later the platform shows it.
const LATE: [u64; 2] = [30, 60];

/// The cluster or the platform is as it was before the deed, or at each request of it, the operator beginning anew or not.
pub(crate) fn restores(stage: &Stage) -> bool {
    let undisturbed: Vec<Numbered> = (0..stage.scenarios.len()).map(|scenario| (scenario, Plan::default())).collect();
    let (outcomes, good) = super::events::carry(stage, "restores (undisturbed)", &undisturbed);
    if !good {
        return false;
    }
    let mut all = Vec::new();
    for (scenario, outcome) in outcomes.iter().enumerate() {
        let points = [Point::Before].into_iter().chain((0..outcome.first).map(Point::Request));
        let mut events: Vec<Event> = vec![Event::Platform(Point::Nothing)];
        for point in points {
            events.extend([Event::Cluster(point, false), Event::Cluster(point, true), Event::Platform(point)]);
        }
        for event in events {
            all.push((scenario, Plan { script: Vec::new(), events: vec![event.clone()] }));
            all.push((scenario, Plan { script: Vec::new(), events: vec![event, Event::Restart] }));
        }
    }
    carry_some(stage, "restores", all, COUNT).1 & set_back(stage)
}

/// The organisation on Tyk is made, and the cluster is set back from each request to each one before, where it shows late
/// what was made. The operator goes on where revisions do too; where they go back, what reads it has to begin anew.
fn set_back(stage: &Stage) -> bool {
    let made = stage
        .scenarios
        .iter()
        .enumerate()
        .filter(|(_, (scenario, _))| scenario.platform == Kind::Tyk && scenario.name == "organization-create");
    let undisturbed: Vec<Numbered> = made
        .flat_map(|(at, _)| LATE.map(|late| (at, Plan { script: Vec::new(), events: vec![Event::Late(late)] })))
        .collect();
    if undisturbed.is_empty() {
        return true;
    }
    let (outcomes, good) = carry(stage, "restores (late, undisturbed)", &undisturbed);
    let mut all = Vec::new();
    for ((scenario, plan), outcome) in undisturbed.iter().zip(&outcomes) {
        for (to, at) in (0..outcome.first).flat_map(|at| (0..at).map(move |to| (to, at))) {
            for (script, back) in [(vec![(at, Fault::CrashBefore)], true), (vec![], false)] {
                let events = [plan.events.clone(), vec![Event::SetBack(to, at, back)]].concat();
                all.push((*scenario, Plan { script, events }));
            }
        }
    }
    let (outcomes, passed) = carry_some(stage, "restores (set back)", all, UNSEEN);
    println!("crash: restores: twins met in {} plans", outcomes.iter().filter(|outcome| outcome.twins > 0).count());
    good && passed
}
