//! The calls of the public API.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

use super::ROCKFISH;
use super::admin::{gone, new_user, set_member};
use super::caller::{Authenticated, Path};
use super::refusal::Refusal;
use super::shown::{Base, ShownOrganization, ShownProject, ShownToken, ShownUser, created};
use crate::domain::entity::Kind;
use crate::embedded::dialect::body::{BodyError, Members, Unfit};
use crate::embedded::dialect::{Serving, secret};
use crate::embedded::{Membership, Project};

type Served = State<Arc<Serving>>;
type Body = Result<Members, BodyError>;

/// What is refused to somebody who asks for another's, whether it exists or not.
const NOT_YOURS: Refusal = Refusal::Forbidden("this is not yours");

/// Somebody who knows the invite code. Who does not is refused before anything of the body is read.
pub(super) struct Invited;

#[derive(Deserialize)]
struct Code {
    invite: String,
}

impl FromRequestParts<Arc<Serving>> for Invited {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, serving: &Arc<Serving>) -> Result<Self, Refusal> {
        let Query(Code { invite }) = Query::try_from_uri(&parts.uri).map_err(|_| Refusal::Unauthorized)?;
        if secret::is_right(&serving.secret, &invite) { Ok(Self) } else { Err(Refusal::Unauthorized) }
    }
}

/// Anyone who knows the invite code may create a user.
pub(super) async fn create_user(
    State(serving): Served,
    _: Invited,
    base: Base,
    body: Body,
) -> Result<Response, Refusal> {
    new_user(&serving, &base, body?).await
}

pub(super) async fn organizations(base: Base, who: Authenticated) -> Json<Vec<ShownOrganization>> {
    let seen = who.caller.memberships.iter().filter(|one| one.is_seen);
    Json(seen.map(|one| base.organization(&one.organization_id, &one.name)).collect())
}

pub(super) async fn active_organization(base: Base, who: Authenticated) -> Result<Json<ShownOrganization>, Refusal> {
    shown_membership(&base, who.active_or_refused()?)
}

pub(super) async fn organization(
    base: Base,
    who: Authenticated,
    Path(id): Path<String>,
) -> Result<Json<ShownOrganization>, Refusal> {
    shown_membership(&base, who.member_of(&id)?)
}

/// An organisation of the caller's, if reads show it already.
fn shown_membership(base: &Base, own: &Membership) -> Result<Json<ShownOrganization>, Refusal> {
    if !own.is_seen {
        return Err(Refusal::absent(Kind::Organization));
    }
    Ok(Json(base.organization(&own.organization_id, &own.name)))
}

pub(super) async fn put_member(
    State(serving): Served,
    who: Authenticated,
    Path((organization, user)): Path<(String, String)>,
    body: Body,
) -> Result<StatusCode, Refusal> {
    if !who.member_of(&organization)?.is_administrator {
        return Err(Refusal::Forbidden("only an Admin of this organization may do this"));
    }
    set_member(&serving, &organization, &user, body?).await
}

pub(super) async fn user(
    State(serving): Served,
    base: Base,
    who: Authenticated,
    Path(id): Path<String>,
) -> Result<Json<ShownUser>, Refusal> {
    own_user(&who, &id)?;
    let found = serving.directory.account(&id, serving.seen()).await?.ok_or(Refusal::absent(Kind::User))?;
    Ok(Json(base.user(found, None)))
}

pub(super) async fn delete_user(
    State(serving): Served,
    who: Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    own_user(&who, &id)?;
    gone(serving.directory.delete_account(&id).await?, Refusal::absent(Kind::User))
}

fn own_user(who: &Authenticated, id: &str) -> Result<(), Refusal> {
    if who.caller.user_id == id { Ok(()) } else { Err(NOT_YOURS) }
}

pub(super) async fn token(
    State(serving): Served,
    base: Base,
    who: Authenticated,
    Path(id): Path<String>,
) -> Result<Json<ShownToken>, Refusal> {
    let now = serving.clock.now();
    let found = serving.directory.account_token(&id, now, serving.seen()).await?;
    let own = found.filter(|token| token.user_id == who.caller.user_id).ok_or(NOT_YOURS)?;
    Ok(Json(base.token(own, None)))
}

pub(super) async fn delete_token(
    State(serving): Served,
    who: Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let now = serving.clock.now();
    let found = serving.directory.account_token(&id, now, Timestamp::MAX).await?;
    found.filter(|token| token.user_id == who.caller.user_id).ok_or(NOT_YOURS)?;
    gone(serving.directory.revoke_account_token(&id, now).await?, Refusal::absent(Kind::Token))
}

pub(super) async fn projects(
    State(serving): Served,
    base: Base,
    who: Authenticated,
) -> Result<Json<Vec<ShownProject>>, Refusal> {
    let Some(active) = who.active()? else {
        return Ok(Json(Vec::new()));
    };
    let all = serving.directory.projects(Some(&active.organization_id), serving.seen()).await?;
    Ok(Json(all.into_iter().map(|one| base.project(one)).collect()))
}

pub(super) async fn create_project(
    State(serving): Served,
    base: Base,
    who: Authenticated,
    body: Body,
) -> Result<Response, Refusal> {
    let name = body?.text("name")?;
    let (organization, owner) = (&who.active_or_refused()?.organization_id, &who.caller.user_id);
    let made = serving.directory.create_project(&ROCKFISH, organization, owner, name, serving.clock.now()).await?;
    Ok(created(&base.project(made)))
}

/// The project that the header chooses, else the default one of the active organisation.
pub(super) async fn active_project(
    State(serving): Served,
    base: Base,
    who: Authenticated,
) -> Result<Json<ShownProject>, Refusal> {
    if let Some(id) = who.chosen_project() {
        let own = own_project(&serving, &who, id).await?;
        return shown(&serving, &base, &own.id).await;
    }
    let organization = &who.active_or_refused()?.organization_id;
    let all = serving.directory.projects(Some(organization), serving.seen()).await?;
    let default = all.into_iter().find(|project| project.is_default);
    let default = default.ok_or(Refusal::NotFound("this organization has no default project"))?;
    Ok(Json(base.project(default)))
}

pub(super) async fn project(
    State(serving): Served,
    base: Base,
    who: Authenticated,
    Path(id): Path<String>,
) -> Result<Json<ShownProject>, Refusal> {
    own_project(&serving, &who, &id).await?;
    shown(&serving, &base, &id).await
}

/// Changes the name, the one member whose change is sure to be meant so; another one is refused and not passed over.
pub(super) async fn patch_project(
    State(serving): Served,
    base: Base,
    who: Authenticated,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<ShownProject>, Refusal> {
    let mut body = body?;
    let project = own_project(&serving, &who, &id).await?;
    who.may_change(&project)?;
    let name = body.text("name")?;
    if !body.is_empty() {
        return Err(Unfit::new("name", "it is the only member that can be changed").into());
    }
    let renamed = serving.directory.rename_project(&ROCKFISH, &id, &name).await?;
    gone(renamed, NOT_YOURS)?;
    Ok(Json(base.project(Project { name, ..project })))
}

pub(super) async fn delete_project(
    State(serving): Served,
    who: Authenticated,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    who.may_change(&own_project(&serving, &who, &id).await?)?;
    gone(serving.directory.delete_project(&id).await?, NOT_YOURS)
}

/// A project of one of the caller's organisations, shown to reads or not.
async fn own_project(serving: &Serving, who: &Authenticated, id: &str) -> Result<Project, Refusal> {
    let found = serving.directory.project(id, Timestamp::MAX).await?.ok_or(NOT_YOURS)?;
    who.member_of(&found.organization_id).map_err(|_| NOT_YOURS)?;
    Ok(found)
}

/// A project of the caller's, if reads show it already.
async fn shown(serving: &Serving, base: &Base, id: &str) -> Result<Json<ShownProject>, Refusal> {
    let found = serving.directory.project(id, serving.seen()).await?;
    Ok(Json(base.project(found.ok_or(Refusal::NotFound("there is no project with this id"))?)))
}
