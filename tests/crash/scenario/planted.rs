//! What others made on the platform.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use org_operator::domain::entity::{NewOrganization, NewUser, TykSettings, UserType};
use org_operator::embedded::dialect::rockit::ROCKIT;
use org_operator::embedded::{OPERATOR, UserParticulars};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::manifests::NAMESPACE;
use crate::sim::World;

/// An organisation of somebody else's, which nothing may touch.
pub(crate) const BYSTANDER: &str = "bystander";

fn organization(world: &World, name: &'static str) -> String {
    let (directory, now) = (world.directory.clone(), world.time.now());
    world.server.run(move || async move {
        let new = NewOrganization {
            idempotency_key: String::new(),
            name: name.to_owned(),
            display_name: None,
            owner: String::new(),
            admin: None,
            key_pair: None,
            link: None,
            tyk: TykSettings::default(),
        };
        directory.create_organization(&OPERATOR, new, now).await.expect("an organisation").id
    })
}

fn user(world: &World, organization_id: &str, username: &'static str, key: bool) -> Option<SecretString> {
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
            roles: Some(vec!["Administrators".to_owned()]),
            permissions: None,
            owner: String::new(),
            password: None,
        };
        let particulars = UserParticulars { access_key: key, ..UserParticulars::default() };
        directory.create_user_with(&ROCKIT, new, particulars, now).await.expect("a user").1
    })
}

/// Somebody else's organisation with somebody in it.
pub(super) fn bystander(world: &World) {
    let id = organization(world, BYSTANDER);
    user(world, &id, "somebody", true);
}

/// The organisation that is to be taken over.
pub(super) fn acme(world: &World) {
    organization(world, "acme");
}

/// The machine account for which the users of the organisation are managed, and the Secret with its key.
pub(crate) fn rockit_account(world: &World) {
    let truth = world.truth();
    let acme = truth.organizations.iter().find(|found| found.record.name == "acme").expect("the organisation");
    let key = user(world, &acme.record.id, "operator", true).expect("a key");
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
