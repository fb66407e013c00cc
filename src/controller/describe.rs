//! The Secret of a resource as it is to be, from the manifest, the object and the values.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt};
use secrecy::{ExposeSecret, SecretString};

use super::managed::{Desired, Managed};
use super::slot::{SlotContent, SlotSpec};
use super::stop::Stop;
use crate::api::annotation::{self, FIELD_MANAGER};
use crate::domain::capability::Capability;
use crate::domain::condition::Reason;
use crate::domain::entity::{Entity, Record};
use crate::domain::policy::DeletionPolicy;
use crate::keys;
use crate::kubernetes::image::{Applied, SecretImage};
use crate::kubernetes::secret::Values;
use crate::kubernetes::template::{self, Fault, Variables};

/// The type of a Secret that may hold any keys.
const OPAQUE: &str = "Opaque";

/// The reference that makes a Secret go with its resource.
pub fn owner<K: Resource<DynamicType = ()>>(object: &K) -> OwnerReference {
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    }
}

/// The Secret of that slot with those values, our own ones. Before there is an object, what templates make of it is left
/// out, or stands in where the Secret's type asks for the keys.
pub fn image<K: Managed>(
    object: &K,
    desired: &Desired<K>,
    slot: &SlotSpec,
    record: Option<&<K::Entity as Entity>::Record>,
    values: Values,
) -> Result<SecretImage, Stop> {
    let own = [
        (annotation::LABEL_MANAGED_BY, FIELD_MANAGER.to_owned()),
        (annotation::LABEL_KIND, K::KIND.as_str().to_owned()),
        (annotation::LABEL_NAME, object.name_any()),
    ];
    let mut labels = slot.labels.clone();
    labels.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let mut annotations = slot.annotations.clone();
    annotations.insert(annotation::SECRET_OWNER_UID.to_owned(), desired.uid.clone());
    annotations.insert(annotation::SECRET_PLATFORM_URL.to_owned(), desired.place.platform.url.clone());
    annotations.extend(fingerprint(slot, &values).map(|text| (annotation::SECRET_FINGERPRINT.to_owned(), text)));
    let mut image = SecretImage {
        namespace: object.namespace().unwrap_or_default(),
        name: slot.name.clone(),
        type_: slot.type_.clone(),
        labels,
        annotations,
        owner: (desired.policy.deletion == DeletionPolicy::Delete).then(|| owner(object)),
        values,
        applied: Applied {
            labels: slot.labels.keys().cloned().collect(),
            annotations: slot.annotations.keys().cloned().collect(),
            keys: Vec::new(),
        },
        dropped: &[],
        outdated: &[],
    };
    if let Some(record) = record {
        image.annotations.insert(annotation::SECRET_EXTERNAL_ID.to_owned(), record.id().to_owned());
    }
    // Kubernetes refuses a Secret of most other types without certain keys, which are a template's.
    if record.is_some() || slot.type_ != OPAQUE {
        image.applied.keys = slot.template.keys().cloned().collect();
        let rendered = render(desired, slot, record, &image.values)?;
        image.values.extend(rendered);
    }
    let applied = image.applied.to_annotation();
    image.annotations.extend(applied.map(|text| (annotation::SECRET_APPLIED.to_owned(), text)));
    Ok(image)
}

fn render<K: Managed>(
    desired: &Desired<K>,
    slot: &SlotSpec,
    record: Option<&<K::Entity as Entity>::Record>,
    values: &Values,
) -> Result<Values, Stop> {
    if slot.template.is_empty() {
        return Ok(Values::new());
    }
    let mut variables = Variables::new();
    let known = desired.variables.iter().cloned();
    variables.extend(known.map(|(name, value)| (name, SecretString::from(value))));
    let stand_in = |value: String| if record.is_none() { "-".to_owned() } else { value };
    let come = K::variables(desired, record).into_iter();
    variables.extend(come.map(|(name, value)| (name, SecretString::from(stand_in(value)))));
    variables.extend(fingerprint(slot, values).map(|text| ("fingerprint", SecretString::from(text))));
    for (name, key) in slot.content.variables() {
        variables.extend(values.get(*key).map(|value| (*name, value.clone())));
    }
    template::render(&slot.template, &variables).map_err(|error| refused(desired, slot, &error))
}

/// Whether the Secrets have names of their own, and their templates can be rendered once there is an object, as far as the
/// manifest tells.
pub fn check<K: Managed>(desired: &Desired<K>) -> Result<(), Stop> {
    for (index, slot) in desired.slots.iter().enumerate() {
        if desired.slots[..index].iter().any(|other| other.name == slot.name) {
            let message =
                format!("two Secrets of this resource would be named {}: choose another secret.name", slot.name);
            return Err(Stop::held(Reason::InvalidSpec, message));
        }
    }
    for slot in desired.slots.iter().filter(|slot| !slot.template.is_empty()) {
        let come = K::variables(desired, None);
        let mut names: Vec<&'static str> = desired.variables.iter().chain(&come).map(|(name, _)| *name).collect();
        names.extend(slot.content.variables().iter().map(|(name, _)| *name));
        if matches!(slot.content, SlotContent::KeyPair { .. }) {
            names.push("fingerprint");
        }
        template::check(&slot.template, &names).map_err(|error| refused(desired, slot, &error))?;
    }
    Ok(())
}

/// A template that asks for the default project of an organisation before there is one waits for it.
fn refused<K: Managed>(desired: &Desired<K>, slot: &SlotSpec, error: &template::TemplateError) -> Stop {
    let of_project = matches!(&error.fault, Fault::UnknownVariable { name, .. } if name == "projectID");
    if of_project && desired.place.can(Capability::Projects) {
        let message = format!(
            "the Secret {}: template key {}: the organisation has no default project yet: its first User makes it, so \
             only a Token's template can use projectID in any case",
            slot.name, error.key
        );
        return Stop::held(Reason::DependencyNotReady, message);
    }
    Stop::held(Reason::InvalidSpec, format!("the Secret {}: {error}", slot.name))
}

fn fingerprint(slot: &SlotSpec, values: &Values) -> Option<String> {
    let SlotContent::KeyPair { .. } = slot.content else {
        return None;
    };
    keys::fingerprint(values.get(super::slot::key::PUBLIC)?.expose_secret()).ok()
}
