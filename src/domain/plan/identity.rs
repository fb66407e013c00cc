//! Which object on the platform a resource stands for: the one under the recorded id, the one that the manifest names by
//! id and no other, the one that carries our mark, the one of that name, in this order.

use jiff::Timestamp;

use super::{ABSENCE, Candidate, Facts, How, Rival};
use crate::domain::condition::{Reason, State};
use crate::domain::entity::Kind;
use crate::domain::fault::Requeue;
use crate::domain::naming::Ownership;
use crate::domain::policy::AdoptionPolicy;
use crate::domain::request::Resolve;

/// The answer.
pub(super) enum Identity<'a, C> {
    /// That one.
    Is(&'a Candidate<C>, How),
    /// None yet: it is to be made.
    Absent(How),
    /// What was recorded is given up by a person's decision: it is to be made anew.
    StartOver,
    /// One that was made a moment ago and is not shown yet.
    Hidden(State),
    /// None that this resource may have.
    Refused(State, Requeue),
}

fn refused<'a, C>(reason: Reason, message: impl Into<String>) -> Identity<'a, C> {
    Identity::Refused(State::new(reason, message), Requeue::Resync)
}

/// Answers for an organisation or a user. A token has no name to be found by.
pub(super) fn identify<C>(facts: &Facts<C>, now: Timestamp) -> Identity<'_, C> {
    let Some(id) = &facts.recorded_id else {
        return unrecorded(facts, How::Created, now);
    };
    match facts.candidate(id) {
        // One that was taken over keeps the mark of the owner who gave it up where drift is only reported.
        Some(found) if found.ownership == Ownership::Other => {
            refused(Reason::OwnedElsewhere, format!("{id} carries another owner's mark now: it is left alone"))
        }
        Some(found) => Identity::Is(found, How::Known),
        None => vanished(facts, id, now),
    }
}

fn vanished<'a, C>(facts: &'a Facts<C>, id: &str, now: Timestamp) -> Identity<'a, C> {
    // Made again before its new id was recorded, or restored under another id. What is there beside it is no more than its
    // twin, or what a former resource of this name let go, as long as it may only be hidden.
    let is_hidden = facts.made_at.is_some() && facts.may_be_invisible(now);
    let is_twin = |found: &&Candidate<C>| found.ownership.is_made() && !facts.is_gone(now);
    if let Some(candidate) = marked(facts).filter(|found| !is_hidden && !is_twin(found)) {
        return Identity::Is(candidate, How::Known);
    }
    let (kind, start_over) = (facts.kind, Resolve::StartOver.command(facts.attempt));
    if !facts.is_gone(now) {
        let message = format!("{id} is not on the platform: looking again before anything is done");
        let state = State::new(Reason::Progressing, message);
        return if is_hidden { Identity::Hidden(state) } else { Identity::Refused(state, Requeue::After(ABSENCE)) };
    }
    // What the manifest names by id is never made, so nothing is offered that would make it.
    if facts.policy.external_id.is_some() {
        return unrecorded(facts, How::Recreated, now);
    }
    let decided = facts.resolve == Some(Resolve::StartOver);
    if kind == Kind::Organization {
        // A platform that was emptied or restored would otherwise be filled with empty twins.
        return if decided {
            Identity::StartOver
        } else {
            refused(
                Reason::ExternalIDNotFound,
                format!(
                    "the organisation {id} is gone from the platform and is not made again by itself: restore it there, \
                     delete this resource, or make an empty one with the annotation {start_over}"
                ),
            )
        };
    }
    if !facts.may_recreate && !decided {
        let message = format!(
            "the {kind} {id} is gone from the platform, and so many others are that it may have been emptied or \
             restored: it is made again within the hour, or now with the annotation {start_over}"
        );
        return Identity::Refused(State::new(Reason::ExternalIDNotFound, message), Requeue::Backoff);
    }
    unrecorded(facts, How::Recreated, now)
}

/// The object that carries this resource's mark. Where the manifest names one by id, our mark on another says only that a
/// former resource of this name was let go while the platform was down.
fn marked<C>(facts: &Facts<C>) -> Option<&Candidate<C>> {
    let meant = |candidate: &&Candidate<C>| facts.policy.external_id.as_ref().is_none_or(|id| *id == candidate.id);
    facts.candidates.iter().find(|candidate| candidate.ownership.is_ours() && meant(candidate))
}

fn unrecorded<C>(facts: &Facts<C>, creation: How, now: Timestamp) -> Identity<'_, C> {
    if let Some(candidate) = marked(facts) {
        return match rival(facts, candidate) {
            Some(refusal) => refusal,
            None => Identity::Is(candidate, How::Known),
        };
    }
    if facts.attempt_open && !facts.powers.marks {
        return undecided(facts);
    }
    if facts.attempt_open && facts.candidates.is_empty() && facts.may_be_invisible(now) {
        let message = "the platform did not answer the creation, and may show late what came of it: looking again";
        return Identity::Refused(State::new(Reason::Progressing, message), Requeue::After(ABSENCE));
    }
    let kind = facts.kind;
    if let Some(id) = &facts.policy.external_id {
        return match facts.candidate(id) {
            Some(candidate) => adoption(facts, candidate),
            None => refused(
                Reason::ExternalIDNotFound,
                format!("the platform has no {kind} with the id {id} that spec.externalID names"),
            ),
        };
    }
    match facts.candidates.as_slice() {
        [] => Identity::Absent(creation),
        [candidate] => adoption(facts, candidate),
        several => ambiguous(facts, several),
    }
}

fn ambiguous<'a, C>(facts: &Facts<C>, several: &[Candidate<C>]) -> Identity<'a, C> {
    let ids: Vec<&str> = several.iter().map(|candidate| candidate.id.as_str()).collect();
    refused(
        Reason::Ambiguous,
        format!(
            "several objects on the platform are named {}: choose one by spec.externalID ({})",
            facts.name,
            ids.join(", ")
        ),
    )
}

/// A creation without an answer, on a platform that keeps no mark: an object of that name may be ours or a stranger's,
/// and none may be on its way.
fn undecided<C>(facts: &Facts<C>) -> Identity<'_, C> {
    match (facts.resolve, facts.candidates.as_slice()) {
        (Some(Resolve::StartOver), _) => Identity::StartOver,
        // The lost answer may have been that a stranger's was there, so it takes the same grant as any other.
        (Some(Resolve::Adopt), [candidate]) => {
            let ours = || permitted(facts).unwrap_or(Identity::Is(candidate, How::Adopted));
            rival(facts, candidate).unwrap_or_else(ours)
        }
        (Some(Resolve::Adopt), several @ [_, _, ..]) => ambiguous(facts, several),
        (Some(Resolve::Adopt) | None, _) => refused(
            Reason::OutcomeUnknown,
            format!(
                "the platform did not answer the creation of {}, and cannot say whose an object of that name is: if it \
                 is there and yours, take it with the annotation {}; if it is not there, make it with {}",
                facts.name,
                Resolve::Adopt.command(facts.attempt),
                Resolve::StartOver.command(facts.attempt),
            ),
        ),
    }
}

fn adoption<'a, C>(facts: &Facts<C>, candidate: &'a Candidate<C>) -> Identity<'a, C> {
    let name = &facts.name;
    if let Some(refusal) = rival(facts, candidate) {
        return refusal;
    }
    let how = match (candidate.ownership, facts.policy.adoption) {
        (Ownership::Offered, _) => How::TakenOver,
        (Ownership::Unmarked, AdoptionPolicy::IfExists) => How::Adopted,
        (Ownership::Unmarked, AdoptionPolicy::Never) => {
            return refused(
                Reason::AlreadyExists,
                format!("{name} is there already: choose another name, or take it over with adoptionPolicy: IfExists"),
            );
        }
        _ => {
            return refused(
                Reason::OwnedElsewhere,
                format!("{name} is there already and carries another owner's mark: choose another name"),
            );
        }
    };
    permitted(facts).unwrap_or(Identity::Is(candidate, how))
}

/// The refusal where this namespace may not take over what is there.
fn permitted<'a, C>(facts: &Facts<C>) -> Option<Identity<'a, C>> {
    let message = format!(
        "this namespace may not take over an existing {}: the Platform's owner grants that with \
         allowedNamespaces.permissions: [Adopt]",
        facts.kind
    );
    (!facts.policy.may_adopt).then(|| refused(Reason::NotPermitted, message))
}

/// The refusal where another resource of this cluster stands for the object.
fn rival<'a, C>(facts: &Facts<C>, candidate: &Candidate<C>) -> Option<Identity<'a, C>> {
    let (kind, name) = (facts.kind, &facts.name);
    let who = match candidate.rival.as_ref()? {
        Rival::Named(rival) => format!("the {kind} {rival}"),
        Rival::Elsewhere if kind == Kind::Organization => format!("an {kind} of another namespace"),
        Rival::Elsewhere => format!("a {kind} of another namespace"),
    };
    Some(refused(Reason::NameConflict, format!("{who} stands for {name} already: choose another name")))
}
