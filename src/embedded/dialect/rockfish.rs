//! The Rockfish Data Platform: the directory behind its admin API and its public API.
//!
//! What is served, and where it comes from:
//! - The vendor's page "Organizations" shows creating an organisation, a user (with an initial token) and a further token,
//!   making a user a member, and listing projects on the admin API; and creating a user with the invite code on the
//!   public one. These are served as shown, member by member. The admin API is shown without any credential, so it has
//!   none here: its listener is for those who may do everything. A call that a browser makes for a web page (an `Origin`,
//!   or a `Sec-Fetch-Site` other than `none` and `same-origin`) is 403 there, which is our own addition: else any page that
//!   somebody on that machine opens could do everything too. `Host` is not looked at, because a service has many names.
//! - The public API has besides: `GET /organization`, `GET /organization/active`, `GET` and `POST /project`,
//!   `GET /project/active`, `GET` and `PATCH /project/{id}`, with `Authorization: Bearer` and, if wanted,
//!   `X-Organization-ID` and `X-Project-ID`. The page says that a member with the role `Admin` can add users to the
//!   organisation: that is served as the same `PUT` on the public API.
//! - **Our own addition**, which no public source shows: `GET` and `DELETE` on the `self` address of an organisation, a
//!   user, a token and a project, `GET` on `/organization`, `/user` and `/token` of the admin API, and `DELETE` on a
//!   membership. Every object carries its `self`, so these are the natural guesses. With
//!   [`Quirk::RockfishAsDocumented`] they are not there: 405 where the path is known, else 404.
//!
//! What the sources leave open is decided so:
//! - Nothing is unique: two organisations may share a name, and two users an address.
//! - Users are global. One who is removed from an organisation, or whose organisation is deleted, goes on.
//! - An organisation's first membership makes its default project, owned by that user; later ones make none.
//! - A token is minted for the organisation that its user has been in longest. A token from before any membership
//!   serves in every organisation that its user joins later; the others act in their own organisation and in no other,
//!   whatever their user is a member of. The user and their tokens are theirs with each of them.
//! - Without `X-Organization-ID` the active organisation is the token's, else the one that its user has been in longest.
//!   An organisation or project that is not the caller's is 403, whether it exists or not.
//! - Any member may create a project; its owner and the organisation's admins may rename and delete it.
//! - An error is `{"error": "<word>", "message": "<sentence>"}`.
//! - The token's `organization` is left out while its user has none, and a project's `owner` once that user is gone.

mod admin;
mod caller;
mod public;
mod refusal;
mod shown;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use uuid::Uuid;

use super::body::BODY_LIMIT;
use super::{Quirk, Serving};
use crate::embedded::http::never_stored;
use crate::embedded::rules::{Rights, Role, Rules, Scope, printable_name};
use refusal::Refusal;

/// Rockfish's dialect. Ids and roles are those of the vendor's page; that names are free is our own decision.
pub static ROCKFISH: Rules = Rules {
    issuer: "api",
    new_id,
    check_name: printable_name,
    unique_organization_names: false,
    unique_usernames: Scope::Nowhere,
    roles: &[Role { name: "Admin", rights: Rights::ALL }],
    administrator_roles: &["Admin"],
    default_roles: &[],
    default_project: "Default Project",
    invites: false,
};

/// 21 or 22 letters and digits, as the ids of the page: a random UUID in base 62.
fn new_id() -> String {
    loop {
        let id = base62::encode(Uuid::new_v4().as_u128());
        // One in about 500 has leading zeros and so fewer digits than any id that the page shows.
        if id.len() >= 21 {
            return id;
        }
    }
}

/// The admin API (port 8085 on the vendor's page). It asks for no credential, because the page shows none: whoever
/// reaches the listener may do everything, except through a web page.
pub fn admin_router(serving: Serving) -> Router {
    let mut router = Router::new()
        .route("/organization", post(admin::create_organization))
        .route("/organization/{organization}/user/{user}", put(admin::put_member))
        .route("/user", post(admin::create_user))
        .route("/token", post(admin::create_token))
        .route("/project", get(admin::projects));
    if !serving.has(Quirk::RockfishAsDocumented) {
        router = router
            .route("/organization", get(admin::organizations))
            .route("/organization/{id}", get(admin::organization).delete(admin::delete_organization))
            .route("/organization/{organization}/user/{user}", delete(admin::delete_member))
            .route("/user", get(admin::users))
            .route("/user/{id}", get(admin::user).delete(admin::delete_user))
            .route("/token", get(admin::tokens))
            .route("/token/{id}", get(admin::token).delete(admin::delete_token))
            .route("/project/{id}", get(admin::project).delete(admin::delete_project));
    }
    finish(router, serving).layer(from_fn(no_web_page))
}

/// The public API (port 8080 on the vendor's page). Every call but the creation of a user with the invite code, which is
/// [`Serving::secret`], shows a token.
///
/// With our own addition a caller reads and deletes their own user and tokens, reads their organisations, and deletes
/// projects that they may rename.
pub fn public_router(serving: Serving) -> Router {
    let mut router = Router::new()
        .route("/user", post(public::create_user))
        .route("/organization", get(public::organizations))
        .route("/organization/active", get(public::active_organization))
        .route("/organization/{organization}/user/{user}", put(public::put_member))
        .route("/project", get(public::projects).post(public::create_project))
        .route("/project/active", get(public::active_project))
        .route("/project/{id}", get(public::project).patch(public::patch_project));
    if !serving.has(Quirk::RockfishAsDocumented) {
        router = router
            .route("/organization/{id}", get(public::organization))
            .route("/user/{id}", get(public::user).delete(public::delete_user))
            .route("/token/{id}", get(public::token).delete(public::delete_token))
            .route("/project/{id}", delete(public::delete_project));
    }
    finish(router, serving)
}

fn finish(router: Router<Arc<Serving>>, serving: Serving) -> Router {
    router
        .fallback(async || Refusal::NoSuchPath)
        .method_not_allowed_fallback(async || Refusal::NoSuchMethod)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(map_response(never_stored))
        .with_state(Arc::new(serving))
}

/// Refuses what a browser asks for a web page, before anything of it is done.
async fn no_web_page(request: Request, next: Next) -> Response {
    if is_of_a_web_page(request.headers()) {
        return Refusal::Forbidden("web pages may not use the admin API: call it from a program").into_response();
    }
    next.run(request).await
}

/// Whether a browser asks, and not because its user typed the address. Programs send neither header (Fetch, section 3.2,
/// and Fetch Metadata, section 2).
fn is_of_a_web_page(headers: &HeaderMap) -> bool {
    let other_site = |site: &HeaderValue| !matches!(site.as_bytes(), b"none" | b"same-origin");
    headers.contains_key(ORIGIN) || headers.get_all("sec-fetch-site").iter().any(other_site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_those_of_the_page() {
        for _ in 0..5000 {
            let id = new_id();
            assert!(matches!(id.len(), 21 | 22) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        }
        assert_ne!(new_id(), new_id());
    }
}
