//! The owner id: what the marks on the platforms begin with, and so what tells this installation's objects from
//! another's. It is recorded on a Lease in the operator's namespace, so that it is not changed by accident: under a new
//! id the operator would take its own organisations for somebody else's.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use crate::domain::annotation::FIELD_MANAGER;

/// Name of the Lease.
pub(super) const LEASE: &str = "org-operator";
/// Annotation on the Lease.
const OWNER_ID: &str = "org-operator.dev/owner-id";

/// Why there is no owner id.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// Neither given nor to be had.
    #[error(
        "no owner id: the namespace {0} that the operator runs in cannot be read; give --owner-id, or the right to get \
         that Namespace"
    )]
    NoNamespace(String, #[source] Box<kube::Error>),
    /// It changed.
    #[error(
        "the owner id was {recorded} and is now {given}: with another id the operator takes its own objects for somebody \
         else's; start with --owner-id={recorded}, or with --owner-id-changed-from={recorded} if that is meant"
    )]
    Changed {
        /// On the Lease.
        recorded: String,
        /// Now.
        given: String,
    },
    /// The Lease cannot be read or written.
    #[error(
        "the Lease {LEASE} in the namespace {0} cannot be read or written: give the operator get, create and patch on Leases there"
    )]
    Lease(String, #[source] Box<kube::Error>),
}

/// The owner id: the one given, or the uid of the operator's own namespace; compared with the recorded one and recorded.
pub async fn establish(
    client: &Client,
    namespace: &str,
    given: Option<String>,
    changed_from: Option<&str>,
) -> Result<String, OwnerError> {
    let id = match given {
        Some(id) => id,
        None => namespace_uid(client, namespace).await?,
    };
    let failed = |error| OwnerError::Lease(namespace.to_owned(), Box::new(error));
    let leases: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let Some(lease) = leases.get_opt(LEASE).await.map_err(failed)? else {
        leases
            .create(&PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() }, &lease(&id))
            .await
            .map_err(failed)?;
        return Ok(id);
    };
    let recorded = lease.metadata.annotations.as_ref().and_then(|all| all.get(OWNER_ID));
    match recorded {
        Some(recorded) if *recorded == id => return Ok(id),
        Some(recorded) if changed_from != Some(recorded) => {
            return Err(OwnerError::Changed { recorded: recorded.clone(), given: id });
        }
        _ => {}
    }
    let patch = json!({"metadata": {
        "resourceVersion": lease.metadata.resource_version,
        "annotations": {OWNER_ID: id},
    }});
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    leases.patch(LEASE, &params, &Patch::Merge(patch)).await.map_err(failed)?;
    Ok(id)
}

/// A Lease that records that id and is nobody's.
pub(super) fn lease(owner_id: &str) -> Lease {
    Lease {
        metadata: ObjectMeta {
            name: Some(LEASE.to_owned()),
            annotations: Some([(OWNER_ID.to_owned(), owner_id.to_owned())].into()),
            ..ObjectMeta::default()
        },
        ..Lease::default()
    }
}

async fn namespace_uid(client: &Client, namespace: &str) -> Result<String, OwnerError> {
    let failed = |error| OwnerError::NoNamespace(namespace.to_owned(), Box::new(error));
    let found = Api::<Namespace>::all(client.clone()).get(namespace).await.map_err(failed)?;
    Ok(found.metadata.uid.unwrap_or_default())
}
