//! What the suite runs on: a platform with a directory of its own, and the client that speaks to it.

mod elsewhere;
mod made;
mod time;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use org_operator::embedded::Directory;
use org_operator::embedded::dialect::{Quirk, Serving, rockfish, rockit, tyk};
use org_operator::platform::http::{Origin, Service, Trust, service};
use org_operator::platform::{
    AdminApi, AdminCredential, BackendCredential, Budget, Embedded, Error, Keeper, Limits, Rockfish, Rockit,
    TechnicalAdmin, Tyk,
};
use secrecy::SecretString;
use tempfile::TempDir;

pub(crate) use made::{Org, key_pair, mark, new_admin, new_token};
pub(crate) use time::Time;

use crate::wire::{Exchange, Listener};

/// The admin secret of the Dashboard.
pub(crate) const TYK_SECRET: &str = "the-dashboards-admin-secret";
/// The code that lets anybody create a user on Rockfish's public API.
pub(crate) const INVITE_CODE: &str = "aefah2Ef-the-invite-code";
/// The key that ROCKIT's admin tokens are signed with.
pub(crate) const ROCKIT_KEY: &str = "the key that admin tokens are signed with";
/// The token of ROCKIT's account that may delete any organisation.
pub(crate) const ROCKIT_BACKEND: &str = "the-backend-token-of-the-operator";

/// How long a request may take: far longer than any does, also on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long new objects are not shown by a server that shows them late: less than the clients say.
const LATE: Duration = Duration::from_secs(80);

/// The platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Embedded,
    Tyk,
    Rockfish,
    Rockit,
}

/// A platform, and how its server differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) platform: Platform,
    pub(crate) quirk: Option<Quirk>,
}

impl Variant {
    const fn new(platform: Platform, quirk: Option<Quirk>) -> Self {
        Self { platform, quirk }
    }

    /// As a table's column says it.
    pub(crate) fn label(self) -> String {
        let platform = match self.platform {
            Platform::Embedded => "embedded",
            Platform::Tyk => "Tyk",
            Platform::Rockfish => "Rockfish",
            Platform::Rockit => "ROCKIT",
        };
        let quirk = match self.quirk {
            None => return platform.to_owned(),
            Some(Quirk::TykHidesKeys) => "hides keys",
            Some(Quirk::RockfishAsDocumented) => "as documented",
            Some(Quirk::RockitWithoutAdminPassword) => "without adminPW",
            Some(Quirk::RockitMaintenance) => "in maintenance",
            Some(Quirk::Late) => "late",
        };
        format!("{platform}, {quirk}")
    }
}

/// All that is not in maintenance.
pub(crate) const VARIANTS: [Variant; 10] = [
    Variant::new(Platform::Embedded, None),
    Variant::new(Platform::Tyk, None),
    Variant::new(Platform::Tyk, Some(Quirk::TykHidesKeys)),
    Variant::new(Platform::Tyk, Some(Quirk::Late)),
    Variant::new(Platform::Rockfish, None),
    Variant::new(Platform::Rockfish, Some(Quirk::RockfishAsDocumented)),
    Variant::new(Platform::Rockfish, Some(Quirk::Late)),
    Variant::new(Platform::Rockit, None),
    Variant::new(Platform::Rockit, Some(Quirk::RockitWithoutAdminPassword)),
    Variant::new(Platform::Rockit, Some(Quirk::Late)),
];

/// One that answers nothing but that it is in maintenance.
pub(crate) const MAINTENANCE: Variant = Variant::new(Platform::Rockit, Some(Quirk::RockitMaintenance));

/// Technical administrators, in memory.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<BTreeMap<String, TechnicalAdmin>>);

#[async_trait]
impl Keeper for Kept {
    async fn technical_admin(&self, organization_id: &str) -> Result<Option<TechnicalAdmin>, Error> {
        Ok(self.0.lock().unwrap().get(organization_id).cloned())
    }

    async fn keep(&self, organization_id: &str, admin: &TechnicalAdmin) -> Result<(), Error> {
        self.0.lock().unwrap().insert(organization_id.to_owned(), admin.clone());
        Ok(())
    }
}

impl Kept {
    /// The keys of all.
    pub(crate) fn keys(&self) -> Vec<SecretString> {
        self.0.lock().unwrap().values().map(|admin| admin.key.clone()).collect()
    }
}

/// Whether a client shows the right credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    Right,
    Wrong,
}

/// A platform to run on.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) variant: Variant,
    pub(crate) directory: Directory,
    pub(crate) time: Time,
    pub(crate) kept: Arc<Kept>,
    /// The admin API, or all there is of it; none for the directory itself.
    pub(crate) admin: Option<Listener>,
    /// Rockfish's public API.
    pub(crate) public: Option<Listener>,
    pub(crate) api: Arc<dyn AdminApi>,
    files: TempDir,
}

impl Subject {
    /// Starts one.
    pub(crate) async fn start(variant: Variant) -> Self {
        let files = tempfile::tempdir().unwrap();
        let directory = Directory::open(&files.path().join("data")).await.unwrap();
        let (time, kept) = (Time::default(), Arc::new(Kept::default()));
        let serving = |secret: &str| Serving {
            directory: directory.clone(),
            clock: time.clock(),
            secret: secret.into(),
            quirks: BTreeSet::from_iter(variant.quirk),
            late: LATE,
            base: None,
        };
        let (admin, public) = match variant.platform {
            Platform::Embedded => (None, None),
            Platform::Tyk => (Some(Listener::new(tyk::router(serving(TYK_SECRET))).await), None),
            Platform::Rockfish => {
                let admin = Listener::new(rockfish::admin_router(serving(INVITE_CODE))).await;
                (Some(admin), Some(Listener::new(rockfish::public_router(serving(INVITE_CODE))).await))
            }
            Platform::Rockit => {
                let operator = rockit::Operator {
                    organization: "operator".to_owned(),
                    username: "operator".to_owned(),
                    secret: ROCKIT_BACKEND.into(),
                };
                let router = rockit::router(serving(&STANDARD.encode(ROCKIT_KEY)), Some(operator));
                (Some(Listener::new(router).await), None)
            }
        };
        let api: Arc<dyn AdminApi> = Arc::new(Embedded::new(directory.clone(), time.clock()));
        let mut subject = Self { variant, directory, time, kept, admin, public, api, files };
        subject.api = subject.restarted();
        subject
    }

    /// A client that knows nothing yet, as after a restart of the operator.
    pub(crate) fn restarted(&self) -> Arc<dyn AdminApi> {
        let addresses = [&self.admin, &self.public].map(|listener| listener.as_ref().map(|one| one.address.clone()));
        self.client(Credential::Right, &over_http(PATIENCE), addresses)
    }

    /// A client that shows the wrong credential.
    pub(crate) fn stranger(&self) -> Arc<dyn AdminApi> {
        let addresses = [&self.admin, &self.public].map(|listener| listener.as_ref().map(|one| one.address.clone()));
        self.client(Credential::Wrong, &over_http(PATIENCE), addresses)
    }

    /// A client of the APIs at those addresses (the admin's and the public one's), reached through `service`.
    pub(crate) fn client(
        &self,
        credential: Credential,
        service: &Service,
        [admin, public]: [Option<String>; 2],
    ) -> Arc<dyn AdminApi> {
        let clock = self.time.clock();
        let budget = Arc::new(Budget::new(Limits { requests_per_second: NonZeroU32::MAX, concurrency: 64 }));
        let origin =
            |address: String| Origin::new(&address, service.clone(), Arc::clone(&budget), self.time.clock()).unwrap();
        let (admin, public) = (admin.map(origin), public.map(origin));
        let shown = |right: &str| {
            SecretString::from(match credential {
                Credential::Right => right.to_owned(),
                Credential::Wrong => format!("not-{right}"),
            })
        };
        match self.variant.platform {
            Platform::Embedded => Arc::new(Embedded::new(self.directory.clone(), clock)),
            Platform::Tyk => {
                let kept: Arc<dyn Keeper> = Arc::<Kept>::clone(&self.kept);
                Arc::new(Tyk::new(admin.unwrap(), shown(TYK_SECRET), kept, "suite".to_owned(), clock))
            }
            Platform::Rockfish => Arc::new(Rockfish::new(admin, public, Some(shown(INVITE_CODE)), clock)),
            Platform::Rockit => {
                let key = match credential {
                    Credential::Right => STANDARD.encode(ROCKIT_KEY),
                    Credential::Wrong => STANDARD.encode("another key"),
                };
                let admin_key = AdminCredential::Key { secret: key.into(), name: "org-operator".to_owned() };
                let backend = BackendCredential::Token(shown(ROCKIT_BACKEND));
                Arc::new(Rockit::new(admin.unwrap(), admin_key, Some(backend), "apiKey".to_owned()))
            }
        }
    }

    /// Lets so much time pass that what this client made is shown; where it is shown at once, none passes.
    pub(crate) fn settle(&self) {
        if self.variant.quirk == Some(Quirk::Late) {
            self.resync();
        }
    }

    /// Lets so much time pass that what anybody made is shown.
    pub(crate) fn resync(&self) {
        self.time.pass(self.api.visible_after());
    }

    /// What went over the wire since this was asked last.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        let both = [&self.admin, &self.public];
        both.into_iter().flatten().flat_map(|listener| listener.wire.take()).collect()
    }
}

/// An authority that nothing here has a certificate of: to read all those of the system takes longer than most tests.
static AUTHORITY: LazyLock<String> =
    LazyLock::new(|| rcgen::generate_simple_self_signed(["authority".to_owned()]).unwrap().cert.pem());

/// HTTP with that patience.
pub(crate) fn over_http(timeout: Duration) -> Service {
    service(&Trust::Only(AUTHORITY.clone()), timeout).unwrap()
}
