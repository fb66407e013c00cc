//! Users.

use std::sync::Arc;

use async_trait::async_trait;
use kube::{Resource, ResourceExt};
use secrecy::SecretString;

use super::context::{self, Context};
use super::managed::{Desired, Found, Managed, Place, Reconciled, SlotContent, SlotSpec, key};
use super::pass::{self, Pass};
use super::resolve::{resolve, resolve_deleting};
use super::stop::Stop;
use crate::api::annotation::MADE_IN;
use crate::api::{InitialPassword, ObjectStatus, Organization, PlatformRecord, PlatformType, User, UserStatus};
use crate::domain::capability::{Capability, Support};
use crate::domain::condition::{self, Reason};
use crate::domain::entity::{self, InOrganization, Kind, NewUser, UserChange, UserRecord, UserType};
use crate::domain::naming::{self, OwnerMark, Ownership};
use crate::domain::plan::{OnAdoption, Policy};
use crate::domain::policy::{AdoptionPolicy, Origin};
use crate::kubernetes::secret::{StoredSecret, Values, digest};
use crate::platform::{AdminApi, Backend};

/// What a User asks for.
#[derive(Debug)]
pub struct Content {
    user_type: UserType,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    roles: Option<Vec<String>>,
    marks: bool,
}

#[async_trait]
impl Reconciled for User {
    const KIND: Kind = Kind::User;

    fn objects(context: &Context) -> &context::Kind<Self> {
        &context.users
    }

    async fn pass(object: &mut Arc<Self>, context: &Arc<Context>, draft: &mut UserStatus) -> Result<Pass, Stop> {
        pass::pass(object, context, draft).await
    }
}

#[async_trait]
impl Managed for User {
    type Entity = entity::User;
    type Content = Content;

    fn backend(api: &dyn AdminApi) -> &dyn Backend<entity::User> {
        api
    }

    async fn resolve(&self, context: &Context, draft: &mut UserStatus) -> Result<Option<Place<entity::User>>, Stop> {
        let own = self.namespace().unwrap_or_default();
        let status = self.status.clone().unwrap_or_default();
        let name = &self.spec.organization_ref.name;
        let deleting = self.meta().deletion_timestamp.is_some();
        let organization = context.organizations.get(&own, name);
        let parent = organization.as_ref().and_then(|organization| organization.status.as_ref());
        let made_in = parent.and_then(|parent| Some((parent.platform.clone()?, parent.external_id.clone()?)));

        let recorded =
            status.platform.zip(status.organization_id).or_else(|| deleting.then(|| self.begun_in()).flatten());
        let (platform, organization_id) = match (recorded, made_in) {
            (Some(recorded), current) if deleting || current.as_ref().is_none_or(|current| *current == recorded) => {
                recorded
            }
            (Some((_, recorded)), Some((_, current))) => {
                return Err(Stop::held(
                    Reason::PlatformChanged,
                    format!(
                        "made in the organisation {recorded}, and the Organization {name} stands for {current} now: make another User"
                    ),
                ));
            }
            (None, Some(current)) => {
                if !deleting {
                    ready_for_new(organization.as_deref(), name)?;
                }
                current
            }
            // The finalizer carries the place: where neither names one, nothing was begun.
            (_, None) if deleting => return Ok(None),
            (_, None) => {
                ready_for_new(organization.as_deref(), name)?;
                return Err(Stop::held(Reason::DependencyNotReady, format!("the Organization {name} has no id yet")));
            }
        };
        let resolved = if deleting {
            resolve_deleting(context, &platform, &own).await?
        } else {
            resolve(context, (&platform.namespace, &platform.name), Some(&platform), &own, false).await?
        };
        draft.platform = Some(resolved.record.clone());
        draft.organization_id = Some(organization_id.clone());
        Ok(Some(Place {
            api: resolved.api,
            platform: resolved.record,
            held: resolved.held,
            may_adopt: resolved.grant.adopt,
            may_delete: true,
            scope: InOrganization { organization_id },
        }))
    }

    async fn desired(&self, context: &Context, place: Place<entity::User>) -> Result<Desired<Self>, Stop> {
        let namespace = self.namespace().unwrap_or_default();
        if self.meta().deletion_timestamp.is_none() {
            self.check(context, &place)?;
        }
        let can =
            |capability| place.api.as_ref().is_some_and(|api| api.capabilities().of(capability) == Support::Supported);
        let spec = &self.spec;
        Ok(Desired {
            name: self.username(),
            uid: self.uid().unwrap_or_default(),
            mark: OwnerMark::new(&context.settings.owner_id, &namespace, &self.name_any()),
            policy: Policy {
                adoption: spec.adoption_policy,
                may_adopt: place.may_adopt,
                deletion: spec.deletion_policy,
                may_delete: true,
                drift: spec.drift_policy,
                external_id: spec.external_id.clone(),
            },
            slots: self.slots(can(Capability::InitialPassword)),
            content: Content {
                user_type: spec.type_,
                email: spec.email.clone(),
                first_name: spec.first_name.clone(),
                last_name: spec.last_name.clone(),
                roles: spec.roles.clone().map(sorted),
                marks: can(Capability::OwnerMark),
            },
            place,
        })
    }

    fn recorded_id(&self, _: &[Option<StoredSecret>]) -> Option<String> {
        self.status.as_ref().and_then(|status| status.external_id.clone())
    }

    fn creation(desired: &Desired<Self>, values: &[Option<Values>], _: Option<i64>) -> NewUser {
        let content = &desired.content;
        let password: Option<SecretString> =
            values.iter().flatten().find_map(|values| values.get(key::PASSWORD)).cloned();
        NewUser {
            idempotency_key: desired.uid.clone(),
            organization_id: desired.place.scope.organization_id.clone(),
            user_type: content.user_type,
            username: desired.name.clone(),
            email: content.email.clone(),
            first_name: content.first_name.clone(),
            last_name: content.last_name.clone(),
            roles: content.roles.clone(),
            owner: desired.mark.as_str().to_owned(),
            password,
        }
    }

    fn change(desired: &Desired<Self>, record: &UserRecord, ownership: Ownership) -> Option<UserChange> {
        let content = &desired.content;
        let differs = |wanted: &Option<String>, found: &Option<String>| {
            wanted.clone().filter(|wanted| found.as_ref() != Some(wanted))
        };
        let change = UserChange {
            email: differs(&content.email, &record.email),
            first_name: differs(&content.first_name, &record.first_name),
            last_name: differs(&content.last_name, &record.last_name),
            roles: content.roles.clone().filter(|wanted| *wanted != sorted(record.roles.clone())),
            owner: (content.marks && ownership == Ownership::Unmarked).then(|| Some(desired.mark.as_str().to_owned())),
        };
        (change != UserChange::default()).then_some(change)
    }

    fn made_in(desired: &Desired<Self>) -> Option<String> {
        let place = MadeIn {
            platform: desired.place.platform.clone(),
            organization_id: desired.place.scope.organization_id.clone(),
        };
        serde_json::to_string(&place).ok()
    }

    fn release() -> UserChange {
        UserChange { owner: Some(None), ..UserChange::default() }
    }

    fn secret_annotations(_: &UserRecord) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn dependents(&self, _: &Context) -> usize {
        0
    }

    fn fill(draft: &mut UserStatus, desired: &Desired<Self>, found: &Found<'_, Self>) {
        draft.external_id = Some(found.record.id.clone());
        draft.origin = found.origin.or(draft.origin);
        for (slot, values) in desired.slots.iter().zip(found.values) {
            if let Some(values) = values {
                draft.secret_name = Some(slot.name.clone());
                draft.secret_digest = Some(digest(values));
            }
        }
    }

    fn external_id(status: &UserStatus) -> Option<&str> {
        status.external_id.as_deref()
    }

    fn set_attempt(draft: &mut UserStatus, attempt: i64) {
        draft.attempt = Some(attempt);
    }

    fn attempt(status: &UserStatus) -> i64 {
        status.attempt.unwrap_or_default()
    }
}

/// Something new waits until its parent is as its manifest says, and not on its way out.
fn ready_for_new(organization: Option<&Organization>, name: &str) -> Result<(), Stop> {
    let Some(organization) = organization else {
        return Err(Stop::held(Reason::DependencyNotReady, format!("the Organization {name} is not there")));
    };
    not_ready("Organization", name, organization.meta(), organization.status.as_ref())
}

/// The wait for a parent, unless it is Ready.
pub fn not_ready(
    kind: &str,
    name: &str,
    meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
    status: Option<&impl ObjectStatus>,
) -> Result<(), Stop> {
    if meta.deletion_timestamp.is_some() {
        return Err(Stop::held(Reason::DependencyNotReady, format!("the {kind} {name} is being deleted")));
    }
    let conditions = status.map(ObjectStatus::conditions).unwrap_or_default();
    if condition::is_ready(conditions, meta.generation.unwrap_or_default()) {
        return Ok(());
    }
    Err(Stop::held(Reason::DependencyNotReady, format!("the {kind} {name} is not Ready yet")))
}

fn sorted(mut roles: Vec<String>) -> Vec<String> {
    roles.sort();
    roles
}

/// Where a User was about to be made.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct MadeIn {
    platform: PlatformRecord,
    #[serde(rename = "organizationID")]
    organization_id: String,
}

impl User {
    /// Where it was about to be made, by the annotation that came with the finalizer. Anybody who may edit the User may
    /// have changed it, so it is only used on the way out, where nothing is touched but what carries our mark.
    fn begun_in(&self) -> Option<(PlatformRecord, String)> {
        let text = self.annotations().get(MADE_IN)?;
        let MadeIn { platform, organization_id } = serde_json::from_str(text).ok()?;
        Some((platform, organization_id))
    }

    /// Login name as the manifest has it.
    pub fn username(&self) -> String {
        self.spec.username.clone().unwrap_or_else(|| self.name_any())
    }

    fn slots(&self, password: bool) -> Vec<SlotSpec> {
        let status = self.status.clone().unwrap_or_default();
        let generate = self.spec.type_ == UserType::Person
            && self.spec.initial_password != Some(InitialPassword::None)
            && status.origin != Some(Origin::Adopted);
        // On the way out the platform may be gone and its capabilities with it: status knows.
        if !generate || !(password || status.secret_name.is_some()) {
            return Vec::new();
        }
        let content = SlotContent::Password { username: self.username() };
        let default = naming::credentials_secret(&self.name_any());
        let slot = SlotSpec::new(self.spec.secret.as_ref(), default, content, status.secret_name.is_some());
        vec![SlotSpec { on_adoption: OnAdoption::LeaveOut, ..slot }]
    }

    fn check(&self, context: &Context, place: &Place<entity::User>) -> Result<(), Stop> {
        if self.spec.tyk.is_some() && place.platform.type_ != PlatformType::Tyk {
            return Err(Stop::held(
                Reason::InvalidSpec,
                "tyk: the Platform is no Tyk Dashboard: leave this section out",
            ));
        }
        let name = self.username();
        if let Some(api) = &place.api {
            api.check_name(Kind::User, &name)
                .map_err(|rule| Stop::held(Reason::InvalidSpec, format!("username: {rule}")))?;
            let unsupported = api.capabilities().of(Capability::InitialPassword) == Support::Unsupported;
            if self.spec.initial_password == Some(InitialPassword::Generate) && unsupported {
                return Err(Stop::held(
                    Reason::Unsupported,
                    "initialPassword: this platform cannot (InitialPassword): leave it out",
                ));
            }
        }
        if self.spec.adoption_policy == AdoptionPolicy::IfExists && !place.may_adopt {
            return Err(Stop::held(
                Reason::NotPermitted,
                "adoptionPolicy: IfExists: the Platform's owner has not granted that to this namespace \
                 (allowedNamespaces.permissions: [Adopt])",
            ));
        }
        let rank = |user: &User| (user.creation_timestamp().map(|time| time.0), user.name_any());
        let rivals = context.users.all(|other| {
            let has_it = |user: &User| user.status.as_ref().is_some_and(|status| status.external_id.is_some());
            let first = if has_it(other) == has_it(self) { rank(other) < rank(self) } else { has_it(other) };
            first
                && other.uid() != self.uid()
                && other.namespace() == self.namespace()
                && other.spec.organization_ref == self.spec.organization_ref
                && other.username() == name
        });
        match rivals.first() {
            None => Ok(()),
            Some(rival) => Err(Stop::held(
                Reason::NameConflict,
                format!("the User {} stands for {name} already: choose another username", rival.name_any()),
            )),
        }
    }
}
