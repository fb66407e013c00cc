//! The technical administrator: a user of ours in each organisation in which users are listed or removed, because the
//! admin API does neither.
//!
//! It is made when it is first needed, kept before it is used, and made again when its key is not accepted any more. Then
//! those that came before it go. What tells it from people is its e-mail address, which names no host that exists; whose
//! it is, the owner id in that address.

use std::fmt::Write as _;
use std::sync::PoisonError;
use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::envelope::{self, REFUSALS};
use super::listing::Cache;
use super::users::{Listed, id_and_key};
use super::{Tyk, everything};
use crate::clock::Clock;
use crate::domain::entity::UserRecord;
use crate::domain::fault::FaultKind;
use crate::platform::http::{Call, Effect};
use crate::platform::{Error, TechnicalAdmin};

/// What the addresses of technical administrators begin with.
const ADDRESS: &str = "org-operator-";
/// What they end with: a host that cannot exist (RFC 6761, section 6.4).
const HOST: &str = "@technical-administrator.invalid";
/// The longest owner id that an address has room for, in characters: the part before the `@` may have 64.
const OWNER_LENGTH: usize = 36;

/// What is known of one organisation.
#[derive(Debug)]
pub(super) struct InOne {
    technical: Mutex<Option<TechnicalAdmin>>,
    /// When the key of one that had just been made was refused.
    refused: std::sync::Mutex<Option<Timestamp>>,
    /// Its users, without the technical ones.
    pub(super) users: Cache<UserRecord>,
}

impl InOne {
    pub(super) fn new(clock: Clock) -> Self {
        Self { technical: Mutex::default(), refused: std::sync::Mutex::default(), users: Cache::new(clock) }
    }
}

/// How long no other is made after the key of a new one was refused: it is not the key that is wrong then, and each try
/// would leave an administrator.
const PAUSE: Duration = Duration::from_hours(1);

impl InOne {
    fn was_refused(&self, now: Timestamp) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    fn may_make_another(&self, operation: &str, now: Timestamp) -> Result<(), Error> {
        let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.is_none_or(|at| now.duration_since(at).unsigned_abs() >= PAUSE) {
            return Ok(());
        }
        let message = "the Dashboard refuses the key of an administrator that it has just made: its API for users does not \
                       work, so no other is made for an hour";
        Err(Error::new(FaultKind::Unavailable(None), operation, message))
    }
}

/// What the creation of one sends. The right to set the passwords of others has to be there from the start: the key keeps
/// the rights that it was made with.
#[derive(Serialize)]
struct Sent<'a> {
    org_id: &'a str,
    first_name: &'static str,
    last_name: &'static str,
    email_address: &'a str,
    active: bool,
    user_permissions: Rights,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Rights {
    is_admin: &'static str,
    reset_password: &'static str,
}

/// Whether that is the address of a technical administrator, whoever's it is.
pub(super) fn is_technical(email: &str) -> bool {
    let email = email.to_lowercase();
    email.starts_with(ADDRESS) && email.ends_with(HOST)
}

/// An address for a new one.
fn address(owner_id: &str) -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!("{ADDRESS}{}.{}{HOST}", &random[..8], owner(owner_id))
}

/// Whether it is one of that owner's.
fn is_of(email: &str, owner_id: &str) -> bool {
    let email = email.to_lowercase();
    let inner = email.strip_prefix(ADDRESS).and_then(|rest| rest.strip_suffix(HOST));
    inner.and_then(|inner| inner.split_once('.')).is_some_and(|(_, of)| of == owner(owner_id))
}

/// The owner id as it can stand in an address; a hash of it where it cannot.
fn owner(owner_id: &str) -> String {
    let plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    if (1..=OWNER_LENGTH).contains(&owner_id.len()) && owner_id.chars().all(plain) {
        return owner_id.to_owned();
    }
    let hash = Sha256::digest(owner_id);
    hash.iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Tyk {
    /// A call of the API that acts with the key of one user.
    pub(super) fn of_user<'a>(
        operation: &str,
        effect: Effect,
        method: Method,
        segments: impl IntoIterator<Item = &'a str>,
        key: &SecretString,
    ) -> Call {
        let segments = ["api", "users"].into_iter().chain(segments);
        Call::new(operation, effect, method, segments).header("authorization", key.clone())
    }

    /// All users that a key shows, those of its own organisation.
    pub(super) async fn listed(&self, operation: &str, key: &SecretString) -> Result<Vec<Listed>, Error> {
        let get = |page| self.page(Self::of_user(operation, Effect::Reads, Method::GET, [], key), page);
        everything(|user: &Listed| &user.id, get).await
    }

    /// Does something with the key of the organisation's technical administrator; once more with that of a new one where
    /// the key is not accepted, which means that nothing was done. `None`: the organisation is not there.
    pub(super) async fn as_technical<T, F: Future<Output = Result<T, Error>>>(
        &self,
        operation: &str,
        organization_id: &str,
        call: impl Fn(SecretString) -> F,
    ) -> Result<Option<T>, Error> {
        let Some(technical) = self.technical(operation, organization_id, None).await? else { return Ok(None) };
        match call(technical.key.clone()).await {
            Err(error) if error.kind == FaultKind::Unauthenticated => {
                let in_one = self.in_one(organization_id);
                in_one.may_make_another(operation, self.clock.now())?;
                let next = self.technical(operation, organization_id, Some(&technical)).await?;
                let Some(next) = next else { return Ok(None) };
                let done = call(next.key).await;
                if done.as_ref().is_err_and(|error| error.kind == FaultKind::Unauthenticated) {
                    in_one.was_refused(self.clock.now());
                }
                done.map(Some)
            }
            done => done.map(Some),
        }
    }

    /// The technical administrator of that organisation, another one than `lost`; `None`: there is no such organisation.
    async fn technical(
        &self,
        operation: &str,
        organization_id: &str,
        lost: Option<&TechnicalAdmin>,
    ) -> Result<Option<TechnicalAdmin>, Error> {
        let in_one = self.in_one(organization_id);
        // For as long as it takes: two would make two.
        let mut known = in_one.technical.lock().await;
        let works = |admin: &TechnicalAdmin| {
            lost.is_none_or(|lost| lost.key.expose_secret() != admin.key.expose_secret())
                && !admin.key.expose_secret().is_empty()
        };
        if let Some(admin) = known.clone().filter(works) {
            return Ok(Some(admin));
        }
        let admin = match self.keeper.technical_admin(organization_id).await?.filter(works) {
            Some(kept) => kept,
            // A user that is made for no organisation is one of all of them.
            None if organization_id.is_empty() || !self.has_organization(operation, organization_id).await? => {
                return Ok(None);
            }
            None => self.make_technical(operation, organization_id).await?,
        };
        *known = Some(admin.clone());
        Ok(Some(admin))
    }

    async fn make_technical(&self, operation: &str, organization_id: &str) -> Result<TechnicalAdmin, Error> {
        let email = address(&self.owner_id);
        let sent = Sent {
            org_id: organization_id,
            first_name: "org-operator",
            last_name: "technical administrator",
            email_address: &email,
            active: true,
            user_permissions: Rights { is_admin: "admin", reset_password: "admin" },
        };
        let call = self.admin(operation, Effect::Creates, Method::POST, ["users"]).wants(REFUSALS).json(&sent)?;
        let reply = self.origin.send(call).await?;
        let (message, user) = envelope::shown(&reply, self.clock.now())?;
        let Some((user_id, Some(key))) = id_and_key(&user, message) else {
            return Err(reply.strange("shows no key of the user that it made"));
        };
        let made = TechnicalAdmin { user_id, email, key };
        if let Err(error) = self.keeper.keep(organization_id, &made).await {
            // What nobody remembers would stay an administrator for ever.
            self.remove_quietly(operation, &made.user_id, &made.key).await;
            return Err(error);
        }
        self.remove_former(operation, &made).await;
        Ok(made)
    }

    /// Removes our technical administrators but that one. Those that stay are tried again with the next.
    async fn remove_former(&self, operation: &str, current: &TechnicalAdmin) {
        match self.listed(operation, &current.key).await {
            Ok(users) => {
                let former = |user: &&Listed| user.id != current.user_id && is_of(&user.email, &self.owner_id);
                for user in users.iter().filter(former) {
                    self.remove_quietly(operation, &user.id, &current.key).await;
                }
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the former technical administrators of an organisation were not looked for"
                );
            }
        }
    }

    /// Removes ours before its organisation goes, because nothing says that the users go with it. What cannot be removed
    /// is an administrator of nothing, and keeps no organisation from being deleted.
    pub(super) async fn retire_technical(&self, operation: &str, organization_id: &str) {
        match self.keeper.technical_admin(organization_id).await {
            Ok(Some(kept)) => self.remove_quietly(operation, &kept.user_id, &kept.key).await,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    organization_id,
                    "the technical administrator of an organisation that is deleted was not removed"
                );
            }
        }
    }

    async fn remove_quietly(&self, operation: &str, user_id: &str, key: &SecretString) {
        let wanted = [StatusCode::NOT_FOUND, StatusCode::UNAUTHORIZED];
        let call = Self::of_user(operation, Effect::Repeatable, Method::DELETE, [user_id], key).wants(wanted);
        if let Err(error) = self.origin.send(call).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                user_id,
                "a technical administrator of an organisation was not removed"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_whose_it_is_and_fits() {
        let long = "x".repeat(60);
        for owner_id in ["cluster", "0b2f61ce-3b0c-4d4c-9f6c-2f2b3c1a9f10", "Team A/ä", "", &long] {
            let email = address(owner_id);
            assert!(is_technical(&email) && is_of(&email, owner_id), "{email}");
            assert!(!is_of(&email, "another"), "{email}");
            assert_eq!(email, email.to_lowercase());
            let local = email.split('@').next().unwrap();
            assert!(local.len() <= 64 && local.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)));
            assert_ne!(email, address(owner_id), "two of one owner are two users");
        }
        assert!(!is_technical("org-operator-jo@example.org") && !is_technical("jo@technical-administrator.invalid"));
    }
}
