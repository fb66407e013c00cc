//! Deleting an organisation.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde_json::Value;

use super::Served;
use super::caller::{Caller, Path};
use super::refusal::Refusal;
use super::shown::success;
use crate::embedded::Rights;
use crate::embedded::dialect::body::Unfit;

/// The parameters of an address, in their order.
pub(super) type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

/// Deletes all data of an organisation. What the vendor's server does without `prune=true` is not public; here that is
/// refused, because it cannot be undone.
pub(super) async fn delete(
    State(face): Served,
    caller: Caller,
    Path(name): Path<String>,
    parameters: Parameters,
) -> Result<Json<Value>, Refusal> {
    let Query(parameters) = parameters.map_err(|_| Unfit::new("prune", "give prune=true"))?;
    let directory = &face.serving.directory;
    let found = directory.organizations_by_name(&name).await?.into_iter().next();
    if let Caller::Member(member) = &caller {
        // Before anything is said of the organisation: what others are called is not a member's to know.
        let own = found.as_ref().is_some_and(|found| found.id == member.organization());
        if !own || !member.rights.include(Rights::DELETE) {
            return Err(Refusal::Unauthorized);
        }
    }
    if !parameters.iter().any(|(name, value)| name == "prune" && value == "true") {
        return Err(Unfit::new("prune", "give prune=true: all data goes, which cannot be undone").into());
    }
    let found = found.ok_or_else(|| Unfit::new("ORG_NAME", "there is no organization of this name"))?;
    directory.prune_organization(&found.id).await?;
    Ok(success("organization deleted"))
}
