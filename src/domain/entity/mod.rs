//! The three kinds of object that a platform keeps, as every platform's client shows them to the engine.
//!
//! An [`Entity`] ties a kind to what it takes to create one (`New`), to what a read shows (`Record`), to what can be
//! changed (`Change`) and to where it lives (`Scope`). Secrets are [`SecretString`]: they print as `[REDACTED]` and are
//! zeroed when dropped.

use std::fmt;

use secrecy::SecretString;

mod organization;
mod token;
mod user;

pub use organization::{
    KeyPairValue, NewAdmin, NewOrganization, Organization, OrganizationChange, OrganizationRecord, TykSettings,
};
pub use token::{NewToken, OfUser, Token, TokenChange, TokenRecord};
pub use user::{InOrganization, NewUser, User, UserChange, UserRecord, UserType};

/// The four resource kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Where an admin API is.
    Platform,
    /// An organisation.
    Organization,
    /// A person or a machine in it.
    User,
    /// A credential of a user.
    Token,
}

impl Kind {
    /// The kind as the Kubernetes API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "Platform",
            Self::Organization => "Organization",
            Self::User => "User",
            Self::Token => "Token",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A kind of object on a platform.
pub trait Entity: Send + Sync + 'static {
    /// What creating one takes.
    type New: Send + Sync;
    /// What a read shows.
    type Record: Record + Clone + fmt::Debug + Send + Sync;
    /// What can be changed; a member that is `None` is not touched.
    type Change: Clone + fmt::Debug + Default + PartialEq + Send + Sync;
    /// Where one is looked for.
    type Scope: Clone + fmt::Debug + Send + Sync;
    /// Its name in messages and metrics.
    const KIND: Kind;
}

/// What every record has.
pub trait Record {
    /// The platform's id.
    fn id(&self) -> &str;
    /// The owner mark, where the platform keeps one and it is set.
    fn owner(&self) -> Option<&str>;
    /// The id of its one key, where it has one and the platform shows it.
    fn key_id(&self) -> Option<&str> {
        None
    }
    /// What is known of an object whose id was recorded and that the platform cannot show: that it was there.
    fn unseen(id: &str, name: &str) -> Self
    where
        Self: Sized;
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<R> {
    /// The objects in it.
    pub records: Vec<R>,
    /// Where the next part begins; `None`: this was the last.
    pub next: Option<String>,
}

/// How an object is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// By the platform's id.
    Id(String),
    /// By the name on the platform. Names may be shared (Tyk), so several can answer.
    Name(String),
    /// By the owner mark.
    Owner(String),
}

/// A newly created object and what creating it showed once.
#[derive(Debug)]
pub struct Created<E: Entity> {
    /// The object.
    pub record: E::Record,
    /// The one-time value, where there is one.
    pub one_time: Option<SecretString>,
    /// It is there, and something that the manifest asks for has to follow by an update: platforms that make a user and
    /// put it into its organisation by two calls.
    pub unfinished: bool,
}

impl<E: Entity> Created<E> {
    /// One that is whole and showed nothing.
    pub fn whole(record: E::Record) -> Self {
        Self { record, one_time: None, unfinished: false }
    }

    /// As that, with what was shown once.
    #[must_use]
    pub fn showing(mut self, value: SecretString) -> Self {
        self.one_time = Some(value);
        self
    }
}
