//! Organisations as platforms have them.

use secrecy::SecretString;

use super::{Entity, Kind, Record};

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
#[derive(Clone, Debug)]
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
