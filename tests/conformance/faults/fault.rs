//! What can go wrong with a request.

use std::time::Duration;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nobody listens.
    NoConnection,
    /// The server's certificate is nobody's whom the client trusts.
    UntrustedCertificate,
    /// No answer, and nothing was done.
    SilenceBefore,
    /// No answer, and it was done.
    SilenceAfter,
    /// It was done, and the answer comes byte by byte.
    Slow,
    /// It was done, and the connection ends within the answer.
    Cut,
    /// It was done, and the answer ends within its JSON.
    Truncated,
    /// That status, from something that is not the platform, with so many seconds to wait.
    Status(u16, Option<u64>),
    /// 404 as the platform says it.
    Absent,
    /// 200 with HTML.
    Page,
    /// 200 with what the platform says of a failure.
    Failure,
    /// 200 with 100 MB of JSON.
    Endless,
    /// To another host.
    Redirect(u16),
}

/// How long a client waits in these tests. Longer than an answer takes on a machine that does much else.
pub(crate) const IMPATIENCE: Duration = Duration::from_secs(3);

/// What `Retry-After` asks for.
const PAUSE: u64 = 7;

impl Fault {
    pub(crate) const ALL: [Self; 23] = [
        Self::NoConnection,
        Self::UntrustedCertificate,
        Self::SilenceBefore,
        Self::SilenceAfter,
        Self::Slow,
        Self::Cut,
        Self::Truncated,
        Self::Status(400, None),
        Self::Status(401, None),
        Self::Status(403, None),
        Self::Status(404, None),
        Self::Absent,
        Self::Status(405, None),
        Self::Status(409, None),
        Self::Status(429, None),
        Self::Status(429, Some(PAUSE)),
        Self::Status(500, None),
        Self::Status(503, None),
        Self::Status(503, Some(PAUSE)),
        Self::Page,
        Self::Failure,
        Self::Endless,
        Self::Redirect(307),
    ];

    /// Whether the server has done what was asked.
    pub(crate) fn is_after(self) -> bool {
        matches!(self, Self::SilenceAfter | Self::Slow | Self::Cut | Self::Truncated)
    }

    /// Whether it takes as long as the client waits.
    pub(crate) fn is_long(self) -> bool {
        matches!(self, Self::SilenceBefore | Self::SilenceAfter | Self::Slow)
    }

    /// How long the platform asks to be left alone.
    pub(crate) fn pause(self) -> Option<Duration> {
        match self {
            Self::Status(_, seconds) => seconds.map(Duration::from_secs),
            _ => None,
        }
    }
}
