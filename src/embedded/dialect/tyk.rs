//! The Tyk Dashboard's dialect: organisations and users under `/admin`, an organisation's own users under `/api`.
//!
//! Paths, status codes and texts are the vendor's. What its pages leave open is decided here:
//! - Deleting an organisation deletes its users and ends their keys.
//! - A user is always in one organisation that is there; a creation without one is refused with 403. (The vendor makes a
//!   user of all organisations then, which this directory has no word for.)
//! - Under `/api`, only administrators of the organisation (`IsAdmin: admin`) list and write users; anybody else sees
//!   themselves and gets 403 "Access disallowed" for the rest. What is of another organisation is not there.
//! - `p` counts from 1 and zero or less means all, as the vendor's page on pagination says; what is no number means 1,
//!   and a page past the last is empty. The oldest come first. An empty list is 200: the 404 that the table has for it
//!   does not happen.
//! - A failure of the directory is 500, but 400 "Could not delete the org" for a deletion of one.
//! - A body of more than 1 MiB is 413, and a path or method that is not served 404 or 405, in the same envelope.

mod access;
mod admin_users;
mod organizations;
mod own_users;
mod paging;
mod reply;
mod users;

use axum::extract::DefaultBodyLimit;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post, put};
use axum::{Router, middleware};
use uuid::Uuid;

use self::reply::{Meta, Refusal, ok};
use super::body::BODY_LIMIT;
use super::{Quirk, Serving};
use crate::embedded::access_keys::hexadecimal;
use crate::embedded::http::never_stored;
use crate::embedded::rules::{Rules, Scope, is_unprintable};

/// How many bytes an id has, each shown as two hexadecimal digits.
const ID_BYTES: usize = 12;

/// Tyk's rules: any text is a name, also of several organisations or none at all; a user's login name is the e-mail
/// address in lower case, and is given once in an organisation. What a user may do is not a role but a document of the
/// user's own.
pub static TYK: Rules = Rules {
    issuer: "tyk",
    new_id: || hexadecimal(&Uuid::new_v4().as_bytes()[..ID_BYTES]),
    check_name: |name| {
        if name.chars().any(is_unprintable) { Err("use printable characters only") } else { Ok(()) }
    },
    unique_organization_names: false,
    unique_usernames: Scope::Organization,
    roles: &[],
    administrator_roles: &[],
    default_roles: &[],
    default_project: "Default",
    invites: false,
};

/// The dialect, served from that. Every path is served with a slash at its end too, and a body is taken for JSON
/// whatever its `Content-Type` says, because real callers rely on both.
pub fn router(serving: Serving) -> Router {
    let paths: [(&str, MethodRouter<Serving>); 11] = [
        ("/hello", get(hello)),
        ("/admin/organisations", get(organizations::list).post(organizations::create)),
        ("/admin/organisations/import", post(organizations::import)),
        (
            "/admin/organisations/{id}",
            get(organizations::show).put(organizations::replace).delete(organizations::delete),
        ),
        ("/admin/users", post(admin_users::create)),
        ("/admin/users/{id}", get(admin_users::show).put(admin_users::update)),
        ("/api/users", get(own_users::list).post(own_users::create)),
        ("/api/users/{id}", get(own_users::show).put(own_users::update).delete(own_users::delete)),
        ("/api/users/{id}/actions/reset", post(own_users::set_password)),
        ("/api/users/{id}/actions/key/reset", put(own_users::renew_key)),
        ("/api/users/{id}/actions/revoke", put(own_users::revoke_key)),
    ];
    let mut router = Router::new();
    for (path, methods) in paths {
        let methods = methods.fallback(async || Refusal::METHOD);
        router = router.route(path, methods.clone()).route(&format!("{path}/"), methods);
    }
    router
        .fallback(async || Refusal::PATH)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::map_response(never_stored))
        .with_state(serving)
}

/// The vendor's page says no more than 200; the body is our own.
async fn hello() -> Response {
    ok("Hello", Meta::Nothing)
}

/// The id in lower case, if it has the form of one.
fn id(text: &str) -> Option<String> {
    let is_id = text.len() == 2 * ID_BYTES && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_id.then(|| text.to_ascii_lowercase())
}
