//! What can go wrong with a cluster.

use std::sync::Arc;

use crate::ApiServer;
use crate::resource;
use crate::state::{Change, Objects, State};

/// What was stored at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    objects: Vec<Objects>,
    revision: u64,
    serial: u64,
}

impl Snapshot {
    /// The newest resourceVersion in it.
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

impl ApiServer {
    /// What is stored now.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        let objects = state.stores.iter().map(|store| store.objects.clone()).collect();
        Snapshot { objects, revision: state.revision, serial: state.serial }
    }

    /// Restores a snapshot as etcd is restored (`--bump-revision --mark-compacted`): objects are as they were, every
    /// watch ends, nothing is frozen, and no revision up to now is known any more. Revisions go on.
    pub fn restore(&self, snapshot: &Snapshot) {
        let mut state = self.lock();
        for (store, objects) in state.stores.iter_mut().zip(&snapshot.objects) {
            store.objects.clone_from(objects);
            store.frozen = None;
        }
        state.revision = state.revision.max(snapshot.revision) + 1;
        // A uid is given once.
        state.serial = state.serial.max(snapshot.serial);
        state.compact();
        state.cut();
    }

    /// Restores a snapshot as etcd is restored without that: revisions go back as well, and are given again to other
    /// writes. A watch from one that is still to come is told that its revision is not known.
    pub fn restore_back(&self, snapshot: &Snapshot) {
        let mut state = self.lock();
        for (store, objects) in state.stores.iter_mut().zip(&snapshot.objects) {
            store.objects.clone_from(objects);
            store.frozen = None;
        }
        state.revision = snapshot.revision;
        state.serial = state.serial.max(snapshot.serial);
        state.writes.retain(|write| write.revision <= snapshot.revision);
        state.compact();
        state.cut();
    }

    /// From now on watches of that kind are not told of what is written, and lists with the resourceVersion 0 do not
    /// show it.
    pub fn freeze(&self, kind: &str) {
        let mut state = self.lock();
        let revision = state.revision;
        if let Some(store) = resource::of_kind(kind).map(|resource| resource.store) {
            state.stores[store].frozen.get_or_insert(revision);
        }
    }

    /// Watches are told of what they missed.
    pub fn thaw(&self, kind: &str) {
        let mut state = self.lock();
        let Some(store) = resource::of_kind(kind).map(|resource| resource.store) else { return };
        let Some(frozen) = state.stores[store].frozen.take() else { return };
        let missed: Vec<Arc<Change>> = state.stores[store].since(frozen).cloned().collect();
        for change in missed {
            state.tell(store, &change);
        }
    }

    /// The `nth` event that a watch is told from now on is not told: 1 is the next one.
    pub fn drop_event(&self, nth: u64) {
        let mut state = self.lock();
        let number = state.sent + nth;
        state.swallowed.insert(number);
    }

    /// How many events watches were told, swallowed ones among them; what a watch begins with and bookmarks do not count.
    pub fn events_sent(&self) -> u64 {
        self.lock().sent
    }

    /// How many watches are open.
    pub fn open_watches(&self) -> usize {
        self.lock().watches.values().filter(|watch| !watch.ended).count()
    }

    /// Every open watch ends.
    pub fn cut_watches(&self) {
        self.lock().cut();
    }

    /// Revisions up to now are forgotten: a watch from an older one is told that it is gone (410). Open ones go on, so
    /// that this shows together with [`Self::cut_watches`].
    pub fn compact(&self) {
        self.lock().compact();
    }

    /// Whether a watch from a forgotten revision is refused at once, with the HTTP status 410. kube-apiserver does not
    /// do that: it opens the watch and tells it by its first event, as is done here by default.
    pub fn refuse_forgotten(&self, at_once: bool) {
        self.lock().gone_at_once = at_once;
    }

    /// Sends a bookmark on every watch that wants some, as kube-apiserver does each minute.
    pub fn bookmark(&self) {
        let mut state = self.lock();
        let told: Vec<u64> = (0..state.stores.len()).map(|store| state.told(store)).collect();
        for watch in state.watches.values_mut() {
            watch.bookmark(told[watch.store()], false);
        }
    }
}

impl State {
    fn cut(&mut self) {
        for watch in self.watches.values_mut() {
            watch.end();
        }
    }

    fn compact(&mut self) {
        self.compacted = self.revision;
        for store in &mut self.stores {
            // What is frozen is still to be told.
            if store.frozen.is_none() {
                store.history.clear();
            }
        }
    }

    /// Ends a watch whose time is over, and says before up to where it was told.
    pub(crate) fn time_out(&mut self, id: u64) {
        let Some(store) = self.watches.get(&id).map(crate::watch::Watch::store) else { return };
        let told = self.told(store);
        if let Some(watch) = self.watches.get_mut(&id) {
            watch.bookmark(told, false);
            watch.end();
        }
    }
}
