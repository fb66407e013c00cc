//! Asks the platform for what a resource may stand for.

use std::sync::Arc;

use futures::future::try_join;
use kube::ResourceExt as _;

use super::context::Context;
use super::managed::{Desired, Managed};
use crate::api::ManagedStatus as _;
use crate::api::annotation::RESOLVE;
use crate::domain::entity::{Entity, Kind, Lookup, Record};
use crate::domain::fault::FaultKind;
use crate::domain::request::Resolve;
use crate::platform::{self, AdminApi, Backend};

/// Asks the platform by the known ids; for what is not found by the recorded one also by our mark, and by name or the id
/// that the manifest gives.
///
/// What the platform cannot show counts as there where its id is known, and as unknown where it is not.
pub async fn lookup<K: Managed>(
    context: &Context,
    object: &Arc<K>,
    desired: &Desired<K>,
    ids: &[String],
) -> Result<Vec<<K::Entity as Entity>::Record>, platform::Error> {
    let Some(api) = &desired.place.api else {
        return Ok(Vec::new());
    };
    let (backend, scope) = (K::backend(api.as_ref()), &desired.place.scope);
    let mut records: Vec<<K::Entity as Entity>::Record> = Vec::new();
    let mark = Lookup::Owner(desired.mark.as_str().to_owned());
    if K::KIND == Kind::Token {
        add(&mut records, ask(backend, scope, &mark).await?.unwrap_or_default());
        // Those that carry no mark of ours: of a cluster that released them, or on a platform without marks.
        for id in ids {
            if !records.iter().any(|record| record.id() == id) {
                add(&mut records, by_id(desired, backend, id).await?);
            }
        }
        return Ok(records);
    }
    for id in ids {
        let mut found = by_id(desired, backend, id).await?;
        if !found.is_empty() {
            if api.shares_names(K::KIND) {
                add(&mut found, twins(context, object, desired, api.as_ref()).await?);
            }
            return Ok(found);
        }
    }
    // What is being deleted is found by its id and its mark alone.
    let deleting = object.meta().deletion_timestamp.is_some();
    let named = async {
        match &desired.policy.external_id {
            _ if deleting => Ok(Vec::new()),
            Some(id) => by_id(desired, backend, id).await,
            None => by_name(context, object, desired, api.as_ref(), backend).await,
        }
    };
    let (marked, named) = try_join(ask(backend, scope, &mark), named).await?;
    add(&mut records, marked.unwrap_or_default());
    add(&mut records, named);
    Ok(records)
}

/// What may be there beside the object that status records: what bears the mark of an attempt of this resource, and where
/// there are no marks, what was seen under its name. Until somebody has looked, that is what status says.
async fn twins<K: Managed>(
    context: &Context,
    object: &Arc<K>,
    desired: &Desired<K>,
    api: &dyn AdminApi,
) -> Result<Vec<<K::Entity as Entity>::Record>, platform::Error> {
    if api.marks(K::KIND) {
        let mark = Lookup::Owner(desired.mark.as_str().to_owned());
        let found = ask(K::backend(api), &desired.place.scope, &mark).await?.unwrap_or_default();
        let is_twin = |record: &<K::Entity as Entity>::Record| desired.mark.judge(record.owner()).is_made();
        return Ok(found.into_iter().filter(is_twin).collect());
    }
    let known = || object.status().map(|status| status.left_behind().to_vec()).unwrap_or_default();
    let ids = context.twins.of(&desired.uid).unwrap_or_else(known);
    Ok(ids.iter().map(|id| Record::unseen(id, &desired.name)).collect())
}

/// The answer; `None` where the platform has no such call.
async fn ask<E: Entity>(
    backend: &dyn Backend<E>,
    scope: &E::Scope,
    lookup: &Lookup,
) -> Result<Option<Vec<E::Record>>, platform::Error> {
    match backend.find(scope, lookup).await {
        Err(error) if error.kind == FaultKind::Unsupported => Ok(None),
        answer => answer.map(Some),
    }
}

async fn by_id<K: Managed>(
    desired: &Desired<K>,
    backend: &dyn Backend<K::Entity>,
    id: &str,
) -> Result<Vec<<K::Entity as Entity>::Record>, platform::Error> {
    let found = ask(backend, &desired.place.scope, &Lookup::Id(id.to_owned())).await?;
    Ok(found.unwrap_or_else(|| vec![Record::unseen(id, &desired.name)]))
}

/// Where names cannot be looked up, a creation that was refused has told that one is there, or a person who was asked.
async fn by_name<K: Managed>(
    context: &Context,
    object: &Arc<K>,
    desired: &Desired<K>,
    api: &dyn AdminApi,
    backend: &dyn Backend<K::Entity>,
) -> Result<Vec<<K::Entity as Entity>::Record>, platform::Error> {
    let found = ask(backend, &desired.place.scope, &Lookup::Name(desired.name.clone())).await?;
    Ok(found.unwrap_or_else(|| {
        let known = context.taken.since(&desired.uid).is_some() || is_adopted(&**object);
        let taken = known.then(|| api.id_of_name(K::KIND, &desired.name)).flatten();
        taken.iter().map(|id| Record::unseen(id, &desired.name)).collect()
    }))
}

/// Whether a person has answered that what an attempt without an answer was about is there.
fn is_adopted<K: Managed>(object: &K) -> bool {
    let open = object.status().filter(|status| status.attempt_open());
    open.and_then(|status| answer(object, status)) == Some(Resolve::Adopt)
}

/// What a person answers to the attempt that `status` records, unless that has been acted on.
pub fn answer<K: Managed>(object: &K, status: &K::Status) -> Option<Resolve> {
    let value = object.annotations().get(RESOLVE)?;
    let is_new = status.last_handled_resolve() != Some(value.as_str());
    is_new.then(|| Resolve::answering(value, status.attempt())).flatten()
}

fn add<R: Record>(records: &mut Vec<R>, more: Vec<R>) {
    for record in more {
        if !records.iter().any(|known| known.id() == record.id()) {
            records.push(record);
        }
    }
}
