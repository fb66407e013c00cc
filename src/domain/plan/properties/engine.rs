//! Engines that are broken on purpose: what the search and the storms have to find.

use super::look::Change;
use super::world::World;
use crate::domain::plan::{Plan, Step};

/// How an engine carries out its plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    /// As the shell does.
    Shipped,
    /// Says in status that it is there, and stores its value then.
    StoresAfterStatus,
    /// Makes it, and records the attempt then.
    MintsBeforeRecording,
    /// Ends the token before the new one is stored.
    RevokesBeforeStoring,
    /// Deletes what has the name, whoever made it.
    DeletesByName,
    /// Sends a creation again that was not answered.
    RetriesTimedOut,
    /// Begins a pass while a call of the one before is on its way.
    JoinsNoCall,
    /// Goes on where it was stopped while another one leads.
    HasNoFence,
}

impl World {
    /// Breaks a plan as the engine is broken.
    pub(super) fn spoil(&self, plan: &mut Plan<Change>) {
        let steps = &mut plan.steps;
        let creation = steps.iter().position(|step| matches!(step, Step::Create { .. }));
        match (self.engine, creation) {
            (Engine::StoresAfterStatus, Some(creation)) => {
                // The values that are made come after it, and those that are shown wherever the pass stores them.
                steps[..=creation].sort_by_key(|step| matches!(step, Step::Generate(_)));
            }
            (Engine::MintsBeforeRecording, Some(creation)) => {
                let record = |step: &Step<Change>| matches!(step, Step::RecordAttempt(_) | Step::StartOver(_));
                if let Some(recording) = steps.iter().position(record) {
                    let step = steps.remove(recording);
                    steps.insert(creation, step);
                }
            }
            (Engine::RevokesBeforeStoring, Some(creation)) => {
                if let Step::Create { previous: Some(previous), .. } = &steps[creation] {
                    let revocation = Step::Revoke(previous.clone());
                    steps.insert(creation, revocation);
                }
            }
            (Engine::DeletesByName, _) if self.deleting => {
                let Some(last) = steps.iter().position(|step| *step == Step::RemoveFinalizer) else { return };
                let is_shown = |id: &String| !steps.contains(&Step::Delete(id.clone()));
                let ids: Vec<String> =
                    self.objects.iter().map(|object| object.id.to_string()).filter(is_shown).collect();
                steps.splice(last..last, ids.into_iter().map(Step::Delete));
            }
            _ => {}
        }
    }
}
