//! The kinds that are served.

use std::sync::OnceLock;

use serde_json::Value;

use crate::schema::{List, Schema};

/// One kind as it is served under one group.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) version: String,
    /// Group and version, as objects carry it.
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    /// Defined by a definition, with a subresource status and a generation.
    pub(crate) custom: bool,
    /// It has a subresource status.
    pub(crate) has_status: bool,
    /// Where its objects are: two groups may serve the same ones.
    pub(crate) store: usize,
    pub(crate) schema: Schema,
}

impl Resource {
    fn built_in(group: &str, kind: &str, namespaced: bool, store: usize) -> Self {
        let singular = kind.to_lowercase();
        Self {
            group: group.to_owned(),
            version: "v1".to_owned(),
            api_version: if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") },
            kind: kind.to_owned(),
            plural: format!("{singular}s"),
            singular,
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced,
            custom: false,
            has_status: kind == "Namespace",
            store,
            schema: Schema::open([("metadata", metadata())]),
        }
    }

    /// Reads a definition, whose first version is served.
    fn custom(definition: &Value, store: usize) -> Option<Self> {
        let spec = &definition["spec"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let names = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect();
        let (group, version) = (text(&spec["group"])?, text(&spec["versions"][0]["name"])?);
        let mut schema = Schema::read(&spec["versions"][0]["schema"]["openAPIV3Schema"]);
        schema.set_field("metadata", metadata());
        Some(Self {
            api_version: format!("{group}/{version}"),
            group,
            version,
            kind: text(&spec["names"]["kind"])?,
            plural: text(&spec["names"]["plural"])?,
            singular: text(&spec["names"]["singular"])?,
            short_names: names(&spec["names"]["shortNames"]),
            categories: names(&spec["names"]["categories"]),
            namespaced: spec["scope"] == "Namespaced",
            custom: true,
            has_status: spec["versions"][0]["subresources"]["status"].is_object(),
            store,
            schema,
        })
    }

    /// Its plural name with its group, as messages have it.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether its objects are kept in the form of another group.
    pub(crate) fn is_other_form(&self) -> bool {
        self.kind == "Event" && self.group.is_empty()
    }

    /// Whether a PUT makes what is not there.
    pub(crate) fn put_creates(&self) -> bool {
        matches!(self.kind.as_str(), "Event" | "Lease")
    }

    /// Whether a change without a resourceVersion is not refused.
    pub(crate) fn is_unconditional(&self) -> bool {
        !self.custom && self.kind != "Lease"
    }

    /// The key of an object of it.
    pub(crate) fn key(&self, namespace: &str, name: &str) -> String {
        if self.namespaced { format!("{namespace}/{name}") } else { name.to_owned() }
    }
}

/// The structure of metadata, as far as it matters to what is merged.
fn metadata() -> Schema {
    let keys = || List::Keyed(vec!["uid".to_owned()]);
    Schema::open([("finalizers", Schema::list(List::Set)), ("ownerReferences", Schema::list(keys()))])
}

/// All kinds.
pub(crate) fn all() -> &'static [Resource] {
    static ALL: OnceLock<Vec<Resource>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut all = vec![
            Resource::built_in("", "Namespace", false, 0),
            Resource::built_in("", "Secret", true, 1),
            Resource::built_in("events.k8s.io", "Event", true, 2),
            Resource::built_in("", "Event", true, 2),
            Resource::built_in("", "ConfigMap", true, 3),
            Resource::built_in("coordination.k8s.io", "Lease", true, 4),
        ];
        for definition in org_operator::api::crds() {
            let definition = serde_json::to_value(definition).unwrap_or_default();
            let store = stores(&all);
            all.extend(Resource::custom(&definition, store));
        }
        all
    })
}

/// How many stores these are in.
pub(crate) fn stores(resources: &[Resource]) -> usize {
    resources.iter().map(|resource| resource.store + 1).max().unwrap_or_default()
}

/// The one whose objects a store holds in its own form.
pub(crate) fn of_store(store: usize) -> Option<&'static Resource> {
    all().iter().find(|resource| resource.store == store)
}

/// The one of that kind; the newer group where there are two.
pub(crate) fn of_kind(kind: &str) -> Option<&'static Resource> {
    all().iter().find(|resource| resource.kind == kind)
}

/// Namespaces.
pub(crate) fn namespaces() -> Option<&'static Resource> {
    of_kind("Namespace")
}

/// The one that an object or a reference names.
pub(crate) fn named(api_version: &str, kind: &str) -> Option<&'static Resource> {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    all().iter().find(|resource| resource.kind == kind && resource.group == group)
}
