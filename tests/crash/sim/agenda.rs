//! What happens at a time, and not at a request.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

type Event = Box<dyn FnOnce() + Send>;

/// What is still to happen. Its clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Agenda(Arc<Mutex<Vec<(Timestamp, Event)>>>);

impl fmt::Debug for Agenda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agenda").field("events", &self.events().len()).finish()
    }
}

impl Agenda {
    /// Does that once this time has come and an operator lives.
    pub(crate) fn add(&self, at: Timestamp, event: impl FnOnce() + Send + 'static) {
        self.events().push((at, Box::new(event)));
    }

    /// Does what is due.
    pub(crate) fn happen(&self, now: Timestamp) {
        let due: Vec<_> = self.events().extract_if(.., |(at, _)| *at <= now).collect();
        for (_, event) in due {
            event();
        }
    }

    /// Whether nothing more is to happen.
    pub(crate) fn is_empty(&self) -> bool {
        self.events().is_empty()
    }

    fn events(&self) -> MutexGuard<'_, Vec<(Timestamp, Event)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
