//! Where the time comes from, so that what takes weeks can be shown in seconds.
//!
//! Everything that reads the time or waits for one of its own choosing asks this clock. Limits on what others take (an
//! API server's answer, a platform's) are real time and stay so.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A source of time.
#[derive(Clone)]
pub struct Clock {
    read: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    speed: u32,
}

impl Clock {
    /// The system's.
    pub fn system() -> Self {
        Self { read: Arc::new(Timestamp::now), speed: 1 }
    }

    /// One that shows the system's time now and runs `speed` times as fast from here on.
    pub fn fast(speed: u32) -> Self {
        let speed = speed.max(1);
        let (began, start) = (Instant::now(), Timestamp::now());
        let read = move || {
            let passed = began.elapsed().saturating_mul(speed);
            start.checked_add(passed).unwrap_or(Timestamp::MAX)
        };
        Self { read: Arc::new(read), speed }
    }

    /// One that stands still at that time: for what is to be judged at a moment of the caller's choosing.
    pub fn stopped(at: Timestamp) -> Self {
        Self { read: Arc::new(move || at), speed: 1 }
    }

    /// One that shows what `read` says: for what has to see time pass that does not.
    pub fn reading(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), speed: 1 }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.read)()
    }

    /// How long to wait until that much has passed on this clock.
    pub fn real(&self, passing: Duration) -> Duration {
        passing / self.speed
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("speed", &self.speed).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_clock_stands_still() {
        let clock = Clock::stopped(Timestamp::UNIX_EPOCH);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn a_fast_clock_begins_now_and_runs_ahead() {
        let before = Timestamp::now();
        let clock = Clock::fast(1_000_000);
        std::thread::sleep(Duration::from_millis(5));
        let ahead = clock.now().duration_since(before);
        assert!(ahead.as_secs() >= 5000, "{ahead}");
        assert_eq!(clock.real(Duration::from_secs(1_000_000)), Duration::from_secs(1));
        assert_eq!(Clock::system().real(Duration::from_secs(7)), Duration::from_secs(7));
    }
}
