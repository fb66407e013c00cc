//! The client against a Dashboard in memory that does what the vendor's pages say, and goes wrong where it is told to.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::Tyk;
use crate::clock::Clock;
use crate::domain::entity::{
    InOrganization, NewOrganization, NewToken, NewUser, OfUser, Organization, OrganizationRecord, Token, TykSettings,
    User, UserType,
};
use crate::platform::http::{Origin, Service, TransportError};
use crate::platform::{Backend, Budget, Error, Keeper, Limits, TechnicalAdmin};

mod dashboard;
mod faults;
mod keys;
mod lists;
mod merging;
mod organizations;
mod served;
mod technical;
mod users;

use dashboard::{Dashboard, Fault, World};

const SECRET: &str = "12345";
const OWNER: &str = "cluster";

/// Keeps technical administrators in memory.
#[derive(Debug, Default)]
struct Kept {
    all: Mutex<HashMap<String, TechnicalAdmin>>,
    refuses: Mutex<bool>,
}

impl Kept {
    fn of(&self, organization_id: &str) -> Option<TechnicalAdmin> {
        self.all.lock().unwrap().get(organization_id).cloned()
    }
}

#[async_trait]
impl Keeper for Kept {
    async fn technical_admin(&self, organization_id: &str) -> Result<Option<TechnicalAdmin>, Error> {
        Ok(self.of(organization_id))
    }

    async fn keep(&self, organization_id: &str, admin: &TechnicalAdmin) -> Result<(), Error> {
        if *self.refuses.lock().unwrap() {
            let kind = crate::domain::fault::FaultKind::Forbidden;
            return Err(Error::new(kind, "keep", "no right to write Secrets"));
        }
        self.all.lock().unwrap().insert(organization_id.to_owned(), admin.clone());
        Ok(())
    }
}

/// A client, what it talks to, and the time.
struct Scene {
    tyk: Tyk,
    dashboard: Dashboard,
    kept: Arc<Kept>,
    now: Arc<Mutex<Timestamp>>,
}

impl Scene {
    fn new() -> Self {
        Self::with(Dashboard::default(), Arc::default())
    }

    /// A client of its own of that Dashboard, as after a restart.
    fn with(dashboard: Dashboard, kept: Arc<Kept>) -> Self {
        let now = Arc::new(Mutex::new(Timestamp::from_second(1_700_000_000).unwrap()));
        let clock = Clock::reading({
            let now = Arc::clone(&now);
            move || *now.lock().unwrap()
        });
        let limits = Limits { requests_per_second: NonZeroU32::new(100_000).unwrap(), concurrency: 64 };
        let budget = Arc::new(Budget::new(limits));
        let origin = Origin::new("http://tyk.test:3000", dashboard.service(), budget, clock.clone()).unwrap();
        let keeper: Arc<dyn Keeper> = Arc::<Kept>::clone(&kept);
        let tyk = Tyk::new(origin, SECRET.into(), keeper, OWNER.to_owned(), clock);
        Self { tyk, dashboard, kept, now }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.dashboard.world()
    }

    fn pass(&self, seconds: i64) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(Duration::from_secs(seconds.unsigned_abs())).unwrap();
    }

    fn organizations(&self) -> &dyn Backend<Organization> {
        &self.tyk
    }

    fn users(&self) -> &dyn Backend<User> {
        &self.tyk
    }

    fn tokens(&self) -> &dyn Backend<Token> {
        &self.tyk
    }

    async fn organization(&self, name: &str) -> OrganizationRecord {
        self.organizations().create(organization(name)).await.unwrap().record
    }

    /// An organisation and a user in it.
    async fn with_user(&self) -> (InOrganization, OfUser, SecretString) {
        let scope = InOrganization { organization_id: self.organization("acme").await.id };
        let made = self.users().create(user(&scope, "jo@example.org")).await.unwrap();
        let of = OfUser { organization_id: scope.organization_id.clone(), user_id: made.record.id };
        (scope, of, made.one_time.unwrap())
    }
}

fn organization(name: &str) -> NewOrganization {
    NewOrganization {
        idempotency_key: String::new(),
        name: name.to_owned(),
        display_name: None,
        owner: format!("{OWNER}/team/{name}"),
        admin: None,
        key_pair: None,
        link: None,
        tyk: TykSettings::default(),
    }
}

fn user(scope: &InOrganization, email: &str) -> NewUser {
    NewUser {
        idempotency_key: String::new(),
        organization_id: scope.organization_id.clone(),
        user_type: UserType::Person,
        username: email.to_owned(),
        email: Some(email.to_owned()),
        first_name: Some("Jo".to_owned()),
        last_name: None,
        roles: Some(vec!["Admin".to_owned()]),
        permissions: None,
        owner: format!("{OWNER}/team/jo"),
        password: None,
    }
}

fn token(of: &OfUser) -> NewToken {
    NewToken { idempotency_key: String::new(), of: of.clone(), owner: format!("{OWNER}/team/ci#1"), expires_at: None }
}

/// Which of these an error gives away: nothing of a reply and no secret may be in it, however it is printed.
fn reveals<'a>(error: &Error, words: &[&'a str]) -> Vec<&'a str> {
    let mut printed = format!("{error:?} {error}");
    let mut beneath = std::error::Error::source(error);
    while let Some(source) = beneath {
        printed = format!("{printed} {source:?} {source}");
        beneath = source.source();
    }
    words.iter().filter(|word| printed.contains(**word)).copied().collect()
}
