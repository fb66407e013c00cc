//! Whether a server has a call that its documentation does not show: only trying tells, and what it told is remembered as
//! long as the client lives.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::domain::capability::Support;

/// What is known of one such call.
///
/// 405 and 501 say that the server has no such call, and it is asked no more. 404 says either that or that the object is
/// not there: until an answer has proved that the call is there it is a doubt, which goes for "no" and ends with the first
/// such answer.
#[derive(Debug, Default)]
pub(super) struct Tried {
    proved: AtomicBool,
    missing: AtomicBool,
    doubted: AtomicBool,
}

impl Tried {
    /// The server did what the call is for.
    pub(super) fn prove(&self) {
        self.proved.store(true, Ordering::Relaxed);
    }

    /// The server said that it has no such call.
    pub(super) fn miss(&self) {
        self.missing.store(true, Ordering::Relaxed);
    }

    /// The server answered as one without the call, and as one without the object.
    pub(super) fn doubt(&self) {
        self.doubted.store(true, Ordering::Relaxed);
    }

    /// Whether it is known to be there.
    pub(super) fn is_proved(&self) -> bool {
        self.proved.load(Ordering::Relaxed) && !self.is_missing()
    }

    /// Whether it is known not to be there.
    pub(super) fn is_missing(&self) -> bool {
        self.missing.load(Ordering::Relaxed)
    }

    /// Whether all that is known is a doubt.
    pub(super) fn is_doubted(&self) -> bool {
        self.doubted.load(Ordering::Relaxed) && !self.is_proved() && !self.is_missing()
    }

    /// How the Platform's status shows it.
    pub(super) fn support(&self) -> Support {
        if self.is_proved() {
            Support::Supported
        } else if self.is_missing() || self.is_doubted() {
            Support::Unsupported
        } else {
            Support::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_ends_a_doubt_and_a_server_that_says_no_is_believed() {
        let tried = Tried::default();
        assert_eq!(tried.support(), Support::Unknown);
        tried.doubt();
        assert_eq!((tried.support(), tried.is_doubted()), (Support::Unsupported, true));
        tried.prove();
        assert_eq!((tried.support(), tried.is_doubted()), (Support::Supported, false));
        tried.miss();
        assert_eq!((tried.support(), tried.is_proved()), (Support::Unsupported, false));
    }
}
