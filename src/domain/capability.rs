//! What a platform can do, as a table that the Platform's status shows.

use std::collections::BTreeMap;

use super::entity::Kind;

/// Something that platforms differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the words are the API's own")]
pub enum Capability {
    OrganizationRead,
    OrganizationList,
    OrganizationUpdate,
    OrganizationDelete,
    OwnerMark,
    DisplayName,
    OrganizationAdmin,
    KeyPairPush,
    UserRead,
    UserUpdate,
    UserDelete,
    InitialPassword,
    Roles,
    TokensPerUser,
    TokenList,
    TokenRevoke,
    TokenExpiry,
    Projects,
}

impl Capability {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 18] = [
        Self::OrganizationRead,
        Self::OrganizationList,
        Self::OrganizationUpdate,
        Self::OrganizationDelete,
        Self::OwnerMark,
        Self::DisplayName,
        Self::OrganizationAdmin,
        Self::KeyPairPush,
        Self::UserRead,
        Self::UserUpdate,
        Self::UserDelete,
        Self::InitialPassword,
        Self::Roles,
        Self::TokensPerUser,
        Self::TokenList,
        Self::TokenRevoke,
        Self::TokenExpiry,
        Self::Projects,
    ];

    /// The word in status: the variant's own name.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// What it takes to end an object of that kind: to remove it, and of a token to revoke it.
pub const fn deletion_of(kind: Kind) -> Capability {
    match kind {
        Kind::User => Capability::UserDelete,
        Kind::Token => Capability::TokenRevoke,
        Kind::Platform | Kind::Organization => Capability::OrganizationDelete,
    }
}

/// Whether a platform can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum Support {
    /// It can.
    Supported,
    /// It cannot.
    Unsupported,
    /// Only trying tells, and nobody has tried.
    Unknown,
}

/// The table of one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities(BTreeMap<Capability, Support>);

impl Capabilities {
    /// A table in which everything is of the same support.
    pub fn all(support: Support) -> Self {
        Self(Capability::ALL.into_iter().map(|capability| (capability, support)).collect())
    }

    /// The table with one row changed.
    #[must_use]
    pub fn with(mut self, capability: Capability, support: Support) -> Self {
        self.0.insert(capability, support);
        self
    }

    /// Whether the platform can.
    pub fn of(&self, capability: Capability) -> Support {
        self.0.get(&capability).copied().unwrap_or(Support::Unknown)
    }

    /// The rows in the table's order.
    pub fn rows(&self) -> impl Iterator<Item = (Capability, Support)> + '_ {
        self.0.iter().map(|(&capability, &support)| (capability, support))
    }
}
