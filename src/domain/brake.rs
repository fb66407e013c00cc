//! The brake on deletions: how many organisations may be deleted within an hour before somebody has to say that it is
//! meant. A typing error in a Git repository deletes all of a platform's organisations within seconds otherwise.

use std::time::Duration;

use jiff::Timestamp;

/// The length of the window that is counted.
pub const WINDOW: Duration = Duration::from_hours(1);

/// Deletions that were begun in the same minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The minute.
    pub at: Timestamp,
    /// How many.
    pub count: i32,
}

/// The record with one more deletion at `now`, or `None` when that is one too many: `limit` have been within the last
/// hour. A limit of 0 is none.
///
/// Counted by the minute: one count since the hour began would let twice the limit through around its end, and single
/// times would make a record of ten thousand. A minute that is only partly within the hour counts whole.
pub fn count(record: &[Counted], limit: i32, now: Timestamp) -> Option<Vec<Counted>> {
    let minute = Timestamp::from_second(now.as_second().div_euclid(60) * 60).unwrap_or(now);
    let mut recent: Vec<Counted> = record.iter().copied().filter(|counted| is_within(counted.at, now)).collect();
    let all = recent.iter().fold(0_i32, |all, counted| all.saturating_add(counted.count));
    if limit > 0 && all >= limit {
        return None;
    }
    match recent.iter_mut().find(|counted| counted.at == minute) {
        Some(counted) => counted.count = counted.count.saturating_add(1),
        None => recent.push(Counted { at: minute, count: 1 }),
    }
    Some(recent)
}

/// A clock that was set back makes nothing count less.
fn is_within(minute: Timestamp, now: Timestamp) -> bool {
    let end = minute.checked_add(WINDOW + Duration::from_mins(1)).unwrap_or(Timestamp::MAX);
    now < end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn one_more_than_the_limit_within_an_hour_is_too_many() {
        let mut record = Vec::new();
        for second in [0, 5, 70] {
            record = count(&record, 3, at(second)).unwrap();
        }
        assert_eq!(record, [Counted { at: at(0), count: 2 }, Counted { at: at(60), count: 1 }]);
        assert_eq!(count(&record, 3, at(3599)), None);
        assert_eq!(count(&record, 3, at(3659)), None, "a minute counts whole");
        let later = count(&record, 3, at(3660)).unwrap();
        assert_eq!(later, [Counted { at: at(60), count: 1 }, Counted { at: at(3660), count: 1 }]);
    }

    #[test]
    fn no_hour_ever_has_more_whatever_the_times() {
        let mut record = Vec::new();
        let mut deleted: Vec<i64> = Vec::new();
        for step in 0..2000_i64 {
            let second = step * 37 + (step * step) % 101;
            if let Some(counted) = count(&record, 10, at(second)) {
                record = counted;
                deleted.push(second);
            }
            let within = deleted.iter().filter(|then| second - **then < 3600).count();
            assert!(within <= 10 && record.len() <= 62, "{within} within an hour");
        }
        assert!(deleted.len() > 100);
    }

    #[test]
    fn no_limit_is_no_brake() {
        let record = (0..100).fold(Vec::new(), |record, _| count(&record, 0, at(0)).unwrap());
        assert_eq!(record, [Counted { at: at(0), count: 100 }]);
    }
}
