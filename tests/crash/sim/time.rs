//! Simulated time. It goes on from one life of the operator to the next, and stands still while a server works.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use jiff::Timestamp;
use org_operator::clock::Clock;
use tokio::time::Instant;

/// Where every simulation begins.
const BEGIN: i64 = 1_900_000_000_000;

/// The time of a simulation.
#[derive(Clone, Debug)]
pub(crate) struct Time(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    milliseconds: AtomicI64,
    /// It is nobody's, and goes by itself.
    real: bool,
    /// The runtime whose clock the time goes by, while there is one.
    runtime: Mutex<Option<Runtime>>,
}

#[derive(Clone, Copy, Debug)]
struct Runtime {
    thread: ThreadId,
    began: Instant,
    from: i64,
}

impl Time {
    pub(crate) fn new() -> Self {
        Self::from(BEGIN)
    }

    /// That begins now, for servers whose time is real.
    pub(crate) fn from_now() -> Self {
        Self::from(Timestamp::now().as_millisecond())
    }

    /// Real time.
    pub(crate) fn real() -> Self {
        Self(Arc::new(Inner { milliseconds: AtomicI64::new(0), real: true, runtime: Mutex::default() }))
    }

    fn from(milliseconds: i64) -> Self {
        let milliseconds = AtomicI64::new(milliseconds);
        Self(Arc::new(Inner { milliseconds, real: false, runtime: Mutex::default() }))
    }

    /// From now on it goes by the clock of the runtime that runs on this thread.
    pub(crate) fn go(&self) {
        let from = self.0.milliseconds.load(Ordering::Relaxed);
        let runtime = Runtime { thread: std::thread::current().id(), began: Instant::now(), from };
        *self.0.runtime.lock().unwrap_or_else(PoisonError::into_inner) = Some(runtime);
    }

    /// It stands still until [`go`](Self::go) is called again.
    pub(crate) fn stop(&self) {
        self.now();
        *self.0.runtime.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        if self.0.real {
            return Timestamp::now();
        }
        let runtime = *self.0.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread's clock is its own: a server's shows what the operator's showed when it asked.
        if let Some(runtime) = runtime.filter(|runtime| runtime.thread == std::thread::current().id()) {
            let passed = i64::try_from(runtime.began.elapsed().as_millis()).unwrap();
            self.0.milliseconds.store(runtime.from + passed, Ordering::Relaxed);
        }
        Timestamp::from_millisecond(self.0.milliseconds.load(Ordering::Relaxed)).unwrap()
    }

    /// Lets time pass while no operator lives.
    pub(crate) fn pass(&self, duration: Duration) {
        self.0.milliseconds.fetch_add(i64::try_from(duration.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// The clock that shows it.
    pub(crate) fn clock(&self) -> Clock {
        let time = self.clone();
        Clock::reading(move || time.now())
    }
}
