//! A user as requests give it and replies show it.
//!
//! What a request does not name of a user that is there stays as it is: the vendor's description of the API shows an
//! update that names no permissions, and answers with those that the user had. Our own decisions: a creation that names
//! no permissions gives none; `id`, `access_key` and the times of a request are not heeded, nor is `org_id` of a user
//! that is there; unknown members are not kept; a login name is needed, so an empty `email_address` is malformed.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::reply::Refusal;
use super::{Quirk, Serving, TYK};
use crate::domain::entity::{Kind, NewUser, OfUser, UserType};
use crate::embedded::documents::{Attributes, UserDocument, UserParticulars, UserPatch};
use crate::embedded::error::DirectoryError;

/// What the vendor shows for a time that has not come yet.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// A user as replies show it.
#[derive(Serialize)]
pub(super) struct Shown {
    id: String,
    org_id: String,
    first_name: String,
    last_name: String,
    email_address: String,
    active: bool,
    access_key: String,
    group_id: Value,
    user_permissions: Value,
    created_at: String,
    /// Nobody logs in to a Dashboard here, so it never comes.
    last_login_date: &'static str,
    password_updated: Value,
    password_max_days: Value,
}

impl Shown {
    /// All of it.
    pub(super) fn whole(user: &UserDocument) -> Self {
        let kept = |name, otherwise: Value| user.attributes.get(name).cloned().unwrap_or(otherwise);
        Self {
            id: user.id.clone(),
            org_id: user.organization_id.clone(),
            first_name: user.first_name.clone().unwrap_or_default(),
            last_name: user.last_name.clone().unwrap_or_default(),
            email_address: user.email.clone().unwrap_or_default(),
            active: user.enabled,
            access_key: key(user),
            group_id: kept("group_id", "".into()),
            user_permissions: kept("user_permissions", Attributes::new().into()),
            created_at: user.created_at.to_string(),
            last_login_date: NEVER,
            password_updated: kept("password_updated", NEVER.into()),
            password_max_days: kept("password_max_days", 0.into()),
        }
    }

    /// As a read by somebody else shows it: without the key, where the server is set so.
    pub(super) fn to_others(user: &UserDocument, serving: &Serving) -> Self {
        let mut shown = Self::whole(user);
        if serving.has(Quirk::TykHidesKeys) {
            shown.access_key.clear();
        }
        shown
    }
}

/// The access key; empty if it was revoked.
pub(super) fn key(user: &UserDocument) -> String {
    user.access_key.as_ref().map(|key| key.expose_secret().to_owned()).unwrap_or_default()
}

/// Whether the user administers the organisation.
pub(super) fn is_admin(user: &UserDocument) -> bool {
    let permission = user.attributes.get("user_permissions").and_then(|permissions| permissions.get("IsAdmin"));
    permission.and_then(Value::as_str) == Some("admin")
}

/// A user as requests give it.
#[derive(Deserialize)]
pub(super) struct Given {
    pub(super) org_id: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    email_address: Option<String>,
    active: Option<bool>,
    group_id: Option<String>,
    user_permissions: Option<BTreeMap<String, String>>,
    password_max_days: Option<i64>,
    #[serde(default, deserialize_with = "secret")]
    password: Option<SecretString>,
}

impl Given {
    /// What is named of the attributes.
    fn attributes(&self, serving: &Serving) -> Attributes {
        let permissions = self.user_permissions.as_ref();
        let permissions = permissions.map(|map| map.iter().map(|(name, right)| (name.clone(), right.clone().into())));
        let named = [
            ("group_id", self.group_id.clone().map(Value::from)),
            ("user_permissions", permissions.map(|map| Value::Object(map.collect()))),
            ("password_max_days", self.password_max_days.map(Value::from)),
            ("password_updated", self.password.as_ref().map(|_| serving.clock.now().to_string().into())),
        ];
        named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// Makes the user, with a key, in that organisation.
    pub(super) async fn create(
        self,
        serving: &Serving,
        organization_id: String,
    ) -> Result<(OfUser, SecretString), DirectoryError> {
        let email = lower(self.email_address.as_deref().unwrap_or_default())?;
        let attributes = self.attributes(serving);
        let particulars = UserParticulars { disabled: !self.active.unwrap_or_default(), attributes, access_key: true };
        let new = NewUser {
            idempotency_key: String::new(),
            organization_id: organization_id.clone(),
            user_type: UserType::Person,
            username: email.clone(),
            email: Some(email),
            first_name: self.first_name,
            last_name: self.last_name,
            roles: None,
            permissions: None,
            owner: String::new(),
            password: self.password,
        };
        let (made, key) = serving.directory.create_user_with(&TYK, new, particulars, serving.clock.now()).await?;
        Ok((OfUser { organization_id, user_id: made.id }, key.unwrap_or_default()))
    }

    /// Changes what is named of that user.
    pub(super) async fn update(self, serving: &Serving, of: &OfUser) -> Result<UserDocument, DirectoryError> {
        let attributes = self.attributes(serving);
        let email = self.email_address.as_deref().map(lower).transpose()?;
        let patch = UserPatch {
            username: email.clone(),
            email,
            first_name: self.first_name,
            last_name: self.last_name,
            enabled: self.active,
            password: self.password,
            attributes,
        };
        serving.directory.patch_user(&TYK, of, patch).await
    }
}

/// A new password for a user, and when it was set.
pub(super) async fn set_password(serving: &Serving, of: &OfUser, password: SecretString) -> Result<(), DirectoryError> {
    let updated = ("password_updated".to_owned(), serving.clock.now().to_string().into());
    let patch =
        UserPatch { password: Some(password), attributes: Attributes::from_iter([updated]), ..UserPatch::default() };
    serving.directory.patch_user(&TYK, of, patch).await.map(drop)
}

/// What a failed creation is answered with.
pub(super) fn not_created(error: DirectoryError) -> Refusal {
    match error {
        DirectoryError::NotFound { kind: Kind::Organization, .. } => Refusal::UNKNOWN_ORGANIZATION,
        error => error.into(),
    }
}

/// An e-mail address as it is kept.
fn lower(email: &str) -> Result<String, DirectoryError> {
    if email.is_empty() {
        return Err(DirectoryError::Invalid { field: "the e-mail address", rule: "it must not be empty".to_owned() });
    }
    Ok(email.to_lowercase())
}

/// A password; an empty one is none.
pub(super) fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()).map(SecretString::from))
}
