//! Lets operators live until all is as it should be, and does what a person would do who is asked.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::moment;
use crate::oracle;
use crate::sim::operator::End;
use crate::sim::wire::Side;
use crate::sim::{ANEW, LeftBehind, Wanted, World};

/// How long nothing is written before it counts as quiet: two looks at everything.
const QUIET: Duration = Duration::from_secs(130);
/// How long it may take.
const LIMIT: Duration = Duration::from_hours(2);
/// How long nobody looks after an operator that died.
const RESTART: Duration = Duration::from_secs(2);

/// What answers a question.
const RESOLVE: &str = "org-operator.dev/resolve";
/// What asks for another credential.
const ROTATE: &str = "org-operator.dev/rotate-requested-at";

/// The kinds that the operator looks after.
pub(crate) const KINDS: [&str; 4] = ["Platform", "Organization", "User", "Token"];

/// Operators live, one after the other, until all is settled and quiet.
pub(crate) fn settle(world: &mut World) -> Result<(), String> {
    let mut watch = Watch::new(world);
    loop {
        let end = world.live(LIMIT, |world| watch.look(world));
        if let Some(wrong) = watch.wrong.take() {
            return Err(wrong);
        }
        match end {
            End::Crashed => {
                moment::check(world)?;
                world.time.pass(RESTART);
            }
            End::Stopped => return Ok(()),
            End::Overdue => {
                return Err(format!(
                    "it does not come to rest: {}",
                    unexplained(world).or_else(|| unsettled(world)).unwrap_or_default()
                ));
            }
        }
    }
}

/// What is looked at while an operator lives.
pub(crate) struct Watch {
    seen: (u64, usize),
    since: Timestamp,
    /// Since when nobody has written to the API server: what the objects say has stood for so long.
    stands: Timestamp,
    /// What did not hold at some moment.
    wrong: Option<String>,
}

impl Watch {
    pub(crate) fn new(world: &World) -> Self {
        let now = world.time.now();
        Self { seen: changes(world), since: now, stands: now, wrong: None }
    }

    /// Whether all is settled and has been quiet for long enough.
    pub(crate) fn look(&mut self, world: &mut World) -> bool {
        let (now, seen) = (world.time.now(), changes(world));
        if seen != self.seen {
            let stands = if seen.0 == self.seen.0 { self.stands } else { now };
            *self = Self { seen, since: now, stands, wrong: moment::check(world).err() };
            world.changed();
            if self.wrong.is_some() {
                return true;
            }
        }
        let lasts = |since: Timestamp| now.duration_since(since).unsigned_abs() >= QUIET;
        if !world.wire.is_played() || !lasts(self.stands) {
            return false;
        }
        if unsettled(world).is_none() || is_explained(world) {
            if !lasts(self.since) {
                return false;
            }
            let Some(then) = world.then.pop_front() else { return true };
            then(world);
            *self = Self::new(world);
            return false;
        }
        if world.wanted == Wanted::Ready {
            answer(world);
        }
        false
    }
}

/// Whether nothing more is wanted than is.
fn is_explained(world: &mut World) -> bool {
    if world.wanted == Wanted::Ready || unexplained(world).is_some() {
        return false;
    }
    let before = world.api.revision();
    if world.wanted == Wanted::Answered {
        answer(world);
    }
    world.api.revision() == before && world.again.is_empty()
}

/// What changes when somebody writes.
pub(crate) fn changes(world: &World) -> (u64, usize) {
    (world.api.revision(), world.wire.writes(Side::Platform))
}

/// Why it is not settled yet.
pub(crate) fn unsettled(world: &World) -> Option<String> {
    if !world.wire.is_played() || !world.agenda.is_empty() || !world.again.is_empty() {
        return Some("something is still to happen".to_owned());
    }
    // Where kube-controller-manager takes its time a namespace may still go when nothing is left in it.
    let objects = KINDS.iter().chain(&["Namespace"]).flat_map(|kind| world.api.all(kind));
    let mut waiting = objects.filter_map(|object| {
        let name = format!("{} {}", object["kind"].as_str()?, object["metadata"]["name"].as_str()?);
        if !object["metadata"]["deletionTimestamp"].is_null() {
            return Some(format!("{name} is being deleted: {}", ready(&object)));
        }
        let settled = object["kind"] == "Namespace"
            || ready(&object)["status"] == "True"
                && ready(&object)["observedGeneration"] == object["metadata"]["generation"];
        (!settled).then(|| format!("{name} is not Ready: {}", ready(&object)))
    });
    waiting.next()
}

/// What says of an object for how long it waits, or nothing at all.
const PASSING: [&str; 7] =
    ["", "Pending", "Progressing", "PlatformUnavailable", "RateLimited", "TimedOut", "SecretWriteFailed"];

/// What is neither as it should be nor says for good why not.
pub(crate) fn unexplained(world: &World) -> Option<String> {
    if !world.wire.is_played() || !world.agenda.is_empty() {
        return Some("something is still to happen".to_owned());
    }
    let objects = KINDS.iter().flat_map(|kind| world.api.all(kind));
    let mut found = objects.filter(|object| {
        let ready = ready(object);
        let reason = ready["reason"].as_str().unwrap_or_default();
        let current = ready["observedGeneration"] == object["metadata"]["generation"];
        !current || if ready["status"] == "True" { false } else { PASSING.contains(&reason) }
    });
    found.next().map(|object| format!("{} {}: {}", object["kind"], object["metadata"]["name"], ready(&object)))
}

/// The condition Ready.
pub(crate) fn ready(object: &Value) -> Value {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    conditions.into_iter().find(|condition| condition["type"] == "Ready").unwrap_or_default()
}

/// Does what an object asks a person to do.
pub(crate) fn answer(world: &mut World) {
    // Nobody has to be asked that but where somebody did something behind the operator's back.
    let tampered = world.wanted != Wanted::Ready || world.twins.is_some();
    for mut object in KINDS.iter().flat_map(|kind| world.api.all(kind)) {
        let reason = ready(&object)["reason"].as_str().unwrap_or_default().to_owned();
        match reason.as_str() {
            "OutcomeUnknown" => {
                let attempt = object["status"]["attempt"].as_i64().unwrap_or_default();
                let there = oracle::is_there(world, &object);
                let answer = json!(format!("{}/{attempt}", if there { "adopt" } else { "start-over" }));
                if object["metadata"]["annotations"][RESOLVE] == answer {
                    continue;
                }
                if object["kind"] == "Token" {
                    oracle::revoke_unknown(world, &object);
                }
                object["metadata"]["annotations"][RESOLVE] = answer;
            }
            // What may be there after a creation without an answer is removed there, as the message says.
            "LeftBehind" if object["status"]["attemptOpen"] == true => {
                oracle::remove(world, &object);
                let attempt = object["status"]["attempt"].as_i64().unwrap_or_default();
                object["metadata"]["annotations"][RESOLVE] = json!(format!("start-over/{attempt}"));
            }
            // What a platform that was emptied or restored has no more is made anew.
            "ExternalIDNotFound" if tampered => {
                let attempt = object["status"]["attempt"].as_i64().unwrap_or_default();
                let answer = json!(format!("start-over/{attempt}"));
                if object["metadata"]["annotations"][RESOLVE] == answer {
                    continue;
                }
                object["metadata"]["annotations"][RESOLVE] = answer;
            }
            "AlreadyExists" if tampered && object["spec"]["adoptionPolicy"] != "IfExists" => {
                object["spec"]["adoptionPolicy"] = json!("IfExists");
            }
            // What the platform cannot delete is let go.
            "LeftBehind" => {
                if world.left_behind == LeftBehind::IsRemoved {
                    oracle::remove(world, &object);
                }
                object["spec"]["deletionPolicy"] = json!("Retain");
            }
            "Unsupported" if !object["metadata"]["deletionTimestamp"].is_null() => {
                object["spec"]["deletionPolicy"] = json!("Retain");
            }
            "ValueUnavailable" if object["metadata"]["annotations"][ROTATE].is_null() => {
                object["metadata"]["annotations"][ROTATE] = json!("because it was asked for");
            }
            // Where no other key can be had for a user, another user can.
            "ValueUnavailable" | "Unsupported" if object["kind"] == "User" => {
                // One that a restored cluster knows nothing of is not this one's to delete.
                if tampered && object["status"]["externalID"].is_null() {
                    oracle::remove(world, &object);
                }
                let (name, namespace) = (&object["metadata"]["name"], &object["metadata"]["namespace"]);
                world.api.delete("User", namespace.as_str().unwrap_or_default(), name.as_str().unwrap_or_default());
                let mut again = object.clone();
                again["metadata"] = json!({ "name": name, "namespace": namespace });
                again["status"] = object["metadata"]["uid"].clone();
                world.again.push(again);
                world.asked.push(format!("{ANEW} {reason}"));
                continue;
            }
            _ => continue,
        }
        world.asked.push(format!("{} {reason}", object["kind"].as_str().unwrap_or_default()));
        edit(world, object);
    }
    // What was deleted to be made again is, once it has gone.
    for again in std::mem::take(&mut world.again) {
        let (name, namespace) = (&again["metadata"]["name"], &again["metadata"]["namespace"]);
        let found = world.api.get("User", namespace.as_str().unwrap_or_default(), name.as_str().unwrap_or_default());
        match found {
            None => edit(world, again),
            Some(found) if found["metadata"]["uid"] == again["status"] => world.again.push(again),
            // Somebody was faster.
            Some(_) => {}
        }
    }
}

/// What a person's `kubectl edit` does.
fn edit(world: &World, mut object: Value) {
    if let Some(manifest) = object.as_object_mut() {
        manifest.remove("status");
    }
    world.api.apply(object).expect("a person may edit");
}
