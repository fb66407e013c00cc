//! The directory in the dialects of the platforms: an existing script or tool of that platform works against it.
//!
//! Each dialect has a directory of its own, because its ids, names and roles are. What a dialect serves is what its
//! vendor's public pages say; what they leave open is decided here, is said at its place, and can be taken away or turned
//! by a [`Quirk`], because servers differ.

mod body;
pub mod rockfish;
pub mod rockit;
mod secret;
pub mod tyk;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::directory::Directory;
use crate::clock::Clock;

/// How a served dialect differs from the one that serves all that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quirk {
    /// A read shows nobody else's access key (a setting of the Dashboard).
    TykHidesKeys,
    /// Only what the vendor's page shows: no reading, listing or deleting by `self`.
    RockfishAsDocumented,
    /// The reply to a creation is without `adminPW`: the administrator has the invitation alone.
    RockitWithoutAdminPassword,
    /// Every call is answered with 503 and `Retry-After: 900`.
    RockitMaintenance,
    /// Reads show a new object only after [`Serving::late`].
    Late,
}

/// What a dialect is served from.
#[derive(Clone, Debug)]
pub struct Serving {
    /// The objects.
    pub directory: Directory,
    /// The time.
    pub clock: Clock,
    /// The credential of the admin API: Tyk's admin secret, ROCKIT's admin secret (base64 of the HMAC key), Rockfish's
    /// invite code.
    pub secret: SecretString,
    /// How it differs.
    pub quirks: BTreeSet<Quirk>,
    /// How long a new object stays invisible with [`Quirk::Late`].
    pub late: Duration,
    /// What links and `self` addresses begin with, such as `http://localhost:8085`, where it is not the request's `Host`.
    pub base: Option<String>,
}

/// An extension of requests that came over TLS: what they are answered with begins with `https://`.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

impl Serving {
    /// Whether it differs so.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    /// Up to when what was made is shown by reads.
    pub fn seen(&self) -> Timestamp {
        if self.has(Quirk::Late) {
            self.clock.now().checked_sub(self.late).unwrap_or(Timestamp::MIN)
        } else {
            Timestamp::MAX
        }
    }
}
