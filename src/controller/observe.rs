//! Looks at the platform and at the Secrets, read-only and side by side, and turns what is there into facts.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{try_join, try_join_all};
use kube::ResourceExt;

use super::context::Context;
use super::credential::{credential, named_ids};
use super::describe;
use super::finalizer::has_finalizer;
use super::judge::{holds, judge};
use super::lookup::{answer, lookup};
use super::managed::{Desired, Managed};
use super::shared;
use super::slot::{SlotContent, SlotSpec, key};
use super::stop::Stop;
use crate::api::annotation::{SECRET_EXTERNAL_ID, SECRET_ROTATED_FOR};
use crate::api::{ManagedStatus, PlatformRecord, PlatformType};
use crate::domain::capability::{Capability, deletion_of};
use crate::domain::condition::{self, Reason, State};
use crate::domain::entity::{Entity, Kind, Record};
use crate::domain::facts::{Candidate, Facts, Powers, SharedKey, Slot, SlotState, TokenFacts};
use crate::domain::policy::DeletionPolicy;
use crate::domain::rotation::Share;
use crate::kubernetes::secret::{SecretError, StoredSecret};
use crate::platform;

/// The facts about an object of that kind.
pub type FactsOf<K> = Facts<<<K as Managed>::Entity as Entity>::Change>;

/// What was seen.
pub struct Observed<K: Managed> {
    /// What the platform showed.
    pub records: Vec<<K::Entity as Entity>::Record>,
    /// The Secrets that are this resource's or claim to be, in the order of the slots.
    pub secrets: Vec<Option<StoredSecret>>,
    /// The facts for the plan.
    pub facts: FactsOf<K>,
}

/// Looks. `draft` is the status that the object has, with what this pass has found out.
pub async fn observe<K: Managed>(
    context: &Context,
    object: &Arc<K>,
    desired: &Desired<K>,
    draft: &K::Status,
) -> Result<Observed<K>, Stop> {
    let deleting = object.meta().deletion_timestamp.is_some();
    let recorded_id = draft.external_id().map(str::to_owned);
    // A token is found by what its Secret says, everything else without.
    let (found, records) = if let Some(shared) = &desired.shared {
        let found = read(context, object, desired).await?;
        let mut ids = named_ids(recorded_id.as_deref(), found.first().and_then(Option::as_ref));
        if deleting && shared::is_another_by_now(context, &object.namespace().unwrap_or_default(), shared, &ids).await?
        {
            ids.clear();
        }
        (found, Ok(ids.iter().map(|id| Record::unseen(id, &desired.name)).collect()))
    } else if K::KIND == Kind::Token {
        let found = read(context, object, desired).await?;
        let ids = named_ids(recorded_id.as_deref(), found.first().and_then(Option::as_ref));
        let records = lookup(context, object, desired, &ids).await;
        (found, records)
    } else {
        let ids: Vec<String> = recorded_id.iter().cloned().collect();
        let looked = async { Ok::<_, Stop>(lookup(context, object, desired, &ids).await) };
        try_join(read(context, object, desired), looked).await?
    };
    let (records, outage) = match (records, deleting, desired.policy.deletion) {
        (Ok(records), ..) => (records, desired.place.api.is_none().then(unreachable)),
        // What is only let go needs no answer.
        (Err(error), true, DeletionPolicy::Retain) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "released without taking the owner mark off");
            (Vec::new(), Some(State::new(error.kind.outcome().0, error.to_string())))
        }
        (Err(error), true, DeletionPolicy::Delete) if error.kind.is_outage() => {
            tracing::warn!(error = &error as &dyn std::error::Error, "not deleted yet");
            (Vec::new(), Some(State::new(error.kind.outcome().0, error.to_string())))
        }
        (Err(error), ..) => return Err(error.into()),
    };
    let (states, secrets): (Vec<SlotState>, Vec<Option<StoredSecret>>) = found
        .into_iter()
        .zip(&desired.slots)
        .map(|(stored, slot)| {
            let proved = stored.as_ref().is_some_and(|stored| is_proved(&records, stored));
            judge(&**object, desired, draft, slot, stored, proved)
        })
        .unzip();
    let mut records = records;
    let token = match K::KIND {
        Kind::Token => token_facts(context, object, desired, draft, &states, &secrets).await?,
        _ => TokenFacts::default(),
    };
    if let Some(id) = token.shared.as_ref().and_then(|shared| shared.id.as_ref())
        && !records.iter().any(|record| record.id() == id)
    {
        records.push(Record::unseen(id, &desired.name));
    }
    let facts =
        facts(context, object, desired, draft, Seen { records: &records, states, secrets: &secrets, outage, token });
    Ok(Observed { records, secrets, facts })
}

/// What was read, on the way to facts.
struct Seen<'a, K: Managed> {
    records: &'a [<K::Entity as Entity>::Record],
    states: Vec<SlotState>,
    secrets: &'a [Option<StoredSecret>],
    outage: Option<State>,
    token: TokenFacts,
}

fn facts<K: Managed>(
    context: &Context,
    object: &Arc<K>,
    desired: &Desired<K>,
    draft: &K::Status,
    seen: Seen<'_, K>,
) -> FactsOf<K> {
    let Seen { records, states, secrets, outage, token } = seen;
    let (uid, now) = (&desired.uid, context.now());
    let deleting = object.meta().deletion_timestamp.is_some();
    let recorded_id = draft.external_id().map(str::to_owned);
    let shown = |id: &String| records.iter().find(|record| record.id() == id);
    let ownership = |id: &String| shown(id).map(|record| desired.mark.judge(record.owner()));
    // An id that somebody wrote into the Secret is not looked for, as the plan does not believe it.
    let credential = token.credential.as_ref().filter(|credential| credential.is_believed(ownership(&credential.id)));
    let known = credential.map(|credential| &credential.id).or(recorded_id.as_ref());
    // Both go where one is recorded and another one stored.
    let also = recorded_id.as_ref().filter(|id| deleting && known != Some(*id));
    let wanted: Vec<&String> = known.into_iter().chain(also).collect();
    let mut away: Vec<&str> = wanted.iter().filter(|id| shown(id).is_none()).map(|id| id.as_str()).collect();
    // What an attempt without an answer may have made counts as away until it is shown; on the way out that is by its mark.
    let marked = |record: &<K::Entity as Entity>::Record| desired.mark.judge(record.owner()).is_ours();
    let begun = if deleting { !records.iter().any(marked) } else { draft.attempt_open() && records.is_empty() };
    if wanted.is_empty() && begun {
        away.push("");
    }
    if outage.is_some() {
        away.clear();
    }
    let missing_since = context.missing.look(uid, &away, now);
    let candidates = records
        .iter()
        .map(|record| {
            let ownership = desired.mark.judge(record.owner());
            let (change, differing) = K::change(desired, record, ownership);
            let rival = object.rival(context, desired, record.id());
            let stale = stale_slots(&**object, desired, record, secrets);
            let shown_again = shown_again(desired, record, secrets);
            Candidate {
                id: record.id().to_owned(),
                ownership,
                change,
                drift: differing,
                rival,
                stale,
                shows_key: record.key_id().is_some(),
                shown_again,
            }
        })
        .collect();
    let slots = desired
        .slots
        .iter()
        .zip(states)
        .zip(secrets)
        .map(|((slot, state), secret)| Slot {
            secret: slot.name.clone(),
            source: slot.content.source(),
            shown: slot.content.shown().is_some(),
            state,
            made_for: secret.as_ref().and_then(|secret| secret.annotations.get(SECRET_EXTERNAL_ID).cloned()),
            collected: secret.as_ref().is_some_and(|secret| secret.controller_uid.is_some()),
            written: slot.recorded.written,
            late: slot.late,
            remedy: slot.content.remedy(),
        })
        .collect();
    let attempt = draft.attempt();
    Facts {
        kind: K::KIND,
        name: desired.name.clone(),
        deleting,
        finalizer: has_finalizer(&**object),
        platform_held: desired.place.held,
        outage_since: context.outages.track(uid, outage.is_some(), now),
        outage,
        refused: desired.place.refused.clone(),
        parent: object.parent(context),
        policy: desired.policy.clone(),
        powers: powers(context, desired),
        made_at: made_at(context, uid, draft),
        missing_since,
        recorded_id,
        candidates,
        slots,
        attempt,
        attempt_open: draft.attempt_open(),
        given_up: draft.given_up(),
        dependents: if deleting { object.dependents(context) } else { 0 },
        resolve: answer(&**object, draft),
        rotate: rotate(desired, draft, secrets),
        may_recreate: context.recreations.may(&desired.place.platform.url, desired.place.hourly.limit, now),
        braked: desired.place.hourly.braked,
        token,
        left_behind: draft.left_behind().to_vec(),
    }
}

fn unreachable() -> State {
    State::new(
        Reason::DependencyNotReady,
        "the Platform cannot be reached, so nothing was deleted: bring it back, or patch deletionPolicy to Retain to let \
         this resource go and leave the object there",
    )
}

fn powers<K: Managed>(context: &Context, desired: &Desired<K>) -> Powers {
    let (place, deletion) = (&desired.place, deletion_of(K::KIND));
    let untold = context.untold.since(&desired.uid).is_some() && !place.can(deletion);
    // A token's mark is found by listing.
    let listed = K::KIND != Kind::Token || place.can(Capability::TokenList);
    Powers {
        marks: listed && place.marks(K::KIND),
        deletes: !place.cannot(deletion) && !untold,
        renews: place.api.as_ref().is_none_or(|api| api.renews_keys()),
        visible_after: visible_after(context, desired),
    }
}

/// For how long the platform may not show what is there.
pub fn visible_after<K: Managed>(context: &Context, desired: &Desired<K>) -> Duration {
    let api = desired.place.api.as_ref().filter(|_| !went_with_its_user(context, desired));
    api.map(|api| api.visible_after()).unwrap_or_default()
}

/// Whether it is a token whose user this process has ended: then nothing of it can be shown late.
fn went_with_its_user<K: Managed>(context: &Context, desired: &Desired<K>) -> bool {
    let on = &desired.place.platform;
    // There a user only leaves an organisation.
    let stays = K::KIND != Kind::Token || on.type_ == PlatformType::Rockfish;
    !stays && K::of_user(desired, "").is_some_and(|of| context.ended.since(&of_user(on, &of.user_id)).is_some())
}

/// What names a user beyond its platform.
pub fn of_user(on: &PlatformRecord, user_id: &str) -> String {
    format!("{}/{user_id}", on.url)
}

/// When the object was last made: as this process knows, or at the latest when it became Ready.
fn made_at<S: ManagedStatus>(context: &Context, uid: &str, status: &S) -> Option<jiff::Timestamp> {
    let ready = condition::ready(status.conditions()).filter(|ready| ready.status == "True");
    context.made.since(uid).max(ready.map(|ready| ready.last_transition_time.0)).max(status.issued_at())
}

/// Whether a request for a new credential is not answered yet: neither by what status records nor by what the Secret
/// says of its value, which is written first.
fn rotate<K: Managed>(desired: &Desired<K>, draft: &K::Status, secrets: &[Option<StoredSecret>]) -> bool {
    let Some(request) = &desired.rotate_request else {
        return false;
    };
    let answered = secrets.iter().flatten().any(|secret| secret.annotations.get(SECRET_ROTATED_FOR) == Some(request));
    !answered && draft.last_handled_rotate_at() != Some(request.as_str())
}

fn stale_slots<K: Managed>(
    object: &K,
    desired: &Desired<K>,
    record: &<K::Entity as Entity>::Record,
    secrets: &[Option<StoredSecret>],
) -> Vec<usize> {
    let is_stale = |(slot, secret): (&SlotSpec, &Option<StoredSecret>)| {
        let Some(stored) = secret else { return false };
        let values = slot.own(&slot.mended(&stored.values));
        // What cannot be described is told by the step that tries to.
        describe::image(object, desired, slot, Some(record), values).map_or(true, |image| image.differs(stored))
    };
    let stale = desired.slots.iter().zip(secrets).map(is_stale);
    stale.enumerate().filter_map(|(index, stale)| stale.then_some(index)).collect()
}

async fn read<K: Managed>(
    context: &Context,
    object: &Arc<K>,
    desired: &Desired<K>,
) -> Result<Vec<Option<StoredSecret>>, Stop> {
    let namespace = object.namespace().unwrap_or_default();
    let deleting = object.meta().deletion_timestamp.is_some();
    let reads = desired.slots.iter().map(async |slot| {
        match context.secrets.get(&namespace, &slot.name).await {
            // The way out needs no Secret: a namespace that is deleted may have taken the right to read them already.
            Err(error @ (SecretError::Denied { .. } | SecretError::Malformed { .. })) if deleting => {
                tracing::warn!(error = &error as &dyn std::error::Error, secret = slot.name, "deleted without reading");
                Ok(None)
            }
            read => read,
        }
    });
    try_join_all(reads).await.map_err(Stop::from)
}

async fn token_facts<K: Managed>(
    context: &Context,
    object: &Arc<K>,
    desired: &Desired<K>,
    draft: &K::Status,
    states: &[SlotState],
    secrets: &[Option<StoredSecret>],
) -> Result<TokenFacts, Stop> {
    let (rotation, share) = (K::rotation(desired), Share::of(&desired.uid));
    let stored = states.first().zip(secrets.first().and_then(Option::as_ref));
    let found = match stored {
        Some((state, stored)) => credential(object, desired, draft, state, stored).await?,
        None => None,
    };
    let now = context.now();
    let due = found.as_ref().is_some_and(|credential| {
        let at = credential.issued_at.and_then(|issued| rotation.rotate_at(share, issued, credential.expires_at));
        at.is_some_and(|at| at <= now)
    });
    let shared = match &desired.shared {
        // The way out goes by the id alone.
        Some(_) if object.meta().deletion_timestamp.is_some() => Some(SharedKey::default()),
        Some(shared) => Some(shared::read(context, &object.namespace().unwrap_or_default(), shared).await?.0),
        None => None,
    };
    Ok(TokenFacts {
        shared,
        rotation,
        share,
        credential: found,
        due_since: context.due.track(&desired.uid, due, now).or(due.then_some(now)),
    })
}

/// Whether the platform shows that the key in a Secret is the one in use.
fn is_proved<R: Record>(records: &[R], stored: &StoredSecret) -> bool {
    let held = stored.values.get(key::TOKEN).map(platform::key_id);
    held.is_some() && records.iter().any(|record| record.key_id() == held.as_deref())
}

/// The slots that lack only a key that the platform shows, or that hold an older one.
fn shown_again<K: Managed>(
    desired: &Desired<K>,
    record: &<K::Entity as Entity>::Record,
    secrets: &[Option<StoredSecret>],
) -> Vec<usize> {
    let Some(shown) = record.key_id() else {
        return Vec::new();
    };
    let lacks = |slot: &SlotSpec, secret: Option<&StoredSecret>| match (&slot.content, secret) {
        (SlotContent::Token, None) => true,
        (SlotContent::Token, Some(secret)) => !holds(secret, shown),
        (SlotContent::Login { .. }, Some(secret)) => secret.has(&[key::PASSWORD]) && !holds(secret, shown),
        _ => false,
    };
    let holding = desired.slots.iter().zip(secrets).map(|(slot, secret)| lacks(slot, secret.as_ref()));
    holding.enumerate().filter_map(|(index, lacks)| lacks.then_some(index)).collect()
}
