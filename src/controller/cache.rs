//! What the watches have seen: one read-only view of each kind over all watched namespaces.

use std::sync::Arc;

use kube::Resource;
use kube::runtime::reflector::{ObjectRef, Store};

/// The cached objects of one kind.
#[derive(Clone, Debug)]
pub struct Cache<K: Resource<DynamicType = ()> + 'static>(Vec<Store<K>>);

impl<K: Resource<DynamicType = ()> + Clone + 'static> Cache<K> {
    /// A view of these stores, one for each watched namespace or one for all.
    pub fn new(stores: Vec<Store<K>>) -> Self {
        Self(stores)
    }

    /// One object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<K>> {
        let reference = ObjectRef::new(name).within(namespace);
        self.0.iter().find_map(|store| store.get(&reference))
    }

    /// Those for which `wanted` holds.
    pub fn all(&self, mut wanted: impl FnMut(&K) -> bool) -> Vec<Arc<K>> {
        self.0.iter().flat_map(Store::state).filter(|object| wanted(object)).collect()
    }

    /// Waits until the first list of each has arrived.
    pub async fn ready(&self) -> bool {
        for store in &self.0 {
            if store.wait_until_ready().await.is_err() {
                return false;
            }
        }
        true
    }
}
