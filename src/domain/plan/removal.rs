//! What is to be done when a resource is deleted: its object goes or stays as the policy says, and nothing that is not
//! provably its own is touched.

use jiff::Timestamp;

use super::token::known_attempt;
use super::{Candidate, Facts, PATIENCE, Plan, SlotState, Step};
use crate::domain::condition::{Reason, State};
use crate::domain::entity::Kind;
use crate::domain::fault::Requeue;
use crate::domain::naming::Ownership;
use crate::domain::policy::DeletionPolicy;
use crate::domain::request::Resolve;
use crate::domain::rotation::later;

pub(super) fn removal<C>(facts: &Facts<C>, now: Timestamp) -> Plan<C> {
    if !facts.finalizer {
        return Plan::gone(facts, Vec::new());
    }
    match facts.policy.deletion {
        DeletionPolicy::Retain => retain(facts),
        DeletionPolicy::Delete => delete(facts, now),
    }
}

/// Lets go, with the platform down too: what cannot be done then is left as it is.
fn retain<C>(facts: &Facts<C>) -> Plan<C> {
    let mut steps = Vec::new();
    let is_lost = |candidate: &Candidate<C>| {
        // What was rotated out or never stored is nobody's token.
        let minted = matches!(candidate.ownership, Ownership::OurAttempt(n) if n <= known_attempt(facts));
        facts.kind == Kind::Token
            && facts.powers.deletes
            && Some(candidate.id.as_str()) != stands(facts)
            && (minted || is_previous(facts, candidate))
            && !facts.left_behind.contains(&candidate.id)
    };
    for candidate in &facts.candidates {
        if is_lost(candidate) {
            steps.push(Step::Revoke(candidate.id.clone()));
        } else if is_marked(candidate) {
            steps.push(Step::Release(candidate.id.clone()));
        }
    }
    let ours = |&index: &usize| matches!(facts.slots[index].state, SlotState::Ours(_));
    steps.extend((0..facts.slots.len()).filter(ours).map(Step::ReleaseSecret));
    steps.push(Step::RemoveFinalizer);
    Plan::gone(facts, steps)
}

fn delete<C>(facts: &Facts<C>, now: Timestamp) -> Plan<C> {
    if let Some(outage) = &facts.outage {
        return unreachable(facts, outage, now);
    }
    // One whose making was not reported any more is known by its mark alone.
    let known: Vec<&str> = facts.recorded_id.as_deref().into_iter().chain(stands(facts)).collect();
    let hidden = if known.is_empty() {
        // A process that was started since knows only that its making was begun.
        let made = facts.made_at.is_some() || (facts.attempt_open && facts.powers.marks);
        made && !facts.candidates.iter().any(is_marked)
    } else {
        known.iter().any(|id| facts.candidate(id).is_none())
    };
    // Nobody looks for it once the resource is gone.
    if hidden && !facts.powers.visible_after.is_zero() && !facts.is_gone(now) {
        let message = "not shown by the platform: looking again before it counts as deleted";
        return Plan::held(facts, State::new(Reason::Deleting, message), Requeue::After(super::ABSENCE));
    }
    // One that went and was to be made again may be there under another id.
    let begun = facts.attempt_open && known.iter().all(|id| facts.candidate(id).is_none());
    if begun && !facts.powers.marks && facts.resolve != Some(Resolve::StartOver) {
        return undecided(facts);
    }
    let ours: Vec<&str> =
        facts.candidates.iter().filter(|found| is_ours(facts, found)).map(|f| f.id.as_str()).collect();
    if facts.kind == Kind::Organization
        && let Some(plan) = held_organization(facts, &ours)
    {
        return plan;
    }
    let lives = |id: &String| !facts.powers.marks || facts.candidate(id).is_some();
    if !facts.powers.deletes && (!ours.is_empty() || facts.left_behind.iter().any(lives)) {
        return left_behind(facts, &ours, "the platform cannot delete it");
    }
    let mut steps = Vec::new();
    if facts.kind == Kind::Organization && !ours.is_empty() {
        steps.push(Step::CountDeletion);
    }
    steps.extend(ours.iter().map(|id| Step::Delete((*id).to_owned())));
    let left = |&index: &usize| {
        let slot = &facts.slots[index];
        matches!(slot.state, SlotState::Ours(_)) && !slot.collected
    };
    steps.extend((0..facts.slots.len()).filter(left).map(Step::AttachSecret));
    steps.push(Step::RemoveFinalizer);
    Plan::gone(facts, steps)
}

/// A creation without an answer, on a platform that keeps no mark to find its object by.
fn undecided<C>(facts: &Facts<C>) -> Plan<C> {
    let message = format!(
        "the platform did not answer the creation of the {} {} and cannot say whose one of that name is: if it is there, \
         remove it there; then let this resource go with the annotation {}, or patch deletionPolicy to Retain",
        facts.kind,
        facts.name,
        Resolve::StartOver.command(facts.attempt)
    );
    Plan::stalled(facts, Reason::LeftBehind, message)
}

/// What an organisation waits for besides: nothing else can be brought back so little.
fn held_organization<C>(facts: &Facts<C>, ours: &[&str]) -> Option<Plan<C>> {
    if facts.dependents > 0 {
        let message =
            format!("waits for {} Users and Tokens of this organisation to be deleted first", facts.dependents);
        return Some(Plan::stalled(facts, Reason::DependentsExist, message));
    }
    if ours.is_empty() {
        return None;
    }
    if !facts.policy.may_delete {
        return Some(Plan::stalled(
            facts,
            Reason::NotPermitted,
            "this namespace may not delete organisations: the Platform's owner grants that with \
             allowedNamespaces.permissions: [Delete]; or patch deletionPolicy to Retain to let it go",
        ));
    }
    facts.braked.then(|| Plan::held(facts, braked(), Requeue::Resync))
}

/// What an organisation says whose deletion the Platform's brake holds.
pub(crate) fn braked() -> State {
    State::new(
        Reason::DeletionHeld,
        "the Platform's brake holds: more organisations were to be deleted within an hour than limits.deletionsPerHour \
         allows; its owner lets deletions go on with the annotation org-operator.dev/resume-deletions-at, or patch \
         deletionPolicy to Retain to let this resource go and leave the organisation there",
    )
}

fn unreachable<C>(facts: &Facts<C>, outage: &State, now: Timestamp) -> Plan<C> {
    let since = facts.outage_since.unwrap_or(now);
    if now < later(since, PATIENCE) {
        return Plan::held(facts, outage.clone(), Requeue::Backoff);
    }
    let mut known: Vec<&str> = Vec::new();
    for id in [facts.recorded_id.as_deref(), stands(facts), outlived(facts, since)].into_iter().flatten() {
        if !known.contains(&id) {
            known.push(id);
        }
    }
    let mut plan = left_behind(facts, &known, "the platform has not answered for 15 minutes");
    // It is still tried: the platform may come back.
    if let super::Verdict::Held(_, requeue) = &mut plan.verdict {
        *requeue = Requeue::Backoff;
    }
    plan
}

fn left_behind<C>(facts: &Facts<C>, ids: &[&str], why: &str) -> Plan<C> {
    let mut all: Vec<&str> = ids.to_vec();
    all.extend(facts.left_behind.iter().map(String::as_str).filter(|id| !ids.contains(id)));
    let ids = if all.is_empty() { "no id is known".to_owned() } else { all.join(", ") };
    let message = format!(
        "{why}, so this is still there: the {} {} ({ids}); remove it there and patch deletionPolicy to Retain, which lets \
         this resource go at once",
        facts.kind, facts.name
    );
    Plan::stalled(facts, Reason::LeftBehind, message)
}

/// The token before the current one, where its overlap had not ended when the platform was last heard of.
fn outlived<C>(facts: &Facts<C>, since: Timestamp) -> Option<&str> {
    let credential = facts.token.credential.as_ref().filter(|credential| credential.sound)?;
    let ends = later(credential.issued_at?, facts.token.rotation.overlap());
    credential.previous.as_deref().filter(|_| ends > since)
}

/// The id of the token that is in use.
fn stands<C>(facts: &Facts<C>) -> Option<&str> {
    let sound = facts.token.credential.as_ref().filter(|credential| credential.sound);
    sound.map(|credential| credential.id.as_str()).or(facts.recorded_id.as_deref())
}

fn is_marked<C>(candidate: &Candidate<C>) -> bool {
    candidate.ownership.is_ours()
}

/// By its mark, or by the recorded id where nobody else's mark is on it. What was taken over and keeps the mark of the
/// owner who gave it up, because drift is only reported, is left there: a deletion cannot be undone.
fn is_ours<C>(facts: &Facts<C>, candidate: &Candidate<C>) -> bool {
    // Whoever edits the Secret may have edited the id in it. Where there are marks, what we made carries one.
    let stored = facts.kind == Kind::Token && !facts.powers.marks && stands(facts) == Some(candidate.id.as_str());
    let recorded = stored || facts.recorded_id.as_ref() == Some(&candidate.id);
    is_marked(candidate) || is_previous(facts, candidate) || (recorded && candidate.ownership == Ownership::Unmarked)
}

/// Whether it is the token before the current one, on a platform that shows it only because its id was asked for.
fn is_previous<C>(facts: &Facts<C>, candidate: &Candidate<C>) -> bool {
    let previous = facts.token.credential.as_ref().and_then(|credential| credential.previous.as_ref());
    !facts.powers.marks && candidate.ownership == Ownership::Unmarked && previous == Some(&candidate.id)
}
