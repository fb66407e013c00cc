//! What has to hold at every moment, even where an operator has just died: what is said to be Ready can be used.

use serde_json::Value;

use crate::oracle::value;
use crate::settle::ready;
use crate::sim::World;

/// The annotation of a Secret: whose value it holds.
const MINTED: &str = "org-operator.dev/external-id";

/// Checks that what resources say of their Secrets is so, where it is looked at.
pub(crate) fn check(world: &World) -> Result<(), String> {
    if !world.looks {
        return Ok(());
    }
    let namespaces = world.api.all("Namespace");
    // What is in a namespace that is going goes in any order.
    let going = |resource: &Value| {
        let mut own = namespaces.iter().filter(|one| one["metadata"]["name"] == resource["metadata"]["namespace"]);
        own.any(|namespace| !namespace["metadata"]["deletionTimestamp"].is_null())
    };
    for kind in ["Organization", "User", "Token"] {
        for resource in world.api.all(kind).into_iter().filter(|resource| !going(resource)) {
            let says = resource["metadata"]["deletionTimestamp"].is_null() && ready(&resource)["status"] == "True";
            if says {
                of(world, &resource).map_err(|wrong| format!("{kind} {} {wrong}", resource["metadata"]["name"]))?;
            }
        }
    }
    Ok(())
}

fn of(world: &World, resource: &Value) -> Result<(), String> {
    let status = &resource["status"];
    for name in [&status["secretName"], &status["adminSecretName"], &status["keyPair"]["secretName"]] {
        let Some(name) = name.as_str() else { continue };
        let namespace = resource["metadata"]["namespace"].as_str().unwrap_or_default();
        let secret = world.api.get("Secret", namespace, name);
        let secret = secret.ok_or_else(|| format!("is Ready, and the Secret {name} is not there"))?;
        if resource["kind"] != "Token" {
            continue;
        }
        // While another one is being made, status says which one it was.
        if status["attemptOpen"] != true && secret["metadata"]["annotations"][MINTED] != status["externalID"] {
            return Err(format!("is Ready with {}, and its Secret holds another", status["externalID"]));
        }
        // Where a user has one key at a time, the one before has ended before another can be stored.
        let platforms = world.api.all("Platform");
        let mut specs = platforms.iter().map(|platform| &platform["spec"]);
        let several = specs.any(|spec| spec.get("embedded").or(spec.get("rockfish")).is_some());
        if several && world.shown_by(&value(&secret, "token")?).is_none() {
            return Err("is Ready, and what its Secret holds does not log in".to_owned());
        }
    }
    Ok(())
}
