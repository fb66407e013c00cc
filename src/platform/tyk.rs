//! The Tyk Dashboard.
//!
//! Organisations and users are made by its admin API (`/admin/…`) with the admin secret. That API neither lists nor
//! deletes users, so a [technical administrator](technical) of each organisation does that through `/api/users`.
//!
//! What its documentation leaves open is decided here:
//! - The owner mark of an organisation lies in `org_options_meta`, under `org-operator.dev/owner`. Users carry none.
//! - A token is the user's one access key, named by its [id](super::key_id).
//! - A member that a document leaves out has the value that its type begins with.
//! - A 404 counts as absence only with the Dashboard's own envelope around it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use secrecy::SecretString;

use super::http::{Call, Effect, Origin, Reply};
use super::tried::Tried;
use super::{AdminApi, Error, Keeper, Need, Shown};
use crate::clock::Clock;
use crate::domain::capability::{Capabilities, Capability, Support};
use crate::domain::entity::{InOrganization, Kind, OfUser, OrganizationRecord};
use crate::domain::fault::FaultKind;

mod document;
mod envelope;
mod keys;
mod listing;
mod organizations;
mod technical;
mod users;

#[cfg(test)]
mod tests;

use listing::{Cache, Part, everything};
use organizations::Reserved;
use technical::InOne;

/// How many bytes of a list are read: 10,000 organisations with their APIs, and more.
const LIST_LIMIT: usize = 64 * 1024 * 1024;

/// How long a Dashboard may take to show what it was told to make. It keeps its objects in a database that may be several,
/// and no page promises that a read sees the write before it; a Dashboard of one database shows everything at once. What
/// is forced fresh is the list, not what the Dashboard reads it from.
const VISIBLE_AFTER: Duration = Duration::from_secs(90);

/// A Tyk Dashboard.
pub struct Tyk {
    origin: Origin,
    admin_secret: SecretString,
    keeper: Arc<dyn Keeper>,
    owner_id: String,
    clock: Clock,
    organizations: Cache<OrganizationRecord>,
    reserved: Reserved,
    in_one: Mutex<HashMap<String, Arc<InOne>>>,
    /// Whether a read shows the keys of users. One without a key may be one whose key was revoked, so a key that was shown
    /// decides for good.
    shows_keys: Tried,
}

impl fmt::Debug for Tyk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tyk").field("origin", &self.origin).field("owner_id", &self.owner_id).finish_non_exhaustive()
    }
}

impl Tyk {
    /// The Dashboard at that origin, with its admin secret. The technical administrators are kept by `keeper` and told
    /// from those of other operators by `owner_id`.
    pub fn new(
        origin: Origin,
        admin_secret: SecretString,
        keeper: Arc<dyn Keeper>,
        owner_id: String,
        clock: Clock,
    ) -> Self {
        let organizations = Cache::new(clock.clone());
        let (reserved, in_one, shows_keys) = (Reserved::default(), Mutex::default(), Tried::default());
        Self { origin, admin_secret, keeper, owner_id, clock, organizations, reserved, in_one, shows_keys }
    }

    /// A call of the admin API.
    fn admin<'a>(
        &self,
        operation: &str,
        effect: Effect,
        method: Method,
        segments: impl IntoIterator<Item = &'a str>,
    ) -> Call {
        let segments = ["admin"].into_iter().chain(segments);
        Call::new(operation, effect, method, segments).header("admin-auth", self.admin_secret.clone())
    }

    /// Reads one object of the admin API; `None` if it is not there.
    async fn read(
        &self,
        operation: &str,
        path: [&str; 2],
        is: impl FnOnce(&document::Document) -> bool + Send,
    ) -> Result<Option<document::Document>, Error> {
        let call = self.admin(operation, Effect::Reads, Method::GET, path).wants([StatusCode::NOT_FOUND]);
        match self.origin.send(call).await {
            Ok(reply) => envelope::object(&reply, is),
            // An id that no object can have.
            Err(error) if error.kind == FaultKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks for a page of a list. A list that is not there is no empty one.
    async fn page(&self, call: Call, page: i64) -> Result<Reply, Error> {
        let call = call.query("p", page.to_string()).limit(LIST_LIMIT).wants([StatusCode::NOT_FOUND]);
        let reply = self.origin.send(call).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return Err(reply.strange("has no such list"));
        }
        Ok(reply)
    }

    /// What is known of that organisation beside itself.
    fn in_one(&self, organization_id: &str) -> Arc<InOne> {
        let mut all = self.in_one.lock().unwrap_or_else(PoisonError::into_inner);
        let one = all.entry(organization_id.to_owned()).or_insert_with(|| Arc::new(InOne::new(self.clock.clone())));
        Arc::clone(one)
    }

    fn forget(&self, organization_id: &str) {
        self.in_one.lock().unwrap_or_else(PoisonError::into_inner).remove(organization_id);
    }
}

#[async_trait]
impl AdminApi for Tyk {
    fn capabilities(&self) -> Capabilities {
        let cannot = [
            Capability::DisplayName,
            Capability::OrganizationAdmin,
            Capability::KeyPairPush,
            Capability::TokensPerUser,
            Capability::TokenList,
            Capability::TokenExpiry,
            Capability::Projects,
        ];
        // A key that is hidden is never reset.
        let revoke = if self.shows_keys.is_doubted() { Support::Unsupported } else { Support::Supported };
        let all = Capabilities::all(Support::Supported).with(Capability::TokenRevoke, revoke);
        cannot.into_iter().fold(all, |table, capability| table.with(capability, Support::Unsupported))
    }

    fn url(&self) -> String {
        self.origin.address()
    }

    async fn probe(&self) -> Result<String, Error> {
        let call = self.admin("list Organizations", Effect::Reads, Method::GET, ["organisations"]);
        let _: Part<serde::de::IgnoredAny> = self.page(call, 1).await?.json()?;
        Ok("the admin secret was accepted by GET /admin/organisations".to_owned())
    }

    async fn set_password(&self, scope: &InOrganization, user_id: &str, password: SecretString) -> Result<(), Error> {
        self.reset_password(scope, user_id, password).await
    }

    async fn authenticates(&self, of: &OfUser, value: &SecretString) -> Result<Option<String>, Error> {
        self.logs_in(of, value).await
    }

    fn visible_after(&self) -> Duration {
        VISIBLE_AFTER
    }

    /// Any text is a name here, and what a user's has to be is the e-mail address's matter.
    fn check_name(&self, _: Kind, name: &str) -> Result<(), String> {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            return Err("write a name that can be seen, without control characters".to_owned());
        }
        Ok(())
    }

    fn marks(&self, kind: Kind) -> bool {
        kind == Kind::Organization
    }

    fn shares_names(&self, kind: Kind) -> bool {
        kind == Kind::Organization
    }

    /// Every new user has an access key, machine or person.
    fn shows(&self, shown: Shown) -> bool {
        matches!(shown, Shown::UserToken(_))
    }

    fn needs(&self, need: Need) -> bool {
        need == Need::Email
    }

    async fn key(&self, of: &OfUser) -> Result<Option<SecretString>, Error> {
        self.shown_key(of).await
    }
}
