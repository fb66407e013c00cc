//! What a token needs: one that works in the Secret, the one before it as long as the overlap lasts, and no other.
//!
//! The Secret is the truth: a token whose value is not in it is no use to anybody. What was minted and not stored is known
//! by its mark and revoked; what carries our mark with an attempt that nobody recorded comes from a time that the
//! cluster has forgotten (a restored etcd, a cluster rebuilt from its manifests), may be in use, and is left behind.

use jiff::Timestamp;

use super::{ABSENCE, Credential, Facts, How, Plan, SlotState, Step, conflict, holds};
use crate::domain::condition::{Reason, State};
use crate::domain::fault::Requeue;
use crate::domain::naming::Ownership;
use crate::domain::request::Resolve;
use crate::domain::rotation::{later, wait_until};

/// What the resource has at the moment.
enum Current<'a> {
    /// A token that works and whose value is in the Secret.
    Whole(&'a Credential),
    /// A token that works and whose value is lost.
    Lost(&'a str),
    /// A token that was there and has gone.
    Gone,
    /// A token whose own end has come: nobody took it away.
    Ended,
    /// A token that was there and carries another owner's mark now.
    Taken(&'a str),
    /// It has gone from the platform a moment ago, as far as can be seen.
    Missing(&'a str),
    /// None yet.
    Nothing,
}

pub(super) fn presence<C: Clone>(facts: &Facts<C>, now: Timestamp) -> Plan<C> {
    if let Some(slot) = facts.slots.iter().find(|slot| slot.state == SlotState::Foreign) {
        return conflict(facts, slot);
    }
    let current = current(facts, now);
    if let Some(state) = &facts.refused {
        return refused(facts, &current, state, now);
    }
    let undecided = facts.attempt_open && !facts.powers.marks;
    let is_new = match current {
        Current::Gone | Current::Ended => true,
        Current::Nothing => !undecided,
        _ => false,
    };
    if let Some(state) = facts.parent.as_ref().filter(|_| is_new) {
        return Plan::held(facts, state.clone(), Requeue::Poll);
    }
    match current {
        Current::Whole(credential) => keep(facts, credential, now),
        Current::Lost(id) => mint(facts, Some(id), How::Restored),
        Current::Taken(id) => {
            let message = format!("{id} carries another owner's mark now: it is left alone");
            Plan::stalled(facts, Reason::OwnedElsewhere, message)
        }
        Current::Missing(id) => {
            let message = format!("{id} is not on the platform: looking again before anything is done");
            Plan::held(facts, State::new(Reason::Progressing, message), Requeue::After(ABSENCE))
        }
        Current::Gone if !facts.may_recreate && facts.resolve != Some(Resolve::StartOver) => {
            let message = format!(
                "the token is gone from the platform, and so much else is that it may have been emptied or restored: a new \
                 one is made within the hour, or now with the annotation {}",
                Resolve::StartOver.command(facts.attempt)
            );
            Plan::held(facts, State::new(Reason::ExternalIDNotFound, message), Requeue::Backoff)
        }
        Current::Gone => mint(facts, None, How::Recreated),
        // Not one of those that vanished, of which only so many are made again: after a long outage all have ended.
        Current::Ended => mint(facts, None, How::Rotated),
        Current::Nothing if undecided => self::undecided(facts),
        Current::Nothing => mint(facts, None, How::Created),
    }
}

fn current<C>(facts: &Facts<C>, now: Timestamp) -> Current<'_> {
    let is_ours = |id: &str| {
        let found = facts.candidate(id);
        found.is_some_and(|found| !matches!(found.ownership, Ownership::Other | Ownership::Offered))
    };
    let is_believed =
        |credential: &&Credential| credential.is_believed(facts.candidate(&credential.id).map(|found| found.ownership));
    let credential = facts.token.credential.as_ref().filter(is_believed);
    if let Some(credential) = credential.filter(|credential| is_ours(&credential.id)) {
        return if credential.sound { Current::Whole(credential) } else { Current::Lost(&credential.id) };
    }
    let ended = credential.and_then(|credential| credential.expires_at).is_some_and(|end| end <= now);
    let is_gone = ended || facts.is_gone(now);
    // What is stored and not shown yet is not lost, though status may still record the one before it.
    if let Some(credential) = credential.filter(|stored| !is_gone && facts.candidate(&stored.id).is_none()) {
        return Current::Missing(&credential.id);
    }
    if let Some(id) = facts.recorded_id.as_deref().filter(|id| is_ours(id)) {
        return Current::Lost(id);
    }
    let Some(id) = credential.map(|credential| credential.id.as_str()).or(facts.recorded_id.as_deref()) else {
        return Current::Nothing;
    };
    // It is there and carries another's mark: no use to wait until it is shown as ours, and not ours to revoke. One that only
    // a copied Secret names was never ours.
    if facts.candidate(id).is_some() {
        return if facts.recorded_id.as_deref() == Some(id) { Current::Taken(id) } else { Current::Nothing };
    }
    if ended {
        return Current::Ended;
    }
    if is_gone { Current::Gone } else { Current::Missing(id) }
}

fn keep<C: Clone>(facts: &Facts<C>, credential: &Credential, now: Timestamp) -> Plan<C> {
    let rotation = &facts.token.rotation;
    let rotate_at = credential.issued_at.and_then(|issued| {
        let due = rotation.rotate_at(facts.token.share, issued, credential.expires_at)?;
        let noticed = facts.token.due_since.unwrap_or(now);
        Some(wait_until(due, noticed, credential.expires_at, facts.token.share))
    });
    if facts.rotate || rotate_at.is_some_and(|due| due <= now) {
        return mint(facts, Some(&credential.id), How::Rotated);
    }
    let overlap_ends = overlap_ends(facts, credential);
    let outlived = overlap_ends.filter(|end| *end > now).and(credential.previous.as_deref());
    let mut steps = holds(facts);
    let left_behind = clear(facts, &mut steps, &[Some(credential.id.as_str()), outlived]);
    if let Some(found) = facts.candidate(&credential.id) {
        // The mark first: once the Secret is ours, a deletion goes by the mark alone.
        steps.extend(found.change.clone().map(|change| Step::Update { id: found.id.clone(), change }));
        if !found.stale.is_empty() {
            steps.push(Step::Refresh(0));
        }
    }
    let next = rotate_at.into_iter().chain(overlap_ends.filter(|end| *end > now)).min();
    Plan { left_behind, next, ..Plan::settled(facts, steps, Some(credential.id.clone()), How::Known) }
}

/// When the token before the current one is to be revoked, where it still lives.
fn overlap_ends<C>(facts: &Facts<C>, credential: &Credential) -> Option<Timestamp> {
    let previous = credential.previous.as_deref()?;
    facts.candidate(previous)?;
    Some(later(credential.issued_at?, facts.token.rotation.overlap()))
}

/// Mints a token that takes the place of `previous`, which goes on working for the overlap where it can.
fn mint<C>(facts: &Facts<C>, previous: Option<&str>, how: How) -> Plan<C> {
    let mut steps = holds(facts);
    // Before the new one is made: at no time are there more than it and the one before.
    let left_behind = clear(facts, &mut steps, &[previous]);
    let attempt = next_attempt(facts);
    // The proof changes nothing, so it goes first: a Secret that cannot be written costs no attempt.
    steps.extend([Step::ProveWritable(0), Step::RecordAttempt(attempt)]);
    steps.push(Step::Create { attempt: Some(attempt), previous: previous.map(str::to_owned) });
    let at_once = previous.filter(|_| facts.token.rotation.overlap().is_zero());
    let mut plan = Plan { left_behind, ..Plan::settled(facts, steps, None, how) };
    if let Some(previous) = at_once {
        end(facts, &mut plan.steps, &mut plan.left_behind, previous);
    }
    plan
}

/// A namespace that may not use the Platform any more gets no new token; what is to be revoked is revoked all the same.
fn refused<C>(facts: &Facts<C>, current: &Current<'_>, state: &State, now: Timestamp) -> Plan<C> {
    let mut plan = Plan::held(facts, state.clone(), Requeue::Poll);
    let id = match current {
        Current::Whole(credential) => Some(credential.id.as_str()),
        Current::Lost(id) | Current::Missing(id) => Some(*id),
        Current::Taken(_) | Current::Gone | Current::Ended | Current::Nothing => None,
    };
    // Whatever became of the current one, somebody may still use the one before it.
    let outlived = facts.token.credential.as_ref().and_then(|credential| {
        overlap_ends(facts, credential).filter(|end| *end > now).and(credential.previous.as_deref())
    });
    let mut steps = Vec::new();
    plan.left_behind = clear(facts, &mut steps, &[id, outlived]);
    plan.steps = steps;
    plan
}

/// Ends all tokens of this resource but those to keep and those that are left behind; says which those are then.
fn clear<C>(facts: &Facts<C>, steps: &mut Vec<Step<C>>, keep: &[Option<&str>]) -> Vec<String> {
    let mut left_behind = facts.left_behind.clone();
    // Where the platform can tell, what lives no more need not be named.
    if facts.powers.marks {
        left_behind.retain(|id| facts.candidate(id).is_some());
    }
    let known = known_attempt(facts);
    let previous = facts.token.credential.as_ref().and_then(|credential| credential.previous.as_deref());
    let recorded = facts.recorded_id.as_deref();
    for candidate in &facts.candidates {
        let id = candidate.id.as_str();
        if keep.contains(&Some(id)) || left_behind.iter().any(|left| left == id) {
            continue;
        }
        match candidate.ownership {
            Ownership::OurAttempt(n) if n <= known => end(facts, steps, &mut left_behind, id),
            Ownership::OurAttempt(_) => left_behind.push(id.to_owned()),
            // A platform without marks shows it only because we asked for its id: the one before, or the one that status
            // records when an older version of the Secret was restored.
            Ownership::Unmarked if !facts.powers.marks && [previous, recorded].contains(&Some(id)) => {
                end(facts, steps, &mut left_behind, id);
            }
            _ => {}
        }
    }
    left_behind
}

/// Revokes a token, or names it where the platform cannot.
fn end<C>(facts: &Facts<C>, steps: &mut Vec<Step<C>>, left_behind: &mut Vec<String>, id: &str) {
    if facts.powers.deletes {
        steps.push(Step::Revoke(id.to_owned()));
    } else {
        left_behind.push(id.to_owned());
    }
}

/// The last attempt that is recorded anywhere. What the Secret holds was stored after its attempt was recorded.
pub(super) fn known_attempt<C>(facts: &Facts<C>) -> i64 {
    facts.token.credential.as_ref().map_or(facts.attempt, |credential| credential.attempt.max(facts.attempt))
}

/// A number that no token on the platform carries: one with a later number means that our own record is the older.
pub(super) fn next_attempt<C>(facts: &Facts<C>) -> i64 {
    let seen = facts.candidates.iter().filter_map(|candidate| match candidate.ownership {
        Ownership::OurAttempt(n) => Some(n),
        _ => None,
    });
    seen.fold(known_attempt(facts), i64::max).saturating_add(1)
}

fn undecided<C>(facts: &Facts<C>) -> Plan<C> {
    if facts.resolve == Some(Resolve::StartOver) {
        return mint(facts, None, How::Recreated);
    }
    Plan::stalled(
        facts,
        Reason::OutcomeUnknown,
        format!(
            "the platform did not answer the creation of the token and cannot say whether there is one: its value is lost \
             either way; revoke it there if you can, and make another with the annotation {}",
            Resolve::StartOver.command(facts.attempt)
        ),
    )
}
