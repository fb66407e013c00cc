//! Labels of Namespaces, which a Platform's `allowedNamespaces.selector` is applied to.
//!
//! An operator that watches all namespaces watches their labels as well, metadata only, so that a grant comes and goes
//! with a label. One that watches listed namespaces may have no more than the right to read each of them: it reads the
//! labels at each look.

use std::collections::{BTreeMap, HashMap};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, reflector::store::Writer};
use kube::{Api, Client, ResourceExt};

use super::context::Context;
use super::relist::relisting;
use super::stop::Stop;
use crate::domain::condition::Reason;
use crate::kubernetes::secret::DEADLINE;

/// A Namespace's metadata.
type Meta = PartialObjectMeta<Namespace>;

/// The labels that are known.
#[derive(Clone, Debug, Default)]
pub struct Namespaces(Option<Store<Meta>>);

impl Namespaces {
    /// Labels that are watched, and the end that the watch fills.
    pub fn watched() -> (Self, Writer<Meta>) {
        let (store, writer) = reflector::store();
        (Self(Some(store)), writer)
    }

    /// The labels of a namespace.
    pub async fn labels(&self, client: &Client, name: &str) -> Result<BTreeMap<String, String>, Stop> {
        // One that is not there may be too new for the watch, or the watch may not be allowed.
        let known = self.0.as_ref().and_then(|store| store.get(&ObjectRef::new(name)));
        if let Some(known) = known {
            return Ok(known.labels().clone());
        }
        let namespaces: Api<Namespace> = Api::all(client.clone());
        match tokio::time::timeout(DEADLINE, namespaces.get_metadata(name)).await {
            Ok(Ok(found)) => return Ok(found.metadata.labels.unwrap_or_default()),
            Ok(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, name, "Namespace not readable");
            }
            Err(_) => tracing::warn!(name, "the API server did not answer in time"),
        }
        Err(Stop::outage(
            Reason::NamespaceNotAllowed,
            format!("the labels of the namespace {name} cannot be read, so the Platform's selector cannot be applied"),
        ))
    }
}

/// Watches the labels of all Namespaces, and says of which they changed.
pub async fn watch(context: &Context, writer: Writer<Meta>, changed: impl Fn(&str)) {
    let api: Api<Meta> = Api::all(context.client.clone());
    let mut seen: HashMap<String, BTreeMap<String, String>> = HashMap::new();
    let events = relisting(api, watcher::Config::default()).modify(prune).default_backoff().reflect(writer);
    futures::pin_mut!(events);
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::InitApply(namespace) | Event::Apply(namespace)) => {
                let (name, labels) = (namespace.name_any(), namespace.labels().clone());
                let before = seen.insert(name.clone(), labels.clone());
                if before.is_some_and(|before| before != labels) {
                    changed(&name);
                }
            }
            Ok(Event::Delete(namespace)) => drop(seen.remove(&namespace.name_any())),
            Ok(Event::Init | Event::InitDone) => {}
            Err(error) => {
                tracing::warn!(kind = "Namespace", error = &error as &dyn std::error::Error, "watch interrupted");
            }
        }
    }
}

/// What is never read is not kept.
fn prune(namespace: &mut Meta) {
    namespace.metadata.managed_fields = None;
    namespace.metadata.annotations = None;
}
