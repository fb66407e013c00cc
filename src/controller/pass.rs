//! One look at an object that stands for something on a platform, from its references to its Secrets.

use std::sync::Arc;

use kube::ResourceExt;

use super::act::{self, Act, Done};
use super::context::Context;
use super::managed::{Found, Managed};
use super::observe::{Observed, observe};
use super::stop::Stop;
use crate::api::annotation::FINALIZER;
use crate::domain::condition::{Reason, State};
use crate::domain::entity::Record;
use crate::domain::fault::Requeue;
use crate::domain::plan::{Plan, Verdict, plan};
use crate::domain::policy::Origin;
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

/// A normal event.
#[derive(Debug)]
pub struct Note {
    /// Its reason, such as `Created`.
    pub reason: &'static str,
    /// What happened.
    pub message: String,
}

/// Looks at one object once and does what is to be done.
pub async fn pass<K: Managed>(object: Arc<K>, context: &Arc<Context>, draft: &mut K::Status) -> Result<Pass, Stop> {
    let object = match context.in_flight.of(&object.uid().unwrap_or_default()) {
        Some(call) => {
            call.ended().await;
            let newer = K::objects(context).recent.freshest(object);
            *draft = newer.status().cloned().unwrap_or_default();
            newer
        }
        None => object,
    };
    let deleting = object.meta().deletion_timestamp.is_some();
    if deleting && !object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Err(Stop::Gone);
    }
    let Some(place) = object.resolve(context, draft).await? else {
        act::remove_finalizer(context, &object).await?;
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
    let Observed { records, secrets, facts } = observe(context, &object, &desired).await?;
    let Plan { steps, verdict } = plan(&facts, context.now());
    let values: Vec<Option<Values>> =
        secrets.iter().map(|secret| secret.as_ref().map(|secret| secret.values.clone())).collect();
    let desired = Arc::new(desired);
    let done = if steps.is_empty() {
        Done { record: None, values, attempt: None, failure: None }
    } else {
        let uid = desired.uid.clone();
        let (context_, desired_, draft_) = (Arc::clone(context), Arc::clone(&desired), draft.clone());
        let task = context.in_flight.start(&uid, move |progress| {
            Act { context: context_, object, desired: desired_, draft: draft_, secrets, values, progress }.run(steps)
        });
        let done = task.await.map_err(|_| Stop::Again)?;
        if let Some(attempt) = done.attempt {
            K::set_attempt(draft, attempt);
        }
        done
    };
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
            let origin = if created { Some(Origin::Created) } else { adopted.then_some(Origin::Adopted) };
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

fn note<K: Managed>(origin: Origin, name: &str, id: &str) -> Note {
    match origin {
        Origin::Created => {
            Note { reason: "Created", message: format!("created the {} {name} on the platform ({id})", K::KIND) }
        }
        Origin::Adopted => {
            Note { reason: "Adopted", message: format!("took over the {} {name} on the platform ({id})", K::KIND) }
        }
    }
}
