//! The names of the quirks on the command line.

use crate::embedded::dialect::Quirk;

/// A way in which servers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Name {
    /// Tyk shows nobody else's access key
    TykHidesKeys,
    /// Rockfish has only what its vendor's page shows: no reading, listing or deleting by `self`
    RockfishAsDocumented,
    /// ROCKIT leaves `adminPW` out of its reply
    RockitWithoutAdminPassword,
    /// ROCKIT answers every call with 503 and `Retry-After: 900`
    RockitMaintenance,
    /// Reads show a new object only after --late
    Late,
}

impl Name {
    /// The quirk of that name.
    pub(super) const fn quirk(self) -> Quirk {
        match self {
            Self::TykHidesKeys => Quirk::TykHidesKeys,
            Self::RockfishAsDocumented => Quirk::RockfishAsDocumented,
            Self::RockitWithoutAdminPassword => Quirk::RockitWithoutAdminPassword,
            Self::RockitMaintenance => Quirk::RockitMaintenance,
            Self::Late => Quirk::Late,
        }
    }
}
