//! Where an operator is stopped that goes on later, as by SIGSTOP, and what is on its way meanwhile.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use org_operator::fence::Fence;
use tokio::sync::{Notify, oneshot, watch};

/// A point of a request at which an operator is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stop {
    /// Before the request is sent: the fence is asked when the operator goes on.
    Before,
    /// The request was begun, and reaches the server when the operator goes on.
    Sent,
    /// The server has applied it, and the reply waits for the operator.
    Applied,
    /// The server has applied it, and the connection is gone when the operator goes on.
    Lost,
    /// Nothing but this request waits: the operator itself goes on.
    Hold,
}

impl Stop {
    /// All at which the operator stands still.
    pub(crate) const ALL: [Self; 4] = [Self::Before, Self::Sent, Self::Applied, Self::Lost];

    pub(crate) fn is_applied(self) -> bool {
        matches!(self, Self::Applied | Self::Lost)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "stop-before",
            Self::Sent => "stop-sent",
            Self::Applied => "stop-applied",
            Self::Lost => "stop-lost",
            Self::Hold => "hold",
        })
    }
}

type Late = Box<dyn FnOnce() + Send>;

/// Whether an operator stands still.
#[derive(Default)]
pub(crate) struct Standstill {
    state: Mutex<State>,
    reached: Notify,
    /// How often it has gone on.
    resumed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    stopped: bool,
    fence: Option<Fence>,
    socket: Vec<Late>,
}

impl fmt::Debug for Standstill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standstill").field("stopped", &self.state().stopped).finish_non_exhaustive()
    }
}

impl Standstill {
    /// Whether that operator's requests pass that fence.
    pub(crate) fn fenced_by(&self, fence: &Fence) {
        self.state().fence = Some(fence.clone());
    }

    /// Where the operator stands still, waits until it goes on; whether the request may then be sent. One that was on its
    /// way to the fence asks it only then.
    pub(crate) async fn gate(&self, writes: bool) -> bool {
        if !self.state().stopped {
            return true;
        }
        self.resumed().await;
        self.may_begin(writes)
    }

    /// The operator is stopped at a request that has not been sent; whether it still may be when it goes on.
    pub(crate) async fn before(&self, writes: bool) -> bool {
        self.stand_still(true).await;
        self.may_begin(writes)
    }

    /// The operator, or the request alone, stands still until it goes on.
    pub(crate) async fn stand_still(&self, whole: bool) {
        let resumed = self.resumed();
        self.state().stopped |= whole;
        self.reached.notify_one();
        resumed.await;
    }

    /// The operator is stopped after it sent that, which arrives when it goes on, whatever then becomes of the operator.
    pub(crate) async fn sent<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        // Whoever sent it may not be there any more.
        self.state().socket.push(Box::new(move || drop(sender.send(work()))));
        self.stand_still(true).await;
        receiver.await.ok()
    }

    /// Waits for the stop.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// The operator goes on, and what was in the socket arrives.
    pub(crate) fn resume(&self) {
        let socket = {
            let mut state = self.state();
            state.stopped = false;
            std::mem::take(&mut state.socket)
        };
        for late in socket {
            late();
        }
        self.resumed.send_modify(|count| *count += 1);
    }

    fn may_begin(&self, writes: bool) -> bool {
        !writes || self.state().fence.as_ref().is_none_or(Fence::may_begin)
    }

    fn resumed(&self) -> impl Future<Output = ()> + use<> {
        let mut resumed = self.resumed.subscribe();
        async move {
            // Only with the wire itself the sender is gone, and with it everything.
            let _ = resumed.changed().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
