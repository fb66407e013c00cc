//! When a token is renewed, and how long the one before it goes on working.
//!
//! All of it follows from when the token was issued, what the manifest asks for and a share that is fixed for each
//! resource, so a restart changes no date.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// The longest default overlap.
const LONGEST_OVERLAP: Duration = Duration::from_hours(24);
/// The overlap of a token that is rotated on request alone: time enough for consumers to read the new one.
const REQUESTED_OVERLAP: Duration = Duration::from_hours(1);
/// How long past its date a renewal may be before that is said.
const OVERDUE: Duration = Duration::from_hours(24);
/// A renewal that was due this long when it was first seen is one of a backlog: the operator was away.
const BACKLOG: Duration = Duration::from_mins(1);
/// Over how much time a backlog is spread.
const SPREAD: Duration = Duration::from_mins(1);

/// Where in a period something of this resource happens, so that what has the same period does not happen at once: from
/// 0 up to but not including 1000 thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    /// The share of the resource with that uid. It stays the same over restarts and versions.
    pub fn of(uid: &str) -> Self {
        let hash = Sha256::digest(uid.as_bytes());
        let number = hash.iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        Self(number % 1000)
    }

    /// That part of `whole`.
    fn part(self, whole: Duration) -> Duration {
        whole / 1000 * self.0
    }
}

/// What a manifest asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// How long a token is valid.
    pub lifetime: Option<Duration>,
    /// The age at which a new one is minted.
    pub every: Option<Duration>,
    /// How long the one before goes on working, where the manifest says so.
    pub overlap: Option<Duration>,
}

impl Rotation {
    /// How long the token before the current one goes on working: as asked for, else a tenth of the period, at most a
    /// day.
    pub fn overlap(&self) -> Duration {
        let period = self.every.or(self.lifetime);
        self.overlap.unwrap_or_else(|| period.map_or(REQUESTED_OVERLAP, |period| (period / 10).min(LONGEST_OVERLAP)))
    }

    /// When a token issued then is renewed: at the age asked for, else when two thirds of its life are over; less up to a
    /// tenth. `None` where only a request renews it.
    pub fn rotate_at(&self, share: Share, issued_at: Timestamp, expires_at: Option<Timestamp>) -> Option<Timestamp> {
        let lived = || expires_at.map(|end| end.duration_since(issued_at).unsigned_abs()).or(self.lifetime);
        let age = self.every.or_else(|| lived().map(|life| life / 3 * 2))?;
        let age = age.saturating_sub(share.part(age / 10));
        Some(whole_second(later(issued_at, age)))
    }

    /// When a token minted at `now` is to end.
    pub fn expires_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.lifetime.map(|lifetime| whole_second(later(now, lifetime)))
    }
}

/// Until when a renewal that is due waits. One that comes due while the operator looks on waits for nothing. Those that
/// came due while it was away are spread over a minute, but for those that would end meanwhile.
pub fn wait_until(
    rotate_at: Timestamp,
    noticed_at: Timestamp,
    expires_at: Option<Timestamp>,
    share: Share,
) -> Timestamp {
    if later(rotate_at, BACKLOG) > noticed_at {
        return rotate_at;
    }
    let spread = later(noticed_at, share.part(SPREAD));
    match expires_at {
        Some(end) if end <= later(spread, SPREAD) => noticed_at,
        _ => spread,
    }
}

/// From when on somebody should know that a renewal is late: a day after it was due, or sooner where the token ends soon:
/// when a third of the time that was left then has passed.
pub fn late_from(rotate_at: Timestamp, expires_at: Option<Timestamp>) -> Timestamp {
    let left = expires_at.map(|end| Duration::try_from(end.duration_since(rotate_at)).unwrap_or_default());
    later(rotate_at, left.map_or(OVERDUE, |left| (left / 3).min(OVERDUE)))
}

/// `after` past `time`, as far as time goes.
pub fn later(time: Timestamp, after: Duration) -> Timestamp {
    time.checked_add(after).unwrap_or(Timestamp::MAX)
}

/// The API server keeps whole seconds.
fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn at(second: u64) -> Timestamp {
        Timestamp::from_second(i64::try_from(second).unwrap()).unwrap()
    }

    fn hours(hours: u64) -> Duration {
        Duration::from_hours(hours)
    }

    #[test]
    fn the_share_is_fixed_and_spread() {
        assert_eq!(Share::of("a"), Share::of("a"));
        let shares: Vec<u32> = (0..1000).map(|n| Share::of(&format!("uid-{n}")).0).collect();
        assert!(shares.iter().all(|share| *share < 1000));
        for quarter in 0..4 {
            let within = shares.iter().filter(|share| **share / 250 == quarter).count();
            assert!((190..310).contains(&within), "{within} in quarter {quarter}");
        }
    }

    #[test]
    fn a_token_is_renewed_at_its_age_less_up_to_a_tenth() {
        let rotation = Rotation { every: Some(hours(100)), ..Rotation::default() };
        assert_eq!(rotation.rotate_at(Share(0), at(0), None), Some(at(100 * HOUR)));
        assert_eq!(rotation.rotate_at(Share(500), at(0), None), Some(at(95 * HOUR)));
        assert!(rotation.rotate_at(Share(999), at(0), None).unwrap() > at(90 * HOUR));
    }

    #[test]
    fn without_a_period_two_thirds_of_the_life_count_and_without_a_life_nothing() {
        let rotation = Rotation { lifetime: Some(hours(30)), ..Rotation::default() };
        assert_eq!(rotation.rotate_at(Share(0), at(0), None), Some(at(20 * HOUR)));
        assert_eq!(
            rotation.rotate_at(Share(0), at(0), Some(at(3 * HOUR))),
            Some(at(2 * HOUR)),
            "the platform's own end"
        );
        assert_eq!(Rotation::default().rotate_at(Share(0), at(0), None), None);
        assert_eq!(rotation.expires_at(at(7)), Some(at(7 + 30 * HOUR)));
    }

    #[test]
    fn the_overlap_is_a_tenth_and_at_most_a_day() {
        let of = |every, lifetime, overlap| Rotation { lifetime, every, overlap }.overlap();
        assert_eq!(of(Some(hours(20)), None, None), hours(2));
        assert_eq!(of(Some(hours(2400)), None, None), hours(24));
        assert_eq!(of(None, Some(hours(10)), None), hours(1));
        assert_eq!(of(None, None, None), hours(1));
        assert_eq!(of(Some(hours(20)), None, Some(Duration::ZERO)), Duration::ZERO, "none is none");
    }

    #[test]
    fn what_came_due_while_nobody_looked_is_spread_over_a_minute() {
        let due = at(1000);
        assert_eq!(wait_until(due, at(1030), None, Share(500)), due, "seen in time");
        assert_eq!(wait_until(due, at(5000), None, Share(500)), at(5030));
        assert_eq!(wait_until(due, at(5000), Some(at(5060)), Share(500)), at(5000), "it would end meanwhile");
    }

    #[test]
    fn a_late_renewal_is_said_after_a_day_and_sooner_where_the_token_ends_soon() {
        let day = 24 * HOUR;
        let cases = [
            ("it does not end", day, None, 2 * day),
            ("it ends in ten days", day, Some(11 * day), 2 * day),
            ("it ends in three hours", day, Some(day + 3 * HOUR), day + HOUR),
            ("it has ended before", day, Some(day - HOUR), day),
        ];
        for (case, due, end, expected) in cases {
            assert_eq!(late_from(at(due), end.map(at)), at(expected), "{case}");
        }
    }
}
