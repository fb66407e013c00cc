//! Whose a Secret is, and whether it is whole.

use kube::ResourceExt;

use super::managed::{Desired, Managed};
use super::slot::{SlotSpec, key};
use crate::api::ManagedStatus as _;
use crate::api::annotation::{
    FIELD_MANAGER, LABEL_KIND, LABEL_MANAGED_BY, LABEL_NAME, SECRET_EXTERNAL_ID, SECRET_OWNER_UID, SECRET_ROTATED_FOR,
};
use crate::domain::entity::Kind;
use crate::domain::facts::{Content, SlotState};
use crate::kubernetes::secret::StoredSecret;
use crate::platform;

/// Whether it holds the key with that id.
pub fn holds(secret: &StoredSecret, id: &str) -> bool {
    secret.values.get(key::TOKEN).is_some_and(|held| platform::key_id(held) == id)
}

/// By its owner reference; where it has none, by the annotation.
fn is_ours(secret: &StoredSecret, uid: &str) -> bool {
    match &secret.controller_uid {
        Some(controller) => controller == uid,
        None => secret.annotations.get(SECRET_OWNER_UID).is_some_and(|owner| owner == uid),
    }
}

/// Whether its labels name this resource, as those of a Secret do that was restored, or copied from another cluster.
fn names_us<K: Managed>(secret: &StoredSecret, object: &K) -> bool {
    let is = |label: &str, value: &str| secret.labels.get(label).is_some_and(|found| found == value);
    secret.controller_uid.is_none()
        && is(LABEL_MANAGED_BY, FIELD_MANAGER)
        && is(LABEL_KIND, K::KIND.as_str())
        && is(LABEL_NAME, &object.name_any())
}

/// Whose a Secret is, and whether it is whole.
pub fn judge<K: Managed>(
    object: &K,
    desired: &Desired<K>,
    status: &K::Status,
    slot: &SlotSpec,
    stored: Option<StoredSecret>,
    proved: bool,
) -> (SlotState, Option<StoredSecret>) {
    let Some(secret) = stored else {
        return (SlotState::Absent, None);
    };
    // Asked of the resource and not answered yet: the Secret alone, which others may edit, asks for nothing.
    let pending = desired.rotate_request.as_deref().filter(|request| status.last_handled_rotate_at() != Some(*request));
    if is_ours(&secret, &desired.uid) {
        let content = slot.content(&secret, vouches::<K>(status, &secret, pending, proved), pending.is_some());
        return (SlotState::Ours(content), Some(secret));
    }
    if names_us(&secret, object) {
        let external_id = secret.annotations.get(SECRET_EXTERNAL_ID).cloned();
        let known = external_id.is_some() && external_id.as_deref() == status.external_id();
        let content = slot.content(&secret, known && vouches::<K>(status, &secret, pending, proved), false);
        return (SlotState::Claimed { external_id, content }, Some(secret));
    }
    (SlotState::Foreign, None)
}

/// Whether status speaks of the values that are in this Secret, and not of those before: a Secret is written first, with
/// the id of its token or the request that its password answers.
fn vouches<K: Managed>(status: &K::Status, secret: &StoredSecret, pending: Option<&str>, proved: bool) -> bool {
    // A Token renewed the key of its User: the platform says that it is the one in use.
    if proved && status.key_id().is_some_and(|id| !holds(secret, id)) {
        return false;
    }
    let annotation = |name| secret.annotations.get(name).map(String::as_str);
    let newer = pending.is_some() && annotation(SECRET_ROTATED_FOR) == pending;
    // Each token is another object; a key pair or a password stays the same whatever id the Secret names.
    let id = annotation(SECRET_EXTERNAL_ID);
    let same_token =
        K::KIND != Kind::Token || id.is_none() || status.external_id().is_none() || id == status.external_id();
    same_token && !newer
}

/// Whether a Secret of ours is there whole.
pub fn is_whole(state: &SlotState) -> bool {
    matches!(state, SlotState::Ours(Content::Whole | Content::Mendable | Content::Staged))
}
