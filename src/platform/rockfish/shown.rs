//! The objects as the page shows them. Members that nothing here needs (`self` among them) are not read.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use super::is_id;
use crate::domain::entity::{OrganizationRecord, Record as _, TokenRecord, UserRecord};
use crate::platform::http::secret;

/// An object with an id.
pub(super) trait Shown {
    /// The id.
    fn id(&self) -> &str;

    /// Whether it is an id that a request can name.
    fn has_id(&self) -> bool {
        is_id(self.id())
    }
}

#[derive(Deserialize)]
pub(super) struct ShownOrganization {
    pub(super) id: String,
    pub(super) name: String,
}

impl Shown for ShownOrganization {
    fn id(&self) -> &str {
        &self.id
    }
}

impl ShownOrganization {
    /// The record. It is a part: which project is the default one an organisation does not show.
    pub(super) fn record(self) -> OrganizationRecord {
        OrganizationRecord::unseen(&self.id, &self.name)
    }
}

#[derive(Deserialize)]
pub(super) struct ShownUser {
    pub(super) id: String,
    pub(super) email: String,
    /// Only when the user is created.
    #[serde(default, deserialize_with = "maybe_secret")]
    pub(super) token: Option<SecretString>,
}

impl Shown for ShownUser {
    fn id(&self) -> &str {
        &self.id
    }
}

impl ShownUser {
    /// The record. It is a part: which organisations a user is in, and with which roles, is not shown.
    pub(super) fn record(self) -> UserRecord {
        UserRecord { email: Some(self.email.clone()), ..UserRecord::unseen(&self.id, &self.email) }
    }
}

#[derive(Deserialize)]
pub(super) struct ShownToken {
    pub(super) id: String,
    /// The `self` of the user.
    pub(super) user: Option<String>,
}

impl Shown for ShownToken {
    fn id(&self) -> &str {
        &self.id
    }
}

impl ShownToken {
    /// Whether it is of that user. Only the path of the address counts: the same server is reached by several names.
    pub(super) fn is_of(&self, user_id: &str) -> bool {
        let named = self.user.as_deref().and_then(|address| address.rsplit_once('/'));
        named.is_some_and(|(before, id)| id == user_id && before.ends_with("/user"))
    }

    /// The record. When it was minted is in its value alone, and that is shown only once.
    pub(super) fn record(self) -> TokenRecord {
        TokenRecord::unseen(&self.id, "")
    }
}

/// A token as it is shown when it is created.
#[derive(Deserialize)]
pub(super) struct NewlyShownToken {
    pub(super) id: String,
    #[serde(deserialize_with = "secret")]
    pub(super) token: SecretString,
}

impl Shown for NewlyShownToken {
    fn id(&self) -> &str {
        &self.id
    }
}

#[derive(Deserialize)]
pub(super) struct ShownProject {
    #[serde(rename = "default", default)]
    pub(super) is_default: bool,
    pub(super) id: String,
    pub(super) owner_id: Option<String>,
}

fn maybe_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}
