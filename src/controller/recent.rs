//! The operator's own writes, until its watch has seen them.
//!
//! A watch lags behind. An object that was just written and is reconciled again from the older copy in the cache would
//! have its ids and its recorded attempt taken for absent. So the newest version that a write returned is kept until
//! the watch has caught up, and the event of a write of our own is no reason to reconcile again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::{Resource, ResourceExt};

/// The newest written versions of one kind's objects, by uid.
#[derive(Debug)]
pub struct Recent<K>(Mutex<HashMap<String, Written<K>>>);

#[derive(Debug)]
struct Written<K> {
    newest: Arc<K>,
    versions: Vec<String>,
}

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Resource> Recent<K> {
    /// Records what a write returned.
    pub fn wrote(&self, object: Arc<K>) {
        let (Some(uid), Some(version)) = (object.uid(), object.resource_version()) else {
            return;
        };
        let mut objects = self.objects();
        let entry = objects.entry(uid).or_insert_with(|| Written { newest: Arc::clone(&object), versions: Vec::new() });
        // A write that changes nothing returns the version that the watch has seen already.
        if !entry.versions.contains(&version) {
            entry.versions.push(version);
        }
        entry.newest = object;
    }

    /// The newer of the cached object and the last written one.
    pub fn freshest(&self, cached: Arc<K>) -> Arc<K> {
        let Some(uid) = cached.uid() else {
            return cached;
        };
        match self.objects().get(&uid) {
            Some(written) if is_newer(&*written.newest, &*cached) => Arc::clone(&written.newest),
            // What the cache has, its watch tells of a moment later: until then the write has to be known as ours.
            _ => cached,
        }
    }

    /// Takes note of an event of the watch, and says whether it is only the echo of a write of our own.
    pub fn seen(&self, object: &K) -> bool {
        let (Some(uid), Some(version)) = (object.uid(), object.resource_version()) else {
            return false;
        };
        let mut objects = self.objects();
        let Some(written) = objects.get_mut(&uid) else {
            return false;
        };
        let echo = written.versions.contains(&version);
        if !is_newer(&*written.newest, object) {
            objects.remove(&uid);
        }
        echo
    }

    /// The object is gone.
    pub fn forget(&self, uid: &str) {
        self.objects().remove(uid);
    }

    fn objects(&self) -> MutexGuard<'_, HashMap<String, Written<K>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Resource versions of one object are ordered numbers: KEP-5504 makes comparing them part of the API, and every
/// supported server has always numbered them so. Where one is no number, the cache is believed.
fn is_newer<K: Resource>(left: &K, right: &K) -> bool {
    let number = |object: &K| object.resource_version().and_then(|version| version.parse::<u64>().ok());
    matches!((number(left), number(right)), (Some(left), Some(right)) if left > right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;

    fn object(version: u64) -> Arc<ConfigMap> {
        let mut map = ConfigMap::default();
        map.metadata.uid = Some("u".to_owned());
        map.metadata.resource_version = Some(version.to_string());
        Arc::new(map)
    }

    #[test]
    fn the_written_version_wins_until_the_watch_has_caught_up() {
        let recent = Recent::default();
        recent.wrote(object(9));
        recent.wrote(object(10));
        assert_eq!(recent.freshest(object(8)).resource_version().unwrap(), "10");
        assert!(recent.seen(&object(9)), "the first write's echo");
        assert_eq!(recent.freshest(object(9)).resource_version().unwrap(), "10");
        assert_eq!(recent.freshest(object(10)).resource_version().unwrap(), "10");
        assert!(recent.seen(&object(10)), "the second write's echo, which the cache had before");
        assert!(!recent.seen(&object(11)), "somebody else's write");
        assert_eq!(recent.freshest(object(11)).resource_version().unwrap(), "11");
    }
}
