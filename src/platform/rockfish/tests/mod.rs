//! The client against a server whose answers are those of the vendor's page, and against what other servers may do.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::domain::entity::{
    Created, Lookup, NewOrganization, NewToken, NewUser, Organization, OrganizationRecord, Record as _, Token,
    TokenRecord, TykSettings, User, UserChange, UserRecord, UserType,
};
use crate::platform::Backend;
use crate::platform::in_memory::{Scripted, by_id, by_name};

mod exchanges;
mod faults;
mod served;
mod unshown;

const ADMIN: &str = "http://localhost:8085";
const PUBLIC: &str = "http://localhost:8080";
const ORGANIZATION: &str = "12EKySxEscyI3fk0zswGkN";
const USER: &str = "7gKMTR8C71L7QIdCOK5vev";
const TOKEN: &str = "nPR6eEmv7NfRGCOwQYTtc";

/// The page's further token: claims `iat` 1708714198, `org_id`, `token_id` and `user_id` as above.
const VALUE: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDg3MTQxOTgsImlzcyI6ImFwaSIsIm5iZiI6MTcwODcxNDE5OCwib3JnX2lkIjoiMTJFS3lTeEVzY3lJM2ZrMHpzd0drTiIsInRva2VuX2lkIjoiblBSNmVFbXY3TmZSR0NPd1FZVHRjIiwidXNlcl9pZCI6IjdnS01UUjhDNzFMN1FJZENPSzV2ZXYifQ.opWZu9BfEEksuAPgYHPkA5UU7oW0WMUvnIToYqofeB8";

/// A platform and the servers behind it.
struct Fixture {
    platform: Rockfish,
    admin: Scripted,
    public: Scripted,
}

fn clock() -> Clock {
    Clock::stopped(Timestamp::from_second(1_800_000_000).unwrap())
}

/// With both APIs and the invite code.
fn fixture() -> Fixture {
    let (admin, public) = (Scripted::default(), Scripted::default());
    let platform = Rockfish::new(
        Some(admin.origin(ADMIN, &clock())),
        Some(public.origin(PUBLIC, &clock())),
        Some("aefah2Ef".into()),
        clock(),
    );
    Fixture { platform, admin, public }
}

/// With the public API and the invite code alone.
fn invite_only() -> Fixture {
    let public = Scripted::default();
    let platform = Rockfish::new(None, Some(public.origin(PUBLIC, &clock())), Some("aefah2Ef".into()), clock());
    Fixture { platform, admin: Scripted::default(), public }
}

impl Fixture {
    fn of(&self, capability: Capability) -> Support {
        self.platform.capabilities().of(capability)
    }

    async fn organizations(&self, lookup: Lookup) -> Result<Vec<OrganizationRecord>, Error> {
        Backend::<Organization>::find(&self.platform, &(), &lookup).await
    }

    async fn users(&self, lookup: Lookup) -> Result<Vec<UserRecord>, Error> {
        Backend::<User>::find(&self.platform, &scope(), &lookup).await
    }

    async fn tokens(&self, lookup: Lookup) -> Result<Vec<TokenRecord>, Error> {
        Backend::<Token>::find(&self.platform, &of(), &lookup).await
    }

    async fn update_user(&self, change: UserChange) -> Result<UserRecord, Error> {
        Backend::<User>::update(&self.platform, &scope(), USER, &change).await
    }
}

fn scope() -> InOrganization {
    InOrganization { organization_id: ORGANIZATION.to_owned() }
}

fn of() -> OfUser {
    OfUser { organization_id: ORGANIZATION.to_owned(), user_id: USER.to_owned() }
}

fn new_organization() -> NewOrganization {
    NewOrganization {
        idempotency_key: "key".to_owned(),
        name: "internal".to_owned(),
        display_name: None,
        owner: "owner/ns/internal".to_owned(),
        admin: None,
        key_pair: None,
        link: None,
        tyk: TykSettings::default(),
    }
}

fn new_user() -> NewUser {
    NewUser {
        idempotency_key: "key".to_owned(),
        organization_id: ORGANIZATION.to_owned(),
        user_type: UserType::Machine,
        username: "info".to_owned(),
        email: Some("info@rockfish.ai".to_owned()),
        first_name: None,
        last_name: None,
        roles: None,
        permissions: None,
        owner: "owner/ns/info".to_owned(),
        password: None,
    }
}

fn new_token() -> NewToken {
    NewToken { idempotency_key: "key".to_owned(), of: of(), owner: "owner/ns/ci#1".to_owned(), expires_at: None }
}

fn roles(roles: &[&str]) -> UserChange {
    UserChange { roles: Some(roles.iter().map(|role| (*role).to_owned()).collect()), ..UserChange::default() }
}

fn shown_organization(id: &str, name: &str) -> Value {
    json!({ "id": id, "name": name, "self": format!("{ADMIN}/organization/{id}") })
}

fn shown_user(id: &str, email: &str) -> Value {
    json!({ "email": email, "id": id, "self": format!("{ADMIN}/user/{id}") })
}

fn shown_token(id: &str, user: &str) -> Value {
    json!({ "id": id, "self": format!("{ADMIN}/token/{id}"), "user": format!("{ADMIN}/user/{user}") })
}
