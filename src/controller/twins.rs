//! Looks for twins at rest: where a platform lets several organisations have one name, a request to create one that was
//! carried out twice, or that reached the platform only after another operator had taken over, makes a second one of which
//! nobody is told.
//!
//! One list for each such Platform, however many organisations are on it; who has a twin is looked at at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use kube::{Resource, ResourceExt};

use super::context::Context;
use crate::api::{Organization, Platform};
use crate::domain::entity::{self, Kind, OrganizationRecord};
use crate::domain::naming::{OwnerMark, Ownership};
use crate::platform::{self, AdminApi, Backend};

/// How often: a twin is to be gone within half a minute of being visible.
const EVERY: Duration = Duration::from_secs(20);

/// The ids that were seen beside objects, by uid.
#[derive(Debug, Default)]
pub struct Twins(Mutex<HashMap<String, Vec<String>>>);

impl Twins {
    /// What was seen beside the object of that resource; `None` where nobody has looked yet.
    pub fn of(&self, uid: &str) -> Option<Vec<String>> {
        self.all().get(uid).cloned()
    }

    /// Nobody wants to know any more.
    pub fn forget(&self, uid: &str) {
        self.all().remove(uid);
    }

    /// Takes down what is there now, and says whether that is news.
    fn saw(&self, uid: String, ids: Vec<String>) -> bool {
        let mut all = self.all();
        let known = all.entry(uid).or_default();
        let is_news = *known != ids;
        *known = ids;
        is_news
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks again and again, and has those looked at that are not alone.
pub async fn watch(context: &Context, look: impl Fn(&Organization)) {
    if !context.caches_filled().await {
        return;
    }
    loop {
        tokio::time::sleep(context.clock.real(EVERY)).await;
        let platforms = context.platforms.all(|platform| platform.meta().deletion_timestamp.is_none());
        join_all(platforms.iter().map(|platform| on(context, platform, &look))).await;
    }
}

async fn on(context: &Context, platform: &Platform, look: &impl Fn(&Organization)) {
    let mut organizations = made_on(context, platform);
    if organizations.is_empty() {
        return;
    }
    let Ok(Ok(api)) = tokio::time::timeout(context.settings.deadline, context.connect.connect(platform)).await else {
        return;
    };
    if !api.shares_names(Kind::Organization) {
        return;
    }
    let there = match tokio::time::timeout(context.settings.deadline, all(api.as_ref())).await {
        Ok(Ok(there)) => there,
        Ok(Err(error)) => return tracing::debug!(error = &error as &dyn std::error::Error, "no twins looked for"),
        Err(_) => return,
    };
    // What went meanwhile, or was made since, is another's business.
    organizations.retain(|organization| is_recorded(organization));
    let marks = api.marks(Kind::Organization);
    let mut by_key: HashMap<&str, Vec<&OrganizationRecord>> = HashMap::new();
    for record in &there {
        let key = if marks { record.owner.as_deref().map(OwnerMark::resource) } else { Some(record.name.as_str()) };
        if let Some(key) = key {
            by_key.entry(key).or_default().push(record);
        }
    }
    for organization in organizations {
        let mark = organization.mark(context);
        let status = organization.status.clone().unwrap_or_default();
        let key = if marks { mark.as_str() } else { status.external_name.as_deref().unwrap_or_default() };
        let others = by_key.get(key).into_iter().flatten();
        let others = others.filter(|record| Some(&record.id) != status.external_id.as_ref());
        let judged = others.map(|record| (&record.id, mark.judge(record.owner.as_deref())));
        let twins: Vec<_> = judged.filter(|(_, whose)| !marks || whose.is_made()).collect();
        let mut ids: Vec<String> = twins.iter().map(|(id, _)| (*id).clone()).collect();
        ids.sort_unstable();
        let is_removed = twins.iter().any(|(_, whose)| matches!(whose, Ownership::OurAttempt(_)));
        let uid = organization.uid().unwrap_or_default();
        // One that is to be removed is looked at until it is gone.
        if context.twins.saw(uid, ids) || is_removed {
            look(&organization);
        }
    }
}

fn made_on(context: &Context, platform: &Platform) -> Vec<Arc<Organization>> {
    let (namespace, name) = (platform.namespace().unwrap_or_default(), platform.name_any());
    context.organizations.all(|organization| {
        let recorded = organization.status.as_ref().and_then(|status| status.platform.as_ref());
        recorded.is_some_and(|place| place.namespace == namespace && place.name == name) && is_recorded(organization)
    })
}

/// Whether an attempt of its own made what status records.
fn is_recorded(organization: &Organization) -> bool {
    let status = organization.status.as_ref();
    status.is_some_and(|status| status.external_id.is_some() && status.attempt.is_some())
}

async fn all(api: &dyn AdminApi) -> Result<Vec<OrganizationRecord>, platform::Error> {
    let backend: &dyn Backend<entity::Organization> = api;
    let (mut records, mut from) = (Vec::new(), None);
    loop {
        let page = backend.list(&(), from.as_deref()).await?;
        records.extend(page.records);
        from = page.next;
        if from.is_none() {
            return Ok(records);
        }
    }
}
