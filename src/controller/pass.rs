//! One look at an object that stands for something on a platform, from its references to its Secrets.

use std::sync::Arc;

use jiff::Timestamp;
use kube::ResourceExt;

use super::act::{Act, Done, Minted};
use super::context::Context;
use super::describe;
use super::finalizer;
use super::managed::{Desired, Found, Managed};
use super::note::{Note, came_by};
use super::observe::{FactsOf, Observed, observe};
use super::report;
use super::stop::Stop;
use crate::api::annotation::{RESOLVE, ROTATE_REQUESTED_AT};
use crate::api::{ManagedStatus, ObjectStatus as _};
use crate::domain::condition::{Reason, State};
use crate::domain::entity::{Entity, Record};
use crate::domain::fault::Requeue;
use crate::domain::plan::{Facts, How, Plan, Policy, Step, Verdict, plan};
use crate::domain::policy::{AdoptionPolicy, Origin};
use crate::kubernetes::secret::StoredSecret;

/// A pass that was carried out.
#[derive(Debug)]
pub struct Pass {
    /// What the object says.
    pub state: State,
    /// When to look again.
    pub requeue: Requeue,
    /// What is worth an event.
    pub event: Option<Note>,
    /// It was made, and is Ready for the first time.
    pub created: bool,
}

/// Looks at one object once and does what is to be done.
pub async fn pass<K: Managed>(
    object: &mut Arc<K>,
    context: &Arc<Context>,
    draft: &mut K::Status,
) -> Result<Pass, Stop> {
    if let Some(call) = context.in_flight.of(&object.uid().unwrap_or_default()) {
        call.ended().await;
        let newest = K::objects(context).get(&object.namespace().unwrap_or_default(), &object.name_any());
        *object = newest.filter(|newest| newest.uid() == object.uid()).ok_or(Stop::Gone)?;
        *draft = object.status().cloned().unwrap_or_default();
        object.begin(draft);
    }
    context.outcomes.complete(&object.uid().unwrap_or_default(), draft);
    let deleting = object.meta().deletion_timestamp.is_some();
    if deleting && !finalizer::has_finalizer(&**object) {
        return Err(Stop::Gone);
    }
    let Some(place) = object.resolve(context, draft).await? else {
        finalizer::remove_finalizer(context, object).await?;
        return Err(Stop::Gone);
    };
    let desired = object.desired(context, place).await?;
    if !deleting {
        describe::check(&desired)?;
    }
    let Observed { records, secrets, facts } = observe(context, object, &desired, draft).await?;
    let plan = plan(&facts, context.now());
    draft.set_left_behind(plan.left_behind.clone());
    if let Some(drift) = &plan.drift {
        draft.set_drift(drift.iter().map(|path| (*path).to_owned()).collect());
    }
    let seen = match &plan.verdict {
        Verdict::Settled { id: Some(id), .. } => records.into_iter().find(|record| record.id() == id),
        _ => None,
    };
    let desired = Arc::new(desired);
    let done = if plan.steps.is_empty() {
        Done {
            object: Arc::clone(object),
            draft: draft.clone(),
            record: seen,
            secrets,
            notes: Vec::new(),
            failure: None,
        }
    } else {
        let (context_, object_, desired_, draft_) =
            (Arc::clone(context), Arc::clone(object), Arc::clone(&desired), draft.clone());
        let steps = plan.steps.clone();
        let task = context.in_flight.start(&desired.uid, move |progress| {
            let act = Act {
                context: context_,
                object: object_,
                desired: desired_,
                draft: draft_,
                secrets,
                record: seen,
                progress,
                notes: Vec::new(),
                created: false,
                minted: Minted::default(),
            };
            act.run(steps)
        });
        task.await.map_err(|_| Stop::Again)?
    };
    *draft = done.draft;
    object.clone_from(&done.object);
    for note in done.notes {
        report::normal(context, &**object, note).await;
    }
    if let Some(stop) = done.failure {
        // Of what is not told otherwise, at least what was made is recorded.
        if matches!(stop, Stop::Again) && draft.external_id() != object.status().and_then(ManagedStatus::external_id) {
            object.clone_from(&report::keep(context, object, draft.clone()).await?);
        }
        return Err(stop);
    }
    let Plan { verdict, steps, next, .. } = plan;
    match verdict {
        Verdict::Gone => Err(Stop::Gone),
        Verdict::Held(state, requeue) => Err(Stop::Held { state, requeue, outage: false }),
        Verdict::Hidden(state, requeue) => Err(Stop::Held { state, requeue, outage: true }),
        Verdict::Settled { how, .. } => {
            let carried = Carried { facts, steps, how, next, record: done.record, secrets: done.secrets };
            carried_out(object, context, draft, &desired, carried).await
        }
    }
}

/// A plan that was carried out to its end.
struct Carried<K: Managed> {
    facts: FactsOf<K>,
    steps: Vec<Step<<K::Entity as Entity>::Change>>,
    how: How,
    next: Option<Timestamp>,
    record: Option<<K::Entity as Entity>::Record>,
    secrets: Vec<Option<StoredSecret>>,
}

/// Writes down what is there now.
async fn carried_out<K: Managed>(
    object: &Arc<K>,
    context: &Arc<Context>,
    draft: &mut K::Status,
    desired: &Arc<Desired<K>>,
    carried: Carried<K>,
) -> Result<Pass, Stop> {
    let Carried { facts, steps, how, next, record, secrets } = carried;
    let Some(mut record) = record else {
        return Err(Stop::Again);
    };
    object.complete(context, desired, &mut record).await?;
    let record = &record;
    let origin = origin(how, &facts.policy, draft.external_id().is_some());
    if how == How::Recreated {
        context.recreations.count(&desired.place.platform.url, context.now());
    }
    // One that is resumed was not told of before: the pass that made it was cut off.
    let resumed = origin.filter(|_| how == How::Known).map(|origin| match origin {
        Origin::Created => How::Created,
        Origin::Adopted => How::Adopted,
    });
    let event = came_by(resumed.unwrap_or(how), K::KIND, &desired.name, record.id())
        .or_else(|| corrected::<K>(&**object, &facts, &steps, record.id()));
    settle(&**object, &facts, draft);
    if facts.recorded_id.as_ref().is_some_and(|before| before != record.id()) {
        draft.give_up();
    }
    let live = live(&facts, &steps);
    K::fill(draft, desired, &Found { record, secrets: &secrets, live: &live, origin });
    let wait = next.map(|next| next.duration_since(context.now()));
    let requeue =
        wait.map_or(Requeue::Resync, |wait| Requeue::Within(std::time::Duration::try_from(wait).unwrap_or_default()));
    let state = State::new(Reason::Succeeded, "all that the manifest asks for is there");
    Ok(Pass { state, requeue, event, created: how == How::Created })
}

/// A request that is there when the object is seen for the first time is an old one, of a manifest in Git say: it is only
/// recorded.
pub fn first_visit<K: Managed>(object: &K, draft: &mut K::Status) {
    if draft.observed_generation().is_none_or(|generation| generation < 0) {
        draft.set_last_handled_rotate_at(object.annotations().get(ROTATE_REQUESTED_AT).cloned());
    }
}

/// What the platform showed and the steps did not end.
fn live<C>(facts: &Facts<C>, steps: &[Step<C>]) -> Vec<String> {
    let ended = |id: &str| steps.iter().any(|step| matches!(step, Step::Revoke(ended) if ended == id));
    let ids = facts.candidates.iter().map(|candidate| &candidate.id);
    ids.filter(|id| !ended(id)).cloned().collect()
}

/// What is answered when all is there.
fn settle<K: Managed>(object: &K, facts: &FactsOf<K>, draft: &mut K::Status) {
    draft.set_attempt(draft.attempt(), false);
    if let Some(request) = object.annotations().get(ROTATE_REQUESTED_AT) {
        draft.set_last_handled_rotate_at(Some(request.clone()));
    }
    if facts.resolve.is_some()
        && let Some(answer) = object.annotations().get(RESOLVE)
    {
        draft.set_last_handled_resolve(answer.clone());
    }
}

/// How an object came about. One that carries our mark while status does not know it: an earlier pass was cut off before
/// its report. Where it may have been either, nobody knows any more.
fn origin(how: How, policy: &Policy, known: bool) -> Option<Origin> {
    match how {
        How::Created | How::Recreated => Some(Origin::Created),
        How::Adopted | How::TakenOver => Some(Origin::Adopted),
        How::Rotated | How::Restored => None,
        How::Known if known => None,
        How::Known => match policy.adoption {
            AdoptionPolicy::Never => Some(Origin::Created),
            AdoptionPolicy::IfExists => policy.external_id.is_some().then_some(Origin::Adopted),
        },
    }
}

/// The event of a change: one that the manifest brought, or one that somebody made on the platform and that was undone.
fn corrected<K: Managed>(
    object: &K,
    facts: &FactsOf<K>,
    steps: &[Step<<K::Entity as Entity>::Change>],
    id: &str,
) -> Option<Note> {
    let changed = steps.iter().any(|step| matches!(step, Step::Update { .. }));
    let drift = facts.candidates.iter().find(|candidate| candidate.id == id).map(|candidate| &candidate.drift)?;
    if !changed || drift.is_empty() {
        return None;
    }
    let seen = object.status().and_then(crate::api::ObjectStatus::observed_generation);
    let (reason, what) = if seen == object.meta().generation {
        ("DriftCorrected", "put back on the platform what the manifest says")
    } else {
        ("Updated", "changed on the platform what the manifest changed")
    };
    Some(Note { reason, message: format!("{what}: {}", drift.join(", ")) })
}

/// What the manifest carries as a request for a new credential.
pub fn rotate_request<K: kube::Resource>(object: &K) -> Option<String> {
    object.annotations().get(ROTATE_REQUESTED_AT).cloned()
}
