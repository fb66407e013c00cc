//! How each platform's client is made from a Platform and its Secrets: one function for each.

use std::num::NonZeroU32;
use std::sync::Arc;

use kube::ResourceExt;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::Parts;
use super::keeper::SecretKeeper;
use crate::api::{Platform, RockfishPlatform, RockitPlatform, SecretKeyRef, TykPlatform, parse_duration};
use crate::controller::input;
use crate::controller::stop::Stop;
use crate::domain::capability::{Capabilities, Capability, Support};
use crate::domain::condition::Reason;
use crate::platform::http::{Origin, Trust};
use crate::platform::{
    Account, AdminApi, AdminCredential, BackendCredential, Budget, Keeper, Limits, Rockfish, Rockit, Tyk,
};

/// What a client is made of. It keeps track of the Secrets that were read, so that a change is noticed.
pub(super) struct Ingredients<'a> {
    platform: &'a Platform,
    parts: &'a Parts,
    budget: Arc<Budget>,
    trust: Trust,
    read: Sha256,
    /// The digest of what the present client was made of.
    before: Option<[u8; 32]>,
}

/// A client, or `None` where the present one was made of the same.
type Made = Result<Option<Arc<dyn AdminApi>>, Stop>;

/// Makes the client of that platform. The Secrets are read first: to make a client, which reads the system's authorities,
/// costs more than to find out that none is wanted.
pub(super) async fn make(platform: &Platform, from: &mut Ingredients<'_>) -> Made {
    from.read_trust().await?;
    let spec = &platform.spec;
    match (&spec.tyk, &spec.rockfish, &spec.rockit) {
        (Some(spec), ..) => tyk(spec, from).await,
        (_, Some(spec), _) => rockfish(spec, from).await,
        (.., Some(spec)) => rockit(spec, from).await,
        _ => Err(Stop::held(Reason::InvalidSpec, "give exactly one of embedded, tyk, rockfish and rockit")),
    }
}

async fn tyk(spec: &TykPlatform, from: &mut Ingredients<'_>) -> Made {
    let secret = from.secret(&spec.admin_secret_ref).await?;
    if from.are_as_before() {
        return Ok(None);
    }
    let origin = from.origin(&spec.url)?;
    let keeper = from.keeper(origin.address());
    let (owner_id, clock) = (from.parts.owner_id.clone(), from.parts.clock.clone());
    Ok(Some(Arc::new(Tyk::new(origin, secret, keeper, owner_id, clock))))
}

async fn rockfish(spec: &RockfishPlatform, from: &mut Ingredients<'_>) -> Made {
    let invite = from.optional(spec.invite_code_secret_ref.as_ref()).await?;
    if from.are_as_before() {
        return Ok(None);
    }
    let origin = |url: &Option<String>| url.as_ref().map(|url| from.origin(url)).transpose();
    let (admin, public) = (origin(&spec.admin_url)?, origin(&spec.url)?);
    let client = Rockfish::new(admin, public, invite, from.parts.clock.clone());
    let known = from.known(&client.url());
    Ok(Some(Arc::new(client.knowing(&known))))
}

async fn rockit(spec: &RockitPlatform, from: &mut Ingredients<'_>) -> Made {
    let token = from.optional(spec.admin_token_secret_ref.as_ref()).await?;
    let key = from.optional(spec.admin_key_secret_ref.as_ref()).await?;
    let admin = match (token, key) {
        (Some(token), None) => AdminCredential::Token(token),
        (None, Some(secret)) => AdminCredential::Key { secret, name: spec.admin_name.clone() },
        _ => {
            let message = "rockit: give exactly one of adminTokenSecretRef and adminKeySecretRef";
            return Err(Stop::held(Reason::InvalidSpec, message));
        }
    };
    let ready = from.optional(spec.backend_token_secret_ref.as_ref()).await?;
    let backend = match (ready, &spec.account) {
        (Some(token), _) => Some(BackendCredential::Token(token)),
        (None, Some(account)) => Some(BackendCredential::Account(Account {
            organization: account.organization.clone(),
            username: account.username.clone(),
            key: from.secret(&account.api_key_secret_ref).await?,
        })),
        (None, None) => None,
    };
    if from.are_as_before() {
        return Ok(None);
    }
    let origin = from.origin(&spec.url)?;
    Ok(Some(Arc::new(Rockit::new(origin, admin, backend, spec.api_key_member.clone()))))
}

impl<'a> Ingredients<'a> {
    /// `before` is the digest of what the present client of the same manifest was made of, where there is one.
    pub(super) fn new(platform: &'a Platform, parts: &'a Parts, budget: Arc<Budget>, before: Option<[u8; 32]>) -> Self {
        Self { platform, parts, budget, trust: Trust::System, read: Sha256::new(), before }
    }

    /// SHA-256 over what was read from Secrets.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.read.clone().finalize().into()
    }

    /// What status says that the server at that address can do.
    fn known(&self, url: &str) -> Capabilities {
        let status = self.platform.status.as_ref().filter(|status| status.url.as_deref() == Some(url));
        let rows = status.map(|status| status.capabilities.as_slice()).unwrap_or_default();
        rows.iter().fold(Capabilities::all(Support::Unknown), |known, row| {
            let named = Capability::ALL.into_iter().find(|capability| capability.name() == row.name);
            if let Some(capability) = named { known.with(capability, row.support) } else { known }
        })
    }

    fn are_as_before(&self) -> bool {
        self.before == Some(self.digest())
    }

    fn namespace(&self) -> String {
        self.platform.namespace().unwrap_or_default()
    }

    async fn secret(&mut self, reference: &SecretKeyRef) -> Result<SecretString, Stop> {
        let value = input::read(&self.parts.secrets, &self.namespace(), reference).await?;
        // A line break at the end is nobody's credential: it comes with files.
        let value = SecretString::from(value.expose_secret().trim_end_matches(['\r', '\n']));
        self.read.update(value.expose_secret().len().to_be_bytes());
        self.read.update(value.expose_secret());
        Ok(value)
    }

    async fn optional(&mut self, reference: Option<&SecretKeyRef>) -> Result<Option<SecretString>, Stop> {
        match reference {
            Some(reference) => self.secret(reference).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read_trust(&mut self) -> Result<(), Stop> {
        let tls = self.platform.spec.tls.as_ref();
        self.trust = match tls.and_then(|tls| tls.ca_secret_ref.as_ref()) {
            Some(reference) => Trust::Only(self.secret(reference).await?.expose_secret().to_owned()),
            None => tls.and_then(|tls| tls.ca_bundle.clone()).map_or(Trust::System, Trust::Only),
        };
        Ok(())
    }

    fn origin(&self, url: &str) -> Result<Origin, Stop> {
        let invalid = |message: String| Stop::held(Reason::InvalidSpec, message);
        let timeout =
            parse_duration(&self.platform.spec.timeout).map_err(|error| invalid(format!("timeout: {error}")))?;
        let service =
            self.parts.transport.service(&self.trust, timeout).map_err(|error| invalid(format!("tls: {error}")))?;
        let origin = Origin::new(url, service, Arc::clone(&self.budget), self.parts.clock.clone());
        origin.map(|origin| origin.fenced(self.parts.fence.clone())).map_err(|error| invalid(format!("url: {error}")))
    }

    fn keeper(&self, url: String) -> Arc<dyn Keeper> {
        Arc::new(SecretKeeper::new(self.parts.secrets.clone(), self.platform, url, self.parts.clock.clone()))
    }
}

/// The limits of a manifest.
pub(super) fn budget_limits(platform: &Platform) -> Limits {
    let limits = &platform.spec.limits;
    let positive = |number: i32| u32::try_from(number).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
    Limits {
        requests_per_second: positive(limits.requests_per_second),
        concurrency: positive(limits.concurrency).get() as usize,
    }
}
