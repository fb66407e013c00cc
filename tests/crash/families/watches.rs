//! What a watch tells comes late, not at all, or after the watch was begun anew.

use super::Stage;
use super::events::{Numbered, carry, carry_some};
use crate::event::Event;
use crate::plan::Plan;

/// How many plans are carried out.
const COUNT: usize = 700;
/// For how many seconds a watch shows nothing new.
const FROZEN: [u64; 2] = [5, 60];

/// A kind's watch shows nothing new for a while from each request on; each event is not told; every watch ends at each
/// request, or each second; its revision is forgotten at each request.
pub(crate) fn watches(stage: &Stage) -> bool {
    let with = |scenario: usize, event: Option<Event>| -> Numbered {
        (scenario, Plan { script: Vec::new(), events: [Event::Live].into_iter().chain(event).collect() })
    };
    let undisturbed: Vec<Numbered> = (0..stage.scenarios.len()).map(|scenario| with(scenario, None)).collect();
    let (outcomes, good) = carry(stage, "watches (undisturbed)", &undisturbed);
    if !good {
        return false;
    }
    let mut all = Vec::new();
    for (scenario, outcome) in outcomes.iter().enumerate() {
        for number in 0..outcome.first {
            for kind in ["Platform", "Organization", "User", "Token"] {
                for seconds in FROZEN {
                    all.push(with(scenario, Some(Event::Freeze(kind.to_owned(), number, seconds))));
                }
            }
            let others = [Event::Cut(number), Event::Gone(number, false), Event::Gone(number, true)];
            all.extend(others.into_iter().map(|event| with(scenario, Some(event))));
        }
        all.extend((1..=outcome.told).map(|number| with(scenario, Some(Event::Drop(number)))));
        all.push(with(scenario, Some(Event::CutAlways)));
    }
    carry_some(stage, "watches", all, COUNT).1
}
