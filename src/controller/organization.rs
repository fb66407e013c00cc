//! Organizations.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use secrecy::{ExposeSecret, SecretString};

use super::account;
use super::attempt::Attempt;
use super::context::{self, Context};
use super::finalizer::has_finalizer;
use super::import;
use super::input;
use super::managed::{Desired, Found, Managed, Place, Reconciled};
use super::pass::{self, Pass};
use super::resolve::{Resolved, Visitor, resolve, resolve_deleting};
use super::slot::{SlotContent, SlotSpec, key};
use super::stop::Stop;
use crate::api::annotation::TAKE_OVER_FROM;
use crate::api::{KeyPair, KeyPairStatus, Organization, OrganizationAdmin, OrganizationStatus, TykOrganization};
use crate::domain::capability::Capability;
use crate::domain::condition::Reason;
use crate::domain::entity::{
    self, KeyPairValue, Kind, NewAdmin, NewOrganization, OrganizationChange, OrganizationRecord, TykSettings,
};
use crate::domain::facts::{Policy, Rival};
use crate::domain::naming::Ownership;
use crate::domain::policy::Origin;
use crate::keys;
use crate::kubernetes::secret::{StoredSecret, Values};
use crate::platform::{AdminApi, Backend};

/// What an Organization asks for.
#[derive(Debug)]
pub struct Content {
    display_name: Option<String>,
    admin: Option<OrganizationAdmin>,
    link: Option<SecretString>,
    tyk: TykSettings,
    imported: Option<Imported>,
    marks: bool,
}

/// A key pair of the user's own.
#[derive(Debug)]
struct Imported {
    value: KeyPairValue,
    fingerprint: String,
    secret_name: String,
}

#[async_trait]
impl Reconciled for Organization {
    const KIND: Kind = Kind::Organization;

    fn objects(context: &Context) -> &context::Kind<Self> {
        &context.organizations
    }

    fn begin(&self, draft: &mut OrganizationStatus) {
        pass::first_visit(self, draft);
    }

    async fn pass(
        object: &mut Arc<Self>,
        context: &Arc<Context>,
        draft: &mut OrganizationStatus,
    ) -> Result<Pass, Stop> {
        pass::pass(object, context, draft).await
    }
}

#[async_trait]
impl Managed for Organization {
    type Entity = entity::Organization;
    type Content = Content;

    fn backend(api: &dyn AdminApi) -> &dyn Backend<entity::Organization> {
        api
    }

    async fn resolve(
        &self,
        context: &Context,
        draft: &mut OrganizationStatus,
    ) -> Result<Option<Place<entity::Organization>>, Stop> {
        let own = self.namespace().unwrap_or_default();
        let recorded = self.status.as_ref().and_then(|status| status.platform.as_ref());
        let deleting = self.meta().deletion_timestamp.is_some();
        let resolved = match (recorded, deleting) {
            (Some(recorded), true) => resolve_deleting(context, recorded, &own).await?,
            (Some(recorded), false) => {
                let visitor = Visitor { from: &own, recorded: Some(recorded), leaving: false, revoking: false };
                resolve(context, (&recorded.namespace, &recorded.name), visitor).await?
            }
            (None, deleting) => {
                let (namespace, name) = self.platform_reference(context).ok_or_else(|| {
                    Stop::held(
                        Reason::InvalidSpec,
                        "give platformRef: the operator was started without a default Platform",
                    )
                })?;
                let visitor = Visitor { from: &own, recorded: None, leaving: deleting, revoking: false };
                match resolve(context, (&namespace, &name), visitor).await {
                    Ok(resolved) => resolved,
                    // The Platform waits for everything that was made on it: where it is gone, nothing was.
                    Err(_) if deleting && context.platforms.get(&namespace, &name).is_none() => return Ok(None),
                    Err(stop) => return Err(stop),
                }
            }
        };
        let Resolved { api, record, held, grant, refused, hourly } = resolved;
        let api = match api {
            // On the way out the account may have gone before; deleting the organisation does not need it.
            Some(api) if !deleting => match account::acting(context, self, Arc::clone(&api)).await {
                Ok(acting) => Some(acting),
                // It is in the organisation, and so can only come after it: its Users wait for it.
                Err(Stop::Held { .. }) => Some(api),
                Err(stop) => return Err(stop),
            },
            other => other,
        };
        draft.platform = Some(record.clone());
        Ok(Some(Place {
            api,
            platform: record,
            held,
            refused,
            may_adopt: grant.adopt,
            may_delete: grant.delete,
            hourly,
            scope: (),
        }))
    }

    async fn desired(&self, context: &Context, place: Place<entity::Organization>) -> Result<Desired<Self>, Stop> {
        let status = self.status.clone().unwrap_or_default();
        let namespace = self.namespace().unwrap_or_default();
        let name = status.external_name.clone().unwrap_or_else(|| self.name_on(place.api.as_deref()));
        let deleting = self.meta().deletion_timestamp.is_some();
        let (mut imported, mut link) = (None, None);
        if !deleting {
            if let (Some(asked), Some(has)) = (&self.spec.external_id, &status.external_id)
                && asked != has
            {
                return Err(Stop::held(
                    Reason::InvalidSpec,
                    format!(
                        "externalID: this resource stands for {has} already: make another Organization for {asked}"
                    ),
                ));
            }
            self.check(context, &place, &name).await?;
            imported = match &self.spec.key_pair {
                Some(KeyPair { import: Some(import), .. }) => Some(import::import(context, &namespace, import).await?),
                _ => None,
            };
            // It is sent with the creation alone: one that is gone since is missed by nobody.
            let asked = self.spec.rockit.as_ref().and_then(|rockit| rockit.dxorglnk_secret_ref.as_ref());
            if let Some(reference) = asked.filter(|_| status.external_id.is_none()) {
                link = Some(input::read(&context.secrets, &namespace, reference).await?);
            }
        }
        let marks = place.marks(Kind::Organization);
        let mark = self.mark(context);
        let mut variables = place.variables();
        variables.extend(self.spec.admin.as_ref().map(|admin| ("email", admin.email.clone())));
        Ok(Desired {
            uid: self.uid().unwrap_or_default(),
            mark: mark.taking_from(self.annotations().get(TAKE_OVER_FROM).map(String::as_str)),
            policy: Policy {
                adoption: self.spec.adoption_policy,
                may_adopt: place.may_adopt,
                deletion: self.spec.deletion_policy,
                may_delete: place.may_delete,
                drift: self.spec.drift_policy,
                external_id: self.spec.external_id.clone(),
            },
            slots: self.slots(&status, &place),
            shared: None,
            rotate_request: None,
            variables,
            content: Content {
                display_name: self.spec.display_name.clone(),
                admin: self.spec.admin.clone(),
                link,
                tyk: self.spec.tyk.as_ref().map(tyk_settings).unwrap_or_default(),
                imported: imported.map(|(value, fingerprint, secret_name)| Imported {
                    value,
                    fingerprint,
                    secret_name,
                }),
                marks,
            },
            name,
            place,
        })
    }

    fn creation(
        desired: &Desired<Self>,
        secrets: &[Option<StoredSecret>],
        attempt: Option<Attempt<'_>>,
        _: Timestamp,
    ) -> NewOrganization {
        let of = |wanted: fn(&SlotContent) -> bool| {
            let mut slots = desired.slots.iter().zip(secrets);
            slots.find(|(slot, _)| wanted(&slot.content)).and_then(|(_, secret)| secret.as_ref()).map(|s| &s.values)
        };
        let generated = of(|content| matches!(content, SlotContent::KeyPair { .. })).and_then(|values| {
            Some(KeyPairValue {
                private_pem: values.get(key::PRIVATE)?.clone(),
                public_pem: values.get(key::PUBLIC)?.expose_secret().to_owned(),
                passphrase: values.get(key::PASSPHRASE).cloned(),
            })
        });
        let imported = desired.content.imported.as_ref().map(|imported| imported.value.clone());
        let password = || -> Option<SecretString> {
            of(|content| matches!(content, SlotContent::Password { .. }))?.get(key::PASSWORD).cloned()
        };
        NewOrganization {
            idempotency_key: desired.uid.clone(),
            name: desired.name.clone(),
            display_name: desired.content.display_name.clone(),
            owner: desired.mark.made_by(attempt.and_then(|attempt| attempt.mark)),
            admin: desired.content.admin.as_ref().map(|admin| NewAdmin {
                username: admin.username.clone(),
                email: admin.email.clone(),
                first_name: admin.first_name.clone(),
                last_name: admin.last_name.clone(),
                password: password(),
            }),
            key_pair: generated.or(imported),
            link: desired.content.link.clone(),
            tyk: desired.content.tyk.clone(),
        }
    }

    fn change(
        desired: &Desired<Self>,
        record: &OrganizationRecord,
        ownership: Ownership,
    ) -> (Option<OrganizationChange>, Vec<&'static str>) {
        // What shows nothing of itself takes no change either: what it has was given at its creation.
        if record.partial {
            return (None, Vec::new());
        }
        let (content, tyk) = (&desired.content, &record.tyk);
        let wanted = &content.tyk;
        let to_be_marked = matches!(ownership, Ownership::Unmarked | Ownership::Offered);
        let change = OrganizationChange {
            display_name: differing(content.display_name.as_ref(), record.display_name.as_ref()),
            tyk: TykSettings {
                cname: differing(wanted.cname.as_ref(), tyk.cname.as_ref()),
                cname_enabled: differing(wanted.cname_enabled.as_ref(), tyk.cname_enabled.as_ref()),
                developer_quota: differing(wanted.developer_quota.as_ref(), tyk.developer_quota.as_ref()),
                hybrid_enabled: differing(wanted.hybrid_enabled.as_ref(), tyk.hybrid_enabled.as_ref()),
                sso_enabled: differing(wanted.sso_enabled.as_ref(), tyk.sso_enabled.as_ref()),
            },
            owner: (content.marks && to_be_marked).then(|| Some(desired.mark.as_str().to_owned())),
        };
        let drift = [
            (change.display_name.is_some(), "spec.displayName"),
            (change.tyk.cname.is_some(), "spec.tyk.cname"),
            (change.tyk.cname_enabled.is_some(), "spec.tyk.cnameEnabled"),
            (change.tyk.developer_quota.is_some(), "spec.tyk.developerQuota"),
            (change.tyk.hybrid_enabled.is_some(), "spec.tyk.hybridEnabled"),
            (change.tyk.sso_enabled.is_some(), "spec.tyk.ssoEnabled"),
        ];
        let drift = drift.into_iter().filter_map(|(differs, path)| differs.then_some(path)).collect();
        ((change != OrganizationChange::default()).then_some(change), drift)
    }

    fn is_invited(desired: &Desired<Self>) -> bool {
        desired.content.admin.is_some()
    }

    fn release() -> OrganizationChange {
        OrganizationChange { owner: Some(None), ..OrganizationChange::default() }
    }

    fn variables(desired: &Desired<Self>, record: Option<&OrganizationRecord>) -> Vec<(&'static str, String)> {
        let Some(record) = record else {
            let names = ["organizationID", "organizationName"].into_iter();
            let project = desired.place.can(Capability::Projects).then_some("projectID");
            return names.chain(project).map(|name| (name, String::new())).collect();
        };
        let mut all = vec![("organizationID", record.id.clone()), ("organizationName", record.name.clone())];
        all.extend(record.default_project_id.clone().map(|id| ("projectID", id)));
        all
    }

    /// The project that its first member made, on platforms that show it with the projects alone.
    async fn complete(
        &self,
        context: &Context,
        desired: &Desired<Self>,
        record: &mut OrganizationRecord,
    ) -> Result<(), Stop> {
        let known = self.status.as_ref().and_then(|status| status.default_project_id.clone());
        if record.default_project_id.is_some() || known.is_some() || !desired.place.can(Capability::Projects) {
            record.default_project_id = record.default_project_id.take().or(known);
            return Ok(());
        }
        let (namespace, name) = (self.namespace(), self.name_any());
        let users = context.users.all(|user| user.namespace() == namespace && user.spec.organization_ref.name == name);
        // One that was taken over may have come with a project of another organisation.
        let made = |user: &Arc<crate::api::User>| {
            let status = user.status.as_ref().filter(|status| status.origin == Some(Origin::Created))?;
            status.external_id.clone()
        };
        let members: Vec<String> = users.iter().filter_map(made).collect();
        if let (Some(api), false) = (&desired.place.api, members.is_empty()) {
            // What is only shown keeps nothing from being Ready.
            match api.default_project(&record.id, &members).await {
                Ok(found) => record.default_project_id = found,
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "no default project is shown"),
            }
        }
        Ok(())
    }

    fn rival(&self, context: &Context, desired: &Desired<Self>, id: &str) -> Option<Rival> {
        let has_it = |other: &Organization| {
            let status = other.status.as_ref();
            other.uid() != self.uid()
                && status.and_then(|status| status.external_id.as_deref()) == Some(id)
                && other.is_on(context, &desired.place)
        };
        let rivals = context.organizations.all(has_it);
        rivals.first().map(|rival| self.named(rival))
    }

    fn dependents(&self, context: &Context) -> usize {
        let (namespace, name) = (self.namespace(), self.name_any());
        let id = self.status.as_ref().and_then(|status| status.external_id.as_ref());
        let users = context.users.all(|user| user.namespace() == namespace && user.spec.organization_ref.name == name);
        let names: Vec<String> = users.iter().map(|user| user.name_any()).collect();
        let tokens = context.tokens.all(|token| {
            let made_in = token.status.as_ref().and_then(|status| status.organization_id.as_ref());
            token.namespace() == namespace
                && (names.contains(&token.spec.user_ref.name) || (id.is_some() && made_in == id))
        });
        // One that was never begun has nothing there, and waits itself for the next organisation of that name.
        let users = users.iter().filter(|user| has_finalizer(&***user)).count();
        users + tokens.iter().filter(|token| has_finalizer(&***token)).count()
    }

    fn fill(draft: &mut OrganizationStatus, desired: &Desired<Self>, found: &Found<'_, Self>) {
        draft.external_id = Some(found.record.id.clone());
        draft.external_name = Some(found.record.name.clone());
        draft.default_project_id.clone_from(&found.record.default_project_id);
        draft.origin = found.origin.or(draft.origin);
        for (slot, secret) in desired.slots.iter().zip(found.secrets) {
            let Some(secret) = secret else { continue };
            match slot.content {
                SlotContent::KeyPair { .. } => draft.key_pair = key_pair_status(slot, &secret.values),
                SlotContent::Password { .. } | SlotContent::ShownPassword { .. } => {
                    draft.admin_secret_name = Some(slot.name.clone());
                    draft.admin_secret_digest = Some(slot.digest(&secret.values));
                }
                SlotContent::Token | SlotContent::Login { .. } => {}
            }
        }
        if let Some(imported) = &desired.content.imported {
            draft.key_pair = Some(KeyPairStatus {
                fingerprint: imported.fingerprint.clone(),
                public_key: imported.value.public_pem.clone(),
                secret_name: imported.secret_name.clone(),
                secret_digest: None,
            });
        }
    }
}

fn tyk_settings(asked: &TykOrganization) -> TykSettings {
    TykSettings {
        cname: asked.cname.clone(),
        cname_enabled: asked.cname_enabled,
        developer_quota: asked.developer_quota,
        hybrid_enabled: asked.hybrid_enabled,
        sso_enabled: asked.sso_enabled,
    }
}

/// What is asked for, where something else is there.
fn differing<T: Clone + PartialEq>(wanted: Option<&T>, found: Option<&T>) -> Option<T> {
    wanted.filter(|wanted| found != Some(*wanted)).cloned()
}

fn key_pair_status(slot: &SlotSpec, values: &Values) -> Option<KeyPairStatus> {
    let public_key = values.get(key::PUBLIC)?.expose_secret().to_owned();
    Some(KeyPairStatus {
        fingerprint: keys::fingerprint(&public_key).ok()?,
        public_key,
        secret_name: slot.name.clone(),
        secret_digest: Some(slot.digest(values)),
    })
}

impl Organization {
    /// Namespace and name of the Platform: the recorded one, the manifest's, the operator's default.
    pub fn platform_reference(&self, context: &Context) -> Option<(String, String)> {
        if let Some(recorded) = self.status.as_ref().and_then(|status| status.platform.as_ref()) {
            return Some((recorded.namespace.clone(), recorded.name.clone()));
        }
        match &self.spec.platform_ref {
            Some(reference) => {
                let namespace = reference.namespace.clone().or_else(|| self.namespace())?;
                Some((namespace, reference.name.clone()))
            }
            None => context.settings.default_platform.clone(),
        }
    }
}
