//! One look at an object that stands for something on a platform, from its references to its Secrets.

use std::sync::Arc;

use kube::ResourceExt;

use super::act::{Act, Done};
use super::context::Context;
use super::finalizer;
use super::managed::{Found, Managed};
use super::observe::{Observed, observe};
use super::stop::Stop;
use crate::api::annotation::FINALIZER;
use crate::domain::condition::{Reason, State};
use crate::domain::entity::Record;
use crate::domain::fault::Requeue;
use crate::domain::plan::{Plan, Policy, Verdict, plan};
use crate::domain::policy::{AdoptionPolicy, Origin};
use crate::kubernetes::secret::Values;

/// A pass that was carried out.
#[derive(Debug)]
pub struct Pass {
    /// What the object says.
    pub state: State,
    /// When to look again.
    pub requeue: Requeue,
    /// What is worth an event.
    pub event: Option<Note>,
}

/// The event of an object that the operator made.
pub const CREATED: &str = "Created";

/// A normal event.
#[derive(Debug)]
pub struct Note {
    /// Its reason, such as `Created`.
    pub reason: &'static str,
    /// What happened.
    pub message: String,
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
    }
    let deleting = object.meta().deletion_timestamp.is_some();
    if deleting && !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Err(Stop::Gone);
    }
    let Some(place) = object.resolve(context, draft).await? else {
        finalizer::remove_finalizer(context, object).await?;
        return Err(Stop::Gone);
    };
    let desired = object.desired(context, place).await?;
    if let Some(slot) = desired.slots.iter().find(|slot| slot.templated && !deleting) {
        return Err(Stop::held(
            Reason::Unsupported,
            format!(
                "the template of the Secret {}: this version of the operator renders none yet, leave it out",
                slot.name
            ),
        ));
    }
    let Observed { records, secrets, facts } = observe(context, object, &desired).await?;
    let Plan { steps, verdict } = plan(&facts, context.now());
    let values: Vec<Option<Values>> =
        secrets.iter().map(|secret| secret.as_ref().map(|secret| secret.values.clone())).collect();
    let desired = Arc::new(desired);
    let done = if steps.is_empty() {
        Done { object: Arc::clone(object), record: None, values, attempt: None, failure: None }
    } else {
        let uid = desired.uid.clone();
        let (context_, object_, desired_, draft_) =
            (Arc::clone(context), Arc::clone(object), Arc::clone(&desired), draft.clone());
        let task = context.in_flight.start(&uid, move |progress| {
            Act { context: context_, object: object_, desired: desired_, draft: draft_, secrets, values, progress }
                .run(steps)
        });
        let done = task.await.map_err(|_| Stop::Again)?;
        if let Some(attempt) = done.attempt {
            K::set_attempt(draft, attempt);
        }
        done
    };
    object.clone_from(&done.object);
    if let Some(stop) = done.failure {
        return Err(stop);
    }
    match verdict {
        Verdict::Gone => Err(Stop::Gone),
        Verdict::Held(state, requeue) => Err(Stop::Held { state, requeue, outage: false }),
        Verdict::Settled { id, adopted } => {
            let created = id.is_none();
            let seen = id.as_ref().and_then(|id| records.iter().find(|record| record.id() == id));
            let Some(record) = done.record.as_ref().or(seen) else {
                return Err(Stop::Again);
            };
            let origin = match (created, adopted) {
                (true, _) => Some(Origin::Created),
                (_, true) => Some(Origin::Adopted),
                _ if K::external_id(draft).is_some() => None,
                _ => resumed(&facts.policy),
            };
            K::fill(draft, &desired, &Found { record, values: &done.values, origin });
            let event = origin.map(|origin| note::<K>(origin, &desired.name, record.id()));
            Ok(Pass {
                state: State::new(Reason::Succeeded, "all that the manifest asks for is there"),
                requeue: Requeue::Resync,
                event,
            })
        }
    }
}

/// How an object came about that carries our mark while status does not know it: an earlier pass was cut off before its
/// report. Where it may have been either, nobody knows any more.
fn resumed(policy: &Policy) -> Option<Origin> {
    match policy.adoption {
        AdoptionPolicy::Never => Some(Origin::Created),
        AdoptionPolicy::IfExists => policy.external_id.is_some().then_some(Origin::Adopted),
    }
}

fn note<K: Managed>(origin: Origin, name: &str, id: &str) -> Note {
    match origin {
        Origin::Created => {
            Note { reason: CREATED, message: format!("created the {} {name} on the platform ({id})", K::KIND) }
        }
        Origin::Adopted => {
            Note { reason: "Adopted", message: format!("took over the {} {name} on the platform ({id})", K::KIND) }
        }
    }
}
