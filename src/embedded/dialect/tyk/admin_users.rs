//! `/admin/users`: users of any organisation. There is no list and no deletion here.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::access::{Admin, Id};
use super::reply::{Body, Meta, Refusal, ok, read};
use super::users::{Given, Shown, key, not_created};
use super::{Quirk, Serving};
use crate::domain::entity::OfUser;

/// The key is in the reply, also where the server hides keys: it is shown at no other time then.
pub(super) async fn create(_: Admin, State(serving): State<Serving>, body: Body) -> Result<Response, Refusal> {
    let given: Given = read(body, Refusal::EMPTY, Refusal::MALFORMED)?;
    let organization_id = given.org_id.clone().unwrap_or_default();
    let (of, key) = given.create(&serving, organization_id).await.map_err(not_created)?;
    let made = serving.directory.user_document(&of.user_id, Timestamp::MAX).await?.ok_or(Refusal::UNAVAILABLE)?;
    Ok(ok(key.expose_secret(), Meta::User(Box::new(Shown::whole(&made)))))
}

pub(super) async fn show(_: Admin, Id(id): Id, State(serving): State<Serving>) -> Result<Json<Shown>, Refusal> {
    let found = serving.directory.user_document(&id, serving.seen()).await?;
    Ok(Json(Shown::to_others(&found.ok_or(Refusal::NO_USER_DETAIL)?, &serving)))
}

/// `Message` is the key, or "User updated" where the server hides keys or the user's was revoked: both are known of the
/// vendor, and when it is which is not.
pub(super) async fn update(
    _: Admin,
    Id(id): Id,
    State(serving): State<Serving>,
    body: Body,
) -> Result<Response, Refusal> {
    let given: Given = read(body, Refusal::EMPTY, Refusal::MALFORMED)?;
    let found = serving.directory.user_document(&id, Timestamp::MAX).await?.ok_or(Refusal::NO_USER)?;
    let of = OfUser { organization_id: found.organization_id, user_id: found.id };
    let updated = given.update(&serving, &of).await?;
    let shown = Meta::User(Box::new(Shown::to_others(&updated, &serving)));
    match key(&updated) {
        key if key.is_empty() || serving.has(Quirk::TykHidesKeys) => Ok(ok("User updated", shown)),
        key => Ok(ok(&key, shown)),
    }
}
