//! Clusters and platforms that are restored from a backup, or emptied.

use super::Stage;
use super::events::{Numbered, carry_some};
use crate::event::{Event, Point};
use crate::plan::Plan;

/// How many plans are carried out.
const COUNT: usize = 350;

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
    carry_some(stage, "restores", all, COUNT).1
}
