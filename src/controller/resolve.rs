//! Finds the Platform of a resource, and what its namespace may do there.

use std::sync::Arc;

use kube::Resource;

use super::brake;
use super::context::Context;
use super::finalizer::has_finalizer;
use super::grant::{Grant, grant};
use super::managed::Hourly;
use super::stop::Stop;
use crate::api::{ObjectStatus, PlatformRecord};
use crate::domain::condition::{self, Reason, State};
use crate::domain::fault::Requeue;
use crate::platform::AdminApi;

/// A Platform that was found.
#[derive(Debug)]
pub struct Resolved {
    /// Its admin API; `None` only for a resource that is being deleted and whose platform cannot be reached.
    pub api: Option<Arc<dyn AdminApi>>,
    /// What is recorded of it.
    pub record: PlatformRecord,
    /// It carries our finalizer.
    pub held: bool,
    /// What the resource's namespace may do.
    pub grant: Grant,
    /// Why it may not use the Platform any more.
    pub refused: Option<State>,
    /// What the Platform limits by the hour.
    pub hourly: Hourly,
}

/// Who looks for a Platform.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// Its namespace.
    pub from: &'a str,
    /// The Platform that it was made on, where it was.
    pub recorded: Option<&'a PlatformRecord>,
    /// It is being deleted: it was allowed once, so neither a Platform that is leaving too nor a grant that was withdrawn
    /// holds it.
    pub leaving: bool,
    /// It has credentials that may have to be revoked, whatever its namespace may still do.
    pub revoking: bool,
}

/// Finds the Platform `namespace/name`.
pub async fn resolve(
    context: &Context,
    (namespace, name): (&str, &str),
    Visitor { from, recorded, leaving, revoking }: Visitor<'_>,
) -> Result<Resolved, Stop> {
    let shown = shown(namespace, name, from);
    let Some(platform) = context.platforms.get(namespace, name) else {
        return Err(Stop::outage(Reason::DependencyNotReady, format!("{shown} is not there")));
    };
    let grant = grant(context, &platform, from).await?;
    let refused = (!grant.allowed && !leaving).then(|| not_allowed(&shown));
    if let Some(state) = &refused
        && !(revoking && recorded.is_some())
    {
        // A changed Platform or Namespace brings the object back; where Namespaces are not watched it looks itself.
        return Err(Stop::Held { state: state.clone(), requeue: Requeue::Poll, outage: false });
    }
    // Only now: how a Platform is, is nobody's business without a grant.
    if platform.meta().deletion_timestamp.is_some() && recorded.is_none() && !leaving {
        return Err(Stop::held(Reason::DependencyNotReady, format!("{shown} is being deleted")));
    }
    let api = context.connect.connect(&platform).await.map_err(|_| {
        let reason = platform
            .status
            .as_ref()
            .and_then(|status| condition::ready(status.conditions()))
            .map(|ready| ready.reason.as_str());
        Stop::outage(Reason::DependencyNotReady, format!("{shown} is not Ready: {}", reason.unwrap_or("Pending")))
    })?;
    let Some(type_) = platform.spec.platform_type() else {
        return Err(Stop::outage(Reason::DependencyNotReady, format!("{shown} says nothing about its kind")));
    };
    let record = PlatformRecord { namespace: namespace.to_owned(), name: name.to_owned(), type_, url: api.url() };
    if let Some(recorded) = recorded
        && (recorded.type_ != record.type_ || recorded.url != record.url)
    {
        return Err(Stop::held(
            Reason::PlatformChanged,
            format!("made on {}, and {shown} is at {} now: nothing is made again elsewhere", recorded.url, record.url),
        ));
    }
    let held = has_finalizer(&*platform);
    let hourly = Hourly { limit: platform.spec.limits.deletions_per_hour, braked: brake::holds(&platform) };
    Ok(Resolved { api: Some(api), record, held, grant, refused, hourly })
}

/// The Platform of a resource that is being deleted: what is recorded is enough, and what cannot be reached is left out.
pub async fn resolve_deleting(context: &Context, recorded: &PlatformRecord, from: &str) -> Result<Resolved, Stop> {
    let own = recorded.namespace == from;
    let (namespace, name) = (recorded.namespace.as_str(), recorded.name.as_str());
    let visitor = Visitor { from, recorded: Some(recorded), leaving: true, revoking: false };
    match resolve(context, (namespace, name), visitor).await {
        Ok(resolved) => Ok(resolved),
        // Not there, changed, not to be connected: what is deleted waits for it, and what is retained does not.
        Err(Stop::Held { .. }) => {
            let api = context.connect.reconnect(recorded).await;
            Ok(Resolved {
                api,
                record: recorded.clone(),
                held: false,
                grant: Grant { allowed: own, adopt: own, delete: own },
                refused: None,
                hourly: Hourly::default(),
            })
        }
        Err(stop) => Err(stop),
    }
}

/// A Platform that a namespace may not use.
fn not_allowed(shown: &str) -> State {
    let message = format!("{shown} does not allow this namespace: its owner grants that with allowedNamespaces");
    State::new(Reason::NamespaceNotAllowed, message)
}

/// How a Platform is named in a message: another namespace's only as the manifest names it.
pub fn shown(namespace: &str, name: &str, from: &str) -> String {
    if namespace == from { format!("the Platform {name}") } else { format!("the Platform {namespace}/{name}") }
}
