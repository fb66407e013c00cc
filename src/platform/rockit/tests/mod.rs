//! The client against a server whose answers are those of the vendor's pages, and against what other servers may do.

use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::domain::entity::{
    KeyPairValue, Lookup, NewAdmin, NewOrganization, NewToken, NewUser, Organization, OrganizationRecord, Record as _,
    Token, TykSettings, User, UserChange, UserRecord, UserType,
};
use crate::platform::Backend;
use crate::platform::in_memory::{Scripted, by_id, by_name};

mod credentials;
mod faults;
mod organizations;
mod served;
mod users;

/// "key of the admin API", in base64.
const ADMIN_KEY: &str = "a2V5IG9mIHRoZSBhZG1pbiBBUEk=";

/// A gateway with a ready admin token.
fn rockit(server: &Scripted, backend: Option<BackendCredential>) -> Rockit {
    let origin = server.origin("https://rockit.example", &Clock::system());
    Rockit::new(origin, AdminCredential::Token("admin-token".into()), backend, "apiKey".to_owned())
}

fn account() -> Account {
    Account { organization: "ExampleOrg".to_owned(), username: "operator".to_owned(), key: "account-key".into() }
}

fn backend() -> BackendCredential {
    BackendCredential::Token("backend-token".into())
}

/// A gateway with a backend token, for the account of an organisation.
fn acting(server: &Scripted) -> Arc<dyn AdminApi> {
    rockit(server, Some(backend())).acting_as(&account()).unwrap()
}

fn scope() -> InOrganization {
    InOrganization { organization_id: "ExampleOrg".to_owned() }
}

fn of() -> OfUser {
    OfUser { organization_id: "ExampleOrg".to_owned(), user_id: "ci_bot".to_owned() }
}

/// The page's organisation.
fn new_organization() -> NewOrganization {
    NewOrganization {
        idempotency_key: "key".to_owned(),
        name: "ExampleOrg".to_owned(),
        display_name: Some("Example Organization".to_owned()),
        owner: "owner/ns/example".to_owned(),
        admin: Some(NewAdmin {
            username: "adminUser".to_owned(),
            email: "admin@example.org".to_owned(),
            first_name: Some("John".to_owned()),
            last_name: Some("Doe".to_owned()),
            password: None,
        }),
        key_pair: Some(KeyPairValue {
            private_pem: "-----BEGIN RSA PRIVATE KEY-----\n".into(),
            public_pem: "-----BEGIN PUBLIC KEY-----\n".to_owned(),
            passphrase: Some("examplePrivateKeyPassword".into()),
        }),
        link: Some("dxorglnk.ExampleOrg.jAhjafhdsaAS....".into()),
        tyk: TykSettings::default(),
    }
}

fn new_user(user_type: UserType) -> NewUser {
    let person = user_type == UserType::Person;
    NewUser {
        idempotency_key: "key".to_owned(),
        organization_id: "ExampleOrg".to_owned(),
        user_type,
        username: if person { "jane" } else { "ci_bot" }.to_owned(),
        email: person.then(|| "jane@example.org".to_owned()),
        first_name: person.then(|| "Jane".to_owned()),
        last_name: None,
        roles: Some(vec!["Viewers".to_owned(), "Administrators".to_owned()]),
        permissions: None,
        owner: "owner/ns/user".to_owned(),
        password: None,
    }
}

fn new_token() -> NewToken {
    NewToken { idempotency_key: "key".to_owned(), of: of(), owner: "owner/ns/ci#1".to_owned(), expires_at: None }
}

fn roles(roles: &[&str]) -> UserChange {
    UserChange { roles: Some(roles.iter().map(|role| (*role).to_owned()).collect()), ..UserChange::default() }
}

async fn find_user(platform: &dyn AdminApi, lookup: Lookup) -> Result<Vec<UserRecord>, Error> {
    Backend::<User>::find(platform, &scope(), &lookup).await
}

async fn find_organization(platform: &dyn AdminApi, lookup: Lookup) -> Result<Vec<OrganizationRecord>, Error> {
    Backend::<Organization>::find(platform, &(), &lookup).await
}

fn created() -> Value {
    json!({ "status": "success", "message": "organization created", "adminPW": ":0-)IrG:kLDvr2" })
}
