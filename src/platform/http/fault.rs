//! What an answer means that is no success, and what no answer means.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;

use super::super::Error;
use super::transport::TransportError;
use crate::domain::fault::FaultKind;

/// The longest `Retry-After` that is obeyed: what asks for more is asked again then.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What repeating a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it reads.
    Reads,
    /// Nothing that the first has not done: it replaces or removes.
    Repeatable,
    /// It may make a second object, or end what the first made.
    Creates,
}

impl Effect {
    /// An answer that cannot be understood, or that was cut off.
    pub(super) const fn strange(self) -> FaultKind {
        match self {
            Self::Reads | Self::Repeatable => FaultKind::Unavailable(None),
            Self::Creates => FaultKind::OutcomeUnknown,
        }
    }

    const fn silence(self) -> FaultKind {
        match self {
            Self::Reads | Self::Repeatable => FaultKind::TimedOut,
            Self::Creates => FaultKind::OutcomeUnknown,
        }
    }
}

/// The error of a request without an answer.
pub(super) fn transport(error: TransportError, operation: &str, effect: Effect) -> Error {
    let (kind, message) = match &error {
        TransportError::Connect(_) => (FaultKind::Unavailable(None), "no connection to the platform"),
        TransportError::TimedOut => (effect.silence(), "the platform did not answer in time"),
        TransportError::Lost(_) => (effect.strange(), "the platform's answer was cut off"),
        TransportError::TooLong => (effect.strange(), "the platform's answer is longer than any that this call has"),
    };
    Error::new(kind, operation, message).with_source(error)
}

/// The error of an answer with that status.
pub(super) fn status(
    status: StatusCode,
    headers: &HeaderMap,
    operation: &str,
    effect: Effect,
    now: Timestamp,
) -> Error {
    let after = retry_after(headers, now);
    let (kind, meaning) = match status.as_u16() {
        300..=399 => {
            (FaultKind::Unavailable(None), "answered with a redirect, and none is followed: give its target as URL")
        }
        401 => (FaultKind::Unauthenticated, "does not accept the credential"),
        402 | 403 => (FaultKind::Forbidden, "does not allow that with this credential"),
        404 | 410 => (FaultKind::NotFound, "does not have that"),
        405 | 501 => (FaultKind::Unsupported, "does not know this call"),
        // The request did not arrive whole, or was not begun.
        407 | 408 | 421 | 425 => (FaultKind::Unavailable(after), "did not take the request"),
        409 => (FaultKind::AlreadyExists, "has one already"),
        429 => (FaultKind::RateLimited(after), "asks for fewer requests"),
        400..=499 => (FaultKind::Invalid, "refuses what was asked"),
        503 => (FaultKind::Unavailable(after), "is not available"),
        _ => (effect.strange(), "failed"),
    };
    Error::new(kind, operation, format!("the platform {meaning} (status {})", status.as_u16()))
}

/// The pause that an answer asks for: seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        Duration::try_from(date.duration_since(now)).unwrap_or_default()
    };
    Some(pause.min(LONGEST_PAUSE))
}
