//! Who may use a Platform: the choice of its owner, as in Gateway API.

use std::collections::BTreeMap;

use kube::core::{Selector, SelectorExt as _};

use super::context::Context;
use super::stop::Stop;
use crate::api::{NamespacesFrom, Permission, Platform};
use crate::domain::condition::Reason;

/// What a namespace may do on a Platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Make organisations on it.
    pub allowed: bool,
    /// Take over what exists.
    pub adopt: bool,
    /// Delete organisations.
    pub delete: bool,
}

/// What `namespace` may do on `platform`.
pub async fn grant(context: &Context, platform: &Platform, namespace: &str) -> Result<Grant, Stop> {
    if platform.metadata.namespace.as_deref() == Some(namespace) {
        return Ok(Grant { allowed: true, adopt: true, delete: true });
    }
    let grants = &platform.spec.allowed_namespaces;
    let allowed = match grants.from {
        NamespacesFrom::Same => false,
        NamespacesFrom::All => true,
        NamespacesFrom::Selector => match &grants.selector {
            Some(selector) => matches(selector, &context.namespaces.labels(&context.client, namespace).await?)?,
            None => false,
        },
    };
    let may = |permission| allowed && grants.permissions.contains(&permission);
    Ok(Grant { allowed, adopt: may(Permission::Adopt), delete: may(Permission::Delete) })
}

fn matches(
    selector: &k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector,
    labels: &BTreeMap<String, String>,
) -> Result<bool, Stop> {
    let selector = Selector::try_from(selector.clone()).map_err(|_| {
        Stop::held(Reason::DependencyNotReady, "the Platform's allowedNamespaces.selector is not a label selector")
    })?;
    Ok(selector.matches(labels))
}
