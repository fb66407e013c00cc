//! From a Platform resource to its admin API.

use std::sync::Arc;

use async_trait::async_trait;

use super::stop::Stop;
use crate::api::{Platform, PlatformRecord, PlatformType};
use crate::clock::Clock;
use crate::domain::condition::Reason;
use crate::embedded::Directory;
use crate::platform::{AdminApi, Embedded};

/// Connects to platforms.
#[async_trait]
pub trait Connect: Send + Sync {
    /// The admin API that a Platform describes, bound to its address and credential.
    async fn connect(&self, platform: &Platform) -> Result<Arc<dyn AdminApi>, Stop>;

    /// The admin API of an object whose Platform resource is gone, where none is needed to reach it.
    async fn reconnect(&self, recorded: &PlatformRecord) -> Option<Arc<dyn AdminApi>>;
}

/// The platforms that this operator knows.
#[derive(Debug)]
pub struct Platforms {
    embedded: Option<Arc<Embedded>>,
}

impl Platforms {
    /// With this directory as the embedded platform, where the operator has one, on that clock.
    pub fn new(directory: Option<Directory>, clock: Clock) -> Self {
        Self { embedded: directory.map(|directory| Arc::new(Embedded::new(directory, clock))) }
    }
}

#[async_trait]
impl Connect for Platforms {
    async fn connect(&self, platform: &Platform) -> Result<Arc<dyn AdminApi>, Stop> {
        match platform.spec.platform_type() {
            Some(PlatformType::Embedded) => match &self.embedded {
                Some(embedded) => Ok(Arc::clone(embedded) as Arc<dyn AdminApi>),
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
        Some(Arc::clone(embedded) as Arc<dyn AdminApi>)
    }
}
