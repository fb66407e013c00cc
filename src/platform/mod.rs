//! The admin APIs, behind one trait.
//!
//! [`Backend`] is what a platform does with one kind of object, [`AdminApi`] a whole platform. The contract, which every
//! platform has to keep:
//!
//! - `find` answers absence with an empty list, never with an error; names may be shared, so several can answer.
//! - `create` of what exists is [`FaultKind::AlreadyExists`]; with an idempotency key that the platform has seen it is
//!   the first object, where the platform knows such keys.
//! - `delete` of what is absent is no error, and says that it was.
//! - What a platform cannot do is [`FaultKind::Unsupported`], and its [`Capabilities`] say so.
//! - Nothing in here retries a request that is not idempotent.
//! - No secret and nothing of a platform's reply is in an [`Error`].

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::domain::capability::{Capabilities, Capability, Support};
use crate::domain::entity::{
    Created, Entity, InOrganization, Kind, Lookup, OfUser, Organization, Page, Token, User, UserType,
};
use crate::domain::fault::FaultKind;
use crate::fence::NotLeading;

mod budget;
mod embedded;
pub mod http;
#[cfg(test)]
mod in_memory;
mod key;
mod metered;
mod rockfish;
mod rockit;
mod tried;
mod tyk;

pub use budget::{Budget, Limits};
pub use embedded::Embedded;
pub use key::key_id;
pub use metered::Metered;
pub use rockfish::Rockfish;
pub use rockit::{AdminCredential, BackendCredential, Rockit};
pub use tyk::Tyk;

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

    /// A call that was not sent, because this process may not act any more.
    pub(crate) fn not_leading(operation: impl Into<String>) -> Self {
        Self::new(FaultKind::NotLeading, operation, NotLeading.to_string())
    }

    /// The failure with what lies beneath it, for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

/// What a deletion came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The platform says that it has done it, or that somebody else has.
    Done,
    /// The platform says that there is nothing of that id. Where reads may lag or lie, this answer may too.
    Absent,
}

/// What a platform does with one kind of object. The contract is the module's.
#[async_trait]
pub trait Backend<E: Entity>: Send + Sync {
    /// The objects that answer to `lookup` in `scope`. An owner mark also finds what an attempt under it minted.
    async fn find(&self, scope: &E::Scope, lookup: &Lookup) -> Result<Vec<E::Record>, Error>;

    /// A part of all that are in `scope`: the first, or the one that begins where an earlier part said.
    async fn list(&self, scope: &E::Scope, from: Option<&str>) -> Result<Page<E::Record>, Error>;

    /// Creates one.
    async fn create(&self, new: E::New) -> Result<Created<E>, Error>;

    /// Changes one: a member of `change` that is `None` is not touched.
    async fn update(&self, scope: &E::Scope, id: &str, change: &E::Change) -> Result<E::Record, Error>;

    /// Removes one.
    async fn delete(&self, scope: &E::Scope, id: &str) -> Result<Ended, Error>;
}

/// What a platform asks of a manifest that leaves it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The first administrator of an organisation.
    Admin,
    /// The key pair of an organisation.
    KeyPair,
    /// The e-mail address of every user, machines too: it is what the platform knows them by.
    Email,
}

/// A value that an answer shows once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The password of an organisation's first administrator.
    AdminPassword,
    /// A credential of a new user of that type.
    UserToken(UserType),
}

/// A machine account in an organisation, where a platform manages an organisation's users only for such.
#[derive(Clone, Debug)]
pub struct Account {
    /// The organisation's name.
    pub organization: String,
    /// The account's name.
    pub username: String,
    /// Its key.
    pub key: SecretString,
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
    fn check_name(&self, kind: Kind, name: &str) -> Result<(), String>;

    /// What becomes of a resource's name where the manifest gives no other.
    fn default_name(&self, _: Kind, name: &str) -> String {
        name.to_owned()
    }

    /// Where consumers find the platform, where that is not where its admin API is.
    fn consumer_url(&self) -> String {
        self.url()
    }

    /// Whether it keeps our owner mark on objects of that kind.
    fn marks(&self, _: Kind) -> bool {
        self.capabilities().of(Capability::OwnerMark) == Support::Supported
    }

    /// Whether it lets several objects of that kind have one name, so that a creation that is carried out twice makes two.
    fn shares_names(&self, _: Kind) -> bool {
        false
    }

    /// The id that an object of that kind and name has, where the name is the id.
    fn id_of_name(&self, _: Kind, _: &str) -> Option<String> {
        None
    }

    /// Whether creating an object shows that value once.
    fn shows(&self, _: Shown) -> bool {
        false
    }

    /// Whether a user's key can be replaced by another that is shown then.
    fn renews_keys(&self) -> bool {
        true
    }

    /// Whether people get an invitation by e-mail from the platform.
    fn invites(&self) -> bool {
        false
    }

    /// Whether a manifest has to give that.
    fn needs(&self, _: Need) -> bool {
        false
    }

    /// The same platform for what only an account in an organisation may do; `None` where it knows no such accounts.
    fn acting_as(&self, _: &Account) -> Option<Arc<dyn AdminApi>> {
        None
    }

    /// The project that making one of these users a member of the organisation made by default; `None` where the platform
    /// has no projects, shows none, or does not say which it is. A call that changes nothing. Platforms that show the
    /// project with the organisation itself have it in their record, and answer `None` here.
    async fn default_project(&self, _organization_id: &str, _members: &[String]) -> Result<Option<String>, Error> {
        Ok(None)
    }

    /// The one key of a user, where a user has one and the platform shows it again. `None`: there is a user, and the
    /// platform keeps the key to itself.
    ///
    /// [`FaultKind::Unsupported`] where the platform never shows it; [`FaultKind::NotFound`] without the user.
    async fn key(&self, _: &OfUser) -> Result<Option<SecretString>, Error> {
        Err(Error::new(FaultKind::Unsupported, "read the key of User", "this platform shows no key again"))
    }
}

/// The technical administrator that the operator keeps in an organisation, where a platform lists and removes users only
/// for one of the organisation's own administrators.
#[derive(Clone, Debug)]
pub struct TechnicalAdmin {
    /// The platform's id of the user.
    pub user_id: String,
    /// Its e-mail address, by which it is known.
    pub email: String,
    /// Its key.
    pub key: SecretString,
}

/// Where technical administrators are kept: Secrets in the Platform's own namespace, out of the tenants' reach.
#[async_trait]
pub trait Keeper: Debug + Send + Sync {
    /// The one of that organisation; `None`: none is kept, or what is kept is not whole.
    async fn technical_admin(&self, organization_id: &str) -> Result<Option<TechnicalAdmin>, Error>;

    /// Keeps that one, in the place of any before.
    async fn keep(&self, organization_id: &str, admin: &TechnicalAdmin) -> Result<(), Error>;
}
