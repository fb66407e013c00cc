//! Finalizers: ours on a resource while something of it may be on a platform, and on the Platform while something made on
//! it may be there.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;

use super::context::Context;
use super::managed::{Desired, Managed, Reconciled};
use super::stop::Stop;
use crate::api::annotation::{FIELD_MANAGER, FINALIZER};
use crate::api::{Platform, annotation};
use crate::domain::condition::Reason;
use crate::kubernetes::secret::DEADLINE;

/// Whether our finalizer is on it: something of it may be on a platform.
pub fn has_finalizer(object: &impl Resource) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

/// Puts our finalizer on a resource, and with it where it is about to be made.
pub async fn add_finalizer<K: Managed>(
    context: &Context,
    object: &Arc<K>,
    made_in: Option<String>,
) -> Result<Arc<K>, Stop> {
    let mut finalizers = object.finalizers().to_vec();
    finalizers.push(FINALIZER.to_owned());
    let mut metadata = json!({"finalizers": finalizers});
    if let Some(made_in) = made_in {
        metadata["annotations"] = json!({annotation::MADE_IN: made_in});
    }
    patch_metadata(context, object, metadata).await?.ok_or(Stop::Gone)
}

/// Takes our finalizer off, if it is there.
pub async fn remove_finalizer<K: Reconciled>(context: &Context, object: &Arc<K>) -> Result<(), Stop> {
    let mut finalizers = object.finalizers().to_vec();
    finalizers.retain(|finalizer| finalizer != FINALIZER);
    set_finalizers(context, object, &finalizers).await?;
    Ok(())
}

/// Sets the finalizers of the version in hand; `None` when the object is gone.
async fn set_finalizers<K: Reconciled>(
    context: &Context,
    object: &Arc<K>,
    finalizers: &[String],
) -> Result<Option<Arc<K>>, Stop> {
    patch_metadata(context, object, json!({"finalizers": finalizers})).await
}

async fn patch_metadata<K: Reconciled>(
    context: &Context,
    object: &Arc<K>,
    mut metadata: serde_json::Value,
) -> Result<Option<Arc<K>>, Stop> {
    let api: Api<K> = Api::namespaced(context.client.clone(), &object.namespace().unwrap_or_default());
    metadata["uid"] = json!(object.uid());
    metadata["resourceVersion"] = json!(object.resource_version());
    let patch = json!({"metadata": metadata});
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let (name, patch) = (object.name_any(), Patch::Merge(patch));
    let writing = K::objects(context).recent.writing(object);
    let Ok(answer) = tokio::time::timeout(DEADLINE, api.patch(&name, &params, &patch)).await else {
        return Err(Stop::Again);
    };
    match answer {
        Ok(written) => {
            let written = Arc::new(written);
            writing.wrote(Arc::clone(&written));
            Ok(Some(written))
        }
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        Err(kube::Error::Api(status)) if status.is_conflict() => Err(Stop::Again),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "finalizer not written");
            Err(Stop::Again)
        }
    }
}

/// Makes sure that the Platform outlives what is made on it.
pub async fn hold_platform<K: Managed>(context: &Context, desired: &Desired<K>) -> Result<(), Stop> {
    let place = &desired.place.platform;
    let _one_at_a_time = context.platform_writes.lock().await;
    let missing = || {
        Stop::held(Reason::DependencyNotReady, format!("the Platform {}/{} is not there", place.namespace, place.name))
    };
    let platform = context.platforms.get(&place.namespace, &place.name).ok_or_else(missing)?;
    if has_finalizer(&*platform) {
        return Ok(());
    }
    if platform.meta().deletion_timestamp.is_some() {
        return Err(missing());
    }
    let mut finalizers = platform.finalizers().to_vec();
    finalizers.push(FINALIZER.to_owned());
    set_finalizers::<Platform>(context, &platform, &finalizers).await?.map(drop).ok_or_else(missing)
}
