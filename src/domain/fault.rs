//! What can go wrong with a call to a platform, by meaning. One table here turns it into a condition and a requeue.

use std::time::Duration;

use super::condition::Reason;

/// The meaning of a failed platform call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The platform refused what was asked: a name it does not take, a role it does not know.
    Invalid,
    /// The platform, or this version of the operator, cannot do that.
    Unsupported,
    /// The credential is missing, wrong or out of date (401).
    Unauthenticated,
    /// The credential may not do that (403).
    Forbidden,
    /// An object of that name is there already.
    AlreadyExists,
    /// What the call names is not there.
    NotFound,
    /// Too many requests (429), with the delay the platform asked for.
    RateLimited(Option<Duration>),
    /// No connection, TLS failure, 5xx, maintenance, breaker open; with the delay the platform asked for.
    Unavailable(Option<Duration>),
    /// No answer in time, and asking again is harmless.
    TimedOut,
    /// No answer, and the call may or may not have happened.
    OutcomeUnknown,
    /// It was not sent: this process may not act any more. It says nothing about the platform or the object.
    NotLeading,
}

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requeue {
    /// With the regular resync: nothing is left to do, or only a change of the manifest can help.
    Resync,
    /// After the object's own growing delay.
    Backoff,
    /// After the object's own growing delay, and not before this.
    NotBefore(Duration),
    /// After exactly this long (with jitter).
    After(Duration),
    /// With the regular resync, but not later than this: something is planned for then.
    Within(Duration),
    /// Like a Secret that nobody watches: every ten seconds, after ten minutes every minute.
    Poll,
}

impl FaultKind {
    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Unsupported => "unsupported",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::AlreadyExists => "already_exists",
            Self::NotFound => "not_found",
            Self::RateLimited(_) => "rate_limited",
            Self::Unavailable(_) => "unavailable",
            Self::TimedOut => "timed_out",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::NotLeading => "not_leading",
        }
    }

    /// The condition reason and the requeue of this fault.
    pub fn outcome(self) -> (Reason, Requeue) {
        match self {
            Self::Invalid => (Reason::InvalidSpec, Requeue::Resync),
            Self::Unsupported => (Reason::Unsupported, Requeue::Resync),
            Self::Unauthenticated | Self::Forbidden => (Reason::CredentialRejected, Requeue::Backoff),
            Self::AlreadyExists => (Reason::AlreadyExists, Requeue::Backoff),
            Self::RateLimited(after) => (Reason::RateLimited, not_before(after)),
            Self::Unavailable(after) => (Reason::PlatformUnavailable, not_before(after)),
            Self::TimedOut => (Reason::TimedOut, Requeue::Backoff),
            // A write found its target gone, or nobody knows: the next observation decides what that means.
            Self::NotFound | Self::OutcomeUnknown | Self::NotLeading => (Reason::Progressing, Requeue::Backoff),
        }
    }

    /// Whether this says something about the platform or its credential rather than about the object: such a fault
    /// does not flip an object that was settled.
    pub fn is_outage(self) -> bool {
        matches!(
            self,
            Self::Unauthenticated
                | Self::Forbidden
                | Self::RateLimited(_)
                | Self::Unavailable(_)
                | Self::TimedOut
                | Self::OutcomeUnknown
        )
    }
}

fn not_before(after: Option<Duration>) -> Requeue {
    after.map_or(Requeue::Backoff, Requeue::NotBefore)
}
