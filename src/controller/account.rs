//! The machine account of an organisation, where a platform manages an organisation's users only for such.

use std::sync::Arc;

use kube::ResourceExt;

use super::context::Context;
use super::input;
use super::stop::Stop;
use crate::api::Organization;
use crate::platform::{Account, AdminApi};

/// The platform for what only the organisation's account may do; as it was where the manifest names no account or the
/// platform knows none.
pub async fn acting(
    context: &Context,
    organization: &Organization,
    api: Arc<dyn AdminApi>,
) -> Result<Arc<dyn AdminApi>, Stop> {
    let Some(asked) = organization.spec.rockit.as_ref().and_then(|rockit| rockit.account.as_ref()) else {
        return Ok(api);
    };
    let namespace = organization.namespace().unwrap_or_default();
    let recorded = organization.status.as_ref().and_then(|status| status.external_name.clone());
    let account = Account {
        organization: recorded.unwrap_or_else(|| organization.external_name(api.as_ref())),
        username: asked.username.clone(),
        key: input::read(&context.secrets, &namespace, &asked.api_key_secret_ref).await?,
    };
    Ok(api.acting_as(&account).unwrap_or(api))
}
