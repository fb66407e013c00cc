//! What came of attempts, until status says it.
//!
//! An attempt is recorded before its call, and its outcome with the report of the pass. That report may not be written:
//! somebody changed the manifest meanwhile, the pass ran out of time while its call went on, or the API server was away.
//! On a platform that keeps no mark nobody could then tell what came of the call, though this process knows.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::api::ManagedStatus;
use crate::domain::policy::Origin;

/// What came of one attempt.
#[derive(Clone, Debug)]
struct Outcome {
    attempt: i64,
    open: bool,
    made: Option<String>,
}

/// What came of attempts, by uid.
#[derive(Debug, Default)]
pub struct Outcomes(Mutex<HashMap<String, Outcome>>);

impl Outcomes {
    /// Notes what came of the attempt that `status` records: `made` is the platform's id of what was made by it.
    pub fn note(&self, uid: &str, status: &impl ManagedStatus, made: Option<&str>) {
        let outcome = Outcome { attempt: status.attempt(), open: status.attempt_open(), made: made.map(str::to_owned) };
        self.all().insert(uid.to_owned(), outcome);
    }

    /// Completes a status that knows of that attempt and not of its outcome.
    pub fn complete(&self, uid: &str, status: &mut impl ManagedStatus) {
        let Some(outcome) = self.all().get(uid).cloned() else { return };
        if !status.attempt_open() || status.attempt() != outcome.attempt {
            return;
        }
        status.set_attempt(outcome.attempt, outcome.open);
        if outcome.made.is_some() {
            status.set_external_id(outcome.made);
            status.set_origin(Origin::Created);
        }
    }

    /// The object is gone.
    pub fn forget(&self, uid: &str) {
        self.all().remove(uid);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Outcome>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::OrganizationStatus;

    fn status(attempt: i64, open: bool) -> OrganizationStatus {
        let mut status = OrganizationStatus::default();
        status.set_attempt(attempt, open);
        status
    }

    #[test]
    fn only_the_same_attempt_is_completed_and_only_while_it_is_open() {
        let outcomes = Outcomes::default();
        outcomes.note("u", &status(2, false), Some("id"));
        for (case, uid, attempt, open, completed) in [
            ("the same", "u", 2, true, true),
            ("another object's", "v", 2, true, false),
            ("one after it", "u", 3, true, false),
            ("one before it", "u", 1, true, false),
            ("told already", "u", 2, false, false),
        ] {
            let mut found = status(attempt, open);
            outcomes.complete(uid, &mut found);
            assert_eq!(found.attempt_open(), open && !completed, "{case}");
            assert_eq!(found.external_id(), completed.then_some("id"), "{case}");
        }
        outcomes.forget("u");
        let mut found = status(2, true);
        outcomes.complete("u", &mut found);
        assert!(found.attempt_open());
    }
}
