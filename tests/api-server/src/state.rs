//! What is stored, what became of it, and who is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::object::Object;
use crate::resource;
use crate::status::Status;
use crate::watch::Watch;

/// One change of one object.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) key: String,
    pub(crate) before: Option<Arc<Object>>,
    pub(crate) after: Option<Arc<Object>>,
    /// What a watch is told: the newest version, or the last one at the revision of its end.
    pub(crate) shown: Arc<Object>,
}

/// Objects by key.
pub(crate) type Objects = BTreeMap<String, Arc<Object>>;

/// The objects of one kind.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) objects: Objects,
    pub(crate) history: Vec<Arc<Change>>,
    /// The revision up to which watches know it, where that does not move.
    pub(crate) frozen: Option<u64>,
}

impl Store {
    /// The objects as they were at a revision that is not compacted.
    pub(crate) fn at(&self, revision: u64) -> Objects {
        let mut objects = self.objects.clone();
        for change in self.history.iter().rev().take_while(|change| change.revision > revision) {
            match &change.before {
                Some(before) => drop(objects.insert(change.key.clone(), Arc::clone(before))),
                None => drop(objects.remove(&change.key)),
            }
        }
        objects
    }

    /// What became of it after a revision, up to where it is frozen.
    pub(crate) fn since(&self, revision: u64) -> impl Iterator<Item = &Arc<Change>> {
        let first = self.history.partition_point(|change| change.revision <= revision);
        let last = self.frozen.unwrap_or(u64::MAX);
        self.history[first..].iter().take_while(move |change| change.revision <= last)
    }
}

/// A write that changed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The revision that it made.
    pub revision: u64,
    /// `create`, `update`, `patch`, `delete`, `deletecollection` or `put`.
    pub verb: &'static str,
    /// Kind of the object.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// `status`, or empty.
    pub subresource: String,
    /// Field manager, or else user agent.
    pub agent: String,
}

/// Who writes, and how.
#[derive(Clone, Debug)]
pub(crate) struct By<'a> {
    pub(crate) verb: &'static str,
    pub(crate) subresource: &'a str,
    pub(crate) agent: &'a str,
    pub(crate) dry_run: bool,
    /// The time, as objects have it.
    pub(crate) now: String,
}

/// Everything.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) revision: u64,
    /// What is older is not known any more.
    pub(crate) compacted: u64,
    /// Of uids and generated names.
    pub(crate) serial: u64,
    pub(crate) stores: Vec<Store>,
    pub(crate) watches: BTreeMap<u64, Watch>,
    next_watch: u64,
    pub(crate) writes: Vec<Write>,
    pub(crate) sent: u64,
    pub(crate) swallowed: BTreeSet<u64>,
    /// A watch from a revision that is not known is refused, and not told so by its first event.
    pub(crate) gone_at_once: bool,
}

impl State {
    pub(crate) fn new() -> Self {
        let stores = resource::stores(resource::all());
        Self {
            revision: 1,
            compacted: 0,
            serial: 0,
            stores: std::iter::repeat_with(Store::default).take(stores).collect(),
            watches: BTreeMap::new(),
            next_watch: 0,
            writes: Vec::new(),
            sent: 0,
            swallowed: BTreeSet::new(),
            gone_at_once: false,
        }
    }

    pub(crate) fn get(&self, store: usize, key: &str) -> Option<&Arc<Object>> {
        self.stores[store].objects.get(key)
    }

    /// Another number of no meaning, always the same ones in the same order.
    pub(crate) fn mixed(&mut self) -> u64 {
        self.serial += 1;
        let mut mixed = self.serial.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Writes an object's next version, or takes it away.
    pub(crate) fn commit(&mut self, store: usize, key: &str, next: Option<Object>, by: &By<'_>) -> Option<Arc<Object>> {
        let before = self.stores[store].objects.get(key).cloned();
        let revision = self.revision + 1;
        let after = next.map(|mut next| {
            next.value["metadata"]["resourceVersion"] = revision.to_string().into();
            Arc::new(next)
        });
        let shown = match (&after, &before) {
            (Some(after), _) => Arc::clone(after),
            (None, Some(before)) => Arc::new(before.at(revision)),
            (None, None) => return None,
        };
        self.revision = revision;
        let objects = &mut self.stores[store].objects;
        match &after {
            Some(after) => drop(objects.insert(key.to_owned(), Arc::clone(after))),
            None => drop(objects.remove(key)),
        }
        self.writes.push(Write {
            revision,
            verb: by.verb,
            kind: resource::of_store(store).map(|resource| resource.kind.clone()).unwrap_or_default(),
            namespace: shown.namespace().to_owned(),
            name: shown.name().to_owned(),
            subresource: by.subresource.to_owned(),
            agent: by.agent.to_owned(),
        });
        let change = Arc::new(Change { revision, key: key.to_owned(), before, after, shown: Arc::clone(&shown) });
        self.stores[store].history.push(Arc::clone(&change));
        if self.stores[store].frozen.is_none() {
            self.tell(store, &change);
        }
        Some(shown)
    }

    /// Tells every watch of one change.
    pub(crate) fn tell(&mut self, store: usize, change: &Change) {
        let (sent, swallowed) = (&mut self.sent, &mut self.swallowed);
        for watch in self.watches.values_mut().filter(|watch| watch.store() == store) {
            watch.tell(change, sent, swallowed);
        }
    }

    /// Opens a watch that is told of what came after `since`.
    pub(crate) fn open(&mut self, mut watch: Watch) -> u64 {
        let id = self.next_watch;
        self.next_watch += 1;
        let known: Vec<Arc<Change>> = self.stores[watch.store()].since(watch.since()).cloned().collect();
        for change in known {
            watch.tell(&change, &mut self.sent, &mut self.swallowed);
        }
        self.watches.insert(id, watch);
        id
    }

    /// The revision up to which watches of a store are told.
    pub(crate) fn told(&self, store: usize) -> u64 {
        self.stores[store].frozen.unwrap_or(self.revision)
    }

    /// Refuses a revision that is not known any more, or was known before the server was restored and is not known yet.
    pub(crate) fn check_known(&self, revision: u64) -> Result<(), Status> {
        if revision < self.compacted || revision > self.revision {
            return Err(Status::expired(format!("too old resource version: {revision} ({})", self.compacted)));
        }
        Ok(())
    }
}
