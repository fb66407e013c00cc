//! The admin APIs, behind one trait.
//!
//! [`Backend`] is what a platform does with one kind of object, [`AdminApi`] a whole platform. The contract, which every
//! platform has to keep:
//!
//! - `find` answers absence with an empty list, never with an error; names may be shared, so several can answer.
//! - `create` of what exists is [`FaultKind::AlreadyExists`]; with an idempotency key that the platform has seen it is
//!   the first object, where the platform knows such keys.
//! - `delete` of what is absent is Ok.
//! - Nothing in here retries a request that is not idempotent.
//! - No secret and nothing of a platform's reply is in an [`Error`].

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::domain::capability::Capabilities;
use crate::domain::entity::{Created, Entity, InOrganization, Lookup, OfUser, Organization, Token, User};
use crate::domain::fault::FaultKind;

mod budget;
mod embedded;
mod metered;

pub use budget::{Budget, Budgeted, Limits};
pub use embedded::Embedded;
pub use metered::Metered;

/// A failed platform call.
#[derive(Debug, thiserror::Error)]
#[error("{operation}: {message}")]
pub struct Error {
    /// What the failure means.
    pub kind: FaultKind,
    /// What was being done, as `create Organization`.
    pub operation: String,
    /// Our own words on what was wrong: stable, with nothing of the platform's reply but its status code.
    pub message: String,
    /// What lies beneath.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure of that meaning.
    pub fn new(kind: FaultKind, operation: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, operation: operation.into(), message: message.into(), source: None }
    }

    /// The failure with what lies beneath it, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

/// What a platform does with one kind of object. The contract is the module's.
#[async_trait]
pub trait Backend<E: Entity>: Send + Sync {
    /// The objects that answer to `lookup` in `scope`. An owner mark also finds what an attempt under it minted.
    async fn find(&self, scope: &E::Scope, lookup: &Lookup) -> Result<Vec<E::Record>, Error>;

    /// Creates one.
    async fn create(&self, new: E::New) -> Result<Created<E>, Error>;

    /// Changes one: a member of `change` that is `None` is not touched.
    async fn update(&self, scope: &E::Scope, id: &str, change: &E::Change) -> Result<E::Record, Error>;

    /// Removes one.
    async fn delete(&self, scope: &E::Scope, id: &str) -> Result<(), Error>;
}

/// A platform's admin API, bound to its address and credential.
#[async_trait]
pub trait AdminApi: Backend<Organization> + Backend<User> + Backend<Token> + Debug + Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Where it is: what tells one platform from another of its type.
    fn url(&self) -> String;

    /// Tries the credential by a call that changes nothing, and says by which.
    async fn probe(&self) -> Result<String, Error>;

    /// Sets a person's password: from then on that one logs in and the one before does not. Doing it again with the
    /// same password changes nothing that can be seen. It is the user's in every organisation, and their tokens stay.
    ///
    /// [`FaultKind::NotFound`] if the user is not a member of the organisation; [`FaultKind::Unsupported`] where the
    /// platform cannot.
    async fn set_password(&self, scope: &InOrganization, user_id: &str, password: SecretString) -> Result<(), Error>;

    /// Whether a token's value logs in as that user: the token's id, or `None` where it does not, whatever the reason (it
    /// is revoked, expired, of another user or no token at all). A call that changes nothing.
    ///
    /// [`FaultKind::Unsupported`] where the platform has no such call.
    async fn authenticates(&self, of: &OfUser, value: &SecretString) -> Result<Option<String>, Error>;

    /// How long a new object may stay invisible on reads; zero where a read sees every write before it. Until then an
    /// empty answer to `find` is no proof that nothing was made.
    fn visible_after(&self) -> Duration;

    /// Whether this name would be taken for that kind; the error says the rule.
    fn check_name(&self, kind: crate::domain::entity::Kind, name: &str) -> Result<(), String>;
}
