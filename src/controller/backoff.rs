//! The growing delay of each object that does not get on: one second at first, doubled each time up to five minutes,
//! with jitter so that objects that failed together do not come back together.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use fastrand::Rng;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);

/// The delays, by uid, and the chance in all delays.
#[derive(Debug)]
pub struct Backoff {
    objects: Mutex<HashMap<String, ExponentialBackoff>>,
    chance: Mutex<Rng>,
}

impl Backoff {
    /// With chance that begins there: the same seed gives the same delays.
    pub fn new(seed: u64) -> Self {
        Self { objects: Mutex::default(), chance: Mutex::new(Rng::with_seed(seed)) }
    }

    /// The object's next delay.
    pub fn next(&self, uid: &str) -> Duration {
        let mut objects = self.objects();
        let delays = objects.entry(uid.to_owned()).or_insert_with(|| {
            ExponentialBuilder::default()
                .with_min_delay(FIRST)
                .with_max_delay(LONGEST)
                .without_max_times()
                .with_jitter()
                .with_jitter_seed(self.chance().u64(..))
                .build()
        });
        delays.next().unwrap_or(LONGEST)
    }

    /// Up to a tenth longer, so that what began together does not stay together.
    pub fn jitter(&self, delay: Duration) -> Duration {
        delay + delay.mul_f64(self.chance().f64() / 10.0)
    }

    /// The object got on, or is gone.
    pub fn reset(&self, uid: &str) {
        self.objects().remove(uid);
    }

    fn objects(&self) -> MutexGuard<'_, HashMap<String, ExponentialBackoff>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chance(&self) -> MutexGuard<'_, Rng> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit_for_each_object_alone_and_start_again() {
        let backoff = Backoff::new(0);
        let delays: Vec<Duration> = (0..12).map(|_| backoff.next("a")).collect();
        assert!(delays[0] >= FIRST && delays[0] <= FIRST * 2, "{delays:?}");
        assert!(delays[11] >= LONGEST && delays[11] <= LONGEST * 2, "{delays:?}");
        assert!(backoff.next("b") <= FIRST * 2);
        backoff.reset("a");
        assert!(backoff.next("a") <= FIRST * 2);
        let longer = backoff.jitter(LONGEST);
        assert!(longer >= LONGEST && longer <= LONGEST * 11 / 10, "{longer:?}");
    }

    #[test]
    fn a_seed_gives_the_same_delays_again() {
        let delays = |seed| {
            let backoff = Backoff::new(seed);
            (0..6).map(|_| backoff.next("a") + backoff.jitter(FIRST)).collect::<Vec<_>>()
        };
        assert_eq!(delays(7), delays(7));
        assert_ne!(delays(7), delays(8));
    }
}
