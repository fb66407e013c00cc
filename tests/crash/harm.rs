//! What has to hold after somebody tampered with a cluster or a platform: nothing of anybody else's was touched, and
//! whatever is Ready is there and logs in. What is not Ready says why, which is looked at before all counts as at rest.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::oracle::{is_strangers, value};
use crate::scenario::{BYSTANDER, OTHER};
use crate::settle::{KINDS, ready};
use crate::sim::World;
use crate::sim::truth::{OrganizationTruth, UserTruth};

/// What was there of others before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Before {
    /// Organisations with all that is in them, keys and tokens among it.
    platform: BTreeMap<String, String>,
    /// Values in Secrets.
    secrets: BTreeMap<String, Value>,
}

fn is_other(name: &Value) -> bool {
    name.as_str().is_some_and(|name| name.starts_with(OTHER))
}

impl Before {
    /// As it is now.
    pub(crate) fn of(world: &World) -> Self {
        let truth = world.truth();
        let is_others = |found: &&OrganizationTruth| {
            is_strangers(found) || [BYSTANDER, OTHER].contains(&found.record.name.as_str())
        };
        let others = truth.organizations.iter().filter(is_others);
        let platform = others.map(|found| {
            let mut said = format!("{:?}", found.record);
            for user in &found.users {
                let key = user.key.as_ref().map(|key| key.expose_secret().to_owned());
                let tokens = truth.tokens.iter().filter(|token| token.user_id == user.record.id);
                let tokens: Vec<&String> = tokens.map(|token| &token.id).collect();
                let _ = write!(said, "\n{:?} {key:?} {tokens:?}", user.record);
            }
            (found.record.id.clone(), said)
        });
        let secrets = world.api.all("Secret").into_iter().filter(|secret| is_other(&secret["metadata"]["name"]));
        let secrets = secrets.map(|secret| (secret["metadata"]["name"].to_string(), secret["data"].clone()));
        Self { platform: platform.collect(), secrets: secrets.collect() }
    }

    /// Whether what was there of others is as it was, and what is Ready is there and logs in; `passwords` too, which no
    /// platform shows to anybody, so that the operator cannot know that one was restored.
    pub(crate) fn check(&self, world: &World, passwords: bool) -> Result<(), String> {
        world.open_invitations();
        let now = Self::of(world);
        // What a restored platform had no more is not there, and nobody else's to lose.
        for (id, said) in &now.platform {
            if self.platform.get(id).is_some_and(|before| before != said) {
                return Err(format!("somebody else's organisation was {:?}, and is {said:?}", self.platform[id]));
            }
        }
        let tampered = world.platform_was_restored;
        if !tampered && now != *self {
            return Err(format!("of others there was {self:?}, and is {now:?}"));
        }
        for object in KINDS.iter().skip(1).flat_map(|kind| world.api.all(kind)) {
            let is_ready = ready(&object)["status"] == "True";
            // A status that speaks of another's object costs that one no more than being Ready.
            let bereft = ready(&object)["reason"] == "NameConflict" || ready(&object)["reason"] == "DependencyNotReady";
            if !is_ready && is_other(&object["metadata"]["name"]) && !tampered && !bereft {
                return Err(format!("{} of others is not Ready: {}", object["metadata"]["name"], ready(&object)));
            }
            if is_ready && is_shown(world, &object) {
                check_one(world, &object, passwords).map_err(|error| {
                    format!("{} {} is Ready, and {error}", object["kind"], object["metadata"]["name"])
                })?;
            }
        }
        Ok(())
    }
}

/// Whether the platform has a call that shows it, as the Platform says: where it has none, nobody is told that it is gone.
fn is_shown(world: &World, object: &Value) -> bool {
    let read = if object["kind"] == "Organization" { "OrganizationRead" } else { "UserRead" };
    let platforms = world.api.all("Platform");
    let mut capabilities =
        platforms.iter().filter_map(|platform| platform["status"]["capabilities"].as_array()).flatten();
    !capabilities.any(|capability| capability["name"] == read && capability["support"] != "Supported")
}

fn check_one(world: &World, object: &Value, passwords: bool) -> Result<(), String> {
    let truth = world.truth();
    let id = object["status"]["externalID"].as_str().ok_or("has no id")?;
    let secret = |field: &Value| -> Result<Option<Value>, String> {
        let Some(name) = field.as_str() else { return Ok(None) };
        let found = world.api.get("Secret", "acme", name);
        found.map(Some).ok_or_else(|| format!("the Secret {name} is not there"))
    };
    let logs_in = |organization: &OrganizationTruth, secret: &Value| -> Result<(), String> {
        if !passwords || secret["data"].get("password").is_none() {
            return Ok(());
        }
        let (username, password) = (value(secret, "username")?, value(secret, "password")?);
        let good = world.logs_in(&organization.record.id, &username, &password);
        good.then_some(()).ok_or_else(|| format!("the password of {username} does not log in"))
    };
    match object["kind"].as_str() {
        Some("Organization") => {
            let mut all = truth.organizations.iter();
            let found = all.find(|found| found.record.id == id || found.record.name == id);
            let found = found.ok_or_else(|| format!("the organisation {id} is not there"))?;
            secret(&object["status"]["adminSecretName"])?.map_or(Ok(()), |secret| logs_in(found, &secret))
        }
        Some("User") => {
            let is = |user: &UserTruth| user.record.id == id || user.record.username == id;
            let all = truth.organizations.iter().filter(|found| found.record.name != BYSTANDER);
            let mut members = all.flat_map(|found| found.users.iter().map(move |user| (found, user)));
            let found = members.find(|(_, user)| is(user));
            if found.is_none() && !left_unseen(world, id) {
                return Err(format!("the user {id} is not there"));
            }
            let Some(secret) = secret(&object["status"]["secretName"])? else { return Ok(()) };
            if let Some((organization, _)) = found {
                logs_in(organization, &secret)?;
            }
            if secret["data"].get("token").is_some() {
                shows(world, &secret, found.map_or(id, |(_, user)| &user.record.id))?;
            }
            Ok(())
        }
        _ => {
            let secret = secret(&object["status"]["secretName"])?.ok_or("has no Secret")?;
            let (namespace, user) = ("acme", object["spec"]["userRef"]["name"].as_str().unwrap_or_default());
            let user = world.api.get("User", namespace, user).ok_or("its User is not there")?;
            let id = user["status"]["externalID"].as_str().ok_or("its User has no id")?.to_owned();
            let mut users = truth.organizations.iter().flat_map(|found| &found.users);
            match users.find(|user| user.record.id == id || user.record.username == id) {
                Some(found) => shows(world, &secret, &found.record.id),
                None if left_unseen(world, &id) => shows(world, &secret, &id),
                None => Err("its user is not there".to_owned()),
            }
        }
    }
}

/// Whether a user of Rockfish is there and a member of no organisation, as it was when a backup was made, or is since: the
/// platform shows the user and not in which organisation, so that nobody is told. docs/reliability.md says so.
fn left_unseen(world: &World, id: &str) -> bool {
    if !world.was_restored {
        return false;
    }
    let mut platforms = world.api.all("Platform").into_iter();
    if !platforms.any(|platform| platform["spec"].get("rockfish").is_some()) {
        return false;
    }
    let (directory, user) = (world.directory.clone(), id.to_owned());
    let there = world.server.run(move || async move { directory.account(&user, Timestamp::MAX).await });
    let truth = world.truth();
    let mut members = truth.organizations.iter().flat_map(|found| &found.users);
    there.expect("accounts").is_some() && !members.any(|member| member.record.id == id)
}

/// Whoever's password does not log in any more asks for another; whether somebody does.
pub(crate) fn ask_for_passwords(world: &World) -> bool {
    let mut asked = false;
    for mut user in world.api.all("User") {
        let lost = ready(&user)["status"] == "True" && check_one(world, &user, true).is_err();
        if lost && check_one(world, &user, false).is_ok() {
            user["metadata"]["annotations"]["org-operator.dev/rotate-requested-at"] = "after the restore".into();
            user.as_object_mut().map(|user| user.remove("status"));
            asked |= world.api.apply(user).is_ok();
        }
    }
    asked
}

/// Whether the token in a Secret is that user's.
fn shows(world: &World, secret: &Value, user: &str) -> Result<(), String> {
    match world.shown_by(&value(secret, "token")?) {
        Some(found) if found == user => Ok(()),
        found => Err(format!("its token logs in as {found:?} and not as {user}")),
    }
}
