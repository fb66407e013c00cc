//! Whether this process may still act: asked directly before whatever changes something elsewhere.
//!
//! A Lease alone does not keep two operators apart: one that was stopped for a while goes on where it was, and finds out
//! later that another leads by now. So the fence judges by the time that has passed since the Lease was renewed, and needs
//! no answer from anybody. The time is the system's own and goes on while a process is stopped; it does not while a whole
//! machine sleeps, and there only the resourceVersion that every write carries is left.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long after the beginning of its last renewal a leader begins new calls.
pub const BEGIN: Duration = Duration::from_secs(10);
/// How long after that it stores what calls in flight have brought. A Lease lasts a second longer.
pub const FINISH: Duration = Duration::from_secs(14);

/// What this process may do at this moment. Clones are the same fence.
#[derive(Clone, Debug)]
pub struct Fence(Option<Arc<Mutex<Option<Instant>>>>);

/// Nothing was sent, because this process may not act any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing was sent: this process does not lead any more")]
pub struct NotLeading;

impl Fence {
    /// One that is always open: for a process that shares its work with no other.
    pub fn open() -> Self {
        Self(None)
    }

    /// One that is shut until the Lease is had.
    pub fn shut() -> Self {
        Self(Some(Arc::default()))
    }

    /// Whether a call may be begun that changes something on a platform.
    pub fn may_begin(&self) -> bool {
        self.is_within(BEGIN)
    }

    /// Whether what a call brought may be stored: the Lease cannot have passed to another yet.
    pub fn may_finish(&self) -> bool {
        self.is_within(FINISH)
    }

    /// The Lease was had or renewed by a request that was begun then.
    pub fn renewed(&self, began: Instant) {
        if let Some(mut renewed) = self.lock() {
            *renewed = Some(began);
        }
    }

    /// The Lease is given up, or another's.
    pub fn close(&self) {
        if let Some(mut renewed) = self.lock() {
            *renewed = None;
        }
    }

    fn is_within(&self, limit: Duration) -> bool {
        self.lock().is_none_or(|renewed| renewed.is_some_and(|began| began.elapsed() < limit))
    }

    fn lock(&self) -> Option<MutexGuard<'_, Option<Instant>>> {
        self.0.as_ref().map(|renewed| renewed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_shuts_by_time_alone() {
        let fence = Fence::shut();
        let seen = fence.clone();
        let may = || (seen.may_begin(), seen.may_finish());
        assert_eq!(may(), (false, false));
        fence.renewed(Instant::now());
        for (after, expected) in [(0, (true, true)), (9_999, (true, true)), (1, (false, true)), (3_999, (false, true))]
        {
            tokio::time::advance(Duration::from_millis(after)).await;
            assert_eq!(may(), expected, "{after}");
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(may(), (false, false));
        fence.renewed(Instant::now());
        assert_eq!(may(), (true, true));
        fence.close();
        assert_eq!(may(), (false, false));
    }

    #[test]
    fn an_open_one_cannot_be_shut() {
        let fence = Fence::open();
        fence.close();
        assert!(fence.may_begin() && fence.may_finish());
    }
}
