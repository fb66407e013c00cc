//! The one reconcile that serves all kinds.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use kube::ResourceExt;
use kube::runtime::controller::Action;
use tracing::Instrument as _;

use super::context::Context;
use super::managed::Reconciled;
use super::report::{Report, is_paused, overdue, report, report_paused};
use super::stop::Stop;
use crate::domain::condition::Weight;
use crate::telemetry::ReconcileResult;

/// Looks at one object once, within the deadline, and reports. It never fails: what went wrong is in the object's
/// condition, and the answer says when to look again.
pub async fn reconcile<K: Reconciled>(cached: Arc<K>, context: Arc<Context>) -> Result<Action, Infallible> {
    let span = tracing::info_span!(
        "reconcile",
        kind = K::KIND.as_str(),
        namespace = cached.namespace().unwrap_or_default(),
        object = cached.name_any()
    );
    Ok(once(cached, &context).instrument(span).await)
}

async fn once<K: Reconciled>(cached: Arc<K>, context: &Arc<Context>) -> Action {
    let object = K::objects(context).recent.freshest(cached);
    let uid = object.uid().unwrap_or_default();
    let action = look(object, context).await;
    if context.in_flight.of(&uid).is_none() {
        K::objects(context).recent.release(&uid);
    }
    action
}

async fn look<K: Reconciled>(object: Arc<K>, context: &Arc<Context>) -> Action {
    if is_paused(&*object) && object.meta().deletion_timestamp.is_none() {
        return report_paused(context, object).await;
    }
    let began = Instant::now();
    let mut draft = object.status().cloned().unwrap_or_default();
    let pass = K::pass(Arc::clone(&object), context, &mut draft);
    let result = match tokio::time::timeout(context.settings.deadline, pass).await {
        Ok(result) => result,
        Err(_) => Err(overdue(context, &object.uid().unwrap_or_default())),
    };
    let outcome = match &result {
        Ok(_) | Err(Stop::Gone) => ReconcileResult::Settled,
        Err(Stop::Again | Stop::Held { outage: true, .. }) => ReconcileResult::Failed,
        Err(Stop::Held { state, .. }) if state.reason.weight() == Weight::Stalled => ReconcileResult::Stalled,
        Err(Stop::Held { .. }) => ReconcileResult::Waiting,
    };
    let action = report(context, Report { object, draft, result }).await;
    context.metrics.reconciled(K::KIND, outcome, began.elapsed());
    action
}
