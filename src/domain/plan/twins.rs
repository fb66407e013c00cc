//! What a creation made beside the object that it was for: the request was carried out twice, or reached the platform only
//! after another attempt had taken its place.
//!
//! A twin is removed only where the platform proves it: both it and the object that status records carry the mark of an
//! attempt of this very resource that status records. What was ever in use is no twin: the object that status records stays,
//! what it recorded before belongs to attempts that are given up, and what it recorded before the cluster was set back
//! belongs to an attempt that it does not know. Such a one is named and left alone, and where there are no marks so is
//! everything, because nobody can tell a twin from a stranger's object of that name.

use super::{Candidate, Facts, Step};
use crate::domain::entity::Kind;
use crate::domain::naming::Ownership;

/// Ends the twins of `found` that are proved; says which others there are.
pub(super) fn twins<C>(facts: &Facts<C>, found: &Candidate<C>, steps: &mut Vec<Step<C>>) -> Vec<String> {
    if facts.kind != Kind::Organization || facts.recorded_id.as_ref() != Some(&found.id) {
        return facts.left_behind.clone();
    }
    let proved = matches!(found.ownership, Ownership::OurAttempt(_)) && facts.powers.deletes;
    let mut left_behind = Vec::new();
    for other in facts.candidates.iter().filter(|other| other.id != found.id && other.rival.is_none()) {
        match other.ownership {
            Ownership::OurAttempt(n) if proved && (facts.given_up + 1..=facts.attempt).contains(&n) => {
                steps.push(Step::RemoveTwin { id: other.id.clone(), of: found.id.clone() });
            }
            Ownership::OurAttempt(_) | Ownership::OurForgotten => left_behind.push(other.id.clone()),
            // One that was taken over has no twin: what has its name was there before.
            Ownership::Unmarked if !facts.powers.marks && facts.attempt > 0 => left_behind.push(other.id.clone()),
            _ => {}
        }
    }
    left_behind
}
