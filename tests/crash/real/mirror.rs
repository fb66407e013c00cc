//! What is on a real API server, as a watch of all of it shows it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::api::{Api, DynamicObject};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::Value;

use crate::settle::KINDS;

/// What is mirrored beside the kinds of ours.
const CORE: [&str; 2] = ["Namespace", "Secret"];
/// How long a watch that was refused waits.
const AGAIN: Duration = Duration::from_millis(200);

/// Objects by namespace and name.
type Objects = BTreeMap<(String, String), Value>;

/// All that is there.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    kinds: HashMap<&'static str, Objects>,
    /// How often something changed in a namespace.
    changes: HashMap<String, u64>,
    /// By uid, what has gone.
    gone: HashSet<String>,
    listed: HashSet<&'static str>,
}

/// How kinds are called on the server.
pub(crate) fn resource(kind: &str) -> ApiResource {
    let (group, version) = if KINDS.contains(&kind) { ("org-operator.dev", "v1alpha1") } else { ("", "v1") };
    let plural = format!("{}s", kind.to_lowercase());
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), &plural)
}

impl Mirror {
    /// Follows a server for as long as the runtime lives.
    pub(crate) fn follow(mirror: &'static Self, client: &Client) {
        for kind in KINDS.into_iter().chain(CORE) {
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource(kind));
            tokio::spawn(async move {
                let mut listed = Objects::new();
                let mut events = std::pin::pin!(watcher(api, watcher::Config::default()));
                loop {
                    match events.next().await {
                        Some(Ok(event)) => mirror.see(kind, event, &mut listed),
                        Some(Err(_)) => tokio::time::sleep(AGAIN).await,
                        None => return,
                    }
                }
            });
        }
        let mut state = mirror.state();
        while state.listed.len() < KINDS.len() + CORE.len() {
            state = mirror.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn see(&self, kind: &'static str, event: Event<DynamicObject>, listed: &mut Objects) {
        let key = |object: &DynamicObject| (object.namespace().unwrap_or_default(), object.name_any());
        let json = |object: DynamicObject| {
            let mut value = serde_json::to_value(object).expect("an object");
            value["metadata"].as_object_mut().map(|metadata| metadata.remove("managedFields"));
            value
        };
        let mut state = self.state();
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                listed.insert(key(&object), json(object));
            }
            Event::InitDone => {
                let now = std::mem::take(listed);
                let before = state.kinds.insert(kind, now.clone()).unwrap_or_default();
                for (key, old) in &before {
                    if now.get(key).is_none_or(|new| new["metadata"]["uid"] != old["metadata"]["uid"]) {
                        state.went(old);
                    }
                }
                let keys: HashSet<_> = before.into_keys().chain(now.into_keys()).collect();
                for key in &keys {
                    state.changed_in(kind, key);
                }
                state.listed.insert(kind);
            }
            Event::Apply(object) => {
                let key = key(&object);
                state.changed_in(kind, &key);
                let object = json(object);
                let before = state.kinds.entry(kind).or_default().insert(key, object.clone());
                if let Some(before) = before.filter(|before| before["metadata"]["uid"] != object["metadata"]["uid"]) {
                    state.went(&before);
                }
            }
            Event::Delete(object) => {
                let key = key(&object);
                state.changed_in(kind, &key);
                state.kinds.entry(kind).or_default().remove(&key);
                state.went(&json(object));
            }
        }
        self.changed.notify_all();
    }

    /// An object.
    pub(crate) fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.state().kinds.get(kind)?.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// All objects of a kind in a namespace, by name.
    pub(crate) fn all(&self, kind: &str, namespace: &str) -> Vec<Value> {
        let state = self.state();
        let Some(objects) = state.kinds.get(kind) else { return Vec::new() };
        let from = (namespace.to_owned(), String::new());
        let within = objects.range(from..).take_while(|((found, _), _)| found == namespace);
        within.map(|(_, object)| object.clone()).collect()
    }

    /// Whether a Secret in that namespace belongs to what has gone.
    pub(crate) fn has_orphans(&self, namespace: &str) -> bool {
        let state = self.state();
        let Some(secrets) = state.kinds.get("Secret") else { return false };
        let within = secrets.range((namespace.to_owned(), String::new())..).take_while(|((of, _), _)| of == namespace);
        let mut owners =
            within.flat_map(|(_, secret)| secret["metadata"]["ownerReferences"].as_array().into_iter().flatten());
        owners.any(|owner| owner["uid"].as_str().is_some_and(|uid| state.gone.contains(uid)))
    }

    /// How often something changed in a namespace, or of it.
    pub(crate) fn changes(&self, namespace: &str) -> u64 {
        self.state().changes.get(namespace).copied().unwrap_or_default()
    }

    /// Waits until it shows a write: the object at that version or later, or that it has gone.
    pub(crate) fn wait(&self, kind: &str, written: &Written, within: Duration) {
        let shows = |state: &State| {
            state.gone.contains(&written.uid)
                || !written.goes && {
                    let found = state.kinds.get(kind).and_then(|objects| objects.get(&written.key));
                    found.is_some_and(|object| version(object) >= written.version)
                }
        };
        self.wait_until(within, shows);
    }

    /// Waits until something changes in that namespace.
    pub(crate) fn wait_for_change(&self, namespace: &str, within: Duration) {
        let before = self.changes(namespace);
        self.wait_until(within, |state| state.changes.get(namespace).copied().unwrap_or_default() != before);
    }

    fn wait_until(&self, within: Duration, done: impl Fn(&State) -> bool) {
        let until = Instant::now() + within;
        let mut state = self.state();
        while !done(&state) {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return };
            (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn changed_in(&mut self, kind: &str, (namespace, name): &(String, String)) {
        let of = if kind == "Namespace" { name } else { namespace };
        *self.changes.entry(of.clone()).or_default() += 1;
    }

    fn went(&mut self, object: &Value) {
        self.gone.insert(object["metadata"]["uid"].as_str().unwrap_or_default().to_owned());
    }
}

/// What a write made of an object.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) key: (String, String),
    pub(crate) uid: String,
    pub(crate) version: u64,
    /// Nothing keeps it any more.
    pub(crate) goes: bool,
}

impl Written {
    /// What the answer to a write says; `deletes` where it was a deletion.
    pub(crate) fn of(answer: &Value, deletes: bool) -> Option<Self> {
        // A deletion that is done at once is answered with a Status.
        if answer["kind"] == "Status" {
            let uid = answer["details"]["uid"].as_str()?.to_owned();
            return Some(Self { key: Default::default(), uid, version: 0, goes: true });
        }
        let metadata = &answer["metadata"];
        let text = |field: &str| metadata[field].as_str().unwrap_or_default().to_owned();
        let free = metadata["finalizers"].as_array().is_none_or(Vec::is_empty);
        // A Namespace is kept by its spec.
        let kept = answer["spec"]["finalizers"].as_array().is_some_and(|kept| !kept.is_empty());
        let goes = free && !kept && (deletes || !metadata["deletionTimestamp"].is_null());
        Some(Self { key: (text("namespace"), text("name")), uid: text("uid"), version: version(answer), goes })
    }
}

/// The version of an object as a number, which it is on this server.
pub(crate) fn version(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().and_then(|version| version.parse().ok()).unwrap_or_default()
}
