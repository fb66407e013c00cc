//! What is served.

use serde_json::{Value, json};

use crate::resource::{self, Resource};

/// The verbs of an object, and those of its status.
const VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const STATUS_VERBS: [&str; 3] = ["get", "patch", "update"];

/// The answer for that path, if there is something.
pub(crate) fn answer(path: &str) -> Option<Value> {
    match *path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["version"] => Some(json!({
            "major": "1", "minor": "37", "gitVersion": "v1.37.2", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "gc", "platform": "linux/amd64",
        })),
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        ["api", version] => resources("", version),
        ["apis"] => Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups()})),
        ["apis", name] => {
            let mut group = groups().into_iter().find(|group| group["name"] == name)?;
            group["kind"] = json!("APIGroup");
            group["apiVersion"] = json!("v1");
            Some(group)
        }
        ["apis", group, version] => resources(group, version),
        _ => None,
    }
}

/// Whether that path is below a group that is served by itself, and by no definition.
pub(crate) fn is_built_in(path: &str) -> bool {
    let mut served = resource::all().iter().filter(|resource| !resource.custom);
    path.starts_with("/api/v1/") || served.any(|resource| path.starts_with(&format!("/apis/{}/", resource.api_version)))
}

fn groups() -> Vec<Value> {
    let mut groups: Vec<Value> = Vec::new();
    for resource in resource::all().iter().filter(|resource| !resource.group.is_empty()) {
        let version = json!({"groupVersion": resource.api_version, "version": resource.version});
        let group = json!({"name": resource.group, "versions": [version], "preferredVersion": version});
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let served: Vec<&Resource> =
        resource::all().iter().filter(|resource| resource.group == group && resource.version == version).collect();
    let group_version = &served.first()?.api_version;
    let mut all = Vec::new();
    for resource in &served {
        all.push(one(resource));
        if resource.has_status {
            all.push(json!({
                "name": format!("{}/status", resource.plural), "singularName": "",
                "namespaced": resource.namespaced, "kind": resource.kind, "verbs": STATUS_VERBS,
            }));
        }
    }
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": all}))
}

fn one(resource: &Resource) -> Value {
    let mut one = json!({
        "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
        "kind": resource.kind, "verbs": VERBS,
    });
    for (name, values) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
        if !values.is_empty() {
            one[name] = json!(values);
        }
    }
    one
}
