//! Users, whom a Dashboard knows by their e-mail addresses alone.
//!
//! A user without any permission is an administrator, as the vendor's page on permissions says, and one with a single
//! permission has that and no other. So such a user shows the role `Admin`, and taking the last permission away is refused.

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::document::Document;
use super::envelope::{self, REFUSALS};
use super::listing::Age;
use super::organizations::unchangeable;
use super::technical::is_technical;
use super::{Tyk, keys};
use crate::domain::entity::{Created, InOrganization, Lookup, NewUser, Page, User, UserChange, UserRecord, UserType};
use crate::domain::fault::FaultKind;
use crate::platform::http::{Effect, Exposed};
use crate::platform::{Backend, Ended, Error, key_id};

/// The one role that a Dashboard has.
const ADMIN: &str = "Admin";
/// The permission that it is.
const IS_ADMIN: &str = "IsAdmin";
/// Where permissions are.
const PERMISSIONS: &str = "user_permissions";

/// As much of a user as the operator looks at.
#[derive(Deserialize)]
pub(super) struct Listed {
    pub(super) id: String,
    #[serde(default)]
    org_id: String,
    #[serde(default, rename = "email_address")]
    pub(super) email: String,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    #[serde(default, rename = "user_permissions")]
    permissions: Value,
    /// Of the key that it shows, only the id is kept.
    #[serde(default, rename = "access_key", deserialize_with = "id_of_key")]
    key_id: Option<String>,
}

fn id_of_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(shown_key(Option::<String>::deserialize(deserializer)?))
}

/// A Dashboard that keeps the keys of others to itself shows an empty one.
fn shown_key(key: Option<String>) -> Option<String> {
    let key = SecretString::from(key.unwrap_or_default());
    (!key.expose_secret().is_empty()).then(|| key_id(&key))
}

impl From<&Document> for Listed {
    fn from(user: &Document) -> Self {
        let text = |name| user.get::<String>(name).unwrap_or_default();
        Self {
            id: plain(text("id")),
            org_id: text("org_id"),
            email: text("email_address"),
            first_name: user.get("first_name"),
            last_name: user.get("last_name"),
            permissions: user.get(PERMISSIONS).unwrap_or_default(),
            key_id: shown_key(user.get("access_key")),
        }
    }
}

/// A Dashboard keeps neither whether somebody is a person nor an owner mark.
impl From<Listed> for UserRecord {
    fn from(user: Listed) -> Self {
        let permissions = user.permissions.as_object();
        let admin = permissions.is_none_or(|all| all.is_empty() || all.get(IS_ADMIN).is_some_and(is_yes));
        let text = |(name, level): (&String, &Value)| Some((name.clone(), level.as_str()?.to_owned()));
        Self {
            id: user.id,
            username: user.email.clone(),
            user_type: UserType::Person,
            email: Some(user.email),
            first_name: Some(user.first_name.unwrap_or_default()),
            last_name: Some(user.last_name.unwrap_or_default()),
            roles: Some(if admin { vec![ADMIN.to_owned()] } else { Vec::new() }),
            permissions: permissions.into_iter().flatten().filter_map(text).collect(),
            owner: None,
            key_id: user.key_id,
            partial: false,
        }
    }
}

/// Both words are in the vendor's pages.
fn is_yes(level: &Value) -> bool {
    matches!(level.as_str(), Some("admin" | "true"))
}

/// An id as every other call has it. The vendor's own example of a creation shows it as the hexadecimal digits of its
/// hexadecimal digits.
fn plain(id: String) -> String {
    let byte = |at: usize| u8::from_str_radix(id.get(at..at + 2)?, 16).ok();
    if id.len() != 48 {
        return id;
    }
    let decoded: Option<Vec<u8>> = (0..24).map(|index| byte(2 * index)).collect();
    match decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(inner) if inner.bytes().all(|digit| digit.is_ascii_hexdigit()) => inner,
        _ => id,
    }
}

/// The id in a user's document; empty where there is none.
pub(super) fn id_of(user: &Document) -> String {
    user.get("id").map(plain).unwrap_or_default()
}

/// The id of a user that was made, and its key where one was shown: in the user, or as the message. Some versions have
/// words for a message.
pub(super) fn id_and_key(user: &Document, message: SecretString) -> Option<(String, Option<SecretString>)> {
    let id = plain(user.get("id")?);
    if id.is_empty() {
        return None;
    }
    let is_key = |key: &SecretString| {
        let text = key.expose_secret();
        !text.is_empty() && !text.contains(char::is_whitespace)
    };
    Some((id, keys::of(user).or_else(|| Some(message).filter(is_key))))
}

/// What a creation sends.
#[derive(Serialize)]
struct Sent<'a> {
    org_id: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    email_address: &'a str,
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<Exposed<'a>>,
    user_permissions: &'a Document,
}

/// Sets permissions and roles; whether there was anything to change.
fn grant(
    operation: &str,
    all: &mut Document,
    roles: Option<&[String]>,
    permissions: Option<&BTreeMap<String, String>>,
) -> Result<bool, Error> {
    let invalid = |message: &str| Error::new(FaultKind::Invalid, operation, message);
    let unwritable = |error| unchangeable(operation, error);
    let mut changed = false;
    for (name, level) in permissions.into_iter().flatten() {
        changed |= all.change(name, Some(level)).map_err(unwritable)?;
    }
    let Some(roles) = roles else { return Ok(changed) };
    if roles.iter().any(|role| role != ADMIN) {
        return Err(invalid(
            "a Tyk Dashboard has the role Admin and no other: write what else is meant as tyk.permissions",
        ));
    }
    if roles.is_empty() {
        changed |= all.remove(IS_ADMIN);
        if all.is_empty() {
            return Err(invalid(
                "a Tyk Dashboard takes a user without any permission for an administrator: give roles: [Admin], or those \
                 that are meant as tyk.permissions",
            ));
        }
    } else if !all.get::<Value>(IS_ADMIN).is_some_and(|level| is_yes(&level)) {
        all.set(IS_ADMIN, "admin").map_err(unwritable)?;
        changed = true;
    }
    Ok(changed)
}

/// The address as the Dashboard stores it, unless it is one that no person has.
fn address(operation: &str, email: &str) -> Result<String, Error> {
    if is_technical(email) {
        let message = "e-mail addresses of that kind are the operator's own: give another one";
        return Err(Error::new(FaultKind::Invalid, operation, message));
    }
    Ok(email.to_lowercase())
}

impl Tyk {
    /// The user of that id in that organisation, whom everybody may see.
    pub(super) async fn user(
        &self,
        operation: &str,
        scope: &InOrganization,
        id: &str,
    ) -> Result<Option<Document>, Error> {
        let is = |user: &Document| id_of(user) == id;
        let found = self.read(operation, ["users", id], is).await?;
        Ok(found.filter(|user| {
            let Listed { org_id, email, .. } = user.into();
            !org_id.is_empty() && org_id == scope.organization_id && !is_technical(&email)
        }))
    }

    async fn all_users(&self, scope: &InOrganization) -> Result<Vec<UserRecord>, Error> {
        const OPERATION: &str = "list Users";
        let id = &scope.organization_id;
        let users = self.as_technical(OPERATION, id, async |key| self.listed(OPERATION, &key).await).await?;
        let ours = |user: &Listed| user.org_id == *id && !is_technical(&user.email);
        Ok(users.into_iter().flatten().filter(ours).map(UserRecord::from).collect())
    }

    /// Those users of the organisation.
    async fn those(
        &self,
        scope: &InOrganization,
        is: impl Fn(&UserRecord) -> bool + Send,
    ) -> Result<Vec<UserRecord>, Error> {
        let in_one = self.in_one(&scope.organization_id);
        let look = |all: &[UserRecord]| all.iter().filter(|user| is(user)).cloned().collect();
        in_one.users.look(Age::Recent, self.all_users(scope), look).await
    }

    pub(super) async fn reset_password(
        &self,
        scope: &InOrganization,
        id: &str,
        password: SecretString,
    ) -> Result<(), Error> {
        #[derive(Serialize)]
        struct Sent<'a> {
            new_password: Exposed<'a>,
        }
        const OPERATION: &str = "set the password of User";
        self.user(OPERATION, scope, id).await?.ok_or_else(|| missing(OPERATION))?;
        let set = async |key| {
            let path = [id, "actions", "reset"];
            let call = Self::of_user(OPERATION, Effect::Repeatable, Method::POST, path, &key);
            let reply =
                self.origin.send(call.wants(REFUSALS).json(&Sent { new_password: Exposed(&password) })?).await?;
            envelope::done(&reply, self.clock.now())
        };
        let set = self.as_technical(OPERATION, &scope.organization_id, set).await?;
        set.map(|_| ()).ok_or_else(|| missing(OPERATION))
    }
}

pub(super) fn missing(operation: &str) -> Error {
    Error::new(FaultKind::NotFound, operation, "the platform does not have that user in that organisation")
}

#[async_trait]
impl Backend<User> for Tyk {
    async fn find(&self, scope: &InOrganization, lookup: &Lookup) -> Result<Vec<UserRecord>, Error> {
        match lookup {
            Lookup::Id(id) => {
                let found = self.those(scope, |user| user.id == *id).await?;
                if !found.is_empty() {
                    return Ok(found);
                }
                let found = self.user("find User", scope, id).await?;
                Ok(found.iter().map(|user| Listed::from(user).into()).collect())
            }
            Lookup::Name(name) => {
                let name = name.to_lowercase();
                self.those(scope, move |user| user.username.to_lowercase() == name).await
            }
            // Users carry no marks here.
            Lookup::Owner(_) => Ok(Vec::new()),
        }
    }

    async fn list(&self, scope: &InOrganization, from: Option<&str>) -> Result<Page<UserRecord>, Error> {
        let records = match from {
            None => self.those(scope, |_| true).await?,
            // There is one part only.
            Some(_) => Vec::new(),
        };
        Ok(Page { records, next: None })
    }

    async fn create(&self, new: NewUser) -> Result<Created<User>, Error> {
        const OPERATION: &str = "create User";
        let invalid = |message: &str| Error::new(FaultKind::Invalid, OPERATION, message);
        // A user of no organisation is one of all of them.
        if new.organization_id.is_empty() {
            return Err(invalid("a user is made in an organisation, and none is named"));
        }
        let email = new.email.as_deref().filter(|email| !email.is_empty());
        let email = email.ok_or_else(|| invalid("a Tyk Dashboard knows users by their e-mail addresses: give one"))?;
        let email = address(OPERATION, email)?;
        let mut permissions = Document::default();
        grant(OPERATION, &mut permissions, new.roles.as_deref(), new.permissions.as_ref())?;
        // Nobody becomes an administrator by leaving something out.
        if permissions.is_empty() {
            return Err(invalid(
                "a Tyk Dashboard takes a user without any permission for an administrator: give roles: [Admin], or those \
                 that are meant as tyk.permissions",
            ));
        }
        let sent = Sent {
            org_id: &new.organization_id,
            first_name: new.first_name.as_deref().unwrap_or_default(),
            last_name: new.last_name.as_deref().unwrap_or_default(),
            email_address: &email,
            active: true,
            password: new.password.as_ref().map(Exposed),
            user_permissions: &permissions,
        };
        let in_one = self.in_one(&new.organization_id);
        let writing = in_one.users.writing();
        let call = self.admin(OPERATION, Effect::Creates, Method::POST, ["users"]).wants(REFUSALS).json(&sent)?;
        let reply = self.origin.send(call).await?;
        let (message, user) = envelope::shown(&reply, self.clock.now())?;
        let Some((_, key)) = id_and_key(&user, message) else {
            return Err(reply.strange("names no id of what it made"));
        };
        let listed = Listed::from(&user);
        if listed.org_id != new.organization_id {
            return Err(reply.strange("made it somewhere else"));
        }
        let mut record = UserRecord::from(listed);
        record.key_id = key.as_ref().map(key_id);
        writing.wrote(record.clone()).await;
        Ok(Created { record, one_time: key, unfinished: false })
    }

    /// Reads, changes, and replaces what was read, as with an organisation. A key that the Dashboard hides is left out: an
    /// empty one might be taken for a new one.
    async fn update(&self, scope: &InOrganization, id: &str, change: &UserChange) -> Result<UserRecord, Error> {
        const OPERATION: &str = "update User";
        let email = change.email.as_deref().map(|email| address(OPERATION, email)).transpose()?;
        let mut user = self.user(OPERATION, scope, id).await?.ok_or_else(|| missing(OPERATION))?;
        let in_one = self.in_one(&scope.organization_id);
        let writing = in_one.users.writing();
        if merge(OPERATION, &mut user, email.as_ref(), change)? {
            if keys::of(&user).is_none() {
                user.remove(keys::MEMBER);
            }
            let path = ["users", id];
            let call = self.admin(OPERATION, Effect::Repeatable, Method::PUT, path).wants(REFUSALS).json(&user)?;
            envelope::done(&self.origin.send(call).await?, self.clock.now())?;
            user = self.user(OPERATION, scope, id).await?.ok_or_else(|| missing(OPERATION))?;
        }
        let record = UserRecord::from(Listed::from(&user));
        writing.wrote(record.clone()).await;
        Ok(record)
    }

    async fn delete(&self, scope: &InOrganization, id: &str) -> Result<Ended, Error> {
        const OPERATION: &str = "delete User";
        if self.user(OPERATION, scope, id).await?.is_none() {
            return Ok(Ended::Absent);
        }
        let in_one = self.in_one(&scope.organization_id);
        let writing = in_one.users.writing();
        let delete = async |key| {
            let wanted = [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND];
            let call = Self::of_user(OPERATION, Effect::Repeatable, Method::DELETE, [id], &key).wants(wanted);
            let reply = self.origin.send(call).await?;
            match reply.status {
                StatusCode::NOT_FOUND => envelope::is_absence(&reply).map(|()| Ended::Absent),
                // No word on why; it may have gone meanwhile.
                StatusCode::BAD_REQUEST if self.user(OPERATION, scope, id).await?.is_some() => {
                    let message = "the platform could not delete it (status 400)";
                    Err(reply.refusal(FaultKind::Unavailable(None), message))
                }
                StatusCode::BAD_REQUEST => Ok(Ended::Absent),
                _ => envelope::done(&reply, self.clock.now()).map(|_| Ended::Done),
            }
        };
        // Without the organisation there is nobody in it.
        let ended = self.as_technical(OPERATION, &scope.organization_id, delete).await?.unwrap_or(Ended::Absent);
        if ended == Ended::Done {
            writing.removed(id).await;
        }
        Ok(ended)
    }
}

/// Makes the change; whether there was anything to change. What the change does not name stays.
fn merge(operation: &str, user: &mut Document, email: Option<&String>, change: &UserChange) -> Result<bool, Error> {
    let failed = |error| unchangeable(operation, error);
    let mut changed = user.change("email_address", email).map_err(failed)?;
    changed |= user.change("first_name", change.first_name.as_ref()).map_err(failed)?;
    changed |= user.change("last_name", change.last_name.as_ref()).map_err(failed)?;
    if change.roles.is_some() || change.permissions.is_some() {
        let mut permissions = user.object(PERMISSIONS).map_err(failed)?;
        if grant(operation, &mut permissions, change.roles.as_deref(), change.permissions.as_ref())? {
            user.set(PERMISSIONS, &permissions).map_err(failed)?;
            changed = true;
        }
    }
    Ok(changed)
}
