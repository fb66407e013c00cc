//! From a Platform resource to its admin API.

use std::sync::Arc;

use async_trait::async_trait;
use kube::ResourceExt;

use super::stop::Stop;
use crate::api::{Platform, PlatformRecord, PlatformType};
use crate::clock::Clock;
use crate::domain::condition::Reason;
use crate::embedded::Directory;
use crate::platform::{AdminApi, Embedded, Metered};
use crate::telemetry::Metrics;

/// Connects to platforms.
#[async_trait]
pub trait Connect: Send + Sync {
    /// The admin API that a Platform describes, bound to its address and credential.
    async fn connect(&self, platform: &Platform) -> Result<Arc<dyn AdminApi>, Stop>;

    /// The admin API of an object whose Platform resource is gone, where none is needed to reach it.
    async fn reconnect(&self, recorded: &PlatformRecord) -> Option<Arc<dyn AdminApi>>;
}

/// A Platform as metrics name it: `namespace/name`.
pub fn label(platform: &Platform) -> String {
    format!("{}/{}", platform.namespace().unwrap_or_default(), platform.name_any())
}

/// The platforms that this operator knows. Every call to one is counted under the Platform that led to it.
#[derive(Debug)]
pub struct Platforms {
    embedded: Option<Arc<Embedded>>,
    metrics: Arc<Metrics>,
}

impl Platforms {
    /// With this directory as the embedded platform, where the operator has one, on that clock.
    pub fn new(directory: Option<Directory>, clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self { embedded: directory.map(|directory| Arc::new(Embedded::new(directory, clock))), metrics }
    }

    fn metered<A: AdminApi + 'static>(&self, api: &Arc<A>, label: String) -> Arc<dyn AdminApi> {
        Arc::new(Metered::new(Arc::clone(api), label, Arc::clone(&self.metrics)))
    }
}

#[async_trait]
impl Connect for Platforms {
    async fn connect(&self, platform: &Platform) -> Result<Arc<dyn AdminApi>, Stop> {
        match platform.spec.platform_type() {
            Some(PlatformType::Embedded) => match &self.embedded {
                Some(embedded) => Ok(self.metered(embedded, label(platform))),
                None => Err(Stop::held(
                    Reason::Unsupported,
                    "this operator has no embedded backend: start it with --embedded-data-dir, or choose another platform",
                )),
            },
            Some(other) => Err(Stop::held(
                Reason::Unsupported,
                format!("this version of the operator cannot speak to {} yet, only to embedded", other.as_str()),
            )),
            None => Err(Stop::held(Reason::InvalidSpec, "give exactly one of embedded, tyk, rockfish and rockit")),
        }
    }

    async fn reconnect(&self, recorded: &PlatformRecord) -> Option<Arc<dyn AdminApi>> {
        let embedded = self
            .embedded
            .as_ref()
            .filter(|embedded| recorded.type_ == PlatformType::Embedded && recorded.url == embedded.url())?;
        Some(self.metered(embedded, format!("{}/{}", recorded.namespace, recorded.name)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn every_way_to_a_platform_is_counted_under_its_name() {
        let files = tempfile::tempdir().unwrap();
        let directory = Directory::open(files.path()).await.unwrap();
        let metrics = Arc::new(Metrics::new());
        let platforms = Platforms::new(Some(directory), Clock::system(), Arc::clone(&metrics));
        let counted = |name: &str| {
            let line = format!(
                r#"org_operator_platform_requests_total{{platform="{name}",operation="probe",outcome="ok"}} 1"#
            );
            metrics.encode().lines().any(|found| found == line)
        };

        let manifest = json!({ "metadata": { "namespace": "acme", "name": "edge" }, "spec": { "embedded": {} } });
        let platform: Platform = serde_json::from_value(manifest).unwrap();
        let api = platforms.connect(&platform).await.unwrap();
        api.probe().await.unwrap();
        assert!(counted("acme/edge"), "{}", metrics.encode());

        let mut recorded = PlatformRecord {
            namespace: "acme".to_owned(),
            name: "gone".to_owned(),
            type_: PlatformType::Embedded,
            url: api.url(),
        };
        platforms.reconnect(&recorded).await.unwrap().probe().await.unwrap();
        assert!(counted("acme/gone"), "{}", metrics.encode());

        recorded.url = "embedded:elsewhere".to_owned();
        assert!(platforms.reconnect(&recorded).await.is_none());
    }
}
