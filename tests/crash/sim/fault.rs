//! What can happen to one request.

use std::fmt;
use std::str::FromStr;

use super::stop::Stop;

/// What happens to a request, or to the operator at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The operator dies before it is sent.
    CrashBefore,
    /// The operator dies after the server applied it, before the reply.
    CrashApplied,
    /// The operator dies after the reply.
    CrashReplied,
    /// The connection is reset before the server got it.
    Reset,
    /// The server applied it, and the reply is lost.
    Lost,
    /// The server applied it, and the reply ends in its middle.
    Cut,
    /// Nothing comes back, and nothing was applied.
    Hang,
    /// Nothing comes back, though it was applied.
    HangApplied,
    /// A page for people, from something in between.
    Html,
    /// A success that says that it failed.
    Envelope,
    /// The same request is delivered twice, and the second answer comes back.
    Twice,
    /// The operator is stopped there, and goes on later.
    Stop(Stop),
    /// Refused with that status.
    Status(u16),
    /// Applied, and answered with that status all the same.
    StatusApplied(u16),
}

impl Fault {
    /// The points of one request at which the operator dies.
    pub(crate) const CRASHES: [Self; 3] = [Self::CrashBefore, Self::CrashApplied, Self::CrashReplied];

    /// What a reply can be instead of the right one.
    pub(crate) const REPLIES: [Self; 18] = [
        Self::Reset,
        Self::Lost,
        Self::Cut,
        Self::Hang,
        Self::HangApplied,
        Self::Html,
        Self::Envelope,
        Self::Twice,
        Self::Status(401),
        Self::Status(403),
        Self::Status(404),
        Self::Status(409),
        Self::Status(429),
        Self::Status(500),
        Self::Status(503),
        Self::StatusApplied(500),
        Self::StatusApplied(502),
        Self::StatusApplied(504),
    ];

    /// Answers of a platform that say what is not so.
    pub(crate) const LIES: [Self; 2] = [Self::Envelope, Self::Status(404)];

    pub(crate) fn is_lie(self) -> bool {
        Self::LIES.contains(&self)
    }

    pub(crate) fn is_crash(self) -> bool {
        Self::CRASHES.contains(&self)
    }

    /// Whether it is no more than a lost connection.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self, Self::Reset | Self::Lost)
    }

    /// Whether the server gets the request.
    pub(crate) fn is_applied(self) -> bool {
        if let Self::Stop(stop) = self {
            return stop.is_applied();
        }
        !matches!(self, Self::CrashBefore | Self::Reset | Self::Hang | Self::Html | Self::Envelope | Self::Status(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CrashBefore => f.write_str("crash-before"),
            Self::CrashApplied => f.write_str("crash-applied"),
            Self::CrashReplied => f.write_str("crash-replied"),
            Self::Reset => f.write_str("reset"),
            Self::Lost => f.write_str("lost"),
            Self::Cut => f.write_str("cut"),
            Self::Hang => f.write_str("hang"),
            Self::HangApplied => f.write_str("hang-applied"),
            Self::Html => f.write_str("html"),
            Self::Envelope => f.write_str("envelope"),
            Self::Twice => f.write_str("twice"),
            Self::Stop(stop) => write!(f, "{stop}"),
            Self::Status(code) => write!(f, "{code}"),
            Self::StatusApplied(code) => write!(f, "{code}-applied"),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let stops = Stop::ALL.into_iter().chain([Stop::Hold]).map(Self::Stop);
        let mut all = Self::CRASHES.into_iter().chain(Self::REPLIES).chain(stops);
        all.find(|fault| fault.to_string() == text).ok_or_else(|| format!("no such fault: {text}"))
    }
}
