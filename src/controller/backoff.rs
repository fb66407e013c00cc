//! The growing delay of each object that does not get on: one second at first, doubled each time up to five minutes,
//! with jitter so that objects that failed together do not come back together.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(5);

/// The delays, by uid.
#[derive(Debug, Default)]
pub struct Backoff(Mutex<HashMap<String, ExponentialBackoff>>);

impl Backoff {
    /// The object's next delay.
    pub fn next(&self, uid: &str) -> Duration {
        let mut objects = self.objects();
        let delays = objects.entry(uid.to_owned()).or_insert_with(|| {
            ExponentialBuilder::default()
                .with_min_delay(FIRST)
                .with_max_delay(LONGEST)
                .without_max_times()
                .with_jitter()
                .build()
        });
        delays.next().unwrap_or(LONGEST)
    }

    /// The object got on, or is gone.
    pub fn reset(&self, uid: &str) {
        self.objects().remove(uid);
    }

    fn objects(&self) -> MutexGuard<'_, HashMap<String, ExponentialBackoff>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit_for_each_object_alone_and_start_again() {
        let backoff = Backoff::default();
        let delays: Vec<Duration> = (0..12).map(|_| backoff.next("a")).collect();
        assert!(delays[0] >= FIRST && delays[0] <= FIRST * 2, "{delays:?}");
        assert!(delays[11] >= LONGEST && delays[11] <= LONGEST * 2, "{delays:?}");
        assert!(backoff.next("b") <= FIRST * 2);
        backoff.reset("a");
        assert!(backoff.next("a") <= FIRST * 2);
    }
}
