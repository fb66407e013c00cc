//! Twins, where a platform shows what was made only later: each is gone soon after it is visible, and no status and no
//! Secret ever speaks of one. What a cluster that was set back spoke of before is no twin: it is named, and stays.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::oracle::{is_named, is_strangers};
use crate::scenario::BYSTANDER;
use crate::sim::World;
use crate::sim::api::Api;

/// How soon.
const SOON: Duration = Duration::from_secs(30);
/// How long nobody looks meanwhile: an operator that died begins again, and is looked at each second.
const SLACK: Duration = Duration::from_secs(4);

/// What status spoke of when the cluster was set back, if it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forgotten(Arc<Mutex<Option<Vec<String>>>>);

impl Forgotten {
    /// The cluster is about to be set back.
    pub(crate) fn note(&self, api: &Api) {
        let organizations = api.all("Organization").into_iter();
        let ids = organizations.filter_map(|found| Some(found["status"]["externalID"].as_str()?.to_owned()));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ids.collect());
    }

    fn ids(&self) -> Option<Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What was seen of twins.
#[derive(Debug)]
pub(crate) struct Twins {
    late: Duration,
    /// Since when there are several of one name.
    since: BTreeMap<String, Timestamp>,
    /// The id that a resource's status spoke of, by kind and uid.
    spoken: BTreeMap<String, String>,
    pub(crate) forgotten: Forgotten,
    pub(crate) was_set_back: bool,
    /// How many there were.
    pub(crate) met: usize,
    pub(crate) wrong: Option<String>,
}

impl Twins {
    pub(crate) fn new(late: Duration) -> Self {
        let (forgotten, was_set_back) = (Forgotten::default(), false);
        Self { late, since: BTreeMap::new(), spoken: BTreeMap::new(), forgotten, was_set_back, met: 0, wrong: None }
    }

    /// Looks at what is there in truth and at what status says.
    pub(crate) fn look(&mut self, world: &World) {
        if self.wrong.is_some() {
            return;
        }
        let (now, truth) = (world.time.now(), world.truth());
        let forgotten = self.forgotten.ids();
        if forgotten.is_some() && !self.was_set_back {
            self.was_set_back = true;
            self.spoken.clear();
        }
        let is_lost = |id: &&String| !truth.organizations.iter().any(|found| found.record.id == **id);
        if let Some(lost) = forgotten.iter().flatten().find(is_lost) {
            self.wrong = Some(format!("{lost} was in use before the cluster was set back, and is gone"));
        }
        let resources = world.api.all("Organization");
        let told = |id: &String| self.was_set_back && is_named(&resources, id);
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let ours = truth.organizations.iter().filter(|found| found.record.name != BYSTANDER && !is_strangers(found));
        for organization in ours {
            let record = &organization.record;
            if !told(&record.id) {
                groups.entry(format!("organisation {}", record.name)).or_default().push(record.id.clone());
            }
            for user in &organization.users {
                let name = format!("user {} of {}", user.record.username, record.id);
                groups.entry(name).or_default().push(user.record.id.clone());
            }
        }
        groups.retain(|_, ids| ids.len() > 1);
        self.since.retain(|name, _| groups.contains_key(name));
        for (name, ids) in &groups {
            let since = *self.since.entry(name.clone()).or_insert_with(|| {
                self.met += 1;
                now
            });
            if now.duration_since(since).unsigned_abs() > self.late + SOON + SLACK {
                self.wrong = Some(format!("{ids:?} are all there as {name} since {since}"));
            }
        }
        let there = |id: &str| {
            let mut users = truth.organizations.iter().flat_map(|found| &found.users);
            truth.organizations.iter().any(|found| found.record.id == id) || users.any(|user| user.record.id == id)
        };
        for resource in ["Organization", "User"].iter().flat_map(|kind| world.api.all(kind)) {
            let Some(id) = resource["status"]["externalID"].as_str() else { continue };
            let before = self.spoken.insert(resource["metadata"]["uid"].to_string(), id.to_owned());
            if let Some(before) = before.filter(|before| before != id && there(before)) {
                self.wrong = Some(format!("{} spoke of {before}, which is there, and now of {id}", name(&resource)));
            }
        }
    }
}

fn name(resource: &Value) -> String {
    format!("{} {}", resource["kind"], resource["metadata"]["name"])
}
