//! Two organisations side by side, so that what is written for one can be written for the other.

use serde_json::{Value, json};

use super::manifests::Manifests;
use super::{Deed, Scenario, planted};
use crate::sim::platform::Kind;

/// The other organisation.
pub(crate) const OTHER: &str = "zeta";

/// What is in the other's place.
pub(crate) fn other(name: &str) -> String {
    match name.strip_prefix("acme") {
        Some(rest) => format!("{OTHER}{rest}"),
        None => format!("{OTHER}-{name}"),
    }
}

/// One scenario of each platform, in which nothing is done.
pub(crate) fn pairs() -> Vec<Scenario> {
    Kind::ALL.into_iter().map(pair).collect()
}

fn pair(platform: Kind) -> Scenario {
    let make = Manifests(platform);
    let mut before = vec![Deed::Apply(make.full_organization()), Deed::Apply(as_other(make.full_organization()))];
    if platform == Kind::Rockit {
        before.extend([Deed::Settle, Deed::Plant(planted::rockit_account)]);
    }
    for manifest in [make.person(), make.machine(), make.token()] {
        before.push(Deed::Apply(manifest.clone()));
        // A user of ROCKIT is known by a name that is unique among all organisations, and is managed for an account.
        if platform != Kind::Rockit {
            before.push(Deed::Apply(as_other(manifest)));
        }
    }
    Scenario { platform, name: "pair", quirk: None, before, act: Vec::new() }
}

/// The same for the other organisation.
fn as_other(mut manifest: Value) -> Value {
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    manifest["metadata"]["name"] = json!(other(&name));
    for reference in ["organizationRef", "userRef"] {
        if let Some(name) = manifest["spec"][reference]["name"].as_str().map(other) {
            manifest["spec"][reference]["name"] = json!(name);
        }
    }
    if let Some(email) = manifest["spec"]["email"].as_str().map(|email| format!("{OTHER}-{email}")) {
        manifest["spec"]["email"] = json!(email);
    }
    manifest
}
