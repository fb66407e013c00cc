//! The operator's own writes, until its watch has seen them.
//!
//! A watch lags behind. An object that was just written and is reconciled again from the older copy in the cache would
//! have its ids and its recorded attempt taken for absent. So the newest version that a write returned is kept until
//! the watch has caught up, and the event of a write of our own is no reason to reconcile again: an object that is written in
//! every pass would never come to rest. The event may come before the answer to the write; what comes while one is under way
//! is kept until the answer tells whose it was.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use kube::{Resource, ResourceExt};

/// What looks at an object again.
type Push<K> = Box<dyn Fn(&K) + Send + Sync>;

/// The newest written versions of one kind's objects, by uid.
pub struct Recent<K> {
    objects: Mutex<HashMap<String, Written<K>>>,
    push: OnceLock<Push<K>>,
}

#[derive(Debug)]
struct Written<K> {
    newest: Option<Arc<K>>,
    /// Those of our writes that the watch has not told of yet.
    versions: Vec<String>,
    /// Writes under way.
    writing: usize,
    /// What the watch told of meanwhile and is not known to be ours.
    early: Vec<K>,
    /// A list was begun after the newest was written: what it shows is newer, whatever the numbers say.
    listed: bool,
}

impl<K> Default for Written<K> {
    fn default() -> Self {
        Self { newest: None, versions: Vec::new(), writing: 0, early: Vec::new(), listed: false }
    }
}

impl<K> Default for Recent<K> {
    fn default() -> Self {
        Self { objects: Mutex::default(), push: OnceLock::new() }
    }
}

impl<K: fmt::Debug> fmt::Debug for Recent<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("objects", &self.objects).finish_non_exhaustive()
    }
}

/// A write under way. Dropping it ends it, whatever came of it.
#[must_use]
pub struct Writing<'a, K: Resource + Clone> {
    recent: &'a Recent<K>,
    uid: String,
}

impl<K: Resource + Clone> Writing<'_, K> {
    /// Records what the write returned.
    pub fn wrote(self, object: Arc<K>) {
        self.recent.wrote(object);
    }
}

impl<K: Resource + Clone> Drop for Writing<'_, K> {
    fn drop(&mut self) {
        let mut objects = self.recent.objects();
        let Some(entry) = objects.get_mut(&self.uid) else { return };
        entry.writing = entry.writing.saturating_sub(1);
        if entry.writing > 0 {
            return;
        }
        let others = std::mem::take(&mut entry.early);
        if entry.versions.is_empty() {
            objects.remove(&self.uid);
        }
        drop(objects);
        if let (Some(last), Some(push)) = (others.last(), self.recent.push.get()) {
            push(last);
        }
    }
}

impl<K: Resource + Clone> Recent<K> {
    /// Says how an object is looked at again that somebody else changed while it was written.
    pub fn pushes_by(&self, push: impl Fn(&K) + Send + Sync + 'static) {
        // One watch per kind sets it, before anything is written.
        let _ = self.push.set(Box::new(push));
    }

    /// From now on an object is being written.
    pub fn writing(&self, object: &K) -> Writing<'_, K> {
        let uid = object.uid().unwrap_or_default();
        self.objects().entry(uid.clone()).or_default().writing += 1;
        Writing { recent: self, uid }
    }

    fn wrote(&self, object: Arc<K>) {
        let (Some(uid), Some(version)) = (object.uid(), object.resource_version()) else {
            return;
        };
        let mut objects = self.objects();
        let entry = objects.entry(uid).or_default();
        let told = entry.early.iter().position(|early| early.resource_version().as_ref() == Some(&version));
        match told {
            Some(at) => {
                entry.early.remove(at);
            }
            // A write that changes nothing returns the version that the watch has seen already.
            None if !entry.versions.contains(&version) => entry.versions.push(version),
            None => {}
        }
        entry.newest = Some(object);
        entry.listed = false;
    }

    /// The newer of the cached object and the last written one.
    pub fn freshest(&self, cached: Arc<K>) -> Arc<K> {
        let Some(uid) = cached.uid() else {
            return cached;
        };
        match self.objects().get(&uid).and_then(|written| written.newest.as_ref()) {
            Some(newest) if is_newer(&**newest, &*cached) => Arc::clone(newest),
            // What the cache has, its watch tells of a moment later: until then the write has to be known as ours.
            _ => cached,
        }
    }

    /// A list is begun, of that namespace or of all. It shows all that was written before, or that the API server was
    /// restored from a backup and that what was written before is no more, though its number is higher than any that will
    /// come soon.
    pub fn listing(&self, namespace: Option<&str>) {
        for written in self.objects().values_mut() {
            let found = written.newest.as_ref().and_then(|newest| newest.namespace());
            written.listed |= namespace.is_none() || found.as_deref() == namespace;
        }
    }

    /// Takes note of an event of the watch, and says whether it is no reason to look: the echo of a write of our own, or
    /// what may be one.
    pub fn seen(&self, object: &K) -> bool {
        let (Some(uid), Some(version)) = (object.uid(), object.resource_version()) else {
            return false;
        };
        let mut objects = self.objects();
        let Some(written) = objects.get_mut(&uid) else {
            return false;
        };
        let echo = written.versions.contains(&version);
        written.versions.retain(|own| *own != version);
        if written.writing > 0 {
            if !echo {
                written.early.push(object.clone());
            }
            return true;
        }
        let behind = !written.listed && written.newest.as_ref().is_some_and(|newest| is_newer(&**newest, object));
        if written.versions.is_empty() || !behind {
            objects.remove(&uid);
        }
        echo
    }

    /// The object is gone.
    pub fn forget(&self, uid: &str) {
        self.objects().remove(uid);
    }

    fn objects(&self) -> MutexGuard<'_, HashMap<String, Written<K>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn a_list_begun_after_the_write_wins_whatever_the_numbers_say() {
        let recent = Recent::default();
        recent.wrote(object(10));
        assert!(!recent.seen(&object(8)), "a watch that lags behind");
        assert_eq!(recent.freshest(object(8)).resource_version().unwrap(), "10");
        recent.listing(Some("elsewhere"));
        assert!(!recent.seen(&object(8)), "the list of another namespace");
        recent.listing(None);
        assert_eq!(recent.freshest(object(8)).resource_version().unwrap(), "10", "until the list is there");
        recent.wrote(object(11));
        assert!(!recent.seen(&object(8)), "a list that was begun before the write");
        assert_eq!(recent.freshest(object(8)).resource_version().unwrap(), "11");
        recent.listing(None);
        assert!(!recent.seen(&object(8)), "the API server was restored");
        assert_eq!(recent.freshest(object(8)).resource_version().unwrap(), "8");
    }

    #[test]
    fn what_comes_before_the_answer_waits_for_it() {
        let recent = Recent::default();
        let looked = Arc::new(Mutex::new(Vec::new()));
        let pushed = Arc::clone(&looked);
        recent.pushes_by(move |map: &ConfigMap| pushed.lock().unwrap().push(map.resource_version().unwrap()));
        let writing = recent.writing(&object(8));
        assert!(recent.seen(&object(9)), "it may be ours");
        writing.wrote(object(9));
        assert_eq!(*looked.lock().unwrap(), [""; 0], "it is ours");
        assert!(!recent.seen(&object(10)), "somebody else's write");

        let writing = recent.writing(&object(10));
        assert!(recent.seen(&object(11)) && recent.seen(&object(12)));
        writing.wrote(object(12));
        assert_eq!(*looked.lock().unwrap(), ["11"], "the other one was somebody else's");

        let writing = recent.writing(&object(12));
        assert!(recent.seen(&object(13)));
        drop(writing);
        assert_eq!(*looked.lock().unwrap(), ["11", "13"], "it came to nothing, so it is somebody else's");
        assert!(!recent.seen(&object(14)));
    }
}
