//! What was looked for and not found, by the resource and the id, as far as this process saw: a platform whose reads lag
//! or lie is not believed the first time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// Since when the objects of a resource have been missed.
#[derive(Debug, Default)]
pub struct Absences(Mutex<HashMap<String, Missed>>);

/// By the platform's id.
type Missed = HashMap<String, Timestamp>;

impl Absences {
    /// These, and no others, are away at `now`; says since when all of them have been, where each was missed before.
    pub fn look(&self, uid: &str, away: &[&str], now: Timestamp) -> Option<Timestamp> {
        let mut all = self.all();
        let known = all.remove(uid).unwrap_or_default();
        if away.is_empty() {
            return None;
        }
        let since: Option<Vec<Timestamp>> = away.iter().map(|id| known.get(*id).copied()).collect();
        let missed = away.iter().map(|id| ((*id).to_owned(), known.get(*id).copied().unwrap_or(now)));
        all.insert(uid.to_owned(), missed.collect());
        since?.into_iter().max()
    }

    /// That one is away at `now`, and of the others nothing is known; says since when it has been, if it was missed before.
    pub fn miss(&self, uid: &str, id: &str, now: Timestamp) -> Option<Timestamp> {
        let mut all = self.all();
        let missed = all.entry(uid.to_owned()).or_default();
        let known = missed.get(id).copied();
        missed.entry(id.to_owned()).or_insert(now);
        known
    }

    /// The resource is gone.
    pub fn forget(&self, uid: &str) {
        self.all().remove(uid);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Missed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_is_missed_again_has_been_away_since_it_was_missed_first() {
        let absences = Absences::default();
        assert_eq!(absences.look("u", &["a"], at(1)), None);
        assert_eq!(absences.look("u", &["a"], at(2)), Some(at(1)));
        assert_eq!(absences.look("u", &["a", "b"], at(3)), None, "the other was there a moment ago");
        assert_eq!(absences.look("u", &["a", "b"], at(4)), Some(at(3)));
        assert_eq!(absences.look("u", &["b"], at(5)), Some(at(3)));
        assert_eq!(absences.look("u", &["a", "b"], at(6)), None, "it was there in between");
        assert_eq!(absences.look("other", &["a"], at(7)), None);
        assert_eq!(absences.look("u", &[], at(8)), None);
        assert_eq!(absences.look("u", &["a", "b"], at(9)), None);
    }

    #[test]
    fn one_that_is_missed_says_nothing_of_another() {
        let absences = Absences::default();
        assert_eq!(absences.miss("u", "a", at(1)), None);
        assert_eq!(absences.miss("u", "b", at(2)), None);
        assert_eq!(absences.miss("u", "a", at(3)), Some(at(1)));
        absences.forget("u");
        assert_eq!(absences.miss("u", "a", at(4)), None);
    }
}
