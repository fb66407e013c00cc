//! A move of a hostile tenant: what it asks of the API server, and what must come of it.

use std::collections::{BTreeMap, HashMap};

use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::support::{Cluster, PATIENCE, condition, eventually};
use super::scene::Scene;

/// The kinds of ours.
pub(crate) const KINDS: [&str; 4] = ["Platform", "Organization", "User", "Token"];

/// A move. Words such as `$(VICTIM)` in its texts are replaced by what they stand for in [`Scene`].
#[derive(Debug)]
pub(crate) struct Move {
    /// What it is, for whoever reads that it went otherwise.
    pub(crate) name: String,
    /// What is asked, in this order. All but the last of a refused move must be answered well.
    pub(crate) steps: Vec<Step>,
    /// What must come of it.
    pub(crate) expected: Expected,
}

/// One request, or a wait for the operator's answer to those before.
#[derive(Debug)]
pub(crate) enum Step {
    /// Server-side apply of one manifest.
    Apply(String),
    /// POST of one manifest, with all that it says about itself.
    Create(String),
    /// Merge patch: kind, name, patch.
    Patch(&'static str, String, String),
    /// The same of the status.
    Status(&'static str, String, String),
    /// Deletion.
    Delete(&'static str, String),
    /// A request in another namespace: what, where, kind, name.
    Elsewhere(Reach, &'static str, &'static str, &'static str),
    /// Waits until the resource has gone.
    Gone(&'static str, String),
}

/// What is tried in another namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach {
    /// Reads one.
    Get,
    /// Reads all.
    List,
    /// Makes one that is valid but for its place.
    Make,
    /// Changes a label.
    Change,
    /// Deletes one.
    Delete,
}

/// What must come of a move.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// The API server refuses the last step and says this.
    Refused(&'static str),
    /// Kind and name are not Ready, for one of these reasons; every Secret of the move is as it was planted.
    Says(&'static str, String, &'static [&'static str]),
    /// The same, and it is being deleted and does not go.
    Stays(&'static str, String, &'static [&'static str]),
    /// It is Ready, or says one of these, and stands for an object of its own if it stands for any.
    Own(&'static str, String, &'static [&'static str]),
    /// It has answered the request to look at it again that the move ends with, and is Ready as the object that it was.
    Unmoved(&'static str, String),
    /// It goes.
    Goes(&'static str, String),
    /// Whatever it says: nothing of others is touched or told, as after every move.
    Harmless,
}

/// What the tenant wrote, by kind and name of the object that it wrote it in.
pub(crate) type Given = HashMap<(String, String), String>;

/// What was asked and answered.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// Secrets that were planted, as the API server answered.
    secrets: Vec<Value>,
    /// The text of all that was given for each object.
    pub(crate) given: Given,
}

/// A move with one step.
pub(crate) fn one(name: impl Into<String>, step: Step, expected: Expected) -> Move {
    several(name, vec![step], expected)
}

/// A move with several.
pub(crate) fn several(name: impl Into<String>, steps: Vec<Step>, expected: Expected) -> Move {
    Move { name: name.into(), steps, expected }
}

/// A manifest that is applied.
pub(crate) fn apply(manifest: impl Into<String>) -> Step {
    Step::Apply(manifest.into())
}

/// An object that is changed.
pub(crate) fn patch(kind: &'static str, name: &str, patch: impl Into<String>) -> Step {
    Step::Patch(kind, name.to_owned(), patch.into())
}

/// An object that is deleted.
pub(crate) fn delete(kind: &'static str, name: &str) -> Step {
    Step::Delete(kind, name.to_owned())
}

/// A manifest that the API server refuses with that sentence.
pub(crate) fn refused(name: impl Into<String>, manifest: impl Into<String>, sentence: &'static str) -> Move {
    one(name, apply(manifest), Expected::Refused(sentence))
}

/// A manifest after which `kind` `object` says one of the reasons.
pub(crate) fn says(
    name: impl Into<String>,
    (kind, object): (&'static str, &str),
    manifest: impl Into<String>,
    reasons: &'static [&'static str],
) -> Move {
    one(name, apply(manifest), Expected::Says(kind, object.to_owned(), reasons))
}

/// The annotation by which a tenant asks to be looked at, with a value that answers can be told by.
pub(crate) const LOOK: &str = "org-operator.dev/reconcile-requested-at";

impl Move {
    /// Does it.
    pub(crate) async fn make(&self, scene: &Scene) -> Result<Made, String> {
        let mut made = Made::default();
        for (index, step) in self.steps.iter().enumerate() {
            let answer = step.take(scene, &mut made).await;
            match (&self.expected, answer) {
                (Expected::Refused(sentence), answer) if index + 1 == self.steps.len() => match answer {
                    Ok(_) => return Err(format!("was let through, not refused with: {sentence}")),
                    // A rule that fails to compute is printed in CEL's own words, which help nobody.
                    Err(answer) if answer.contains("rule evaluation error") || !answer.contains(sentence) => {
                        return Err(format!("was refused with: {answer}\nnot with: {sentence}"));
                    }
                    Err(_) => {}
                },
                (_, Err(answer)) => return Err(format!("{step:?} was refused: {answer}")),
                (_, Ok(Some(secret))) => made.secrets.push(secret),
                (_, Ok(None)) => {}
            }
        }
        Ok(made)
    }

    /// What is wrong with what came of it.
    pub(crate) fn judge(&self, made: &Made, seen: &Objects, scene: &Scene) -> Result<(), String> {
        let object = |kind: &str, name: &str| seen.get(kind, name);
        match &self.expected {
            Expected::Refused(_) | Expected::Harmless => Ok(()),
            Expected::Goes(kind, name) => {
                object(kind, name).map_or(Ok(()), |left| Err(format!("is still there: {:#}", left["status"])))
            }
            Expected::Says(kind, name, reasons) | Expected::Stays(kind, name, reasons) => {
                let object = object(kind, name).ok_or("is not there")?;
                let terminating = !object["metadata"]["deletionTimestamp"].is_null();
                let (ready, reason) = state(object)?;
                if ready || !reasons.contains(&reason) || terminating != matches!(self.expected, Expected::Stays(..)) {
                    let state = condition(object, "Ready");
                    return Err(format!("does not say {}: {state:#}", reasons.join(" or ")));
                }
                made.secrets.iter().try_for_each(|planted| unchanged(planted, seen))
            }
            Expected::Own(kind, name, reasons) => {
                let object = object(kind, name).ok_or("is not there")?;
                let (ready, reason) = state(object)?;
                if !ready && !reasons.contains(&reason) {
                    return Err(format!("is neither Ready nor {reasons:?}: {:#}", condition(object, "Ready")));
                }
                match object["status"]["externalID"].as_str() {
                    Some(id) if scene.others.contains(id) => Err(format!("stands for another's object: {id}")),
                    None if ready => Err("is Ready and stands for nothing".to_owned()),
                    _ => Ok(()),
                }
            }
            Expected::Unmoved(kind, name) => {
                let object = object(kind, name).ok_or("is not there")?;
                let (before, now) = (&scene.before[&((*kind).to_owned(), name.clone())], &object["status"]);
                let (ready, _) = state(object)?;
                if !ready || before["externalID"] != now["externalID"] || before["attempt"] != now["attempt"] {
                    return Err(format!("was {before:#}\nand is {now:#}"));
                }
                Ok(())
            }
        }
    }
}

/// Ready, and the reason; an error while the operator has not seen the newest manifest, or not answered the request to
/// look again.
fn state(object: &Value) -> Result<(bool, &str), String> {
    let ready = condition(object, "Ready");
    let asked = &object["metadata"]["annotations"][LOOK];
    if !asked.is_null() && *asked != object["status"]["lastHandledReconcileAt"] {
        return Err(format!("has not answered {asked}: {:#}", object["status"]));
    }
    if ready["observedGeneration"] != object["metadata"]["generation"] {
        return Err(format!("was not looked at: {ready:#}"));
    }
    Ok((ready["status"] == "True", ready["reason"].as_str().unwrap_or_default()))
}

/// A planted Secret has what was planted and nothing else.
fn unchanged(planted: &Value, seen: &Objects) -> Result<(), String> {
    let name = planted["metadata"]["name"].as_str().unwrap_or_default();
    let now = seen.get("Secret", name).ok_or_else(|| format!("the planted Secret {name} is gone"))?;
    let what = |secret: &Value| {
        let metadata = &secret["metadata"];
        json!([
            secret["data"],
            secret["type"],
            metadata["labels"],
            metadata["annotations"],
            metadata["ownerReferences"]
        ])
    };
    if what(now) == what(planted) { Ok(()) } else { Err(format!("the planted Secret {name} was changed")) }
}

impl Step {
    /// Takes it, as the tenant. A Secret that was written is returned.
    async fn take(&self, scene: &Scene, made: &mut Made) -> Result<Option<Value>, String> {
        let tenant = &scene.attacker;
        let mut give = |kind: &str, name: &str, text: &str| {
            made.given.entry((kind.to_owned(), name.to_owned())).or_default().push_str(text);
        };
        let merge = |text: &str| Patch::Merge(document(text));
        match self {
            Self::Apply(text) | Self::Create(text) => {
                let text = scene.fill(text);
                let (kind, name, object) = manifest(&text, tenant);
                give(&kind, &name, &text);
                let api = tenant.api(&kind);
                let answer = if matches!(self, Self::Apply(_)) {
                    let params = PatchParams::apply("tenant").validation_strict().force();
                    api.patch(&name, &params, &Patch::Apply(&object)).await
                } else {
                    let object = serde_json::from_value(object).map_err(|error| error.to_string())?;
                    api.create(&PostParams::default(), &object).await
                };
                let answer = answer.map_err(said)?;
                Ok((kind == "Secret").then(|| serde_json::to_value(answer).unwrap()))
            }
            Self::Patch(kind, name, text) => {
                let text = scene.fill(text);
                give(kind, name, &text);
                tenant.api(kind).patch(name, &PatchParams::default(), &merge(&text)).await.map(|_| None).map_err(said)
            }
            Self::Status(kind, name, text) => {
                let patch = merge(&scene.fill(text));
                tenant.api(kind).patch_status(name, &PatchParams::default(), &patch).await.map(|_| None).map_err(said)
            }
            Self::Delete(kind, name) => {
                tenant.api(kind).delete(name, &DeleteParams::default()).await.map(|_| None).map_err(said)
            }
            Self::Elsewhere(reach, namespace, kind, name) => {
                let (api, name) = (tenant.beside(&scene.fill(namespace)).api(kind), scene.fill(name));
                let answer = match reach {
                    Reach::Get => api.get(&name).await.map(drop),
                    Reach::List => api.list(&ListParams::default()).await.map(drop),
                    Reach::Delete => api.delete(&name, &DeleteParams::default()).await.map(drop),
                    Reach::Change => {
                        let patch = Patch::Merge(json!({ "metadata": { "labels": { "taken": "over" } } }));
                        api.patch(&name, &PatchParams::default(), &patch).await.map(drop)
                    }
                    Reach::Make => {
                        let text = format!("{{kind: {kind}, metadata: {{name: {name}}}, spec: {{embedded: {{}}}}}}");
                        let (_, _, object) = manifest(&text, &tenant.beside(&scene.fill(namespace)));
                        api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.map(drop)
                    }
                };
                answer.map(|()| None).map_err(said)
            }
            Self::Gone(kind, name) => {
                let gone = eventually(format!("{kind} {name} goes"), PATIENCE, async || {
                    scene.tenant.get(kind, name).await.map_or(Ok(()), |object| Err(format!("{:#}", object["status"])))
                });
                gone.await.map(|()| None)
            }
        }
    }
}

/// What the API server said to a request that it refused.
fn said(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message,
        other => format!("no answer: {other}"),
    }
}

/// The documents of a YAML text.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(yaml).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn document(text: &str) -> Value {
    documents(text).pop().unwrap()
}

/// Kind, name and object of a manifest whose `apiVersion` is left out.
fn manifest(text: &str, cluster: &Cluster) -> (String, String, Value) {
    let mut object = document(text);
    let kind = object["kind"].as_str().unwrap().to_owned();
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    object["apiVersion"] = json!(if KINDS.contains(&kind.as_str()) { "org-operator.dev/v1alpha1" } else { "v1" });
    object["metadata"]["namespace"] = json!(cluster.namespace());
    (kind, name, object)
}

/// All objects of ours and Secrets in a namespace at one moment.
#[derive(Debug)]
pub(crate) struct Objects(BTreeMap<(String, String), Value>);

impl Objects {
    /// Reads them.
    pub(crate) async fn of(cluster: &Cluster) -> Self {
        let mut all = BTreeMap::new();
        for kind in KINDS.into_iter().chain(["Secret"]) {
            for object in cluster.list(kind).await {
                let name = object["metadata"]["name"].as_str().unwrap().to_owned();
                all.insert((kind.to_owned(), name), object);
            }
        }
        Self(all)
    }

    /// One of them.
    pub(crate) fn get(&self, kind: &str, name: &str) -> Option<&Value> {
        self.0.get(&(kind.to_owned(), name.to_owned()))
    }

    /// Each with its kind and name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&(String, String), &Value)> {
        self.0.iter()
    }
}
