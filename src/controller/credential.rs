//! What a Token's Secret says about the credential in it, and whether that can be believed.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::ExposeSecret;

use super::managed::{Desired, Managed};
use super::slot::key;
use super::stop::Stop;
use crate::api::ManagedStatus as _;
use crate::api::annotation::{
    SECRET_ATTEMPT, SECRET_EXPIRES_AT, SECRET_EXTERNAL_ID, SECRET_ISSUED_AT, SECRET_PREVIOUS_ID,
};
use crate::domain::entity::OfUser;
use crate::domain::facts::{Content, Credential, SlotState};
use crate::domain::fault::FaultKind;
use crate::kubernetes::secret::StoredSecret;
use crate::platform;

/// The ids on the platform that a Token's status and Secret name.
pub fn named_ids(recorded: Option<&str>, stored: Option<&StoredSecret>) -> Vec<String> {
    let annotation = |name| stored.and_then(|stored| stored.annotations.get(name)).map(String::as_str);
    let mut ids: Vec<String> = Vec::new();
    for id in [recorded, annotation(SECRET_EXTERNAL_ID), annotation(SECRET_PREVIOUS_ID)].into_iter().flatten() {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// The credential in a Secret that is this resource's, or that claims to be and holds a value that logs in.
pub async fn credential<K: Managed>(
    object: &Arc<K>,
    desired: &Desired<K>,
    status: &K::Status,
    state: &SlotState,
    stored: &StoredSecret,
) -> Result<Option<Credential>, Stop> {
    let (ours, content) = match state {
        SlotState::Ours(content) => (true, *content),
        SlotState::Claimed { content, .. } => (false, *content),
        SlotState::Absent | SlotState::Foreign => return Ok(None),
    };
    let annotation = |name| stored.annotations.get(name).map(String::as_str);
    let time = |name| annotation(name).and_then(|text| text.parse::<Timestamp>().ok());
    let Some(id) = annotation(SECRET_EXTERNAL_ID) else {
        return Ok(None);
    };
    // What status recorded of the same token proves the value; what it does not speak of is tried. A value that it does
    // speak of under another id is under a wrong one: somebody edited the Secret.
    let recorded = status.external_id();
    let proved = ours && recorded == Some(id);
    let mislabelled = recorded.is_some_and(|recorded| recorded != id)
        && desired
            .slots
            .first()
            .is_some_and(|slot| slot.recorded.digest.as_ref() == Some(&slot.digest(&stored.values)));
    let deleting = object.meta().deletion_timestamp.is_some();
    // Whoever may edit the Secret may have edited the ids in it. Where the platform keeps no mark, an id counts only if it
    // is one that status knows, or if an attempt was cut off before status could.
    let vouched = ours && (desired.place.marks(K::KIND) || status.attempt_open());
    let sound = match content {
        // A key's id is made from the key.
        Content::Whole if desired.shared.is_some() => {
            stored.values.get(key::TOKEN).is_some_and(|value| platform::key_id(value) == id)
        }
        Content::Whole if mislabelled => false,
        Content::Whole if proved || (vouched && deleting) => true,
        Content::Whole if deleting => false,
        Content::Whole => logs_in(desired, stored, id, vouched).await?,
        Content::Mendable | Content::Broken | Content::Staged => false,
    };
    Ok((ours || sound).then(|| Credential {
        id: id.to_owned(),
        attempt: annotation(SECRET_ATTEMPT).and_then(|text| text.parse().ok()).unwrap_or_default(),
        issued_at: time(SECRET_ISSUED_AT),
        expires_at: time(SECRET_EXPIRES_AT),
        previous: annotation(SECRET_PREVIOUS_ID).filter(|id| vouched || status.knows(id)).map(str::to_owned),
        sound,
    }))
}

/// Whether the value logs in as the token with that id. Where the platform has no call for that, our own Secrets are
/// believed and others are not.
async fn logs_in<K: Managed>(desired: &Desired<K>, stored: &StoredSecret, id: &str, ours: bool) -> Result<bool, Stop> {
    let (Some(api), Some(of), Some(value)) =
        (&desired.place.api, K::of_user(desired, id), stored.values.get(key::TOKEN))
    else {
        return Ok(false);
    };
    if value.expose_secret().is_empty() {
        return Ok(false);
    }
    let of: OfUser = of;
    match api.authenticates(&of, value).await {
        Ok(found) => Ok(found.as_deref() == Some(id)),
        Err(error) if error.kind == FaultKind::Unsupported => Ok(ours),
        Err(error) => Err(error.into()),
    }
}
