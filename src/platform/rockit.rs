//! A ROCKIT Edge gateway as a platform.
//!
//! Its Admin API (`/adm`) makes organisations, with a token that the Platform gives or that is minted from its admin
//! secret. Its Backend API (`/be`) deletes them, with a credential of the Platform, and manages the users of one
//! organisation, with a machine account in it: [`AdminApi::acting_as`] gives the platform for that account. How a person
//! logs in there is not public.
//!
//! Organisations and users are known by their names, which are their ids here. An organisation cannot be read, and of the
//! replies only those to creating and deleting one are public: from the others the members are read that have the names
//! of the requests', and what is not among them is not known (records are [`partial`](UserRecord::partial)).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::http::{Call, Effect, Origin, Reply};
use super::tried::Tried;
use super::{Account, AdminApi, Error, Need, Shown, key_id};
use crate::domain::capability::{Capabilities, Capability, Support};
use crate::domain::entity::{InOrganization, Kind, OfUser, UserType};
use crate::domain::fault::FaultKind;

mod answer;
mod keys;
mod organizations;
mod users;

#[cfg(doc)]
use crate::domain::entity::UserRecord;

/// How long a new object may stay invisible. No public source says; this is the contract's general 90 seconds.
const VISIBLE_AFTER: Duration = Duration::from_secs(90);

/// What the Admin API takes.
#[derive(Clone, Debug)]
pub enum AdminCredential {
    /// A token as it is sent.
    Token(SecretString),
    /// What a token is minted from.
    Key {
        /// The HMAC key in base64.
        secret: SecretString,
        /// The name that the token says.
        name: String,
    },
}

/// What the Backend API takes from who may delete organisations.
#[derive(Clone, Debug)]
pub enum BackendCredential {
    /// A token as it is sent.
    Token(SecretString),
    /// A machine account.
    Account(Account),
}

/// A ROCKIT Edge gateway.
#[derive(Clone, Debug)]
pub struct Rockit {
    origin: Origin,
    admin: AdminCredential,
    backend: Option<BackendCredential>,
    api_key_member: String,
    acting: Option<Account>,
    resets: Arc<Tried>,
}

impl Rockit {
    /// The gateway at that address. `api_key_member` is the name of the member that holds a new machine user's API key in
    /// the reply, which is not public.
    pub fn new(
        origin: Origin,
        admin: AdminCredential,
        backend: Option<BackendCredential>,
        api_key_member: String,
    ) -> Self {
        Self { origin, admin, backend, api_key_member, acting: None, resets: Arc::default() }
    }

    /// A call to the Admin API.
    fn as_admin(&self, call: Call, operation: &str) -> Result<Call, Error> {
        let token = match &self.admin {
            AdminCredential::Token(token) => token.clone(),
            AdminCredential::Key { secret, name } => mint(secret, name, operation)?,
        };
        Ok(call.header("x-rockit-admin-token", token))
    }

    /// The account that users are managed with, which has to be of that organisation.
    fn account(&self, operation: &str, organization: &str) -> Result<&Account, Error> {
        let unsupported = |message: String| Error::new(FaultKind::Unsupported, operation, message);
        let account = self.acting.as_ref().ok_or_else(|| {
            unsupported(
                "ROCKIT manages the users of an organisation for an account in it: give a machine account as the \
                 Organization's spec.rockit.account"
                    .to_owned(),
            )
        })?;
        if account.organization == organization {
            Ok(account)
        } else {
            Err(unsupported(format!("the account is of {}, and has no say in {organization}", account.organization)))
        }
    }

    async fn send(&self, call: Call) -> Result<Reply, Error> {
        self.origin.send(call.judged(answer::judge)).await
    }
}

/// A machine account's three headers.
fn as_account(call: Call, account: &Account) -> Call {
    as_machine(call, &account.organization, &account.username, account.key.clone())
}

fn as_machine(call: Call, organization: &str, username: &str, key: SecretString) -> Call {
    call.header("x-rockit-orgname", organization.into())
        .header("x-rockit-username", username.into())
        .header("x-rockit-api-key", key)
}

/// The admin token as the vendor's own tool makes it: HS256, the name as the only claim, no end.
fn mint(secret: &SecretString, name: &str, operation: &str) -> Result<SecretString, Error> {
    let refused = |message| Error::new(FaultKind::Unauthenticated, operation, message);
    let key = answer::decode(secret)
        .filter(|key| !key.is_empty())
        .ok_or_else(|| refused("the admin key is not base64: look at the Secret that adminKeySecretRef names"))?;
    let key = EncodingKey::from_secret(&key);
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &json!({ "username": name }), &key)
        .map(SecretString::from)
        .map_err(|error| refused("the admin token cannot be signed").with_source(error))
}

/// What organisations and users may be called: `/^[A-Za-z0-9_]{2,50}$/`.
fn check_name(name: &str) -> Result<(), String> {
    let fits = (2..=50).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits { Ok(()) } else { Err("ROCKIT takes 2 to 50 letters, digits and underscores".to_owned()) }
}

#[async_trait]
impl AdminApi for Rockit {
    fn capabilities(&self) -> Capabilities {
        let if_there = |there: bool| if there { Support::Supported } else { Support::Unsupported };
        let (deletes, acts) = (if_there(self.backend.is_some()), if_there(self.acting.is_some()));
        let resets = if self.acting.is_some() { self.resets.support() } else { Support::Unsupported };
        Capabilities::all(Support::Unsupported)
            .with(Capability::OrganizationDelete, deletes)
            .with(Capability::DisplayName, Support::Supported)
            .with(Capability::OrganizationAdmin, Support::Supported)
            .with(Capability::KeyPairPush, Support::Supported)
            .with(Capability::UserRead, acts)
            .with(Capability::UserUpdate, acts)
            .with(Capability::UserDelete, acts)
            .with(Capability::Roles, Support::Supported)
            .with(Capability::TokenRevoke, resets)
    }

    fn url(&self) -> String {
        self.origin.address()
    }

    /// The ping of the Admin API with the admin token, of older servers at `/adm`, of newer ones at `/srv`; and a list of
    /// users with the Platform's backend credential, where it has one. That one is not for listing users, so a refusal says
    /// nothing about it (the vendor's pages have no 403: a right that is missing may be 401).
    async fn probe(&self) -> Result<String, Error> {
        let mut said = self.ping().await?;
        if let Some(backend) = &self.backend {
            said.push_str(&self.try_backend(backend).await?);
        }
        Ok(said)
    }

    async fn set_password(&self, _: &InOrganization, _: &str, _: SecretString) -> Result<(), Error> {
        let message = "ROCKIT documents no call that sets a password: people choose theirs by the invitation";
        Err(Error::new(FaultKind::Unsupported, "set the password of User", message))
    }

    /// A machine reads its own user with its key. A refusal proves nothing: the vendor's pages have 401 and no 403, so a
    /// right that is missing may be 401 as well, and a machine need not have the right to read users.
    async fn authenticates(&self, of: &OfUser, value: &SecretString) -> Result<Option<String>, Error> {
        let operation = "authenticate Token";
        // What no header can carry is no key.
        if http::HeaderValue::from_str(value.expose_secret()).is_err() {
            return Ok(None);
        }
        // Names that nobody can have.
        if [&of.organization_id, &of.user_id].into_iter().any(|name| check_name(name).is_err()) {
            return Ok(None);
        }
        let call = Call::new(operation, Effect::Reads, Method::GET, ["be", "v1", "users", &of.user_id]).wants([
            StatusCode::UNAUTHORIZED,
            StatusCode::FORBIDDEN,
            StatusCode::NOT_FOUND,
        ]);
        let reply = self.send(as_machine(call, &of.organization_id, &of.user_id, value.clone())).await?;
        match reply.status {
            StatusCode::NOT_FOUND => answer::absent(&reply).map(|()| None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(reply.refusal(
                FaultKind::Unsupported,
                "the platform lets the machine not read its own user: its key may be wrong, or the right may be missing",
            )),
            _ => answer::user(&reply, &of.user_id).map(|_| Some(key_id(value))),
        }
    }

    fn visible_after(&self) -> Duration {
        VISIBLE_AFTER
    }

    fn check_name(&self, kind: Kind, name: &str) -> Result<(), String> {
        match kind {
            Kind::Organization | Kind::User => check_name(name),
            Kind::Platform | Kind::Token => Ok(()),
        }
    }

    /// `-` and `.`, which a resource's name may have and ROCKIT's may not, become `_`.
    fn default_name(&self, kind: Kind, name: &str) -> String {
        match kind {
            Kind::Organization | Kind::User => name.replace(['-', '.'], "_"),
            Kind::Platform | Kind::Token => name.to_owned(),
        }
    }

    /// Names are unique, and the only ids that the page knows.
    fn id_of_name(&self, kind: Kind, name: &str) -> Option<String> {
        matches!(kind, Kind::Organization | Kind::User).then(|| name.to_owned())
    }

    /// The administrator's password, where the server shows it, and the API key of a machine. A person sets a password by
    /// the invitation.
    fn shows(&self, shown: Shown) -> bool {
        matches!(shown, Shown::AdminPassword | Shown::UserToken(UserType::Machine))
    }

    /// What the call that resets a machine's credentials answers is not public: a new key could be lost with it.
    fn renews_keys(&self) -> bool {
        false
    }

    fn invites(&self) -> bool {
        true
    }

    fn needs(&self, need: Need) -> bool {
        match need {
            Need::Admin | Need::KeyPair => true,
            Need::Email => false,
        }
    }

    fn acting_as(&self, account: &Account) -> Option<Arc<dyn AdminApi>> {
        Some(Arc::new(Self { acting: Some(account.clone()), ..self.clone() }))
    }
}

impl Rockit {
    async fn ping(&self) -> Result<String, Error> {
        let operation = "ping the Admin API";
        for [api, version, ping] in [["adm", "v1", "ping"], ["srv", "v1", "ping"]] {
            let call = Call::new(operation, Effect::Reads, Method::POST, [api, version, ping]).json(&json!({}))?;
            let call = self.as_admin(call, operation)?.wants(NO_SUCH_CALL);
            let reply = self.send(call).await?;
            if NO_SUCH_CALL.contains(&reply.status) {
                continue;
            }
            return Ok(format!(
                "POST /{api}/{version}/{ping} answers to the admin token; no call is documented that proves it and changes \
                 nothing"
            ));
        }
        let message = "the platform has neither POST /adm/v1/ping nor POST /srv/v1/ping: is the Platform's URL the \
                       gateway's?";
        Err(Error::new(FaultKind::Unavailable(None), operation, message))
    }

    async fn try_backend(&self, backend: &BackendCredential) -> Result<String, Error> {
        let call = Call::new("try the backend credential", Effect::Reads, Method::GET, ["be", "v1", "users"]);
        let call = call.query("limit", "1").wants([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]);
        let reply = self.send(organizations::as_backend(call, backend)).await?;
        if !reply.status.is_success() {
            return Ok(
                "; the backend credential is not proved: it may not list users, and no call is documented that tries \
                       the right to delete"
                    .to_owned(),
            );
        }
        answer::users(&reply)?;
        Ok("; the backend credential is proved by GET /be/v1/users".to_owned())
    }
}

/// What a server answers that does not have a call.
const NO_SUCH_CALL: [StatusCode; 3] =
    [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_IMPLEMENTED];

#[cfg(test)]
mod tests;
