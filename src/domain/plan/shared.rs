//! What a token needs where a user has one key: to hold what the User's Secret holds.
//!
//! There is no second credential that could go on working, so nothing overlaps: renewing replaces the key, in the User's
//! Secret first and then in the token's.

use jiff::Timestamp;

use super::token::next_attempt;
use super::{Content, Credential, Facts, How, Plan, SharedKey, SlotState, Step, conflict, holds};
use crate::domain::condition::{Reason, State};
use crate::domain::fault::Requeue;
use crate::domain::rotation::wait_until;

pub(super) fn presence<C: Clone>(facts: &Facts<C>, key: &SharedKey, now: Timestamp) -> Plan<C> {
    if let Some(slot) = facts.slots.iter().find(|slot| slot.state == SlotState::Foreign) {
        return conflict(facts, slot);
    }
    if let Some(state) = &facts.refused {
        return Plan::held(facts, state.clone(), Requeue::Poll);
    }
    let Some(id) = &key.id else {
        let message = "the Secret of its User holds no key: ask for one with the annotation \
                       org-operator.dev/rotate-requested-at on the User";
        return Plan::held(facts, State::new(Reason::DependencyNotReady, message), Requeue::Poll);
    };
    if !facts.powers.renews && (facts.rotate || facts.token.rotation.every.is_some()) {
        return cannot_renew(facts);
    }
    let credential = facts.token.credential.as_ref().filter(|credential| credential.sound && credential.id == *id);
    let rotate_at = credential.and_then(|credential| renewal(facts, credential, now));
    // A key that was just published for the first time is as old as that: a request that came with it has its answer.
    // One that was published before and is only missing in its Secret is no answer.
    let published = credential.is_some() || facts.recorded_id.as_ref() == Some(id);
    if (published && facts.rotate) || rotate_at.is_some_and(|due| due <= now) {
        return renew(facts);
    }
    let mut steps = holds(facts);
    let whole = facts.slots.iter().all(|slot| slot.state == SlotState::Ours(Content::Whole));
    let how = match credential {
        Some(_) if whole => {
            let stale = facts.candidates.iter().any(|found| found.id == *id && !found.stale.is_empty());
            steps.extend(stale.then_some(Step::Refresh(0)));
            How::Known
        }
        _ => {
            steps.push(Step::Publish(0));
            if facts.recorded_id.is_some() { How::Restored } else { How::Created }
        }
    };
    Plan { next: rotate_at, ..Plan::settled(facts, steps, Some(id.clone()), how) }
}

fn renewal<C>(facts: &Facts<C>, credential: &Credential, now: Timestamp) -> Option<Timestamp> {
    let (rotation, share) = (&facts.token.rotation, facts.token.share);
    let due = rotation.rotate_at(share, credential.issued_at?, credential.expires_at)?;
    Some(wait_until(due, facts.token.due_since.unwrap_or(now), credential.expires_at, share))
}

/// Said before anything is tried: no key is lost, and no attempt is counted again and again.
pub(super) fn cannot_renew<C>(facts: &Facts<C>) -> Plan<C> {
    let message = "this platform is not known to replace a key by another that it shows: leave rotation and the \
                   annotation org-operator.dev/rotate-requested-at out, and make another User for another key";
    Plan::stalled(facts, Reason::Unsupported, message)
}

/// What is replaced is gone at once, so both proofs come first: that the Secret can be written, and that nobody else is at
/// it.
fn renew<C>(facts: &Facts<C>) -> Plan<C> {
    let mut steps = holds(facts);
    let attempt = next_attempt(facts);
    steps.extend([Step::ProveWritable(0), Step::RecordAttempt(attempt)]);
    steps.push(Step::Create { attempt: Some(attempt), previous: None });
    Plan::settled(facts, steps, None, How::Rotated)
}
