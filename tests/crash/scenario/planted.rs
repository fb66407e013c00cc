//! What others made on the platform.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use org_operator::domain::entity::{NewOrganization, NewUser, TykSettings, UserType};
use org_operator::embedded::dialect::rockfish::ROCKFISH;
use org_operator::embedded::dialect::rockit::ROCKIT;
use org_operator::embedded::{OPERATOR, Rules, UserParticulars};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::manifests::NAMESPACE;
use crate::sim::World;

/// An organisation of somebody else's, which nothing may touch.
pub(crate) const BYSTANDER: &str = "bystander";
/// What people call an organisation of a stranger that has the name of ours.
pub(crate) const STRANGERS: &str = "A stranger's";

fn organization(world: &World, name: &'static str, called: Option<&str>) -> String {
    let (directory, now, called) = (world.directory.clone(), world.time.now(), called.map(str::to_owned));
    // Where names are free a stranger may have the same one.
    let rules = if called.is_some() { &ROCKFISH } else { &OPERATOR };
    world.server.run(move || async move {
        let new = NewOrganization {
            idempotency_key: String::new(),
            name: name.to_owned(),
            display_name: called,
            owner: String::new(),
            admin: None,
            key_pair: None,
            link: None,
            tyk: TykSettings::default(),
        };
        directory.create_organization(rules, new, now).await.expect("an organisation").id
    })
}

fn user(world: &World, organization_id: &str, username: &'static str, rules: &'static Rules) -> Option<SecretString> {
    let (directory, now, organization_id) = (world.directory.clone(), world.time.now(), organization_id.to_owned());
    world.server.run(move || async move {
        let new = NewUser {
            idempotency_key: String::new(),
            organization_id,
            user_type: UserType::Machine,
            username: username.to_owned(),
            email: None,
            first_name: None,
            last_name: None,
            roles: Some(vec![rules.administrator_roles[0].to_owned()]),
            permissions: None,
            owner: String::new(),
            password: None,
        };
        let particulars = UserParticulars { access_key: true, ..UserParticulars::default() };
        directory.create_user_with(rules, new, particulars, now).await.expect("a user").1
    })
}

/// Somebody else's organisation with somebody in it.
pub(crate) fn bystander(world: &World) {
    let id = organization(world, BYSTANDER, None);
    user(world, &id, "somebody", &ROCKIT);
}

/// The organisation that is to be taken over.
pub(super) fn acme(world: &World) {
    organization(world, "acme", None);
}

/// The machine account for which the users of the organisation are managed, and the Secret with its key.
pub(crate) fn rockit_account(world: &World) {
    let truth = world.truth();
    let acme = truth.organizations.iter().find(|found| found.record.name == "acme").expect("the organisation");
    let key = user(world, &acme.record.id, "operator", &ROCKIT).expect("a key");
    account_secret(world, &key);
}

/// The same once more, where the organisation, the account or its Secret is another by now.
pub(crate) fn rockit_account_again(world: &World) {
    let truth = world.truth();
    let Some(acme) = truth.organizations.iter().find(|found| found.record.name == "acme") else { return };
    match acme.users.iter().find(|user| user.record.username == "operator").and_then(|user| user.key.as_ref()) {
        Some(key) => account_secret(world, key),
        None => rockit_account(world),
    }
}

fn account_secret(world: &World, key: &SecretString) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": { "name": "account", "namespace": NAMESPACE },
        "data": { "apiKey": STANDARD.encode(key.expose_secret()) },
    });
    // Its namespace may be going.
    let _ = world.api.apply(secret);
}

/// A stranger's organisation with the name of ours, and in it a user with the address of ours.
pub(super) fn twin(world: &World) {
    let id = organization(world, NAMESPACE, Some(STRANGERS));
    user(world, &id, "ada@acme.example", &ROCKFISH);
}
