//! Everything that the operator writes into the cluster, spoilt one field at a time.

use org_operator::domain::naming::technical_admin_secret;
use serde_json::Value;

use super::Stage;
use super::events::{Numbered, carry_some};
use crate::event::{Event, How, Spoil};
use crate::plan::Plan;
use crate::scenario::{OTHER, pairs};
use crate::sim::World;
use crate::sim::server::Server;
use crate::sim::truth::OrganizationTruth;
use crate::tampering::another;

/// How many plans are carried out.
const COUNT: usize = 350;

/// Each field of status, each annotation, label, owner reference and finalizer, and each value in a Secret: removed,
/// zeroed, changed, swapped with another object's.
pub(crate) fn corruption(prefix: &str) -> bool {
    let mut scenarios = pairs();
    scenarios.retain(|scenario| scenario.label().starts_with(prefix));
    let stage = Stage::prepare(scenarios);
    let server = Server::start();
    let mut all: Vec<Numbered> = Vec::new();
    for (number, (scenario, kept)) in stage.scenarios.iter().enumerate() {
        let world = scenario.begin(&server, kept, None);
        for spoil in spoils(&world) {
            let spoil = Event::Spoil(spoil);
            all.push((number, Plan { script: Vec::new(), events: vec![spoil.clone()] }));
            all.push((number, Plan { script: Vec::new(), events: vec![spoil, Event::Restart] }));
        }
        world.close();
    }
    if all.is_empty() {
        return true;
    }
    carry_some(&stage, "corruption", all, COUNT).1
}

/// All that can be spoilt of what is not the other organisation's.
fn spoils(world: &World) -> Vec<Spoil> {
    let mut all = Vec::new();
    // The technical administrator of an organisation lies in a Secret with the organisation's id as its name.
    let is_other = |found: &OrganizationTruth| found.record.name == OTHER;
    let organizations = world.truth().organizations.into_iter().filter(is_other);
    let others: Vec<String> = organizations.map(|found| technical_admin_secret(&found.record.id)).collect();
    for kind in ["Platform", "Organization", "User", "Token", "Secret"] {
        for object in world.api.all(kind) {
            let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
            let name = text("name");
            let ours =
                kind != "Secret" || object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "org-operator";
            if name.starts_with(OTHER) || others.contains(&name) || !ours {
                continue;
            }
            let mut paths = Vec::new();
            for place in ["status", "data", "type"] {
                leaves(&object[place], &format!("/{place}"), &mut paths);
            }
            for place in ["annotations", "labels", "ownerReferences", "finalizers"] {
                leaves(&object["metadata"][place], &format!("/metadata/{place}"), &mut paths);
            }
            for path in paths {
                for how in How::ALL {
                    let spoil =
                        Spoil { object: [kind.to_owned(), text("namespace"), name.clone()], path: path.clone(), how };
                    let other = another(world, &spoil);
                    if spoil.apply(object.clone(), other.as_ref()).is_some() {
                        all.push(spoil);
                    }
                }
            }
        }
    }
    all
}

/// Every place below that one, itself among them.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    if value.is_null() {
        return;
    }
    found.push(path.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                leaves(value, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}
