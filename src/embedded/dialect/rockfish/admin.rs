//! The calls of the admin API.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::ROCKFISH;
use super::caller::Path;
use super::refusal::Refusal;
use super::shown::{Base, ShownOrganization, ShownProject, ShownToken, ShownUser, created};
use crate::domain::entity::{Kind, NewOrganization, TykSettings};
use crate::embedded::dialect::Serving;
use crate::embedded::dialect::body::{BodyError, Members, Unfit};

type Served = State<Arc<Serving>>;
type Body = Result<Members, BodyError>;

pub(super) async fn create_organization(State(serving): Served, base: Base, body: Body) -> Result<Response, Refusal> {
    let new = NewOrganization {
        idempotency_key: String::new(),
        name: body?.text("name")?,
        display_name: None,
        owner: String::new(),
        admin: None,
        key_pair: None,
        link: None,
        tyk: TykSettings::default(),
    };
    let made = serving.directory.create_organization(&ROCKFISH, new, serving.clock.now()).await?;
    Ok(created(&base.organization(&made.id, &made.name)))
}

pub(super) async fn organizations(State(serving): Served, base: Base) -> Result<Json<Vec<ShownOrganization>>, Refusal> {
    let all = serving.directory.organizations_seen(serving.seen()).await?;
    Ok(Json(all.iter().map(|one| base.organization(&one.id, &one.name)).collect()))
}

pub(super) async fn organization(
    State(serving): Served,
    base: Base,
    Path(id): Path<String>,
) -> Result<Json<ShownOrganization>, Refusal> {
    let found = serving.directory.organization_seen(&id, serving.seen()).await?;
    let found = found.ok_or(Refusal::absent(Kind::Organization))?;
    Ok(Json(base.organization(&found.id, &found.name)))
}

pub(super) async fn delete_organization(State(serving): Served, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    gone(serving.directory.dissolve_organization(&id).await?, Refusal::absent(Kind::Organization))
}

pub(super) async fn create_user(State(serving): Served, base: Base, body: Body) -> Result<Response, Refusal> {
    new_user(&serving, &base, body?).await
}

/// Creates the user of that body, on either API.
pub(super) async fn new_user(serving: &Serving, base: &Base, mut body: Members) -> Result<Response, Refusal> {
    let email = body.text("email")?;
    if !email.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty()) {
        return Err(Unfit::new("email", "give an address such as name@example.org").into());
    }
    let (user, token) = serving.directory.create_account(&ROCKFISH, email, serving.clock.now()).await?;
    Ok(created(&base.user(user, Some(&token))))
}

pub(super) async fn users(State(serving): Served, base: Base) -> Result<Json<Vec<ShownUser>>, Refusal> {
    let all = serving.directory.accounts(serving.seen()).await?;
    Ok(Json(all.into_iter().map(|one| base.user(one, None)).collect()))
}

pub(super) async fn user(
    State(serving): Served,
    base: Base,
    Path(id): Path<String>,
) -> Result<Json<ShownUser>, Refusal> {
    let found = serving.directory.account(&id, serving.seen()).await?.ok_or(Refusal::absent(Kind::User))?;
    Ok(Json(base.user(found, None)))
}

pub(super) async fn delete_user(State(serving): Served, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    gone(serving.directory.delete_account(&id).await?, Refusal::absent(Kind::User))
}

pub(super) async fn put_member(
    State(serving): Served,
    Path((organization, user)): Path<(String, String)>,
    body: Body,
) -> Result<StatusCode, Refusal> {
    set_member(&serving, &organization, &user, body?).await
}

/// Makes a user a member with the roles of that body, or gives a member these roles, whole; on either API.
pub(super) async fn set_member(
    serving: &Serving,
    organization: &str,
    user: &str,
    mut body: Members,
) -> Result<StatusCode, Refusal> {
    let roles = body.texts("roles")?;
    let roles = roles.ok_or_else(|| Unfit::new("roles", "give [] or [\"Admin\"]: it is missing"))?;
    let now = serving.clock.now();
    serving.directory.add_member(&ROCKFISH, organization, user, Some(roles), now).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn delete_member(
    State(serving): Served,
    Path((organization, user)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    let ended = serving.directory.end_membership(&organization, &user).await?;
    gone(ended, Refusal::NotFound("this user is no member of this organization"))
}

pub(super) async fn create_token(State(serving): Served, base: Base, body: Body) -> Result<Response, Refusal> {
    let user = body?.text("user")?;
    let id = user_id(&user).ok_or_else(|| Unfit::new("user", "give the `self` address of a user"))?;
    let (token, value) = serving.directory.mint_account_token(&ROCKFISH, id, serving.clock.now()).await?;
    Ok(created(&base.token(token, Some(&value))))
}

/// The id in the `self` address of a user. Only the path counts: the same server is reached by several names.
fn user_id(address: &str) -> Option<&str> {
    let (before, id) = address.rsplit_once('/')?;
    (before.ends_with("/user") && !id.is_empty()).then_some(id)
}

pub(super) async fn tokens(State(serving): Served, base: Base) -> Result<Json<Vec<ShownToken>>, Refusal> {
    let all = serving.directory.account_tokens(serving.clock.now(), serving.seen()).await?;
    Ok(Json(all.into_iter().map(|one| base.token(one, None)).collect()))
}

pub(super) async fn token(
    State(serving): Served,
    base: Base,
    Path(id): Path<String>,
) -> Result<Json<ShownToken>, Refusal> {
    let found = serving.directory.account_token(&id, serving.clock.now(), serving.seen()).await?;
    Ok(Json(base.token(found.ok_or(Refusal::absent(Kind::Token))?, None)))
}

pub(super) async fn delete_token(State(serving): Served, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    let revoked = serving.directory.revoke_account_token(&id, serving.clock.now()).await?;
    gone(revoked, Refusal::absent(Kind::Token))
}

pub(super) async fn projects(State(serving): Served, base: Base) -> Result<Json<Vec<ShownProject>>, Refusal> {
    let all = serving.directory.projects(None, serving.seen()).await?;
    Ok(Json(all.into_iter().map(|one| base.project(one)).collect()))
}

pub(super) async fn project(
    State(serving): Served,
    base: Base,
    Path(id): Path<String>,
) -> Result<Json<ShownProject>, Refusal> {
    let found = serving.directory.project(&id, serving.seen()).await?.ok_or(NO_PROJECT)?;
    Ok(Json(base.project(found)))
}

pub(super) async fn delete_project(State(serving): Served, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    gone(serving.directory.delete_project(&id).await?, NO_PROJECT)
}

const NO_PROJECT: Refusal = Refusal::NotFound("there is no project with this id");

/// 204 if something went, else that it was not there.
pub(super) fn gone(went: bool, absent: Refusal) -> Result<StatusCode, Refusal> {
    if went { Ok(StatusCode::NO_CONTENT) } else { Err(absent) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_path_of_its_address() {
        for good in ["http://localhost:8085/user/a1", "https://elsewhere/base/user/a1", "/user/a1"] {
            assert_eq!(user_id(good), Some("a1"), "{good}");
        }
        for bad in ["", "a1", "user/a1", "http://localhost:8085/user/", "http://localhost:8085/token/a1"] {
            assert_eq!(user_id(bad), None, "{bad}");
        }
    }
}
