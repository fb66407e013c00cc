//! The brake on deletions of organisations, kept in the Platform's status: one count for all namespaces and over
//! restarts.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::context::Context;
use super::report;
use super::stop::Stop;
use crate::api::{DeletionCount, Deletions, Platform, PlatformRecord};
use crate::domain::brake::{self, Counted};
use crate::domain::fault::Requeue;
use crate::domain::plan::removal::braked;

/// Whether the brake of that Platform holds.
pub fn holds(platform: &Platform) -> bool {
    let deletions = platform.status.as_ref().and_then(|status| status.deletions.as_ref());
    platform.spec.limits.deletions_per_hour != 0 && deletions.is_some_and(|deletions| deletions.held)
}

/// Counts one more deletion on that Platform, before it is sent: a deletion that is not recorded does not happen, and one
/// that is recorded and then fails counts all the same. Where it is one too many, the brake holds from then on.
///
/// An object whose Platform resource is gone is not counted: it went with its owner's consent.
pub async fn count(context: &Context, on: &PlatformRecord) -> Result<(), Stop> {
    let _one_at_a_time = context.platform_writes.lock().await;
    let Some(platform) = context.platforms.get(&on.namespace, &on.name) else {
        return Ok(());
    };
    if holds(&platform) {
        return Err(held());
    }
    let limit = platform.spec.limits.deletions_per_hour;
    if limit == 0 {
        return Ok(());
    }
    let mut status = platform.status.clone().unwrap_or_default();
    let record: Vec<Counted> = status
        .deletions
        .iter()
        .flat_map(|deletions| &deletions.counted)
        .map(|counted| Counted { at: counted.at.0, count: counted.count })
        .collect();
    let counted = brake::count(&record, limit, context.now());
    let too_many = counted.is_none();
    let counted = counted.unwrap_or(record);
    let counted = counted.into_iter().map(|one| DeletionCount { at: Time(one.at), count: one.count }).collect();
    status.deletions = Some(Deletions { counted, held: too_many });
    report::keep(context, &platform, status).await?;
    if too_many { Err(held()) } else { Ok(()) }
}

fn held() -> Stop {
    Stop::Held { state: braked(), requeue: Requeue::Resync, outage: false }
}
