//! What to do about one object, decided from facts alone.
//!
//! [`plan`] is the only place where the operator chooses. It gets [`Facts`], what the manifest asks for and what was
//! observed, and answers with [`Step`]s in order and what is then true. The steps hold all the data they need; whoever
//! executes them makes no choices, may stop after any of them, and plans again from what is then there.
//!
//! The order of the steps is the crash safety: a finalizer before anything that would have to be cleaned up, a Secret
//! of our own making before the platform sees its value, a recorded attempt and a proof that the Secret can be written
//! before a value is minted that is shown only once.

use std::time::Duration;

use jiff::Timestamp;

use super::condition::{Reason, State};
use super::entity::Kind;
use super::fault::Requeue;
use super::naming::Ownership;
use super::policy::{AdoptionPolicy, DeletionPolicy, DriftPolicy};

pub use super::facts::{Candidate, Facts, OnAdoption, Policy, Slot, SlotState, Source};

/// How long an object has to stay away before it counts as gone: platforms show new objects late.
pub const ABSENCE: Duration = Duration::from_secs(30);

/// One thing to do. Each is idempotent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<C> {
    /// Put our finalizer on the resource.
    AddFinalizer,
    /// Put our finalizer on the Platform.
    HoldPlatform,
    /// Make the values of this slot and create its Secret; one that is there already wins.
    Generate(usize),
    /// Revoke a token that was minted and never stored.
    Revoke(String),
    /// Write into status that attempt n begins, failing if the resource changed since it was read.
    RecordAttempt(i64),
    /// Prove by a dry-run that the Secret of this slot can be written.
    ProveWritable(usize),
    /// Create the object; where that shows a value once, store it in the same breath.
    Create {
        /// The attempt that this creation belongs to, where it shows a value once.
        attempt: Option<i64>,
    },
    /// Change the object.
    Update {
        /// The platform's id.
        id: String,
        /// What to change.
        change: C,
    },
    /// Remove the object from the platform.
    Delete(String),
    /// Take our owner mark off the object.
    Release(String),
    /// Let the Secret of this slot outlive the resource.
    ReleaseSecret(usize),
    /// Give the Secret of this slot an owner reference, so that it goes with the resource.
    AttachSecret(usize),
    /// Take the owner reference off: a deletion in the foreground collects what has one before we are asked.
    DetachSecret(usize),
    /// Take our finalizer off the resource.
    RemoveFinalizer,
}

/// Steps, and what is true when they are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<C> {
    /// In this order.
    pub steps: Vec<Step<C>>,
    /// What then holds.
    pub verdict: Verdict,
}

/// What holds when a plan's steps are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All that the manifest asks for is there.
    Settled {
        /// The platform's id; `None` when the steps create it.
        id: Option<String>,
        /// It was there before and is taken over by this plan.
        adopted: bool,
    },
    /// Not yet, or not without somebody's help.
    Held(State, Requeue),
    /// Nothing is left, and the resource may go.
    Gone,
}

impl<C> Plan<C> {
    fn held(reason: Reason, message: impl Into<String>) -> Self {
        Self { steps: Vec::new(), verdict: Verdict::Held(State::new(reason, message), Requeue::Resync) }
    }
}

/// Decides.
pub fn plan<C: Clone>(facts: &Facts<C>, now: Timestamp) -> Plan<C> {
    if facts.deleting { removal(facts) } else { presence(facts, now) }
}

fn presence<C: Clone>(facts: &Facts<C>, now: Timestamp) -> Plan<C> {
    if let Some(slot) = facts.slots.iter().find(|slot| slot.state == SlotState::Foreign) {
        let message = format!(
            "the Secret {} is not this {}'s and is left as it is: delete it, or choose another name for ours",
            slot.secret, facts.kind
        );
        // Nobody watches Secrets, and the one of a resource of this name that was deleted just now goes by itself.
        let verdict = Verdict::Held(State::new(Reason::SecretConflict, message), Requeue::Poll);
        return Plan { steps: Vec::new(), verdict };
    }
    match identify(facts, now) {
        Identity::Refused(state, requeue) => Plan { steps: Vec::new(), verdict: Verdict::Held(state, requeue) },
        Identity::Absent => creation(facts),
        Identity::Is { candidate, adopted } => upkeep(facts, candidate, adopted),
    }
}

enum Identity<'a, C> {
    Is { candidate: &'a Candidate<C>, adopted: bool },
    Absent,
    Refused(State, Requeue),
}

fn identify<C>(facts: &Facts<C>, now: Timestamp) -> Identity<'_, C> {
    let refused = |reason, message: String| Identity::Refused(State::new(reason, message), Requeue::Resync);
    if let Some(id) = &facts.recorded_id {
        return match facts.candidates.iter().find(|candidate| &candidate.id == id) {
            Some(found) if found.ownership == Ownership::Other => {
                refused(Reason::OwnedElsewhere, format!("{id} carries another owner's mark now: it is left alone"))
            }
            Some(candidate) => Identity::Is { candidate, adopted: false },
            None => vanished(facts, id, now),
        };
    }
    by_mark_or_name(facts)
}

fn by_mark_or_name<C>(facts: &Facts<C>) -> Identity<'_, C> {
    let refused = |reason, message: String| Identity::Refused(State::new(reason, message), Requeue::Resync);
    let (kind, name) = (facts.kind, &facts.name);
    // A token has no name to be found by: what carries our mark and is not in the Secret was never stored.
    if kind == Kind::Token {
        return Identity::Absent;
    }
    if let Some(candidate) = marked(facts) {
        return Identity::Is { candidate, adopted: false };
    }
    if let Some(id) = &facts.policy.external_id {
        return match facts.candidates.iter().find(|candidate| &candidate.id == id) {
            Some(candidate) => adoption(facts, candidate),
            None => refused(
                Reason::ExternalIDNotFound,
                format!("the platform has no {kind} with the id {id} that spec.externalID names"),
            ),
        };
    }
    match facts.candidates.as_slice() {
        [] => Identity::Absent,
        [candidate] => adoption(facts, candidate),
        several => {
            let ids: Vec<&str> = several.iter().map(|candidate| candidate.id.as_str()).collect();
            refused(
                Reason::Ambiguous,
                format!(
                    "several objects on the platform are named {name}: choose one by spec.externalID ({})",
                    ids.join(", ")
                ),
            )
        }
    }
}

fn adoption<'a, C>(facts: &Facts<C>, candidate: &'a Candidate<C>) -> Identity<'a, C> {
    let (kind, name) = (facts.kind, &facts.name);
    let refused = |reason, message: String| Identity::Refused(State::new(reason, message), Requeue::Resync);
    if candidate.ownership != Ownership::Unmarked {
        return refused(
            Reason::OwnedElsewhere,
            format!("{name} is there already and carries another owner's mark: choose another name"),
        );
    }
    match facts.policy.adoption {
        AdoptionPolicy::Never => refused(
            Reason::AlreadyExists,
            format!("{name} is there already: choose another name, or take it over with adoptionPolicy: IfExists"),
        ),
        AdoptionPolicy::IfExists if !facts.policy.may_adopt => refused(
            Reason::NotPermitted,
            format!(
                "this namespace may not take over an existing {kind}: the Platform's owner grants that with \
                 allowedNamespaces.permissions: [Adopt]"
            ),
        ),
        AdoptionPolicy::IfExists => Identity::Is { candidate, adopted: true },
    }
}

/// The object that carries this resource's mark.
fn marked<C>(facts: &Facts<C>) -> Option<&Candidate<C>> {
    facts.candidates.iter().find(|candidate| candidate.ownership == Ownership::Ours)
}

fn vanished<'a, C>(facts: &'a Facts<C>, id: &str, now: Timestamp) -> Identity<'a, C> {
    // Made again before its new id was recorded, or restored under another id.
    if let Some(candidate) = marked(facts) {
        return Identity::Is { candidate, adopted: false };
    }
    let elapsed = facts.missing_since.map(|since| now.duration_since(since));
    if elapsed.is_none_or(|elapsed| elapsed.unsigned_abs() < ABSENCE) {
        return Identity::Refused(
            State::new(
                Reason::Progressing,
                format!("{id} is not on the platform: looking again before anything is done"),
            ),
            Requeue::After(ABSENCE),
        );
    }
    if facts.kind == Kind::Organization {
        return Identity::Refused(
            State::new(
                Reason::ExternalIDNotFound,
                format!(
                    "the organisation {id} is gone from the platform and is not made again by itself: restore it there, \
                     or delete this resource"
                ),
            ),
            Requeue::Resync,
        );
    }
    by_mark_or_name(facts)
}

fn creation<C>(facts: &Facts<C>) -> Plan<C> {
    let mut steps = holds(facts);
    for (index, slot) in facts.slots.iter().enumerate().filter(|(_, slot)| slot.source == Source::Generated) {
        match &slot.state {
            SlotState::Ours { complete: true, .. } => {}
            SlotState::Ours { complete: false, .. } => return unavailable(slot),
            SlotState::Absent | SlotState::Foreign => steps.push(Step::Generate(index)),
        }
    }
    let shown_once = facts.slots.iter().position(|slot| slot.source == Source::ShownOnce);
    let attempt = shown_once.map(|index| {
        steps.extend(orphans(facts, None).map(Step::Revoke));
        let attempt = next_attempt(facts);
        // The proof changes nothing, so it goes first: a Secret that cannot be written costs no attempt.
        steps.extend([Step::ProveWritable(index), Step::RecordAttempt(attempt)]);
        attempt
    });
    steps.push(Step::Create { attempt });
    Plan { steps, verdict: Verdict::Settled { id: None, adopted: false } }
}

fn upkeep<C: Clone>(facts: &Facts<C>, found: &Candidate<C>, adopted: bool) -> Plan<C> {
    let mut steps = holds(facts);
    for (index, slot) in facts.slots.iter().enumerate().filter(|(_, slot)| slot.source == Source::Generated) {
        match &slot.state {
            SlotState::Ours { complete: true, .. } => {}
            // Asked for after the object was made: it was never the platform's, so it can be made now.
            SlotState::Absent if !slot.written && !adopted && facts.recorded_id.is_some() => {
                steps.push(Step::Generate(index));
            }
            SlotState::Absent if adopted && slot.on_adoption == OnAdoption::LeaveOut => {}
            _ => return unavailable(slot),
        }
    }
    if facts.kind == Kind::Token {
        steps.extend(orphans(facts, Some(&found.id)).map(Step::Revoke));
    }
    if facts.policy.deletion == DeletionPolicy::Retain {
        let attached = |&index: &usize| facts.slots[index].collected;
        steps.extend((0..facts.slots.len()).filter(attached).map(Step::DetachSecret));
    }
    if let Some(change) = &found.change
        && (facts.policy.drift == DriftPolicy::Correct)
    {
        steps.push(Step::Update { id: found.id.clone(), change: change.clone() });
    }
    Plan { steps, verdict: Verdict::Settled { id: Some(found.id.clone()), adopted } }
}

fn unavailable<C>(slot: &Slot) -> Plan<C> {
    Plan::held(
        Reason::ValueUnavailable,
        format!(
            "the value that belongs into the Secret {} cannot be had again: restore that Secret from a backup, or delete \
             this resource and make it anew",
            slot.secret
        ),
    )
}

/// Finalizers first: whatever follows may have to be cleaned up.
fn holds<C>(facts: &Facts<C>) -> Vec<Step<C>> {
    let mut steps = Vec::new();
    // Its own first: a Platform that is being deleted counts those that carry it.
    if !facts.finalizer {
        steps.push(Step::AddFinalizer);
    }
    if !facts.platform_held {
        steps.push(Step::HoldPlatform);
    }
    steps
}

/// Tokens that a recorded attempt of ours minted and that are not the one in the Secret. Only what was recorded: a
/// mark with a later number means that our own record is older than the platform's.
fn orphans<C>(facts: &Facts<C>, stored: Option<&str>) -> impl Iterator<Item = String> {
    facts
        .candidates
        .iter()
        .filter(move |candidate| Some(candidate.id.as_str()) != stored)
        .filter(|candidate| matches!(candidate.ownership, Ownership::OurAttempt(n) if n <= facts.attempt))
        .map(|candidate| candidate.id.clone())
}

fn next_attempt<C>(facts: &Facts<C>) -> i64 {
    let seen = facts.candidates.iter().filter_map(|candidate| match candidate.ownership {
        Ownership::OurAttempt(n) => Some(n),
        _ => None,
    });
    seen.fold(facts.attempt, i64::max).saturating_add(1)
}

fn removal<C>(facts: &Facts<C>) -> Plan<C> {
    if !facts.finalizer {
        return Plan { steps: Vec::new(), verdict: Verdict::Gone };
    }
    let is_ours = |candidate: &&Candidate<C>| {
        let marked = matches!(candidate.ownership, Ownership::Ours | Ownership::OurAttempt(_));
        let recorded = facts.recorded_id.as_ref() == Some(&candidate.id) && candidate.ownership != Ownership::Other;
        marked || recorded
    };
    let ours: Vec<&str> = facts.candidates.iter().filter(is_ours).map(|candidate| candidate.id.as_str()).collect();
    let mut steps = Vec::new();
    match facts.policy.deletion {
        DeletionPolicy::Retain => {
            steps.extend(ours.iter().map(|id| Step::Release((*id).to_owned())));
            steps.extend(
                (0..facts.slots.len())
                    .filter(|&index| matches!(facts.slots[index].state, SlotState::Ours { .. }))
                    .map(Step::ReleaseSecret),
            );
        }
        DeletionPolicy::Delete => {
            if !facts.reachable {
                let message = "the Platform cannot be reached, so nothing was deleted: bring it back, or patch \
                               deletionPolicy to Retain to let this resource go and leave the object there";
                let verdict = Verdict::Held(State::new(Reason::DependencyNotReady, message), Requeue::Backoff);
                return Plan { steps, verdict };
            }
            if facts.kind == Kind::Organization {
                if facts.dependents > 0 {
                    return Plan::held(
                        Reason::DependentsExist,
                        format!(
                            "waits for {} Users and Tokens of this organisation to be deleted first",
                            facts.dependents
                        ),
                    );
                }
                if !facts.policy.may_delete && !ours.is_empty() {
                    return Plan::held(
                        Reason::NotPermitted,
                        "this namespace may not delete organisations: the Platform's owner grants that with \
                         allowedNamespaces.permissions: [Delete]; or patch deletionPolicy to Retain to let it go",
                    );
                }
            }
            steps.extend(ours.iter().map(|id| Step::Delete((*id).to_owned())));
            let left = |&index: &usize| {
                let slot = &facts.slots[index];
                matches!(slot.state, SlotState::Ours { .. }) && !slot.collected
            };
            steps.extend((0..facts.slots.len()).filter(left).map(Step::AttachSecret));
        }
    }
    steps.push(Step::RemoveFinalizer);
    Plan { steps, verdict: Verdict::Gone }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "plan_properties.rs"]
mod properties;
