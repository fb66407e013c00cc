//! What an Organization asks for that cannot be seen in one object alone, or only with the platform in hand.

use kube::ResourceExt;

use super::context::Context;
use super::grant::grant;
use super::managed::Place;
use super::stop::Stop;
use crate::api::{ObjectStatus as _, Organization, PlatformType};
use crate::domain::capability::Capability;
use crate::domain::condition::Reason;
use crate::domain::entity::{self, Kind};
use crate::domain::facts::Rival;
use crate::domain::policy::{AdoptionPolicy, DeletionPolicy};
use crate::platform::{AdminApi, Need};

impl Organization {
    /// Whether the manifest can be carried out there.
    pub(super) async fn check(
        &self,
        context: &Context,
        place: &Place<entity::Organization>,
        name: &str,
    ) -> Result<(), Stop> {
        let spec = &self.spec;
        let is = |type_| place.platform.type_ == type_;
        if spec.rockit.is_some() && !is(PlatformType::Rockit) {
            return Err(Stop::held(
                Reason::InvalidSpec,
                "rockit: the Platform is no ROCKIT Edge: leave this section out",
            ));
        }
        if spec.tyk.is_some() && !is(PlatformType::Tyk) {
            return Err(Stop::held(
                Reason::InvalidSpec,
                "tyk: the Platform is no Tyk Dashboard: leave this section out",
            ));
        }
        if let Some(api) = &place.api {
            let asked = [
                (spec.display_name.is_some(), "displayName", Capability::DisplayName),
                (spec.admin.is_some(), "admin", Capability::OrganizationAdmin),
                (
                    spec.deletion_policy == DeletionPolicy::Delete,
                    "deletionPolicy: Delete",
                    Capability::OrganizationDelete,
                ),
            ];
            for (asked, field, capability) in asked {
                if asked && place.cannot(capability) {
                    let message = format!("{field}: this platform cannot ({}): leave it out", capability.name());
                    return Err(Stop::held(Reason::Unsupported, message));
                }
            }
            for (given, field, need, example) in [
                (spec.admin.is_some(), "admin", Need::Admin, "a username and an email"),
                (spec.key_pair.is_some(), "keyPair", Need::KeyPair, "{} to have one made"),
            ] {
                if !given && api.needs(need) {
                    let message = format!("{field}: this platform makes no organisation without: give {example}");
                    return Err(Stop::held(Reason::InvalidSpec, message));
                }
            }
            api.check_name(Kind::Organization, name)
                .map_err(|rule| Stop::held(Reason::InvalidSpec, format!("externalName: {rule}")))?;
        }
        for (asked, allowed, permission, field) in [
            (spec.adoption_policy == AdoptionPolicy::IfExists, place.may_adopt, "Adopt", "adoptionPolicy: IfExists"),
            (spec.deletion_policy == DeletionPolicy::Delete, place.may_delete, "Delete", "deletionPolicy: Delete"),
        ] {
            if asked && !allowed {
                let message = format!(
                    "{field}: the Platform's owner has not granted that to this namespace (allowedNamespaces.permissions: [{permission}])"
                );
                return Err(Stop::held(Reason::NotPermitted, message));
            }
        }
        self.check_unique(context, place, name).await
    }

    /// Whose name a refusal may say: one of this namespace only.
    pub(super) fn named(&self, rival: &Organization) -> Rival {
        if rival.namespace() == self.namespace() { Rival::Named(rival.name_any()) } else { Rival::Elsewhere }
    }

    /// Two resources for one organisation: who has it keeps it, else the oldest gets it. One that is stuck before it
    /// made anything, for want of a grant say, takes no name from others. Another namespace's name is nobody's business.
    async fn check_unique(
        &self,
        context: &Context,
        place: &Place<entity::Organization>,
        name: &str,
    ) -> Result<(), Stop> {
        let rank = |organization: &Organization| {
            (organization.creation_timestamp().map(|time| time.0), organization.namespace(), organization.name_any())
        };
        let own = rank(self);
        let i_have_it = self.has_it();
        let api = place.api.as_deref();
        let (own_name, own_id) = (self.name_on_platform(api), self.id_on_platform());
        let rivals = context.organizations.all(|other| {
            // Those that wait for the same name keep their order among themselves.
            let stalled = other.status.as_ref().and_then(|status| status.condition("Stalled"));
            let stuck = stalled.is_some_and(|stalled| stalled.reason != Reason::NameConflict.as_str());
            let has_it = other.has_it();
            let first = if has_it == i_have_it { rank(other) < own && (has_it || !stuck) } else { has_it };
            let same_name = own_name.is_some() && other.name_on_platform(api) == own_name;
            let same_id = own_id.is_some() && other.id_on_platform() == own_id;
            first && other.uid() != self.uid() && (same_name || same_id) && other.is_on(context, place)
        });
        let mut first = None;
        for rival in rivals {
            if rival.has_it() || rival.may_use_its_platform(context).await {
                first = Some(self.named(&rival));
                break;
            }
        }
        match first {
            None => Ok(()),
            Some(Rival::Named(rival)) => Err(Stop::held(
                Reason::NameConflict,
                format!("the Organization {rival} stands for {name} already: choose another externalName"),
            )),
            Some(Rival::Elsewhere) => Err(Stop::held(
                Reason::NameConflict,
                format!("an Organization of another namespace stands for {name} already: choose another externalName"),
            )),
        }
    }

    /// What no grant allows keeps no name, whether anybody has looked at it or not.
    async fn may_use_its_platform(&self, context: &Context) -> bool {
        let reference = self.platform_reference(context);
        let Some(platform) = reference.and_then(|(namespace, name)| context.platforms.get(&namespace, &name)) else {
            return false;
        };
        grant(context, &platform, &self.namespace().unwrap_or_default()).await.is_ok_and(|grant| grant.allowed)
    }

    fn has_it(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.external_id.is_some())
    }

    /// Its name on the platform, unless that is the one of an object that only its id tells.
    fn name_on_platform(&self, api: Option<&dyn AdminApi>) -> Option<String> {
        let recorded = self.status.as_ref().and_then(|status| status.external_name.clone());
        let named = self.spec.external_id.is_none() || self.spec.external_name.is_some();
        recorded.or_else(|| named.then(|| self.name_on(api)))
    }

    fn id_on_platform(&self) -> Option<&str> {
        let recorded = self.status.as_ref().and_then(|status| status.external_id.as_deref());
        recorded.or(self.spec.external_id.as_deref())
    }

    /// Whether it is on the same platform, by whichever Platform resource.
    pub(super) fn is_on(&self, context: &Context, place: &Place<entity::Organization>) -> bool {
        if let Some(recorded) = self.status.as_ref().and_then(|status| status.platform.as_ref()) {
            return recorded.type_ == place.platform.type_ && recorded.url == place.platform.url;
        }
        let Some((namespace, name)) = self.platform_reference(context) else {
            return false;
        };
        if namespace == place.platform.namespace && name == place.platform.name {
            return true;
        }
        let platform = context.platforms.get(&namespace, &name);
        let status = platform.as_ref().and_then(|platform| platform.status.as_ref());
        status.is_some_and(|status| {
            status.type_ == Some(place.platform.type_) && status.url.as_ref() == Some(&place.platform.url)
        })
    }
}
