//! The time that a platform and its client share: the system's, and what was let pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use org_operator::clock::Clock;

/// A time that can be let pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    /// The clock that shows it.
    pub(crate) fn clock(&self) -> Clock {
        let passed = Arc::clone(&self.0);
        Clock::reading(move || Timestamp::now() + Duration::from_millis(passed.load(Ordering::Relaxed)))
    }

    /// Lets so much pass, and a second.
    pub(crate) fn pass(&self, time: Duration) {
        let passed = u64::try_from(time.as_millis()).unwrap() + 1000;
        self.0.fetch_add(passed, Ordering::Relaxed);
    }
}
