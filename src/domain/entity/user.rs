//! Users as platforms have them.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::{Entity, Kind, Record};

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
