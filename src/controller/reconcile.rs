//! The one reconcile that serves all kinds.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt;
use kube::runtime::controller::Action;
use tracing::Instrument as _;

use super::context::Context;
use super::managed::Reconciled;
use super::report::{Report, is_paused, overdue, report, report_paused};
use super::stop::Stop;
use crate::domain::condition::Weight;
use crate::telemetry::ReconcileResult;

/// When an object is looked at again whose look broke off by a fault of the operator's own.
const AFTER_PANIC: Duration = Duration::from_mins(1);

/// Looks at one object once, within the deadline, and reports. It never fails: what went wrong is in the object's
/// condition, and the answer says when to look again.
pub async fn reconcile<K: Reconciled>(cached: Arc<K>, context: Arc<Context>) -> Result<Action, Infallible> {
    let span = tracing::info_span!(
        "reconcile",
        kind = K::KIND.as_str(),
        namespace = cached.namespace().unwrap_or_default(),
        object = cached.name_any()
    );
    let look = {
        let context = Arc::clone(&context);
        async move { once(cached, &context).await }.instrument(span)
    };
    // Not cut off where the process ends: a look makes what it needs, Tyk's technical administrator for one.
    let looked = context.in_flight.look(look).await;
    Ok(looked.unwrap_or_else(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            kind = K::KIND.as_str(),
            "a look at an object broke off"
        );
        Action::requeue(AFTER_PANIC)
    }))
}

async fn once<K: Reconciled>(cached: Arc<K>, context: &Arc<Context>) -> Action {
    let mut object = K::objects(context).recent.freshest(cached);
    if is_paused(&*object) && object.meta().deletion_timestamp.is_none() {
        return report_paused(context, object).await;
    }
    let began = Instant::now();
    let mut draft = object.status().cloned().unwrap_or_default();
    object.begin(&mut draft);
    let pass = K::pass(&mut object, context, &mut draft);
    let result = if let Ok(result) = tokio::time::timeout(context.settings.deadline, pass).await {
        result
    } else {
        // A task of the object may have written since: what it recorded must not be taken back.
        let newest = K::objects(context).get(&object.namespace().unwrap_or_default(), &object.name_any());
        object = newest.filter(|newest| newest.uid() == object.uid()).unwrap_or(object);
        draft = object.status().cloned().unwrap_or_default();
        object.begin(&mut draft);
        Err(overdue(context, &object.uid().unwrap_or_default()))
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
