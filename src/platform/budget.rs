//! What one platform may be asked for: requests a second, requests at once, `Retry-After` obeyed, and a breaker that
//! stops asking a platform that does not answer. Each Platform has its own, so a slow one delays nobody else's objects.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::Error;
use crate::domain::fault::FaultKind;

/// Failures in a row after which the breaker opens.
const BREAKER_FAILURES: u32 = 5;
/// How long it stays open before one request may try again.
const BREAKER_PAUSE: Duration = Duration::from_secs(15);

/// The limits of a Platform's manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests a second.
    pub requests_per_second: NonZeroU32,
    /// Requests at once.
    pub concurrency: usize,
}

/// The time that waiting goes by too: a limiter with a time of its own would be asked without end where time is simulated.
#[derive(Clone, Copy, Debug)]
struct Since(Instant);

impl Clock for Since {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

/// One platform's budget.
#[derive(Debug)]
pub struct Budget {
    rate: RateLimiter<NotKeyed, InMemoryState, Since, NoOpMiddleware<Nanos>>,
    clock: Since,
    slots: Semaphore,
    breaker: Mutex<Breaker>,
}

#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    closed_until: Option<Instant>,
    /// What was said when it closed: it is said again for what is not asked meanwhile, so that an object's message does not
    /// change with every try.
    why: String,
}

impl Budget {
    /// A full budget.
    pub fn new(limits: Limits) -> Self {
        let clock = Since(Instant::now());
        Self {
            rate: RateLimiter::direct_with_clock(Quota::per_second(limits.requests_per_second), clock),
            clock,
            slots: Semaphore::new(limits.concurrency),
            breaker: Mutex::new(Breaker::default()),
        }
    }

    /// Forgets that the platform asked to be left alone: somebody knows that it is back.
    pub fn reopen(&self) {
        *self.breaker() = Breaker::default();
    }

    /// Runs one request within the budget: waits for a slot and for its turn, and refuses at once while the platform
    /// asked to be left alone.
    pub async fn spend<T>(&self, operation: &str, request: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.admit(operation)?;
        let closed = |_| Error::new(FaultKind::Unavailable(None), operation, "the operator is stopping");
        let _slot = self.slots.acquire().await.map_err(closed)?;
        while let Err(not_yet) = self.rate.check() {
            tokio::time::sleep(not_yet.wait_time_from(self.clock.now())).await;
        }
        self.admit(operation)?;
        let result = request.await;
        self.learn(&result);
        result
    }

    fn admit(&self, operation: &str) -> Result<(), Error> {
        let breaker = self.breaker();
        let left = breaker.closed_until.and_then(|until| until.checked_duration_since(Instant::now()));
        match left {
            Some(left) if !left.is_zero() => {
                Err(Error::new(FaultKind::Unavailable(Some(left)), operation, breaker.why.clone()))
            }
            _ => Ok(()),
        }
    }

    fn learn<T>(&self, result: &Result<T, Error>) {
        let mut breaker = self.breaker();
        let pause = match result.as_ref().err().map(|error| error.kind) {
            Some(FaultKind::RateLimited(Some(after)) | FaultKind::Unavailable(Some(after))) => Some(after),
            Some(FaultKind::Unavailable(None) | FaultKind::TimedOut | FaultKind::OutcomeUnknown) => {
                breaker.failures += 1;
                (breaker.failures >= BREAKER_FAILURES).then_some(BREAKER_PAUSE)
            }
            _ => {
                breaker.failures = 0;
                None
            }
        };
        if let (Some(pause), Err(error)) = (pause, result) {
            breaker.closed_until = Some(Instant::now() + pause);
            breaker.why.clone_from(&error.message);
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn budget(requests_per_second: u32, concurrency: usize) -> Budget {
        Budget::new(Limits { requests_per_second: NonZeroU32::new(requests_per_second).unwrap(), concurrency })
    }

    fn fault(kind: FaultKind) -> Error {
        Error::new(kind, "find", "test")
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_obeyed_and_ends() {
        let budget = budget(100, 4);
        let asked =
            budget.spend("find", async { Err::<(), _>(fault(FaultKind::RateLimited(Some(Duration::from_secs(9))))) });
        assert!(asked.await.is_err());
        let refused = budget.spend("find", async { Ok(()) }).await.unwrap_err();
        assert!(matches!(refused.kind, FaultKind::Unavailable(Some(left)) if left <= Duration::from_secs(9)));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(budget.spend("find", async { Ok(()) }).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_knows_better_ends_it_at_once() {
        let budget = budget(100, 4);
        let maintenance = FaultKind::Unavailable(Some(Duration::from_mins(15)));
        assert!(budget.spend("find", async { Err::<(), _>(fault(maintenance)) }).await.is_err());
        assert!(budget.spend("find", async { Ok(()) }).await.is_err());
        budget.reopen();
        assert!(budget.spend("find", async { Ok(()) }).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_breaker_opens_after_failures_in_a_row_and_lets_one_try_again() {
        let budget = budget(100, 4);
        for _ in 0..BREAKER_FAILURES {
            let failed = budget.spend("find", async { Err::<(), _>(fault(FaultKind::TimedOut)) }).await.unwrap_err();
            assert_eq!(failed.kind, FaultKind::TimedOut);
        }
        let refused = budget.spend("find", async { Ok(()) }).await.unwrap_err();
        assert!(matches!(refused.kind, FaultKind::Unavailable(Some(_))));
        tokio::time::advance(BREAKER_PAUSE).await;
        assert!(budget.spend("find", async { Ok(()) }).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_between_failures_keeps_the_breaker_closed() {
        let budget = budget(100, 4);
        for round in 0..20 {
            let kind = if round % 4 == 3 { FaultKind::NotFound } else { FaultKind::TimedOut };
            let failed = budget.spend("find", async { Err::<(), _>(fault(kind)) }).await.unwrap_err();
            assert_eq!(failed.kind, kind);
        }
    }

    #[tokio::test]
    async fn no_more_than_the_concurrency_runs_at_once() {
        let budget = Arc::new(budget(1000, 2));
        let running = Arc::new(Mutex::new((0, 0)));
        let requests = (0..8).map(|_| {
            let (budget, running) = (Arc::clone(&budget), Arc::clone(&running));
            async move {
                budget
                    .spend("find", async {
                        {
                            let mut seen = running.lock().unwrap();
                            seen.0 += 1;
                            seen.1 = seen.0.max(seen.1);
                        }
                        tokio::task::yield_now().await;
                        running.lock().unwrap().0 -= 1;
                        Ok(())
                    })
                    .await
            }
        });
        assert!(futures::future::join_all(requests).await.iter().all(Result::is_ok));
        assert_eq!(running.lock().unwrap().1, 2);
    }
}
