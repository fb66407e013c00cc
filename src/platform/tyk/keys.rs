//! Tokens: the one access key that each user has.
//!
//! Minting one resets it, so the one before it ends at once. A Dashboard may be set up to hide the keys of others; then a
//! reset would end a key and show no new one, so nothing is sent unless a read has shown the key first.

use async_trait::async_trait;
use http::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::document::Document;
use super::users::{id_of, missing};
use super::{Tyk, envelope};
use crate::domain::entity::{Created, InOrganization, Lookup, NewToken, OfUser, Page, Token, TokenChange, TokenRecord};
use crate::domain::fault::FaultKind;
use crate::platform::http::Effect;
use crate::platform::{Backend, Ended, Error, key_id};

/// The member of a user that is its key.
pub(super) const MEMBER: &str = "access_key";

/// The key in a user's document; `None` where it is hidden.
pub(super) fn of(user: &Document) -> Option<SecretString> {
    user.get::<String>(MEMBER).filter(|key| !key.is_empty()).map(SecretString::from)
}

/// By the hashes, which tell nothing of where the keys differ.
fn are_equal(one: &SecretString, other: &SecretString) -> bool {
    Sha256::digest(one.expose_secret()) == Sha256::digest(other.expose_secret())
}

fn hidden(operation: &str) -> Error {
    let message = "the Dashboard hides the access keys of users, so nothing was sent: a reset would end the key and show \
                   no new one; let it show access keys to its admin API, or use the Secret of the User";
    Error::new(FaultKind::Unsupported, operation, message)
}

fn record(id: String) -> TokenRecord {
    TokenRecord { id, owner: None, issued_at: None, expires_at: None }
}

/// What a read tells of a user's key.
enum Seen {
    Absent,
    Hidden,
    Key(SecretString),
}

impl Tyk {
    async fn seen(&self, operation: &str, of_user: &OfUser) -> Result<Seen, Error> {
        let scope = InOrganization { organization_id: of_user.organization_id.clone() };
        let user = self.user(operation, &scope, &of_user.user_id).await?;
        let Some(user) = user else { return Ok(Seen::Absent) };
        let key = of(&user);
        if key.is_some() {
            self.shows_keys.prove();
        } else {
            self.shows_keys.doubt();
        }
        Ok(key.map_or(Seen::Hidden, Seen::Key))
    }

    pub(super) async fn shown_key(&self, of: &OfUser) -> Result<Option<SecretString>, Error> {
        const OPERATION: &str = "read the key of User";
        match self.seen(OPERATION, of).await? {
            Seen::Absent => Err(missing(OPERATION)),
            Seen::Hidden => Ok(None),
            Seen::Key(key) => Ok(Some(key)),
        }
    }

    /// Asks for the user itself with the value. Another administrator's key is let in too, so the key that a read shows
    /// decides where there is one.
    pub(super) async fn logs_in(&self, of_user: &OfUser, value: &SecretString) -> Result<Option<String>, Error> {
        const OPERATION: &str = "authenticate Token";
        // No such header would be sent.
        if value.expose_secret().is_empty() || value.expose_secret().chars().any(char::is_control) {
            return Ok(None);
        }
        let hidden = match self.seen(OPERATION, of_user).await? {
            Seen::Absent => return Ok(None),
            Seen::Key(key) if !are_equal(&key, value) => return Ok(None),
            Seen::Key(_) => false,
            Seen::Hidden => true,
        };
        let wanted = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND];
        let path = [of_user.user_id.as_str()];
        let call = Self::of_user(OPERATION, Effect::Reads, Method::GET, path, value).wants(wanted);
        let reply = self.origin.send(call).await?;
        match reply.status {
            StatusCode::UNAUTHORIZED => return Ok(None),
            // It logs in where this user is not.
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => return envelope::is_absence(&reply).map(|()| None),
            StatusCode::FORBIDDEN if hidden => {
                let message = "the Dashboard hides access keys and does not let this one read its own user, so whose it is \
                               cannot be told";
                return Err(reply.refusal(FaultKind::Unsupported, message));
            }
            StatusCode::FORBIDDEN => {}
            _ => {
                let is = |user: &Document| id_of(user) == of_user.user_id;
                let own = envelope::object(&reply, is)?.and_then(|own| of(&own));
                // A Dashboard that hides the keys of others shows a user its own.
                if hidden && !own.is_some_and(|own| are_equal(&own, value)) {
                    return Ok(None);
                }
            }
        }
        Ok(Some(key_id(value)))
    }

    /// Resets the user's key by its technical administrator.
    async fn reset_key(&self, operation: &str, effect: Effect, of_user: &OfUser) -> Result<(), Error> {
        // The list of users tells the ids of their keys: it is asked for again, whatever comes of this.
        let in_one = self.in_one(&of_user.organization_id);
        let _writing = in_one.users.writing();
        let reset = async |key| {
            let path = [of_user.user_id.as_str(), "actions", "key", "reset"];
            let reply = self.origin.send(Self::of_user(operation, effect, Method::PUT, path, &key)).await?;
            envelope::done(&reply, self.clock.now())
        };
        let reset = self.as_technical(operation, &of_user.organization_id, reset).await?;
        reset.map(|_| ()).ok_or_else(|| missing(operation))
    }
}

#[async_trait]
impl Backend<Token> for Tyk {
    async fn find(&self, scope: &OfUser, lookup: &Lookup) -> Result<Vec<TokenRecord>, Error> {
        const OPERATION: &str = "find Token";
        let Lookup::Id(wanted) = lookup else { return Ok(Vec::new()) };
        match self.seen(OPERATION, scope).await? {
            Seen::Absent => Ok(Vec::new()),
            Seen::Hidden => Err(hidden(OPERATION)),
            Seen::Key(key) => Ok(Some(record(key_id(&key))).filter(|found| found.id == *wanted).into_iter().collect()),
        }
    }

    async fn list(&self, _: &OfUser, _: Option<&str>) -> Result<Page<TokenRecord>, Error> {
        let message = "a user of a Tyk Dashboard has one key, and there is no list of one";
        Err(Error::new(FaultKind::Unsupported, "list Tokens", message))
    }

    async fn create(&self, new: NewToken) -> Result<Created<Token>, Error> {
        const OPERATION: &str = "create Token";
        if new.expires_at.is_some() {
            let message = "a Tyk Dashboard's keys do not expire: leave lifetime out";
            return Err(Error::new(FaultKind::Unsupported, OPERATION, message));
        }
        let former = match self.seen(OPERATION, &new.of).await? {
            Seen::Absent => return Err(missing(OPERATION)),
            Seen::Hidden => return Err(hidden(OPERATION)),
            Seen::Key(key) => key,
        };
        let issued_at = self.clock.now();
        self.reset_key(OPERATION, Effect::Creates, &new.of).await?;
        let unknown = |message| Error::new(FaultKind::OutcomeUnknown, OPERATION, message);
        let key = match self.seen(OPERATION, &new.of).await {
            Ok(Seen::Key(key)) if !are_equal(&key, &former) => key,
            Ok(Seen::Key(_)) => return Err(unknown("the key was reset, and the platform still shows the one before")),
            Ok(Seen::Absent | Seen::Hidden) => return Err(unknown("the key was reset, and the platform shows none")),
            Err(error) => return Err(unknown("the key was reset, and could not be read yet").with_source(error)),
        };
        Ok(Created::whole(TokenRecord { issued_at: Some(issued_at), ..record(key_id(&key)) }).showing(key))
    }

    /// A key carries nothing that could be changed.
    async fn update(&self, _: &OfUser, id: &str, _: &TokenChange) -> Result<TokenRecord, Error> {
        Ok(record(id.to_owned()))
    }

    /// Resets the key, if it is still that one.
    async fn delete(&self, scope: &OfUser, wanted: &str) -> Result<Ended, Error> {
        const OPERATION: &str = "delete Token";
        match self.seen(OPERATION, scope).await? {
            Seen::Absent => Ok(Ended::Absent),
            Seen::Hidden => Err(hidden(OPERATION)),
            Seen::Key(key) if key_id(&key) != wanted => Ok(Ended::Done),
            Seen::Key(_) => match self.reset_key(OPERATION, Effect::Repeatable, scope).await {
                // The user has gone meanwhile, or something else than the Dashboard answered.
                Err(error) if error.kind == FaultKind::NotFound => match self.seen(OPERATION, scope).await? {
                    Seen::Absent => Ok(Ended::Absent),
                    Seen::Hidden | Seen::Key(_) => Err(error),
                },
                reset => reset.map(|()| Ended::Done),
            },
        }
    }
}
