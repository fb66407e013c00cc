//! What the generic reconcile asks of a kind.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::core::object::HasStatus;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::attempt::Attempt;
use super::context::{self, Context};
use super::pass::Pass;
use super::slot::SlotSpec;
use super::stop::Stop;
use crate::api::{Extras, ManagedStatus, ObjectStatus, PlatformRecord};
use crate::domain::capability::{Capability, Support};
use crate::domain::condition::State;
use crate::domain::entity::{Entity, InOrganization, Kind, OfUser};
use crate::domain::facts::{Policy, Rival};
use crate::domain::naming::{OwnerMark, Ownership};
use crate::domain::policy::Origin;
use crate::domain::rotation::Rotation;
use crate::kubernetes::secret::StoredSecret;
use crate::platform::{AdminApi, Backend};

/// A resource that the operator reconciles: all four kinds.
#[async_trait]
pub trait Reconciled:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + HasStatus<Status: ObjectStatus + Extras + Clone + Debug + Default + PartialEq + Serialize + Send + Sync>
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

    /// Prepares the status that a look begins with.
    fn begin(&self, _: &mut Self::Status) {}

    /// Looks at one object once and does what is to be done. What is found out on the way goes into `draft`, which
    /// begins as the status that the object has. `object` moves on with the pass's own writes, so that the report, which
    /// must fail where somebody else wrote in between, does not fail because of those.
    async fn pass(object: &mut Arc<Self>, context: &Arc<Context>, draft: &mut Self::Status) -> Result<Pass, Stop>;
}

/// A resource that stands for an object on a platform.
#[async_trait]
pub trait Managed: Reconciled<Status: ManagedStatus> {
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

    /// What creating it takes.
    fn creation(
        desired: &Desired<Self>,
        secrets: &[Option<StoredSecret>],
        attempt: Option<Attempt<'_>>,
        now: Timestamp,
    ) -> <Self::Entity as Entity>::New;

    /// What would make `record` as the manifest says, if anything, and the paths of the fields in which it differs.
    fn change(
        desired: &Desired<Self>,
        record: &<Self::Entity as Entity>::Record,
        ownership: Ownership,
    ) -> (Option<<Self::Entity as Entity>::Change>, Vec<&'static str>);

    /// Where it is about to be made, for those whose place cannot be found any more when their parent is gone.
    fn made_in(_: &Desired<Self>) -> Option<String> {
        None
    }

    /// The change that takes our owner mark off.
    fn release() -> <Self::Entity as Entity>::Change;

    /// When it is to be renewed, for kinds that are.
    fn rotation(_: &Desired<Self>) -> Rotation {
        Rotation::default()
    }

    /// The organisation that it is in, for kinds whose password can be set.
    fn in_organization(_: &Desired<Self>) -> Option<InOrganization> {
        None
    }

    /// The user whose credential it is, for kinds that are one or have one: `id` is the object's own.
    fn of_user(_: &Desired<Self>, _: &str) -> Option<OfUser> {
        None
    }

    /// What the Secret of a value shown once says about it, by annotation, beside the id.
    fn secret_annotations(_: &<Self::Entity as Entity>::Record) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Variables of templates that come with the object; without one, the names of those that will come, with stand-ins.
    fn variables(
        desired: &Desired<Self>,
        record: Option<&<Self::Entity as Entity>::Record>,
    ) -> Vec<(&'static str, String)>;

    /// The object that publishing a key of that id makes, for kinds that publish one.
    fn published(_: &str, _: Timestamp) -> Option<<Self::Entity as Entity>::Record> {
        None
    }

    /// Whether a person gets an invitation where the platform sends some.
    fn is_invited(_: &Desired<Self>) -> bool {
        false
    }

    /// Another resource of this cluster that stands for the object with that id on the same platform.
    fn rival(&self, _: &Context, _: &Desired<Self>, _: &str) -> Option<Rival> {
        None
    }

    /// Why nothing new is made in its parent for now.
    fn parent(&self, _: &Context) -> Option<State> {
        None
    }

    /// Resources that refer to this one and hold its deletion.
    fn dependents(&self, _: &Context) -> usize {
        0
    }

    /// Looks for what the object's record does not show, and is only of use once it is there.
    async fn complete(
        &self,
        _: &Context,
        _: &Desired<Self>,
        _: &mut <Self::Entity as Entity>::Record,
    ) -> Result<(), Stop> {
        Ok(())
    }

    /// Writes what is known now into status. Called only when the object is there.
    fn fill(draft: &mut Self::Status, desired: &Desired<Self>, found: &Found<'_, Self>);
}

/// What is there when a pass has succeeded.
pub struct Found<'a, K: Managed> {
    /// The object on the platform.
    pub record: &'a <K::Entity as Entity>::Record,
    /// Its Secrets, in the order of the slots.
    pub secrets: &'a [Option<StoredSecret>],
    /// Ids that the platform showed and that this plan did not end.
    pub live: &'a [String],
    /// How it came about, where that is known.
    pub origin: Option<Origin>,
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
    /// Why the namespace may not use it any more; only for what is there to revoke credentials all the same.
    pub refused: Option<State>,
    /// May the namespace take over what exists?
    pub may_adopt: bool,
    /// May the namespace delete organisations?
    pub may_delete: bool,
    /// What of it is limited by the hour.
    pub hourly: Hourly,
    /// Where on it.
    pub scope: E::Scope,
}

/// What a Platform limits by the hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hourly {
    /// Organisations that may be deleted, and Users and Tokens that are made again when they vanish; 0 for any number.
    pub limit: i32,
    /// The brake holds.
    pub braked: bool,
}

impl<E: Entity> Place<E> {
    /// Whether the platform is known to be able to.
    pub fn can(&self, capability: Capability) -> bool {
        self.api.as_ref().is_some_and(|api| api.capabilities().of(capability) == Support::Supported)
    }

    /// Whether the platform is known not to be able to.
    pub fn cannot(&self, capability: Capability) -> bool {
        self.api.as_ref().is_some_and(|api| api.capabilities().of(capability) == Support::Unsupported)
    }

    /// Whether the platform keeps our mark on objects of that kind.
    pub fn marks(&self, kind: Kind) -> bool {
        self.api.as_ref().is_some_and(|api| api.marks(kind))
    }

    /// Variables of templates that say where the object is.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let url = self.api.as_ref().map_or_else(|| self.platform.url.clone(), |api| api.consumer_url());
        vec![("platformURL", url), ("platformType", self.platform.type_.as_str().to_owned())]
    }
}

/// The Secret of a User, with the one key that its Tokens publish.
#[derive(Clone, Debug)]
pub struct SharedSecret {
    /// Its name; `None`: the User has none.
    pub name: Option<String>,
    /// The User's uid.
    pub owner_uid: String,
    /// Whether the User is Ready, so that the key in it is the one in use.
    pub in_use: bool,
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
    /// The request for a new credential that the manifest carries.
    pub rotate_request: Option<String>,
    /// Variables of templates that do not depend on the object.
    pub variables: Vec<(&'static str, String)>,
    /// Where the one key lies that this one publishes, on platforms where a user has one.
    pub shared: Option<SharedSecret>,
    /// The rest.
    pub content: K::Content,
}
