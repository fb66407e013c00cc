//! `/api/users`: the users of the caller's own organisation.
//!
//! Which code a user who is not there gets is decided here, from those that the vendor's table has for the call: 403 where
//! a password is set, 400 where a key is revoked, else 404.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::access::{Administrator, Caller, Id};
use super::paging::{Page, pages};
use super::reply::{Body, Meta, Refusal, ok, read};
use super::users::{Given, Shown, not_created, secret, set_password as set};
use super::{Serving, id as checked};
use crate::domain::entity::OfUser;
use crate::embedded::documents::UserDocument;
use crate::embedded::error::DirectoryError;

/// A user as that caller sees it: their own key is always there.
fn shown(user: &UserDocument, caller: &Caller, serving: &Serving) -> Shown {
    if user.id == caller.of.user_id { Shown::whole(user) } else { Shown::to_others(user, serving) }
}

/// The user with that id in the caller's organisation. Our own decision where the vendor's table has 400 beside 404:
/// what has not the form of an id is 400.
async fn own(
    id: &str,
    caller: &Caller,
    serving: &Serving,
    seen: Timestamp,
    absent: Refusal,
) -> Result<UserDocument, Refusal> {
    let id = checked(id).ok_or(Refusal::NO_ID)?;
    let found = serving.directory.user_document(&id, seen).await?;
    found.filter(|user| user.organization_id == caller.of.organization_id).ok_or(absent)
}

fn of(user: UserDocument) -> OfUser {
    OfUser { organization_id: user.organization_id, user_id: user.id }
}

#[derive(Serialize)]
pub(super) struct List {
    users: Vec<Shown>,
    pages: u64,
}

pub(super) async fn list(
    Administrator(caller): Administrator,
    page: Page,
    State(serving): State<Serving>,
) -> Result<Json<List>, Refusal> {
    let part = page.part(serving.seen());
    let (found, all) = serving.directory.user_documents(&caller.of.organization_id, part).await?;
    Ok(Json(List { users: found.iter().map(|user| shown(user, &caller, &serving)).collect(), pages: pages(all) }))
}

/// The organisation is the caller's, whatever the body says. The key is not in the reply.
pub(super) async fn create(
    Administrator(caller): Administrator,
    State(serving): State<Serving>,
    body: Body,
) -> Result<Response, Refusal> {
    let given: Given = read(body, Refusal::MALFORMED_OWN, Refusal::MALFORMED_OWN)?;
    let (made, _) = given.create(&serving, caller.of.organization_id).await.map_err(|error| match error {
        DirectoryError::Invalid { .. } => Refusal::MALFORMED_OWN,
        error => not_created(error),
    })?;
    Ok(ok("User and session have been created", Meta::Text(made.user_id)))
}

pub(super) async fn show(caller: Caller, Id(id): Id, State(serving): State<Serving>) -> Result<Json<Shown>, Refusal> {
    if !caller.is_admin && id != caller.of.user_id {
        return Err(Refusal::DISALLOWED);
    }
    let found = own(&id, &caller, &serving, serving.seen(), Refusal::NO_USER_DETAIL).await?;
    Ok(Json(shown(&found, &caller, &serving)))
}

/// Not in the table, but on the vendor's page "Update user".
pub(super) async fn update(
    Administrator(caller): Administrator,
    Id(id): Id,
    State(serving): State<Serving>,
    body: Body,
) -> Result<Response, Refusal> {
    let given: Given = read(body, Refusal::MALFORMED_OWN, Refusal::MALFORMED_OWN)?;
    let found = own(&id, &caller, &serving, Timestamp::MAX, Refusal::NO_USER).await?;
    given.update(&serving, &of(found)).await.map_err(|error| match error {
        DirectoryError::Invalid { .. } => Refusal::MALFORMED_OWN,
        error => error.into(),
    })?;
    Ok(ok("User updated", Meta::Nothing))
}

pub(super) async fn delete(
    Administrator(caller): Administrator,
    Id(id): Id,
    State(serving): State<Serving>,
) -> Result<Response, Refusal> {
    let found = own(&id, &caller, &serving, Timestamp::MAX, Refusal::NO_USER).await?;
    serving.directory.delete_user(&found.organization_id, &found.id).await?;
    Ok(ok("User deleted", Meta::Nothing))
}

#[derive(Deserialize)]
struct NewPassword {
    #[serde(default, deserialize_with = "secret")]
    new_password: Option<SecretString>,
}

pub(super) async fn set_password(
    Administrator(caller): Administrator,
    Id(id): Id,
    State(serving): State<Serving>,
    body: Body,
) -> Result<Response, Refusal> {
    let given: NewPassword = read(body, Refusal::MALFORMED, Refusal::MALFORMED)?;
    let password = given.new_password.ok_or(Refusal::MALFORMED)?;
    let found = own(&id, &caller, &serving, Timestamp::MAX, Refusal::NOBODY_TO_RESET).await?;
    set(&serving, &of(found), password).await?;
    Ok(ok("User password updated", Meta::Nothing))
}

/// The new key is not in the reply: it is to be read.
pub(super) async fn renew_key(
    Administrator(caller): Administrator,
    Id(id): Id,
    State(serving): State<Serving>,
) -> Result<Response, Refusal> {
    let found = own(&id, &caller, &serving, Timestamp::MAX, Refusal::NO_USER).await?;
    serving.directory.renew_access_key(&of(found)).await?;
    Ok(ok("User session renewed", Meta::Nothing))
}

/// Ends the key and nothing else: the account stays, and another key may be made. What more the vendor's server does is
/// not public.
pub(super) async fn revoke_key(
    Administrator(caller): Administrator,
    Id(id): Id,
    State(serving): State<Serving>,
) -> Result<Response, Refusal> {
    let found = own(&id, &caller, &serving, Timestamp::MAX, Refusal::NOBODY_TO_REVOKE).await?;
    serving.directory.revoke_access_key(&of(found)).await?;
    Ok(ok("User revoked", Meta::Nothing))
}
