//! Platforms: is the admin API there, is the credential good, what can it do, and may the resource go?

use std::sync::Arc;

use async_trait::async_trait;
use kube::{Resource, ResourceExt};

use super::connection::label;
use super::context::{self, Context};
use super::finalizer::{has_finalizer, remove_finalizer};
use super::grant::grant;
use super::managed::Reconciled;
use super::pass::Pass;
use super::report;
use super::stop::Stop;
use crate::api::annotation::RESUME_DELETIONS_AT;
use crate::api::{CapabilityStatus, Platform, PlatformRecord, PlatformStatus};
use crate::domain::condition::{Reason, State};
use crate::domain::entity::Kind;
use crate::domain::fault::{FaultKind, Requeue};
use crate::platform;

#[async_trait]
impl Reconciled for Platform {
    const KIND: Kind = Kind::Platform;

    fn objects(context: &Context) -> &context::Kind<Self> {
        &context.platforms
    }

    async fn pass(object: &mut Arc<Self>, context: &Arc<Context>, draft: &mut PlatformStatus) -> Result<Pass, Stop> {
        // On its way out too: what it holds has to go first.
        resume_deletions(object, draft);
        if object.meta().deletion_timestamp.is_some() {
            return Err(removal(object, context).await?);
        }
        let label = label(object);
        draft.type_ = object.spec.platform_type();
        context.connect.refresh(object);
        if report::is_requested(object.as_ref()) {
            context.connect.reopen(object).await;
        }
        let api = context.connect.connect(object).await?;
        draft.url = Some(api.url());
        // Under its own limit, so that a platform that hangs is said to.
        let limit = context.settings.deadline / 2;
        let proof = tokio::time::timeout(limit, api.probe()).await.unwrap_or_else(|_| {
            Err(platform::Error::new(FaultKind::TimedOut, "probe", "the platform did not answer in time"))
        });
        context.metrics.platform_up(&label, proof.is_ok());
        // A Platform is what an outage is said of: it keeps nothing of what it said before.
        let proof = proof.map_err(|error| match Stop::from(error) {
            Stop::Held { state, requeue, .. } => {
                // A Secret that is put right tells nobody.
                let poll = state.reason == Reason::CredentialRejected;
                Stop::Held { state, requeue: if poll { Requeue::Poll } else { requeue }, outage: false }
            }
            other => other,
        })?;
        draft.capabilities = api
            .capabilities()
            .rows()
            .map(|(capability, support)| CapabilityStatus { name: capability.name(), support })
            .collect();
        let state = State::new(Reason::Succeeded, proof);
        Ok(Pass { state, requeue: Requeue::Resync, event: None, created: false })
    }
}

/// Releases the brake once for each new value of the annotation. The count begins anew: otherwise the next deletion would
/// trip it again.
fn resume_deletions(platform: &Platform, draft: &mut PlatformStatus) {
    if platform.spec.limits.deletions_per_hour == 0 {
        draft.deletions = None;
    }
    let request = platform.annotations().get(RESUME_DELETIONS_AT);
    if request.is_some() && draft.last_handled_resume_deletions_at.as_ref() != request {
        draft.last_handled_resume_deletions_at = request.cloned();
        draft.deletions = None;
    }
}

/// A Platform waits for everything that was made on it.
async fn removal(platform: &Arc<Platform>, context: &Context) -> Result<Stop, Stop> {
    if !has_finalizer(&**platform) {
        return Ok(Stop::Gone);
    }
    let _nothing_is_made_meanwhile = context.platform_writes.lock().await;
    let left = made_on(platform, context).await;
    if left > 0 {
        return Ok(Stop::held(
            Reason::DependentsExist,
            format!("waits for {left} Organizations, Users and Tokens that were made on it to be deleted first"),
        ));
    }
    remove_finalizer(context, platform).await?;
    Ok(Stop::Gone)
}

async fn made_on(platform: &Platform, context: &Context) -> usize {
    let reference = (platform.namespace().unwrap_or_default(), platform.name_any());
    let is_here = |recorded: Option<&PlatformRecord>| {
        recorded.is_some_and(|recorded| (&recorded.namespace, &recorded.name) == (&reference.0, &reference.1))
    };
    // What was begun and not yet reported is found by what its manifest refers to.
    let organizations = context.organizations.all(|organization| {
        has_finalizer(organization) && organization.platform_reference(context).as_ref() == Some(&reference)
    });
    let mut count = 0;
    for organization in organizations {
        // A finalizer can be anybody's: what nothing is recorded of counts only where something may have been made.
        let recorded = organization.status.as_ref().is_some_and(|status| status.platform.is_some());
        let namespace = organization.namespace().unwrap_or_default();
        count +=
            usize::from(recorded || grant(context, platform, &namespace).await.map_or(true, |grant| grant.allowed));
    }
    let users = context
        .users
        .all(|user| has_finalizer(user) && is_here(user.status.as_ref().and_then(|status| status.platform.as_ref())));
    let tokens = context.tokens.all(|token| {
        has_finalizer(token) && is_here(token.status.as_ref().and_then(|status| status.platform.as_ref()))
    });
    count + users.len() + tokens.len()
}
