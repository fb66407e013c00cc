//! Users.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use secrecy::SecretString;

use super::account;
use super::attempt::Attempt;
use super::context::{self, Context};
use super::managed::{Desired, Found, Managed, Place, Reconciled};
use super::pass::{self, Pass};
use super::report;
use super::resolve::{Visitor, resolve, resolve_deleting};
use super::slot::key;
use super::stop::Stop;
use crate::api::annotation::{MADE_IN, TAKE_OVER_FROM};
use crate::api::{ObjectStatus, Organization, PlatformRecord, PlatformType, TykPermission, User, UserStatus};
use crate::domain::capability::Capability;
use crate::domain::condition::{self, Reason, State};
use crate::domain::entity::{self, InOrganization, Kind, NewUser, OfUser, UserChange, UserRecord, UserType};
use crate::domain::facts::{Policy, Rival};
use crate::domain::naming::{OwnerMark, Ownership};
use crate::domain::policy::{AdoptionPolicy, Origin};
use crate::kubernetes::secret::StoredSecret;
use crate::platform::{self, AdminApi, Backend};

/// What a User asks for.
#[derive(Debug)]
pub struct Content {
    user_type: UserType,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    roles: Option<Vec<String>>,
    permissions: Option<BTreeMap<String, String>>,
    marks: bool,
    /// It was as this manifest says when it was last looked at.
    settled: bool,
    /// It is not one that was there before, whose roles may be somebody else's choice.
    ours: bool,
}

#[async_trait]
impl Reconciled for User {
    const KIND: Kind = Kind::User;

    fn objects(context: &Context) -> &context::Kind<Self> {
        &context.users
    }

    fn begin(&self, draft: &mut UserStatus) {
        pass::first_visit(self, draft);
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
        // Whose Organization is gone, or has none on the platform, has no say in one that may be another's by now.
        if made_in.is_none() && !deleting {
            ready_for_new(organization.as_deref(), name)?;
            return Err(Stop::held(Reason::DependencyNotReady, format!("the Organization {name} has no id yet")));
        }
        let (platform, organization_id) = match (recorded, made_in) {
            (Some(recorded), current) if deleting || current.as_ref() == Some(&recorded) => recorded,
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
        let mut resolved = if deleting {
            resolve_deleting(context, &platform, &own).await?
        } else {
            let visitor = Visitor { from: &own, recorded: Some(&platform), leaving: false, revoking: false };
            resolve(context, (&platform.namespace, &platform.name), visitor).await?
        };
        if let (Some(api), Some(organization)) = (&resolved.api, &organization) {
            match account::acting(context, organization, Arc::clone(api)).await {
                Ok(acting) => resolved.api = Some(acting),
                // Gone before: then the platform says what it cannot delete without.
                Err(Stop::Held { .. }) if deleting => {}
                Err(stop) => return Err(stop),
            }
        }
        draft.platform = Some(resolved.record.clone());
        draft.organization_id = Some(organization_id.clone());
        Ok(Some(Place {
            api: resolved.api,
            platform: resolved.record,
            held: resolved.held,
            refused: resolved.refused,
            may_adopt: resolved.grant.adopt,
            may_delete: true,
            hourly: resolved.hourly,
            scope: InOrganization { organization_id },
        }))
    }

    async fn desired(&self, context: &Context, place: Place<entity::User>) -> Result<Desired<Self>, Stop> {
        let namespace = self.namespace().unwrap_or_default();
        if self.meta().deletion_timestamp.is_none() {
            self.check(context, &place)?;
        }
        let spec = &self.spec;
        let mark = OwnerMark::new(&context.settings.owner_id, &namespace, &self.name_any());
        let (slots, name) = (self.slots(&place), self.name_on(place.api.as_deref()));
        let mut variables = place.variables();
        // A password comes with the name that it is for.
        let named = slots.iter().any(|slot| slot.content.username().is_some());
        variables.extend((!named).then(|| ("username", name.clone())));
        variables.push(("organizationID", place.scope.organization_id.clone()));
        variables.extend(organization_variables(context, &namespace, &spec.organization_ref.name));
        variables.extend(spec.email.clone().map(|email| ("email", email)));
        Ok(Desired {
            name,
            uid: self.uid().unwrap_or_default(),
            mark: mark.taking_from(self.annotations().get(TAKE_OVER_FROM).map(String::as_str)),
            policy: Policy {
                adoption: spec.adoption_policy,
                may_adopt: place.may_adopt,
                deletion: spec.deletion_policy,
                may_delete: true,
                drift: spec.drift_policy,
                external_id: spec.external_id.clone(),
            },
            slots,
            shared: None,
            rotate_request: pass::rotate_request(self),
            variables,
            content: Content {
                user_type: spec.type_,
                email: spec.email.clone(),
                first_name: spec.first_name.clone(),
                last_name: spec.last_name.clone(),
                roles: spec.roles.clone().map(sorted),
                permissions: spec.tyk.as_ref().and_then(|tyk| tyk.permissions.as_ref()).map(permissions),
                settled: report::settled(self),
                ours: match self.status.as_ref().and_then(|status| status.origin) {
                    Some(origin) => origin == Origin::Created,
                    None => spec.adoption_policy == AdoptionPolicy::Never,
                },
                marks: place.marks(Kind::User),
            },
            place,
        })
    }

    fn creation(
        desired: &Desired<Self>,
        secrets: &[Option<StoredSecret>],
        _: Option<Attempt<'_>>,
        _: Timestamp,
    ) -> NewUser {
        let content = &desired.content;
        let password: Option<SecretString> =
            secrets.iter().flatten().find_map(|secret| secret.values.get(key::PASSWORD)).cloned();
        NewUser {
            idempotency_key: desired.uid.clone(),
            organization_id: desired.place.scope.organization_id.clone(),
            user_type: content.user_type,
            username: desired.name.clone(),
            email: content.email.clone(),
            first_name: content.first_name.clone(),
            last_name: content.last_name.clone(),
            roles: content.roles.clone(),
            permissions: content.permissions.clone(),
            owner: desired.mark.as_str().to_owned(),
            password,
        }
    }

    fn change(
        desired: &Desired<Self>,
        record: &UserRecord,
        ownership: Ownership,
    ) -> (Option<UserChange>, Vec<&'static str>) {
        let content = &desired.content;
        // What the platform does not show is as it was left, and is given again with each new manifest.
        let differs = |wanted: &Option<String>, found: &Option<String>| {
            let unknown = record.partial && found.is_none();
            wanted.clone().filter(|wanted| if unknown { !content.settled } else { found.as_ref() != Some(wanted) })
        };
        // Platforms keep it in lower case, or as it was given: an address is the same either way.
        let same = |found: &Option<String>| found.as_ref().map(|found| found.to_lowercase());
        let email =
            differs(&content.email, &record.email).filter(|wanted| same(&record.email) != Some(wanted.to_lowercase()));
        let roles = match &record.roles {
            Some(found) => content.roles.clone().filter(|wanted| *wanted != sorted(found.clone())),
            // Where being a member is a matter of its own, it is one without roles too.
            None if content.settled => None,
            None if content.ours => Some(content.roles.clone().unwrap_or_default()),
            None => content.roles.clone(),
        };
        let permissions = content.permissions.clone().filter(|wanted| {
            let as_wanted = wanted.iter().all(|(name, level)| record.permissions.get(name) == Some(level));
            !as_wanted
        });
        let to_be_marked = matches!(ownership, Ownership::Unmarked | Ownership::Offered);
        let change = UserChange {
            email,
            first_name: differs(&content.first_name, &record.first_name),
            last_name: differs(&content.last_name, &record.last_name),
            roles,
            permissions,
            owner: (content.marks && to_be_marked).then(|| Some(desired.mark.as_str().to_owned())),
        };
        let drift = [
            (change.email.is_some(), "spec.email"),
            (change.first_name.is_some(), "spec.firstName"),
            (change.last_name.is_some(), "spec.lastName"),
            (change.roles.is_some(), "spec.roles"),
            (change.permissions.is_some(), "spec.tyk.permissions"),
        ];
        let drift = drift.into_iter().filter_map(|(differs, path)| differs.then_some(path)).collect();
        ((change != UserChange::default()).then_some(change), drift)
    }

    fn in_organization(desired: &Desired<Self>) -> Option<InOrganization> {
        Some(desired.place.scope.clone())
    }

    fn of_user(desired: &Desired<Self>, id: &str) -> Option<OfUser> {
        let organization_id = desired.place.scope.organization_id.clone();
        Some(OfUser { organization_id, user_id: id.to_owned() })
    }

    fn is_invited(desired: &Desired<Self>) -> bool {
        desired.content.user_type == UserType::Person
    }

    fn variables(_: &Desired<Self>, record: Option<&UserRecord>) -> Vec<(&'static str, String)> {
        vec![("userID", record.map(|record| record.id.clone()).unwrap_or_default())]
    }

    fn rival(&self, context: &Context, desired: &Desired<Self>, id: &str) -> Option<Rival> {
        let (on, organization_id) = (&desired.place.platform, &desired.place.scope.organization_id);
        let rivals = context.users.all(|other| {
            let status = other.status.as_ref();
            let place = status.and_then(|status| status.platform.as_ref());
            // One that a former owner of the organisation left behind keeps nobody out.
            let stands_for = context
                .organizations
                .get(&other.namespace().unwrap_or_default(), &other.spec.organization_ref.name)
                .and_then(|organization| organization.status.as_ref()?.external_id.clone());
            // Where a user is the same in every organisation, it is another namespace's in whichever.
            let everywhere = on.type_ == PlatformType::Rockfish && other.namespace() != self.namespace();
            other.uid() != self.uid()
                && status.and_then(|status| status.external_id.as_deref()) == Some(id)
                && (everywhere || stands_for.as_ref() == Some(organization_id))
                && place.is_some_and(|place| place.type_ == on.type_ && place.url == on.url)
        });
        let own = |rival: &User| rival.namespace() == self.namespace();
        rivals.first().map(|rival| if own(rival) { Rival::Named(rival.name_any()) } else { Rival::Elsewhere })
    }

    fn parent(&self, context: &Context) -> Option<State> {
        let name = &self.spec.organization_ref.name;
        let organization = context.organizations.get(&self.namespace().unwrap_or_default(), name);
        ready_for_new(organization.as_deref(), name).err().and_then(Stop::into_state)
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

    fn fill(draft: &mut UserStatus, desired: &Desired<Self>, found: &Found<'_, Self>) {
        draft.external_id = Some(found.record.id.clone());
        draft.origin = found.origin.or(draft.origin);
        for (slot, secret) in desired.slots.iter().zip(found.secrets) {
            if let Some(secret) = secret {
                draft.secret_name = Some(slot.name.clone());
                draft.secret_digest = Some(slot.digest(&secret.values));
                let key = secret.values.get(key::TOKEN).filter(|_| desired.place.cannot(Capability::TokensPerUser));
                draft.key_id = key.map(platform::key_id);
            }
        }
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

/// Variables of templates that come from the organisation.
pub fn organization_variables(context: &Context, namespace: &str, name: &str) -> Vec<(&'static str, String)> {
    let organization = context.organizations.get(namespace, name);
    let Some(status) = organization.as_ref().and_then(|organization| organization.status.as_ref()) else {
        return Vec::new();
    };
    let known = [("organizationName", &status.external_name), ("projectID", &status.default_project_id)];
    known.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
}

fn permissions(asked: &BTreeMap<String, TykPermission>) -> BTreeMap<String, String> {
    asked.iter().map(|(name, level)| (name.clone(), level.as_str().to_owned())).collect()
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
}
