//! What an organisation or a user needs to be there as its manifest says.

use jiff::Timestamp;

use super::identity::{Identity, identify};
use super::shared::cannot_renew;
use super::twins::twins;
use super::{
    ABSENCE, Candidate, Content, Facts, How, Late, Plan, Slot, SlotState, Source, Step, Verdict, conflict, holds,
};
use crate::domain::condition::{Reason, State};
use crate::domain::fault::Requeue;
use crate::domain::policy::{AdoptionPolicy, DriftPolicy};
use crate::domain::request::Resolve;

pub(super) fn presence<C: Clone>(facts: &Facts<C>, now: Timestamp) -> Plan<C> {
    if let Some(state) = &facts.refused {
        return Plan::held(facts, state.clone(), Requeue::Poll);
    }
    if let Some(slot) = facts.slots.iter().find(|slot| slot.state == SlotState::Foreign) {
        return conflict(facts, slot);
    }
    let identity = identify(facts, now);
    if let (Identity::Absent(_) | Identity::StartOver, Some(state)) = (&identity, &facts.parent) {
        return Plan::held(facts, state.clone(), Requeue::Poll);
    }
    match identity {
        Identity::Refused(state, requeue) => Plan::held(facts, state, requeue),
        Identity::Hidden(state) => {
            let verdict = Verdict::Hidden(state, Requeue::After(ABSENCE));
            Plan { verdict, ..Plan::settled(facts, Vec::new(), None, How::Known) }
        }
        Identity::Absent(how) => creation(facts, how, None),
        Identity::StartOver => creation(facts, How::Recreated, Some(facts.attempt.saturating_add(1))),
        Identity::Is(found, how) => upkeep(facts, found, how),
    }
}

fn creation<C>(facts: &Facts<C>, how: How, start_over: Option<i64>) -> Plan<C> {
    let mut steps = holds(facts);
    let begun = facts.attempt.saturating_add(1);
    for (index, slot) in facts.slots.iter().enumerate().filter(|(_, slot)| slot.source != Source::ShownOnce) {
        match &slot.state {
            SlotState::Ours(Content::Broken) => {
                return unavailable(facts, slot, "delete it: a new value is made with the object");
            }
            // The platform gets its values whole or not at all.
            SlotState::Ours(Content::Mendable) => steps.push(Step::Refresh(index)),
            SlotState::Ours(Content::Whole | Content::Staged) => {}
            SlotState::Absent => steps.extend(generation(slot, index)),
            // Nothing was created yet, so no Secret can hold what belongs to it: this one was planted, or is another
            // object's.
            SlotState::Foreign | SlotState::Claimed { .. } => return conflict(facts, slot),
        }
    }
    let shown_once = facts.slots.iter().position(|slot| slot.shown);
    // Where a mark may be shown late, an attempt without an answer is waited for before there is another.
    let recorded = shown_once.is_some() || !facts.powers.marks || !facts.powers.visible_after.is_zero();
    match start_over {
        Some(attempt) => steps.push(Step::StartOver(attempt)),
        None if recorded => {
            // The proof changes nothing, so it goes first: a Secret that cannot be written costs no attempt.
            steps.extend(shown_once.map(Step::ProveWritable));
            steps.push(Step::RecordAttempt(begun));
        }
        None => {}
    }
    steps.push(Step::Create { attempt: recorded.then_some(start_over.unwrap_or(begun)), previous: None });
    // Only now is it known which object the values belong to. Storing what was shown says so as well.
    let generated = |&index: &usize| !facts.slots[index].shown;
    steps.extend((0..facts.slots.len()).filter(generated).map(Step::Refresh));
    Plan::settled(facts, steps, None, how)
}

fn upkeep<C: Clone>(facts: &Facts<C>, found: &Candidate<C>, how: How) -> Plan<C> {
    let mut steps = holds(facts);
    for (index, slot) in facts.slots.iter().enumerate() {
        let settable = slot.source == Source::Settable && facts.rotate;
        let renewal = || {
            let push = Step::Push { id: found.id.clone(), slot: index };
            [Step::Stage(index), push, Step::Promote(index)]
        };
        // Where the platform keeps keys to itself, one is not reset blindly: the password alone is renewed.
        let shows = slot.source == Source::ShownOnce || found.shows_key;
        let renewed = || {
            let wanted = slot.shown && facts.rotate && shows;
            wanted.then(|| Step::Renew { id: found.id.clone(), slot: index })
        };
        let content = match &slot.state {
            SlotState::Foreign => return conflict(facts, slot),
            SlotState::Claimed { external_id, .. } if external_id.as_ref() != Some(&found.id) => {
                return conflict(facts, slot);
            }
            SlotState::Ours(_) if !settable && is_unused(facts, slot, found, how) => {
                return unavailable(facts, slot, "delete it, which was made ahead and never used");
            }
            SlotState::Claimed { content, .. } | SlotState::Ours(content) => Some(*content),
            SlotState::Absent => None,
        };
        match content {
            Some(Content::Staged) => steps.extend(renewal().into_iter().skip(1)),
            // The key first, because that may be refused: a request is answered by the last of its steps.
            _ if settable => steps.extend(renewed().into_iter().chain(renewal())),
            _ if slot.shown && facts.rotate && !facts.powers.renews => return cannot_renew(facts),
            _ if slot.shown && facts.rotate => {
                steps.extend([Step::ProveWritable(index), Step::RecordAttempt(facts.attempt.saturating_add(1))]);
                steps.extend(renewed());
            }
            _ if found.shown_again.contains(&index) => steps.push(Step::Publish(index)),
            Some(Content::Broken) => return unavailable(facts, slot, slot.remedy),
            None if slot.written => return unavailable(facts, slot, slot.remedy),
            None => match late(facts, slot, how) {
                Some(true) => {
                    steps.extend(generation(slot, index));
                    steps.push(Step::Refresh(index));
                }
                Some(false) => {}
                None => return unavailable(facts, slot, slot.remedy),
            },
            Some(Content::Mendable) => steps.push(Step::Refresh(index)),
            // It was made ahead, and what was shown since is not in it.
            Some(Content::Whole) if slot.shown && slot.source != Source::ShownOnce && slot.made_for.is_none() => {
                return unavailable(facts, slot, slot.remedy);
            }
            Some(Content::Whole) if found.stale.contains(&index) => steps.push(Step::Refresh(index)),
            Some(Content::Whole) => {}
        }
    }
    let mut drift = Vec::new();
    if let Some(change) = &found.change {
        match facts.policy.drift {
            DriftPolicy::Correct => steps.push(Step::Update { id: found.id.clone(), change: change.clone() }),
            DriftPolicy::Report => drift.clone_from(&found.drift),
        }
    }
    let left_behind = twins(facts, found, &mut steps);
    Plan { drift: Some(drift), left_behind, ..Plan::settled(facts, steps, Some(found.id.clone()), how) }
}

/// Makes a value of our own. A key pair costs seconds, so it is proved first that its Secret can be written: one that
/// cannot would otherwise cost a key each time that it is tried.
fn generation<C>(slot: &Slot, index: usize) -> impl Iterator<Item = Step<C>> {
    let proof = (slot.source == Source::Generated).then_some(Step::ProveWritable(index));
    proof.into_iter().chain([Step::Generate(index)])
}

/// Whether a Secret was made ahead of an object, and then another one was found and taken over, which has a value of its
/// own. Where a person says that the object is ours, the value is too. The contract would keep such a Secret with an
/// annotation and go on; but a consumer reads values and not annotations, so the object says it instead.
fn is_unused<C>(facts: &Facts<C>, slot: &Slot, found: &Candidate<C>, how: How) -> bool {
    matches!(how, How::Adopted | How::TakenOver)
        && slot.late != Late::Generate
        && slot.made_for.as_ref() != Some(&found.id)
        && !(facts.attempt_open && facts.resolve == Some(Resolve::Adopt))
}

/// Whether a Secret that was never written is made for an object that is there; `None` where its value is one that the
/// platform has and nobody else.
fn late<C>(facts: &Facts<C>, slot: &Slot, how: How) -> Option<bool> {
    let recorded = facts.recorded_id.is_some();
    // One that carries our mark while status does not know it may have been taken over by a pass that was cut off.
    let may_be_taken = facts.policy.external_id.is_some() || facts.policy.adoption == AdoptionPolicy::IfExists;
    let taken = matches!(how, How::Adopted | How::TakenOver) || may_be_taken;
    match slot.late {
        Late::Generate => Some(true),
        // Asked for after the object was made: it was never the platform's.
        Late::GenerateForOurs => recorded.then_some(true),
        // The platform showed it, and it was not stored: that is not the same as never shown.
        Late::LeaveOut if slot.shown && facts.attempt_open && facts.resolve != Some(Resolve::Adopt) => None,
        Late::LeaveOut => (recorded || taken).then_some(false),
        Late::Never => None,
    }
}

fn unavailable<C>(facts: &Facts<C>, slot: &Slot, remedy: &str) -> Plan<C> {
    let message = format!(
        "the value that belongs into the Secret {} is missing or was edited, and cannot be had again: restore that Secret \
         from a backup, or {remedy}",
        slot.secret
    );
    // A Secret that is restored tells nobody.
    Plan::held(facts, State::new(Reason::ValueUnavailable, message), Requeue::Poll)
}
