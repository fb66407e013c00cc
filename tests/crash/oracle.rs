//! What has to hold once things are quiet, whatever happened before.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::scenario::{BYSTANDER, STRANGERS};
use crate::sim::World;
use crate::sim::platform::Kind;
use crate::sim::truth::{OrganizationTruth, Truth, UserTruth};

/// What is expected of a world beside what its resources say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) platform: Kind,
    /// Organisations of strangers with the name of ours.
    pub(crate) twins: usize,
    /// Organisations that were let go.
    pub(crate) retained: usize,
    /// The platform did not answer when something was let go: then its mark may stay.
    pub(crate) unanswered: bool,
    /// Tokens that a request made that was carried out twice, on a platform that shows neither mark nor list.
    pub(crate) minted: usize,
}

/// Checks that what is there is what the resources say, once, and that every value in a Secret logs in.
pub(crate) fn check(world: &World, expected: Expected) -> Result<(), String> {
    world.open_invitations();
    let truth = world.truth();
    let view = View { world, truth: &truth, platform: expected.platform, expected };
    view.bystander()?;
    let resources = world.api.all("Organization");
    let others =
        |organization: &&OrganizationTruth| organization.record.name != BYSTANDER && !is_strangers(organization);
    // Where the platform keeps no mark, or status knows of it no more, nobody can tell a twin, so that it is named.
    let untold = expected.platform == Kind::Rockfish || world.was_set_back();
    let told = |found: &&OrganizationTruth| untold && is_named(&resources, &found.record.id);
    let there: Vec<_> = truth.organizations.iter().filter(others).filter(|found| !told(found)).collect();
    if there.len() != resources.len() + expected.retained {
        let names: Vec<_> = there.iter().map(|found| (&found.record.name, &found.record.id)).collect();
        return Err(format!("{} Organizations, and on the platform there are {names:?}", resources.len()));
    }
    for resource in &resources {
        view.organization(resource)?;
    }
    if resources.is_empty() && !expected.unanswered {
        for organization in &there {
            if organization.record.owner.as_deref().is_some_and(|owner| !owner.is_empty()) {
                return Err(format!("{} was let go and still has a mark", organization.record.name));
            }
        }
    }
    Ok(())
}

/// Whether a condition of a resource names it as what may be its twin.
pub(crate) fn is_named(resources: &[Value], id: &str) -> bool {
    let says = |resource: &Value| {
        let conditions = resource["status"]["conditions"].as_array().into_iter().flatten();
        let mut said = conditions.filter(|condition| condition["type"] == "LeftBehind");
        said.any(|condition| condition["message"].as_str().is_some_and(|message| message.contains(id)))
    };
    resources.iter().any(|resource| {
        resource["status"]["leftBehind"].as_array().is_some_and(|ids| ids.contains(&id.into())) && says(resource)
    })
}

/// Whether what a resource stands for is there, for who is asked to decide.
pub(crate) fn is_there(world: &World, resource: &Value) -> bool {
    let truth = world.truth();
    let mut ours = truth.organizations.iter().filter(|found| found.record.name != BYSTANDER && !is_strangers(found));
    match resource["kind"].as_str() {
        Some("Organization") => ours.next().is_some(),
        Some("User") => {
            let mut users = ours.flat_map(|found| &found.users);
            users.any(|user| is_user(user, resource))
        }
        _ => false,
    }
}

/// Removes what a resource stands for by its name, as whoever is asked to does.
pub(crate) fn remove(world: &World, resource: &Value) {
    for organization in world.truth().organizations {
        if organization.record.name == BYSTANDER || is_strangers(&organization) {
            continue;
        }
        let directory = world.directory.clone();
        if resource["kind"] == "Organization" {
            world
                .server
                .run(move || async move { directory.prune_organization(&organization.record.id).await })
                .expect("pruned");
            continue;
        }
        for user in organization.users.into_iter().filter(|user| is_user(user, resource)) {
            let (directory, id) = (directory.clone(), organization.record.id.clone());
            world
                .server
                .run(move || async move { directory.delete_user(&id, &user.record.id).await })
                .expect("deleted");
        }
    }
}

/// Revokes the tokens of a Token's user that nobody knows, as whoever is asked whether there is one does.
pub(crate) fn revoke_unknown(world: &World, token: &Value) {
    let (now, directory) = (world.time.now(), world.directory.clone());
    let user = token["status"]["userID"].as_str().unwrap_or_default().to_owned();
    let known: Vec<String> = (world.api.all("Token").iter())
        .flat_map(|token| {
            [&token["status"]["externalID"], &token["status"]["previous"]["externalID"]].map(Value::clone)
        })
        .filter_map(|id| Some(id.as_str()?.to_owned()))
        .collect();
    let own = world.api.all("User").into_iter().filter(|found| found["status"]["externalID"] == user.as_str());
    let own: Vec<String> = own
        .filter_map(|found| {
            let secret = world.api.get("Secret", "acme", found["status"]["secretName"].as_str()?)?;
            value(&secret, "token").ok()
        })
        .collect();
    world.server.run(move || async move {
        for token in directory.account_tokens(now, jiff::Timestamp::MAX).await.expect("tokens") {
            let first = own.iter().any(|value| is_of(value, &token.id));
            if token.user_id == user && !known.contains(&token.id) && !first {
                directory.revoke_account_token(&token.id, now).await.expect("revoked");
            }
        }
    });
}

/// Whether a token's value says that id.
fn is_of(value: &str, id: &str) -> bool {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims = value.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    claims.is_some_and(|claims| String::from_utf8_lossy(&claims).contains(id))
}

fn is_user(user: &UserTruth, resource: &Value) -> bool {
    let is = |known: &str, said: &Value| said.as_str() == Some(known);
    let email = user.record.email.as_deref().unwrap_or_default();
    is(&user.record.username, &resource["metadata"]["name"]) || is(email, &resource["spec"]["email"])
}

/// Whether it is a stranger's under the name of ours.
pub(crate) fn is_strangers(organization: &OrganizationTruth) -> bool {
    organization.record.display_name.as_deref() == Some(STRANGERS)
}

struct View<'a> {
    world: &'a World,
    truth: &'a Truth,
    platform: Kind,
    expected: Expected,
}

impl View<'_> {
    /// Nothing of somebody else's was touched.
    fn bystander(&self) -> Result<(), String> {
        let found = self.truth.organizations.iter().find(|found| found.record.name == BYSTANDER);
        let found = found.ok_or("somebody else's organisation is gone")?;
        let [user] = &found.users[..] else { return Err("somebody else's users are others now".to_owned()) };
        if found.record.owner.as_deref().is_some_and(|owner| !owner.is_empty()) || user.key.is_none() {
            return Err(format!("somebody else's organisation was changed: {:?}", found.record));
        }
        let twins: Vec<_> = self.truth.organizations.iter().filter(|found| is_strangers(found)).collect();
        if twins.len() != self.expected.twins || twins.iter().any(|found| found.users.len() != 1) {
            return Err("what a stranger has under the same name was touched".to_owned());
        }
        Ok(())
    }

    fn organization(&self, resource: &Value) -> Result<(), String> {
        let id = resource["status"]["externalID"].as_str().ok_or("an Organization without an id")?;
        let by_name = self.platform == Kind::Rockit;
        let found = self
            .truth
            .organizations
            .iter()
            .find(|found| if by_name { found.record.name == id } else { found.record.id == id });
        let found = found.ok_or_else(|| format!("the organisation {id} is not there"))?;
        if let Some(secret) = self.secret(&resource["status"]["adminSecretName"])? {
            let (username, password) = (value(&secret, "username")?, value(&secret, "password")?);
            if !self.world.logs_in(&found.record.id, &username, &password) {
                return Err("the administrator's password does not log in".to_owned());
            }
        }
        if let Some(secret) = self.secret(&resource["status"]["keyPair"]["secretName"])? {
            for key in ["private.pem", "public.pem", "passphrase"] {
                value(&secret, key)?;
            }
        }
        let users = self.world.api.all("User");
        for user in &users {
            self.user(user, found)?;
        }
        let known = |user: &&UserTruth| {
            let own = ["owner", "operator"].contains(&user.record.username.as_str());
            let technical = user.record.email.as_deref().is_some_and(|email| email.starts_with("org-operator"));
            !own && !technical
        };
        let there: Vec<_> = found.users.iter().filter(known).collect();
        if there.len() != users.len() {
            let names: Vec<_> = there.iter().map(|user| (&user.record.username, &user.record.id)).collect();
            return Err(format!("{} Users, and on the platform there are {names:?}", users.len()));
        }
        Ok(())
    }

    fn user(&self, resource: &Value, organization: &OrganizationTruth) -> Result<(), String> {
        let id = resource["status"]["externalID"].as_str().ok_or("a User without an id")?;
        let by_name = self.platform == Kind::Rockit;
        let found = organization
            .users
            .iter()
            .find(|user| if by_name { user.record.username == id } else { user.record.id == id });
        let found = found.ok_or_else(|| format!("the user {id} is not there"))?;
        let mut tokens: Vec<String> = Vec::new();
        if let Some(secret) = self.secret(&resource["status"]["secretName"])? {
            if secret["data"].get("password").is_some() {
                let (username, password) = (value(&secret, "username")?, value(&secret, "password")?);
                if !self.world.logs_in(&organization.record.id, &username, &password) {
                    return Err(format!("the password of {username} does not log in"));
                }
            }
            if secret["data"].get("token").is_some() {
                tokens.push(value(&secret, "token")?);
            }
        }
        let name = &resource["metadata"]["name"];
        let resources = self.world.api.all("Token");
        let mine = resources.iter().filter(|token| token["spec"]["userRef"]["name"] == *name);
        let mut ids = Vec::new();
        let (mut several, mut attempts) = (0, 0);
        for token in mine {
            let secret = self.secret(&token["status"]["secretName"])?.ok_or("a Token without a Secret")?;
            tokens.push(value(&secret, "token")?);
            ids.push(token["status"]["externalID"].as_str().unwrap_or_default().to_owned());
            ids.extend(token["status"]["previous"]["externalID"].as_str().map(str::to_owned));
            ids.extend(
                token["status"]["leftBehind"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|id| Some(id.as_str()?.to_owned())),
            );
            several += 1;
            attempts += usize::try_from(token["status"]["attempt"].as_i64().unwrap_or_default()).unwrap_or_default();
        }
        for token in &tokens {
            if self.world.shown_by(token).as_deref() != Some(&found.record.id) {
                return Err(format!("a value in a Secret of {name} does not log in"));
            }
        }
        match self.platform {
            Kind::Embedded => {
                let live: Vec<_> = found.tokens.iter().map(|token| token.id.clone()).collect();
                if live.iter().any(|id| !ids.contains(id)) || live.len() < several {
                    return Err(format!("{live:?} are live of {name}, and {ids:?} are known"));
                }
            }
            Kind::Tyk | Kind::Rockit => {
                if let Some(token) = tokens.iter().find(|token| !found.has_key(token)) {
                    return Err(format!("a Secret of {name} holds another key: {} bytes", token.len()));
                }
            }
            Kind::Rockfish => {
                let live = self.truth.tokens.iter().filter(|token| token.user_id == found.record.id);
                let live: Vec<_> = live.map(|token| token.id.clone()).collect();
                // The first one came with the user and is in the User's own Secret. A renewal whose answer was lost may
                // have left one that carries no mark and whose id nobody was told: docs/reliability.md says so.
                let unknown = live.iter().filter(|id| !ids.contains(id)).count();
                let lost = attempts.saturating_sub(ids.len()) + self.expected.minted;
                if unknown > 1 + lost {
                    return Err(format!("{live:?} are live of {name}, and {ids:?} are known"));
                }
                // Events are best effort for who dies, and for nobody else.
                let told = || self.world.api.all("Event").iter().any(|event| event["reason"] == "LeftBehind");
                if unknown > 1 + self.expected.minted && self.expected.unanswered && !told() {
                    return Err(format!("{live:?} are live of {name}, {ids:?} are known, and nobody was told"));
                }
            }
        }
        Ok(())
    }

    /// The Secret of that name; none where a resource names none.
    fn secret(&self, name: &Value) -> Result<Option<Value>, String> {
        let Some(name) = name.as_str() else { return Ok(None) };
        let found = self.world.api.get("Secret", "acme", name);
        found.map(Some).ok_or_else(|| format!("the Secret {name} is not there"))
    }
}

/// A value of a Secret, decoded.
pub(crate) fn value(secret: &Value, key: &str) -> Result<String, String> {
    let encoded = secret["data"][key].as_str().filter(|value| !value.is_empty());
    let encoded = encoded.ok_or_else(|| format!("the Secret {} has no {key}", secret["metadata"]["name"]))?;
    let decoded = STANDARD.decode(encoded).map_err(|error| error.to_string())?;
    String::from_utf8(decoded).map_err(|error| error.to_string())
}
