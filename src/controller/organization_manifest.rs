//! What an Organization asks for that depends on the platform: its name there and its Secrets.

use kube::ResourceExt;

use super::context::Context;
use super::managed::Place;
use super::slot::{Recorded, SlotContent, SlotSpec};
use crate::api::{Organization, OrganizationStatus};
use crate::domain::capability::Capability;
use crate::domain::entity::{self, Kind};
use crate::domain::facts::Late;
use crate::domain::key::KeySize;
use crate::domain::naming::{self, OwnerMark};
use crate::platform::{AdminApi, Shown};

impl Organization {
    /// What its organisation carries to say whose it is.
    pub(super) fn mark(&self, context: &Context) -> OwnerMark {
        let (namespace, uid) = (self.namespace().unwrap_or_default(), self.uid().unwrap_or_default());
        let recorded = self.status.as_ref().map(|status| status.attempt_marks.as_slice()).unwrap_or_default();
        OwnerMark::new(&context.settings.owner_id, &namespace, &self.name_any()).of(&uid, recorded)
    }

    /// Name on that platform as the manifest has it.
    pub fn external_name(&self, api: &dyn AdminApi) -> String {
        self.name_on(Some(api))
    }

    /// As that, where the platform may not be known yet.
    pub(super) fn name_on(&self, api: Option<&dyn AdminApi>) -> String {
        let mapped = || {
            let name = self.name_any();
            api.map_or_else(|| name.clone(), |api| api.default_name(Kind::Organization, &name))
        };
        self.spec.external_name.clone().unwrap_or_else(mapped)
    }

    pub(super) fn slots(&self, status: &OrganizationStatus, place: &Place<entity::Organization>) -> Vec<SlotSpec> {
        let pushes_key_pair = place.can(Capability::KeyPairPush);
        let mut slots = Vec::new();
        if let Some(pair) = self.spec.key_pair.as_ref().filter(|pair| pair.import.is_none()) {
            let content = SlotContent::KeyPair {
                size: KeySize::from_bits(pair.size).unwrap_or_default(),
                encoding: pair.encoding,
            };
            let known = status.key_pair.as_ref();
            let recorded = Recorded {
                written: known.is_some(),
                digest: known.and_then(|known| known.secret_digest.clone()),
                public_key: known.map(|known| known.public_key.clone()),
            };
            let default = naming::key_pair_secret(&self.name_any());
            // Where the platform never gets it, it is only kept here, and can be made at any time.
            let late = if pushes_key_pair { Late::GenerateForOurs } else { Late::Generate };
            slots.push(SlotSpec::new(pair.secret.as_ref(), default, content, recorded, late));
        }
        if let Some(admin) = &self.spec.admin {
            let username = admin.username.clone();
            let shown = place.api.as_ref().is_some_and(|api| api.shows(Shown::AdminPassword));
            // A platform that shows it need not: then there is the invitation, and no Secret.
            let (content, late) = if shown {
                (SlotContent::ShownPassword { username }, Late::LeaveOut)
            } else {
                (SlotContent::Password { username, settable: false }, Late::Never)
            };
            let recorded = Recorded {
                written: status.admin_secret_name.is_some(),
                digest: status.admin_secret_digest.clone(),
                public_key: None,
            };
            let default = naming::admin_secret(&self.name_any());
            slots.push(SlotSpec::new(admin.secret.as_ref(), default, content, recorded, late));
        }
        slots
    }
}
