//! Why a pass ended before its plan was carried out.

use crate::domain::condition::{Reason, State};
use crate::domain::fault::{FaultKind, Requeue};
use crate::kubernetes::secret::{DEADLINE, SecretError};
use crate::platform;

/// A read from the API server, which gets only so long.
pub async fn within<T>(request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Stop> {
    match tokio::time::timeout(DEADLINE, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if status.is_not_found() => Err(Stop::Gone),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the API server did not answer");
            Err(Stop::Again)
        }
        Err(_) => Err(Stop::Again),
    }
}

/// A pass that ended early.
#[derive(Debug)]
pub enum Stop {
    /// Something has to happen first.
    Held {
        /// What the object says.
        state: State,
        /// When to look again.
        requeue: Requeue,
        /// It says something about the platform and not about the object: one that is settled keeps saying so.
        outage: bool,
    },
    /// The object changed under our hands: look again, say nothing.
    Again,
    /// The object is gone, or none of our business any more.
    Gone,
}

impl Stop {
    /// Held until somebody changes something.
    pub fn held(reason: Reason, message: impl Into<String>) -> Self {
        Self::Held { state: State::new(reason, message), requeue: Requeue::Resync, outage: false }
    }

    /// What the object says, where it says anything.
    pub fn into_state(self) -> Option<State> {
        match self {
            Self::Held { state, .. } => Some(state),
            Self::Again | Self::Gone => None,
        }
    }

    /// Held by the platform: a settled object is not flipped.
    pub fn outage(reason: Reason, message: impl Into<String>) -> Self {
        Self::Held { state: State::new(reason, message), requeue: Requeue::Backoff, outage: true }
    }
}

impl From<platform::Error> for Stop {
    fn from(error: platform::Error) -> Self {
        // Who leads now says what there is to say about the object.
        if error.kind == FaultKind::NotLeading {
            tracing::warn!(error = &error as &dyn std::error::Error, "platform call not begun");
            return Self::Again;
        }
        let (reason, requeue) = error.kind.outcome();
        let outage = error.kind.is_outage();
        if outage {
            tracing::warn!(error = &error as &dyn std::error::Error, "platform call failed");
        } else {
            tracing::debug!(error = &error as &dyn std::error::Error, "platform call refused");
        }
        Self::Held { state: State::new(reason, error.to_string()), requeue, outage }
    }
}

/// A Secret of our own could not be read or written.
impl From<SecretError> for Stop {
    fn from(error: SecretError) -> Self {
        let reason = match &error {
            SecretError::AlreadyExists | SecretError::Conflict => return Self::Again,
            SecretError::Denied { .. } => Reason::SecretAccessDenied,
            SecretError::Refused { .. } => Reason::SecretWriteFailed,
            SecretError::Malformed { .. } => Reason::SecretConflict,
            // The API server is what the status would be written to as well.
            SecretError::Unavailable(_) | SecretError::TimedOut => {
                tracing::warn!(error = &error as &dyn std::error::Error, "Secret not reachable");
                return Self::Again;
            }
        };
        Self::Held { state: State::new(reason, error.to_string()), requeue: Requeue::Backoff, outage: false }
    }
}
