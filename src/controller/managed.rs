//! What the generic reconcile asks of a kind.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::core::object::HasStatus;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::{self, Context};
use super::pass::Pass;
use super::stop::Stop;
use crate::api::{ObjectStatus, PlatformRecord, SecretTarget};
use crate::domain::entity::{Entity, Kind};
use crate::domain::key::{KeyEncoding, KeySize};
use crate::domain::naming::{OwnerMark, Ownership};
use crate::domain::plan::{OnAdoption, Policy, Source};
use crate::kubernetes::secret::{StoredSecret, Values};
use crate::platform::{AdminApi, Backend};

/// A resource that the operator reconciles: all four kinds.
#[async_trait]
pub trait Reconciled:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + HasStatus<Status: ObjectStatus + Clone + Debug + Default + PartialEq + Serialize + Send + Sync>
    + Clone
    + Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// Its kind.
    const KIND: Kind;

    /// Its objects.
    fn objects(context: &Context) -> &context::Kind<Self>;

    /// Looks at one object once and does what is to be done. What is found out on the way goes into `draft`, which
    /// begins as the status that the object has. `object` moves on with the pass's own writes, so that the report, which
    /// must fail where somebody else wrote in between, does not fail because of those.
    async fn pass(object: &mut Arc<Self>, context: &Arc<Context>, draft: &mut Self::Status) -> Result<Pass, Stop>;
}

/// A resource that stands for an object on a platform.
#[async_trait]
pub trait Managed: Reconciled {
    /// The object.
    type Entity: Entity;
    /// What the manifest asks of it, validated.
    type Content: Send + Sync + 'static;

    /// The platform's side for this kind.
    fn backend(api: &dyn AdminApi) -> &dyn Backend<Self::Entity>;

    /// Finds the platform and the place on it. `None` when the resource is being deleted and nothing can have been made.
    async fn resolve(&self, context: &Context, draft: &mut Self::Status) -> Result<Option<Place<Self::Entity>>, Stop>;

    /// Turns the manifest into what later steps work with; they never read it again.
    async fn desired(&self, context: &Context, place: Place<Self::Entity>) -> Result<Desired<Self>, Stop>;

    /// The id that is known to be this object's.
    fn recorded_id(&self, secrets: &[Option<StoredSecret>]) -> Option<String>;

    /// What creating it takes.
    fn creation(
        desired: &Desired<Self>,
        values: &[Option<Values>],
        attempt: Option<i64>,
    ) -> <Self::Entity as Entity>::New;

    /// What would make `record` as the manifest says; `None` where it is so.
    fn change(
        desired: &Desired<Self>,
        record: &<Self::Entity as Entity>::Record,
        ownership: Ownership,
    ) -> Option<<Self::Entity as Entity>::Change>;

    /// Where it is about to be made, for those whose place cannot be found any more when their parent is gone.
    fn made_in(_: &Desired<Self>) -> Option<String> {
        None
    }

    /// The change that takes our owner mark off.
    fn release() -> <Self::Entity as Entity>::Change;

    /// What the Secret of a value shown once says about it, by annotation.
    fn secret_annotations(record: &<Self::Entity as Entity>::Record) -> Vec<(&'static str, String)>;

    /// Resources that refer to this one and hold its deletion.
    fn dependents(&self, context: &Context) -> usize;

    /// Writes what is known now into status. Called only when the object is there.
    fn fill(draft: &mut Self::Status, desired: &Desired<Self>, found: &Found<'_, Self>);

    /// The platform's id as status has it.
    fn external_id(status: &Self::Status) -> Option<&str>;

    /// Records in status that attempt `n` begins.
    fn set_attempt(draft: &mut Self::Status, attempt: i64);

    /// The last recorded attempt.
    fn attempt(status: &Self::Status) -> i64;
}

/// What is there when a pass has succeeded.
pub struct Found<'a, K: Managed> {
    /// The object on the platform.
    pub record: &'a <K::Entity as Entity>::Record,
    /// The values of the Secrets, in the order of the slots.
    pub values: &'a [Option<Values>],
    /// How it came about, where this pass brought it about.
    pub origin: Option<crate::domain::policy::Origin>,
}

/// A platform and the place on it.
#[derive(Debug)]
pub struct Place<E: Entity> {
    /// The admin API; `None` only for a resource that is being deleted and whose platform cannot be reached.
    pub api: Option<Arc<dyn AdminApi>>,
    /// The Platform.
    pub platform: PlatformRecord,
    /// It carries our finalizer.
    pub held: bool,
    /// May the namespace take over what exists?
    pub may_adopt: bool,
    /// May the namespace delete organisations?
    pub may_delete: bool,
    /// Where on it.
    pub scope: E::Scope,
}

/// What a manifest asks for, validated.
pub struct Desired<K: Managed> {
    /// Name on the platform.
    pub name: String,
    /// The resource's uid.
    pub uid: String,
    /// Our mark.
    pub mark: OwnerMark,
    /// Where.
    pub place: Place<K::Entity>,
    /// The choices.
    pub policy: Policy,
    /// The Secrets.
    pub slots: Vec<SlotSpec>,
    /// The rest.
    pub content: K::Content,
}

/// A Secret that belongs to a resource.
#[derive(Clone, Debug)]
pub struct SlotSpec {
    /// Its name.
    pub name: String,
    /// Its type.
    pub type_: String,
    /// Labels that the manifest adds.
    pub labels: BTreeMap<String, String>,
    /// Annotations that the manifest adds.
    pub annotations: BTreeMap<String, String>,
    /// What is in it.
    pub content: SlotContent,
    /// The manifest asks for keys made by a template.
    pub templated: bool,
    /// Status says that it was written before.
    pub written: bool,
    /// What to do about it when the object is taken over.
    pub on_adoption: OnAdoption,
}

/// What is in a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotContent {
    /// A generated key pair.
    KeyPair {
        /// Its length.
        size: KeySize,
        /// How the private key is written.
        encoding: KeyEncoding,
    },
    /// A generated password and its user's name.
    Password {
        /// The name.
        username: String,
    },
    /// A token that the platform shows once.
    Token,
}

/// Keys of the Secrets.
pub mod key {
    /// Private key.
    pub const PRIVATE: &str = "private.pem";
    /// Public key.
    pub const PUBLIC: &str = "public.pem";
    /// What the private key is encrypted with.
    pub const PASSPHRASE: &str = "passphrase";
    /// Login name.
    pub const USERNAME: &str = "username";
    /// Password.
    pub const PASSWORD: &str = "password";
    /// Token.
    pub const TOKEN: &str = "token";
}

impl SlotContent {
    /// The keys that are always there.
    pub fn keys(&self) -> &'static [&'static str] {
        match self {
            Self::KeyPair { .. } => &[key::PRIVATE, key::PUBLIC, key::PASSPHRASE],
            Self::Password { .. } => &[key::USERNAME, key::PASSWORD],
            Self::Token => &[key::TOKEN],
        }
    }

    /// Where its values come from.
    pub fn source(&self) -> Source {
        match self {
            Self::KeyPair { .. } | Self::Password { .. } => Source::Generated,
            Self::Token => Source::ShownOnce,
        }
    }
}

impl SlotSpec {
    /// The Secret that the manifest describes, or the default of that name.
    pub fn new(target: Option<&SecretTarget>, default_name: String, content: SlotContent, written: bool) -> Self {
        let target = target.cloned().unwrap_or_default();
        Self {
            name: target.name.unwrap_or(default_name),
            type_: target.type_,
            labels: target.labels.unwrap_or_default(),
            annotations: target.annotations.unwrap_or_default(),
            templated: target.template.is_some(),
            content,
            written,
            on_adoption: OnAdoption::Unavailable,
        }
    }
}
