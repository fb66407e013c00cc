//! Says what a pass found: status by server-side apply and only if it differs, events on transitions, the next look.
//!
//! Every status write carries the resourceVersion that it was computed from. A pass whose copy is old, or a second
//! operator, fails instead of taking back what a newer one recorded.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::runtime::controller::Action;
use kube::runtime::events::{Event, EventType};
use kube::{Api, ResourceExt};
use serde_json::json;

use super::context::Context;
use super::managed::Reconciled;
use super::note::Note;
use super::pass::Pass;
use super::stop::Stop;
use crate::api::annotation::{FLUX_REQUESTED_AT, PAUSED, RECONCILE_REQUESTED_AT, STATUS_FIELD_MANAGER};
use crate::api::{Extras as _, ObjectStatus};
use crate::domain::condition::{self, Extra, Reason, State, Weight};
use crate::domain::fault::Requeue;
use crate::kubernetes::secret::DEADLINE;

/// How soon a call in flight is joined again.
const JOIN: Duration = Duration::from_millis(500);

/// Dates are whole seconds.
const MOMENT: Duration = Duration::from_secs(1);

/// What is left to say when a pass is over.
pub struct Report<K: Reconciled> {
    /// The resource as the pass saw it.
    pub object: Arc<K>,
    /// Its status, with what the pass found out.
    pub draft: K::Status,
    /// What came of it.
    pub result: Result<Pass, Stop>,
}

/// Says it, and says when to look again.
pub async fn report<K: Reconciled>(context: &Context, report: Report<K>) -> Action {
    let Report { object, draft, result } = report;
    let uid = object.uid().unwrap_or_default();
    let mut created = false;
    let (state, requeue, event) = match result {
        Ok(pass) => {
            created = pass.created;
            (pass.state, pass.requeue, pass.event)
        }
        // What is over cannot keep the state that it had.
        Err(Stop::Held { outage: true, requeue, state }) if draft.has_ended(context.now()) => {
            let message = format!("it has ended and is not renewed yet: {}", state.message);
            (State::new(Reason::Expired, message), requeue, None)
        }
        Err(Stop::Held { outage: true, requeue, state }) if settled(&*object) => {
            tracing::warn!(
                reason = state.reason.as_str(),
                message = state.message,
                "not reachable: the object keeps its state"
            );
            let wait = in_time(context, &draft, delay(context, &uid, requeue, None));
            // What follows from the status alone is still said.
            let kept = object.status().cloned().unwrap_or_default();
            return match keep(context, &object, kept).await {
                Ok(_) => Action::requeue(wait),
                Err(Stop::Gone) => gone(context, &*object),
                Err(_) => Action::requeue(context.backoff.next(&uid)),
            };
        }
        Err(Stop::Held { state, requeue, .. }) => (state, requeue, None),
        // A write lost a race, or the API server did not answer: the watch brings the newer version, if there is one.
        Err(Stop::Again) => return Action::requeue(context.backoff.next(&uid)),
        Err(Stop::Gone) => return gone(context, &*object),
    };
    if matches!(requeue, Requeue::Resync | Requeue::Within(_)) {
        context.backoff.reset(&uid);
    }
    let before = object.status().and_then(|status| condition::ready(status.conditions())).cloned();
    let since = before.as_ref().filter(|ready| ready.status == "False").map(|ready| ready.last_transition_time.0);
    let wait = in_time(context, &draft, delay(context, &uid, requeue, since));
    let was = before.map(|ready| ready.reason);
    match write(context, &object, draft, &state).await {
        Ok(written) => {
            if created && let Some(began) = written.creation_timestamp() {
                context.metrics.became_ready(K::KIND, context.now().duration_since(began.0).unsigned_abs());
            }
            if let Some(note) = event {
                normal(context, &*written, note).await;
            } else if was.as_deref() != Some(state.reason.as_str()) && !state.reason.is_plain() {
                publish(context, &*written, EventType::Warning, state.reason.as_str(), state.message.clone()).await;
            }
            log(was.as_deref(), &state);
            Action::requeue(wait)
        }
        Err(Stop::Gone) => gone(context, &*object),
        Err(_) => {
            // It was done, and the next look finds nothing to be done.
            if let Some(note) = event.filter(|note| !note.is_told_again()) {
                normal(context, &*object, note).await;
            }
            Action::requeue(context.backoff.next(&uid))
        }
    }
}

/// What is to be done about an object that is gone: nothing. While the watch has not told so, it is looked at again: where
/// its kind is not served for a moment, all of them seem to be gone.
fn gone<K: Reconciled>(context: &Context, object: &K) -> Action {
    let uid = object.uid().unwrap_or_default();
    let cached = K::objects(context).cache.get(&object.namespace().unwrap_or_default(), &object.name_any());
    if cached.is_some_and(|cached| cached.uid() == object.uid()) {
        return Action::requeue(context.backoff.next(&uid));
    }
    context.forget(&uid);
    Action::await_change()
}

/// A paused object says so, and nothing else about it changes.
pub async fn report_paused<K: Reconciled>(context: &Context, object: Arc<K>) -> Action {
    let mut status = object.status().cloned().unwrap_or_default();
    let generation = object.meta().generation.unwrap_or_default();
    *status.conditions_mut() = condition::paused(status.conditions(), generation, context.now());
    match apply(context, &object, status).await {
        Ok(_) => Action::await_change(),
        Err(Stop::Gone) => gone(context, &*object),
        Err(_) => Action::requeue(context.backoff.next(&object.uid().unwrap_or_default())),
    }
}

/// Writes the status of an object in `state`, if it differs from the one it has; returns the newest version.
pub async fn write<K: Reconciled>(
    context: &Context,
    object: &Arc<K>,
    draft: K::Status,
    state: &State,
) -> Result<Arc<K>, Stop> {
    let mut status = draft;
    let generation = object.meta().generation.unwrap_or_default();
    let (now, paused) = (context.now(), is_paused(&**object));
    let extras = status.extras(now);
    *status.conditions_mut() = condition::conditions(status.conditions(), state, &extras, paused, generation, now);
    status.set_observed_generation(Some(generation));
    if let Some(request) = requested(&**object, status.last_handled_reconcile_at()) {
        status.set_last_handled_reconcile_at(Some(request));
    }
    apply(context, object, status).await
}

/// Writes a status about whose readiness nothing new is known, if it differs; returns the newest version.
pub async fn keep<K: Reconciled>(context: &Context, object: &Arc<K>, draft: K::Status) -> Result<Arc<K>, Stop> {
    let mut status = draft;
    let (generation, now) = (object.meta().generation.unwrap_or_default(), context.now());
    let extras = status.extras(now);
    *status.conditions_mut() = condition::kept(status.conditions(), &extras, generation, now);
    apply(context, object, status).await
}

async fn apply<K: Reconciled>(context: &Context, object: &Arc<K>, status: K::Status) -> Result<Arc<K>, Stop> {
    if object.status() == Some(&status) {
        return Ok(Arc::clone(object));
    }
    let newly = newly_true(object.status().map(ObjectStatus::conditions).unwrap_or_default(), &status, context.now());
    let api: Api<K> = Api::namespaced(context.client.clone(), &object.namespace().unwrap_or_default());
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"uid": object.uid(), "resourceVersion": object.resource_version()},
        "status": status,
    });
    let params = PatchParams::apply(STATUS_FIELD_MANAGER).force();
    let (name, patch) = (object.name_any(), Patch::Apply(patch));
    let writing = K::objects(context).recent.writing(object);
    let Ok(answer) = tokio::time::timeout(DEADLINE, api.patch_status(&name, &params, &patch)).await else {
        return Err(Stop::Again);
    };
    match answer {
        Ok(written) => {
            let written = Arc::new(written);
            writing.wrote(Arc::clone(&written));
            for extra in newly {
                let type_ = if extra.warns { EventType::Warning } else { EventType::Normal };
                publish(context, &*written, type_, extra.reason, extra.message).await;
            }
            Ok(written)
        }
        Err(kube::Error::Api(status)) if status.is_not_found() => Err(Stop::Gone),
        Err(kube::Error::Api(status)) if status.is_conflict() => Err(Stop::Again),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "status not written");
            Err(Stop::Again)
        }
    }
}

/// The conditions beside Ready that this status brings.
fn newly_true<S: ObjectStatus + crate::api::Extras>(
    before: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition],
    status: &S,
    now: Timestamp,
) -> Vec<Extra> {
    let mut extras = status.extras(now);
    extras.retain(|extra| !before.iter().any(|condition| condition.type_ == extra.type_));
    extras
}

/// Whether the object said Ready for the manifest that it has now.
pub fn settled<K: Reconciled>(object: &K) -> bool {
    let generation = object.meta().generation.unwrap_or_default();
    object.status().is_some_and(|status| condition::is_ready(status.conditions(), generation))
}

/// Whether it has never said anything but that it waits for the operator.
pub fn is_pending<K: Reconciled>(object: &K) -> bool {
    let ready = object.status().and_then(|status| condition::ready(status.conditions()));
    ready.is_none_or(|ready| ready.status == "Unknown")
}

/// Whether a person paused it.
pub fn is_paused<K: Reconciled>(object: &K) -> bool {
    object.annotations().get(PAUSED).is_some_and(|value| value == "true")
}

/// Whether somebody asks that it be looked at now.
pub fn is_requested<K: Reconciled>(object: &K) -> bool {
    requested(object, object.status().and_then(ObjectStatus::last_handled_reconcile_at)).is_some()
}

/// The request that is not answered yet. With both annotations there the later one counts: their values are times.
fn requested<K: Reconciled>(object: &K, handled: Option<&str>) -> Option<String> {
    let annotations = object.annotations();
    let latest =
        [RECONCILE_REQUESTED_AT, FLUX_REQUESTED_AT].into_iter().filter_map(|name| annotations.get(name)).max()?;
    (handled != Some(latest.as_str())).then(|| latest.clone())
}

fn delay(context: &Context, uid: &str, requeue: Requeue, waiting_since: Option<Timestamp>) -> Duration {
    let real = |passing| context.clock.real(passing);
    match requeue {
        Requeue::Resync => real(context.backoff.jitter(context.settings.resync)),
        // A moment late rather than early: the next pass would only wait again.
        Requeue::Within(at_most) => real(context.backoff.jitter(context.settings.resync).min(at_most + MOMENT)),
        Requeue::Backoff => context.backoff.next(uid),
        Requeue::NotBefore(after) => context.backoff.jitter(after.max(context.backoff.next(uid))),
        Requeue::After(after) => real(context.backoff.jitter(after)),
        Requeue::Poll => context.backoff.jitter(poll(waiting_since, context.now())),
    }
}

/// Not later than when a condition changes by time alone.
fn in_time<S: crate::api::Extras>(context: &Context, status: &S, wait: Duration) -> Duration {
    let now = context.now();
    let change = status.next_change(now).map(|change| change.duration_since(now).unsigned_abs());
    change.map_or(wait, |change| wait.min(context.clock.real(change + MOMENT)))
}

/// Every ten seconds; after ten minutes every minute.
fn poll(since: Option<Timestamp>, now: Timestamp) -> Duration {
    let waited = since.map_or(Duration::ZERO, |since| now.duration_since(since).unsigned_abs());
    if waited < Duration::from_mins(10) { Duration::from_secs(10) } else { Duration::from_mins(1) }
}

fn log(was: Option<&str>, state: &State) {
    if was == Some(state.reason.as_str()) {
        return;
    }
    let (reason, message) = (state.reason.as_str(), state.message.as_str());
    match state.reason.weight() {
        Weight::Ready => tracing::info!(reason, "ready"),
        Weight::Reconciling => tracing::info!(reason, message, "waiting"),
        Weight::Stalled => tracing::warn!(reason, message, "stalled"),
    }
}

/// A normal event.
pub async fn normal<K: Reconciled>(context: &Context, object: &K, note: Note) {
    publish(context, object, EventType::Normal, note.reason, note.message).await;
}

async fn publish<K: Reconciled>(context: &Context, object: &K, type_: EventType, reason: &str, message: String) {
    let event = Event {
        type_,
        reason: reason.to_owned(),
        note: Some(shortened(message)),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    let reference = object.object_ref(&());
    let published = tokio::time::timeout(DEADLINE, context.recorder.publish(&event, &reference)).await;
    if let Ok(Err(error)) = published {
        // In a namespace that is being deleted nothing can be created any more.
        tracing::debug!(error = &error as &dyn std::error::Error, reason, "event not written");
    }
}

/// The API server refuses an event whose note is longer than 1024 bytes (events.k8s.io/v1): the condition has it whole.
fn shortened(mut message: String) -> String {
    const LONGEST: usize = 1024;
    const MORE: &str = " …";
    if message.len() > LONGEST {
        message.truncate(message.floor_char_boundary(LONGEST - MORE.len()));
        message.push_str(MORE);
    }
    message
}

/// What an object says whose pass ran out of time.
pub fn overdue(context: &Context, uid: &str) -> Stop {
    let seconds = context.settings.deadline.as_secs();
    match context.in_flight.doing(uid) {
        Some(doing) => Stop::Held {
            state: State::new(Reason::Progressing, format!("this takes longer than {seconds} s: {doing}")),
            requeue: Requeue::After(JOIN),
            outage: true,
        },
        None => Stop::outage(
            Reason::TimedOut,
            format!("the platform or the API server took longer than {seconds} s to answer"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_fits_into_an_event_whatever_characters_it_has() {
        assert_eq!(shortened("short".to_owned()), "short");
        for character in ["a", "é", "€", "🦀"] {
            let note = shortened(character.repeat(1025));
            assert!(note.len() <= 1024 && note.len() > 1000 && note.ends_with(" …"), "{} bytes", note.len());
        }
    }
}
