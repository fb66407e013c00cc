//! A Rockfish Data Platform as a platform.
//!
//! The vendor's page "Organizations" shows five calls of the admin API (creating an organisation, a user and a token,
//! making a user a member, listing projects) and one of the public API (creating a user with an invite code). They are
//! sent as shown. What else an operator needs is tried and remembered ([`guessed`]): reading and deleting an object by
//! its `self`, listing, ending a membership. Paths are built from ids alone; the `self` and `Location` of a reply are
//! neither stored nor followed, because a reply must not make the operator send anything elsewhere.
//!
//! What a Platform can do depends on what its manifest gives:
//! - with `adminURL`, all of it. The page shows no credential on the admin API, and so none is sent;
//! - with `url` and the invite code alone, creating users, whose initial token is kept in their Secret. Organisations,
//!   memberships and further tokens are made on the admin API only, so they are Unsupported, and the error says so;
//! - with both, users are made on the admin API, and `url` is where tokens are tried and where consumers go.
//!
//! Users are global: one user can be in several organisations, and neither a user nor a project shows in which.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use http::{Method, StatusCode};
use jsonwebtoken::dangerous::insecure_decode_claims;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::http::{Call, Effect, Origin, Reply};
use super::{AdminApi, Error, Need, Shown};
use crate::clock::Clock;
use crate::domain::capability::{Capabilities, Capability, Support};
use crate::domain::entity::{InOrganization, Kind, OfUser};
use crate::domain::fault::FaultKind;

mod guessed;
mod organizations;
mod shown;
mod tokens;
mod users;

use guessed::{Guessed, LIST_LIMIT};
use shown::ShownProject;

/// How long a new object may stay invisible. No public source says; this is the contract's general 90 seconds.
const VISIBLE_AFTER: Duration = Duration::from_secs(90);

/// A Rockfish Data Platform.
#[derive(Debug)]
pub struct Rockfish {
    admin: Option<Origin>,
    public: Option<Origin>,
    invite: Option<SecretString>,
    clock: Clock,
    organizations: Guessed,
    users: Guessed,
    tokens: Guessed,
}

impl Rockfish {
    /// The platform with that admin API and that public API, and the code that lets anybody create a user on the public
    /// one. One of `admin`, and `public` with `invite`, has to be there; without either every call is Unsupported.
    pub fn new(admin: Option<Origin>, public: Option<Origin>, invite: Option<SecretString>, clock: Clock) -> Self {
        Self {
            admin,
            public,
            invite,
            organizations: Guessed::new("organization", Kind::Organization, clock.clone()),
            users: Guessed::new("user", Kind::User, clock.clone()),
            tokens: Guessed::new("token", Kind::Token, clock.clone()),
            clock,
        }
    }

    /// The same with what an earlier client found out that this server has; what it has not is tried again.
    #[must_use]
    pub fn knowing(self, known: &Capabilities) -> Self {
        use Capability::{OrganizationDelete, OrganizationList, OrganizationRead};
        use Capability::{TokenList, TokenRevoke, UserDelete, UserRead};
        let (of, unnamed) = (|capability| known.of(capability), Support::Unknown);
        self.organizations.learn([of(OrganizationRead), of(OrganizationList), of(OrganizationDelete)]);
        // No capability says whether users are listed, or one token is read.
        self.users.learn([of(UserRead), unnamed, of(UserDelete)]);
        self.tokens.learn([unnamed, of(TokenList), of(TokenRevoke)]);
        self
    }

    /// The admin API, for what only that one does.
    fn admin(&self, operation: &str) -> Result<&Origin, Error> {
        self.admin.as_ref().ok_or_else(|| {
            let message = "only the admin API does that: give the Platform's rockfish.adminURL";
            Error::new(FaultKind::Unsupported, operation, message)
        })
    }

    async fn projects(&self, operation: &str) -> Result<Vec<ShownProject>, Error> {
        let call = Call::new(operation, Effect::Reads, Method::GET, ["project"]).limit(LIST_LIMIT);
        send(self.admin(operation)?, call).await?.json()
    }
}

/// Sends a call. A page that says success comes from something else than this API, and an object that says of itself that
/// something failed (as no object of the page does) is no success, or what it says failed would be taken for done.
async fn send(origin: &Origin, call: Call) -> Result<Reply, Error> {
    let judge = |reply: &Reply, _| {
        if !reply.status.is_success() {
            return None;
        }
        if reply.is_page() {
            return Some(reply.page());
        }
        says_failure(reply).then(|| reply.strange("says both success and failure"))
    };
    origin.send(call.judged(judge)).await
}

/// Whether an object has a member that names an error, or one that says how it went and says badly.
fn says_failure(reply: &Reply) -> bool {
    #[expect(clippy::zero_sized_map_values, reason = "a set would read a list; of an object only the names are read")]
    let Ok(names) = reply.json::<BTreeMap<String, IgnoredAny>>() else {
        return false;
    };
    let is = |name: &str, those: &[&str]| those.iter().any(|one| one.eq_ignore_ascii_case(name));
    if names.keys().any(|name| is(name, &["error", "errors"])) {
        return true;
    }
    // Nothing of the page that holds a secret has such a member, so that no secret is read here.
    let verdicts = ["status", "success", "ok"];
    if !names.keys().any(|name| is(name, &verdicts)) {
        return false;
    }
    let said = reply.json::<BTreeMap<String, Value>>().unwrap_or_default();
    said.iter().filter(|(name, _)| is(name, &verdicts)).any(|(_, verdict)| match verdict {
        Value::Bool(good) => !good,
        Value::Number(code) => code.as_u64().is_some_and(|code| code >= 400),
        Value::String(word) => is(word, &["error", "fail", "failed", "failure"]),
        _ => false,
    })
}

/// What a token says of itself. Tokens are JWTs (HS256) that only the server can verify.
#[derive(Deserialize)]
struct Claims {
    iat: Option<i64>,
    token_id: Option<String>,
    user_id: Option<String>,
}

/// The claims of a value, whoever wrote them; `None` where it is no JWT.
fn claims(value: &SecretString) -> Option<Claims> {
    insecure_decode_claims(value.expose_secret()).ok()
}

/// Whether that can be an object's id. The page's are 21 or 22 letters and digits; a server may have others, and none of
/// them may mean anything in a path.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

#[async_trait]
impl AdminApi for Rockfish {
    fn capabilities(&self) -> Capabilities {
        let table = Capabilities::all(Support::Unsupported).with(Capability::TokensPerUser, Support::Supported);
        if self.admin.is_none() {
            return table;
        }
        table
            .with(Capability::OrganizationRead, self.organizations.read())
            .with(Capability::OrganizationList, self.organizations.list())
            .with(Capability::OrganizationDelete, self.organizations.delete())
            .with(Capability::UserRead, self.users.read())
            .with(Capability::UserDelete, self.users.delete())
            .with(Capability::Roles, Support::Supported)
            .with(Capability::TokenList, self.tokens.list())
            .with(Capability::TokenRevoke, self.tokens.delete())
            .with(Capability::Projects, Support::Supported)
    }

    /// The admin API's address; without one the public API's.
    fn url(&self) -> String {
        self.admin.as_ref().or(self.public.as_ref()).map(Origin::address).unwrap_or_default()
    }

    /// The page says of no name that it is taken.
    fn shares_names(&self, kind: Kind) -> bool {
        kind == Kind::Organization
    }

    fn consumer_url(&self) -> String {
        self.public.as_ref().or(self.admin.as_ref()).map(Origin::address).unwrap_or_default()
    }

    /// The admin API lists its projects, as the page shows it. Of the public API no call is documented that tries an
    /// invite code without using it, so that only its presence is shown.
    async fn probe(&self) -> Result<String, Error> {
        let operation = "list projects";
        let (None, Some(public)) = (&self.admin, &self.public) else {
            self.projects(operation).await?;
            return Ok("the admin API answers (GET /project); it is documented without any credential".to_owned());
        };
        let refusals = [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
        send(public, Call::new(operation, Effect::Reads, Method::GET, ["project"]).wants(refusals)).await?;
        Ok("the public API answers (GET /project, without a token); no call that tries the invite code without using it \
            is documented"
            .to_owned())
    }

    async fn set_password(&self, _: &InOrganization, _: &str, _: SecretString) -> Result<(), Error> {
        let message = "no call that sets a password is documented for Rockfish";
        Err(Error::new(FaultKind::Unsupported, "set the password of User", message))
    }

    /// The public API is asked for the organisations of the value: an answer means that the server has verified it, and
    /// so what it says of itself. A token is for one organisation by the claim `org_id` at most, and which one the server
    /// chooses of a user with several is not documented: the organisation is not compared.
    async fn authenticates(&self, of: &OfUser, value: &SecretString) -> Result<Option<String>, Error> {
        let operation = "authenticate Token";
        let Some(public) = &self.public else {
            let message = "only the public API takes tokens: give the Platform's rockfish.url";
            return Err(Error::new(FaultKind::Unsupported, operation, message));
        };
        let Some(claims) = claims(value).filter(|claims| claims.user_id.as_ref() == Some(&of.user_id)) else {
            return Ok(None);
        };
        let bearer = SecretString::from(format!("Bearer {}", value.expose_secret()));
        let call = Call::new(operation, Effect::Reads, Method::GET, ["organization"])
            .header("authorization", bearer)
            .wants([StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]);
        let reply = send(public, call).await?;
        if !reply.status.is_success() {
            return Ok(None);
        }
        // What serves a page under every path proves nothing.
        reply.json::<Vec<IgnoredAny>>()?;
        Ok(claims.token_id)
    }

    fn visible_after(&self) -> Duration {
        VISIBLE_AFTER
    }

    /// No rule is documented.
    fn check_name(&self, _: Kind, _: &str) -> Result<(), String> {
        Ok(())
    }

    /// A new user comes with a token, machine or person.
    fn shows(&self, shown: Shown) -> bool {
        matches!(shown, Shown::UserToken(_))
    }

    /// A user's first token is replaced by nothing: Tokens are made beside it.
    fn renews_keys(&self) -> bool {
        false
    }

    fn needs(&self, need: Need) -> bool {
        need == Need::Email
    }

    /// A project shows its owner and not its organisation, and the page says that making a user a member made it. So it is
    /// the default project that the first of the members owns who owns exactly one. A user who was a member elsewhere
    /// before, and got no project here, would show that one: no public source tells the two apart.
    async fn default_project(&self, _: &str, members: &[String]) -> Result<Option<String>, Error> {
        if members.is_empty() {
            return Ok(None);
        }
        let projects = self.projects("find the default project of Organization").await?;
        let only_one_of = |member: &String| {
            let mut own =
                projects.iter().filter(|project| project.is_default && project.owner_id.as_ref() == Some(member));
            own.next().filter(|_| own.next().is_none())
        };
        Ok(members.iter().find_map(only_one_of).map(|project| project.id.clone()))
    }
}

#[cfg(test)]
mod tests;
