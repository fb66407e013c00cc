//! The three kinds of object that a platform keeps, as every platform's client shows them to the engine.
//!
//! An [`Entity`] ties a kind to what it takes to create one (`New`), to what a read shows (`Record`), to what can be
//! changed (`Change`) and to where it lives (`Scope`). Secrets are [`SecretString`]: they print as `[REDACTED]` and are
//! zeroed when dropped.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;

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

/// Organisations.
#[derive(Debug)]
pub enum Organization {}

impl Entity for Organization {
    type New = NewOrganization;
    type Record = OrganizationRecord;
    type Change = OrganizationChange;
    type Scope = ();
    const KIND: Kind = Kind::Organization;
}

/// What creating an organisation takes.
#[derive(Debug)]
pub struct NewOrganization {
    /// Repeating a creation with this key returns the first object, where the platform knows such keys.
    pub idempotency_key: String,
    /// Name on the platform.
    pub name: String,
    /// Name for people.
    pub display_name: Option<String>,
    /// Owner mark, where the platform keeps one.
    pub owner: String,
    /// First administrator.
    pub admin: Option<NewAdmin>,
    /// Key pair that the platform gets at creation.
    pub key_pair: Option<KeyPairValue>,
    /// ROCKIT's `dxorglnk`.
    pub link: Option<SecretString>,
    /// What only Tyk has.
    pub tyk: TykSettings,
}

/// What only Tyk's organisations have; a member that is `None` is not touched, or not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TykSettings {
    /// Domain of the organisation's portal.
    pub cname: Option<String>,
    /// Whether that domain is in use.
    pub cname_enabled: Option<bool>,
    /// The most developers of the portal.
    pub developer_quota: Option<i64>,
    /// Whether hybrid gateways may connect.
    pub hybrid_enabled: Option<bool>,
    /// Whether single sign-on is allowed.
    pub sso_enabled: Option<bool>,
}

/// The first administrator of an organisation.
#[derive(Debug)]
pub struct NewAdmin {
    /// Login name.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Password, where the platform lets it be set.
    pub password: Option<SecretString>,
}

/// A key pair as it lies in a Secret.
#[derive(Debug)]
pub struct KeyPairValue {
    /// Encrypted private key, PEM.
    pub private_pem: SecretString,
    /// Public key, SubjectPublicKeyInfo PEM.
    pub public_pem: String,
    /// What the private key is encrypted with; `None` for an imported key that is not encrypted.
    pub passphrase: Option<SecretString>,
}

/// An organisation as the platform shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrganizationRecord {
    /// The platform's id.
    pub id: String,
    /// Name on the platform.
    pub name: String,
    /// Name for people.
    pub display_name: Option<String>,
    /// Owner mark.
    pub owner: Option<String>,
    /// The project that the first membership made, on platforms with projects.
    pub default_project_id: Option<String>,
    /// What only Tyk has.
    pub tyk: TykSettings,
    /// The platform shows only a part of it: what is `None` here is not known.
    pub partial: bool,
}

impl Record for OrganizationRecord {
    fn id(&self) -> &str {
        &self.id
    }
    fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
    fn unseen(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            display_name: None,
            owner: None,
            default_project_id: None,
            tyk: TykSettings::default(),
            partial: true,
        }
    }
}

/// A change of an organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrganizationChange {
    /// New name for people.
    pub display_name: Option<String>,
    /// What only Tyk has.
    pub tyk: TykSettings,
    /// New owner mark; `Some(None)` takes it off.
    pub owner: Option<Option<String>>,
}

/// Users.
#[derive(Debug)]
pub enum User {}

impl Entity for User {
    type New = NewUser;
    type Record = UserRecord;
    type Change = UserChange;
    type Scope = InOrganization;
    const KIND: Kind = Kind::User;
}

/// The organisation that users are looked for in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InOrganization {
    /// The organisation's id on the platform.
    pub organization_id: String,
}

/// Whether a user is a person or a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub enum UserType {
    /// Someone who logs in with a password.
    Person,
    /// A program that uses tokens.
    Machine,
}

/// What creating a user takes.
#[derive(Debug)]
pub struct NewUser {
    /// Repeating a creation with this key returns the first object, where the platform knows such keys.
    pub idempotency_key: String,
    /// The organisation's id on the platform.
    pub organization_id: String,
    /// Person or machine.
    pub user_type: UserType,
    /// Login name.
    pub username: String,
    /// E-mail address.
    pub email: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Roles by the platform's own names; `None` leaves them to the platform.
    pub roles: Option<Vec<String>>,
    /// Tyk's permissions by name, beside roles; a name that is not in it is left to the platform.
    pub permissions: Option<BTreeMap<String, String>>,
    /// Owner mark, where the platform keeps one.
    pub owner: String,
    /// Password, where the platform lets it be set.
    pub password: Option<SecretString>,
}

/// A user as the platform shows it, seen from one organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The platform's id.
    pub id: String,
    /// Login name.
    pub username: String,
    /// Person or machine.
    pub user_type: UserType,
    /// E-mail address.
    pub email: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// Roles in this organisation, sorted; `None`: not shown.
    pub roles: Option<Vec<String>>,
    /// Tyk's permissions by name.
    pub permissions: BTreeMap<String, String>,
    /// Owner mark.
    pub owner: Option<String>,
    /// The id of its one key, where it has one and the platform shows it.
    pub key_id: Option<String>,
    /// The platform shows only a part of it: what is `None` here is not known.
    pub partial: bool,
}

impl Record for UserRecord {
    fn id(&self) -> &str {
        &self.id
    }
    fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
    fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }
    fn unseen(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            username: name.to_owned(),
            user_type: UserType::Person,
            email: None,
            first_name: None,
            last_name: None,
            roles: None,
            permissions: BTreeMap::new(),
            owner: None,
            key_id: None,
            partial: true,
        }
    }
}

/// A change of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// New e-mail address.
    pub email: Option<String>,
    /// New first name.
    pub first_name: Option<String>,
    /// New last name.
    pub last_name: Option<String>,
    /// New roles, whole.
    pub roles: Option<Vec<String>>,
    /// Tyk's permissions that are to be set; the others stay.
    pub permissions: Option<BTreeMap<String, String>>,
    /// New owner mark; `Some(None)` takes it off.
    pub owner: Option<Option<String>>,
}

/// Tokens.
#[derive(Debug)]
pub enum Token {}

impl Entity for Token {
    type New = NewToken;
    type Record = TokenRecord;
    type Change = TokenChange;
    type Scope = OfUser;
    const KIND: Kind = Kind::Token;
}

/// The user that tokens are looked for of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfUser {
    /// The organisation's id on the platform.
    pub organization_id: String,
    /// The user's id on the platform.
    pub user_id: String,
}

/// What minting a token takes.
#[derive(Debug)]
pub struct NewToken {
    /// Repeating a creation with this key returns the first object, where the platform knows such keys.
    pub idempotency_key: String,
    /// Whose token it is.
    pub of: OfUser,
    /// Owner mark, with the attempt that minted it.
    pub owner: String,
    /// When it is to end; `None` for never.
    pub expires_at: Option<Timestamp>,
}

/// A live token as the platform shows it: never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// The platform's id.
    pub id: String,
    /// Owner mark.
    pub owner: Option<String>,
    /// When it was minted; `None` where the platform does not say.
    pub issued_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

impl Record for TokenRecord {
    fn id(&self) -> &str {
        &self.id
    }
    fn owner(&self) -> Option<&str> {
        self.owner.as_deref()
    }
    fn unseen(id: &str, _: &str) -> Self {
        Self { id: id.to_owned(), owner: None, issued_at: None, expires_at: None }
    }
}

/// A change of a token: of its owner mark alone, a token is otherwise replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenChange {
    /// New owner mark; `Some(None)` takes it off.
    pub owner: Option<Option<String>>,
}
