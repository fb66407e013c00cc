//! Looks at the platform and at the Secrets, read-only and side by side, and turns what is there into facts.

use std::sync::Arc;

use futures::future::{try_join, try_join_all};
use kube::ResourceExt;

use super::context::Context;
use super::managed::{Desired, Managed};
use super::stop::Stop;
use crate::api::annotation::{FINALIZER, SECRET_EXTERNAL_ID, SECRET_OWNER_UID};
use crate::domain::entity::{Entity, Kind, Lookup, Record};
use crate::domain::plan::{Candidate, Facts, Slot, SlotState};
use crate::domain::policy::DeletionPolicy;
use crate::kubernetes::secret::{SecretError, StoredSecret};
use crate::platform;

/// What was seen.
pub struct Observed<K: Managed> {
    /// What the platform showed.
    pub records: Vec<<K::Entity as Entity>::Record>,
    /// The Secrets that are this resource's, in the order of the slots.
    pub secrets: Vec<Option<StoredSecret>>,
    /// The facts for the plan.
    pub facts: Facts<<K::Entity as Entity>::Change>,
}

/// Looks.
pub async fn observe<K: Managed>(
    context: &Context,
    object: &Arc<K>,
    desired: &Desired<K>,
) -> Result<Observed<K>, Stop> {
    let namespace = object.namespace().unwrap_or_default();
    let deleting = object.meta().deletion_timestamp.is_some();
    let read = try_join_all(desired.slots.iter().map(async |slot| {
        match context.secrets.get(&namespace, &slot.name).await {
            // The way out needs no Secret: a namespace that is deleted may have taken the right to read them already.
            Err(error @ (SecretError::Denied { .. } | SecretError::Malformed { .. })) if deleting => {
                tracing::warn!(error = &error as &dyn std::error::Error, secret = slot.name, "deleted without reading");
                Ok(None)
            }
            read => read,
        }
    }));
    let (found, records) = try_join(async { read.await.map_err(Stop::from) }, lookup(object, desired)).await?;

    let (states, secrets): (Vec<SlotState>, Vec<Option<StoredSecret>>) = found
        .into_iter()
        .zip(&desired.slots)
        .map(|(stored, slot)| judge(stored, &desired.uid, slot.content.keys()))
        .unzip();

    let recorded_id = object.recorded_id(&secrets);
    let there = recorded_id.as_ref().is_some_and(|id| records.iter().any(|record| record.id() == id));
    let missing_since = match recorded_id {
        Some(_) if !there => context.missing.note(&desired.uid, context.now()),
        _ => {
            context.missing.clear(&desired.uid);
            None
        }
    };
    let candidates = records
        .iter()
        .map(|record| {
            let ownership = desired.mark.judge(record.owner());
            Candidate { id: record.id().to_owned(), ownership, change: K::change(desired, record, ownership) }
        })
        .collect();
    let slots = desired
        .slots
        .iter()
        .zip(states)
        .zip(&secrets)
        .map(|((slot, state), secret)| Slot {
            secret: slot.name.clone(),
            source: slot.content.source(),
            state,
            collected: secret.as_ref().is_some_and(|secret| secret.controller_uid.is_some()),
            written: slot.written,
            on_adoption: slot.on_adoption,
        })
        .collect();
    let facts = Facts {
        kind: K::KIND,
        name: desired.name.clone(),
        deleting,
        finalizer: object.finalizers().iter().any(|finalizer| finalizer == FINALIZER),
        platform_held: desired.place.held,
        reachable: desired.place.api.is_some(),
        policy: desired.policy.clone(),
        recorded_id,
        missing_since,
        candidates,
        slots,
        attempt: object.status().map_or(0, K::attempt),
        dependents: object.dependents(context),
    };
    Ok(Observed { records, secrets, facts })
}

/// Asks the platform by the recorded id; where there is none, or nothing under it, by our mark and by name or the id that
/// the manifest gives.
async fn lookup<K: Managed>(object: &Arc<K>, desired: &Desired<K>) -> Result<Vec<<K::Entity as Entity>::Record>, Stop> {
    let Some(api) = &desired.place.api else {
        return Ok(Vec::new());
    };
    let backend = K::backend(api.as_ref());
    let found = async {
        if let Some(id) = object.recorded_id(&[]) {
            let found = backend.find(&desired.place.scope, &Lookup::Id(id)).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let mark = Lookup::Owner(desired.mark.as_str().to_owned());
        let lookups = match (K::KIND, &desired.policy.external_id) {
            (Kind::Token, _) => vec![mark],
            (_, Some(id)) => vec![mark, Lookup::Id(id.clone())],
            (_, None) => vec![mark, Lookup::Name(desired.name.clone())],
        };
        let answers = try_join_all(lookups.iter().map(|lookup| backend.find(&desired.place.scope, lookup))).await?;
        let mut records: Vec<<K::Entity as Entity>::Record> = Vec::new();
        for record in answers.into_iter().flatten() {
            if !records.iter().any(|known| known.id() == record.id()) {
                records.push(record);
            }
        }
        Ok::<_, platform::Error>(records)
    };
    let releasing = object.meta().deletion_timestamp.is_some() && desired.policy.deletion == DeletionPolicy::Retain;
    match found.await {
        // What is only let go needs no answer.
        Err(error) if releasing => {
            tracing::warn!(error = &error as &dyn std::error::Error, "released without taking the owner mark off");
            Ok(Vec::new())
        }
        found => Ok(found?),
    }
}

/// By its owner reference; where it has none, by the annotation.
fn is_ours(secret: &StoredSecret, uid: &str) -> bool {
    match &secret.controller_uid {
        Some(controller) => controller == uid,
        None => secret.annotations.get(SECRET_OWNER_UID).is_some_and(|owner| owner == uid),
    }
}

/// Whose a Secret is, and whether it is whole.
pub fn judge(stored: Option<StoredSecret>, uid: &str, keys: &[&str]) -> (SlotState, Option<StoredSecret>) {
    match stored {
        None => (SlotState::Absent, None),
        Some(secret) if is_ours(&secret, uid) => {
            let external_id = secret.annotations.get(SECRET_EXTERNAL_ID).cloned();
            (SlotState::Ours { external_id, complete: secret.has(keys) }, Some(secret))
        }
        Some(_) => (SlotState::Foreign, None),
    }
}
