//! ROCKIT Edge: the directory behind its admin API (`/adm`) and its backend API (`/be`), older generation.
//!
//! What is served, and where it comes from:
//! - The vendor's pages "Create Organization" and "Delete Organization", member by member: `POST /adm/v1/orgs` with
//!   `x-rockit-admin-token` and `DELETE /be/v1/orgs/{ORG_NAME}?prune=true` with `x-rockit-beauth-token`.
//! - The vendor's other public pages give paths, methods, headers, times and the members of some requests: sessions
//!   (`/be/v1/login`, `/be/v1/auth`), a machine account's three headers, users (`/be/v1/users`), roles (`/be/v1/roles`),
//!   the two pings and maintenance. The newer two-step login and `/be/v1/refresh` are not served.
//!
//! **The rest is this project's own choice**, because no public source shows it:
//! - A refusal is `{"status": "failed", "error": "<word>", "message": "<sentence>"}`, in the style of the known
//!   maintenance reply, and names the parameter in `param` where the error is `invalid-param`. What nobody serves or has
//!   is 404 `item-not-found`. The pages have no 403, so a right that is missing is 401 `unauthorized` too.
//! - A success is 200 `{"status": "success", "message": "<sentence>"}`, as in both excerpts, with `sessionToken`,
//!   `authToken`, `apiKey`, `user`, `users` and `total`, `role`, `roles` beside it where there is something to tell.
//! - Login takes `orgname` (as the header `x-rockit-orgname`), `username` and `password`.
//! - A user is shown with `username`, `type` (`person` or `machine`), `enabled`, `roles`, and `email`, `firstname`,
//!   `surname`, `title` or `label`. `limit` is 100 at most.
//! - A role is `name` and `permissions`, one bitmask. Nobody gives, or changes the account or the role of somebody who
//!   has, more rights than their own. `Administrators` is not changed or deleted, and no role that somebody has is deleted.
//! - `resetCreds` gives a machine a new key (`apiKey` in the reply), and takes a person's password away and invites them
//!   again. A new `email` of a person who has not opened the invitation yet replaces it: the older link is dead.
//! - A person is invited by the link `/invitations/{id}/{code}`. `GET` shows a page with a button and does nothing else,
//!   because what scans mails follows links; the button is a `POST` to the same address, which enables the account. Who had
//!   no password (everybody but an organisation's first administrator) is shown one then, once, as `password`.
//! - `dxorglnk` has to be given and is not kept; of the key pair the public half is kept. A private key that is not
//!   encrypted is taken with any passphrase, as `openssl` does.
//! - An organisation is deleted by an account in it with the right to delete, or by the [`Operator`].
//! - Members that are not known are passed over.

mod admin;
mod caller;
mod login;
mod organizations;
mod refusal;
mod roles;
mod shown;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::routing::{delete, get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::body::BODY_LIMIT;
use super::{Quirk, Serving};
use crate::embedded::http::never_stored;
use crate::embedded::rules::{Rights, Role, Rules, Scope};
use refusal::Refusal;

/// The role that every organisation has, with every right.
const ADMINISTRATORS: &str = "Administrators";

/// ROCKIT's dialect. Names, their uniqueness and the role are the vendor's; the issuer is our own, because no token of the
/// directory's is ever given out in this dialect.
pub static ROCKIT: Rules = Rules {
    issuer: "rockit",
    new_id: || Uuid::new_v4().to_string(),
    check_name,
    unique_organization_names: true,
    unique_usernames: Scope::Organization,
    roles: &[Role { name: ADMINISTRATORS, rights: Rights::ALL }],
    administrator_roles: &[ADMINISTRATORS],
    default_roles: &[],
    default_project: "Default",
    invites: true,
};

/// The vendor's `/^[A-Za-z0-9_]{2,50}$/`.
fn check_name(name: &str) -> Result<(), &'static str> {
    let fits = (2..=50).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits { Ok(()) } else { Err("use 2 to 50 of the characters A-Z, a-z, 0-9 and _") }
}

/// The account that may delete any organisation and do nothing else. It is set and not kept in the directory, so that it
/// is there before the first organisation and goes with none. What it is called on a real server is not public: there an
/// operator uses an account of its own.
#[derive(Clone, Debug)]
pub struct Operator {
    /// What it sends as `x-rockit-orgname`.
    pub organization: String,
    /// What it sends as `x-rockit-username`.
    pub username: String,
    /// What it sends as `x-rockit-api-key` with the two others, or else alone as `x-rockit-beauth-token`: that one does
    /// not end.
    pub secret: SecretString,
}

/// The most logins under way: only two passwords are hashed at a time.
const LOGINS: usize = 32;

/// What every call has at hand.
struct Face {
    serving: Serving,
    /// The HMAC key of admin tokens; none if the secret is not base64 of anything, and then no admin token is taken.
    admin_key: Option<Zeroizing<Vec<u8>>>,
    operator: Option<Operator>,
    logins: Semaphore,
}

type Served = axum::extract::State<Arc<Face>>;

/// Both APIs, and the links of invitations. [`Serving::secret`] is the base64 of the key that signs admin tokens.
///
/// Invitations are kept in the directory for whoever sends them: see
/// [`Directory::invitations`](crate::embedded::Directory::invitations).
pub fn router(serving: Serving, operator: Option<Operator>) -> Router {
    if serving.has(Quirk::RockitMaintenance) {
        return Router::new().fallback(async || Refusal::Maintenance).layer(map_response(never_stored));
    }
    let admin_key = admin_key(&serving.secret);
    if admin_key.is_none() {
        tracing::error!("the admin secret of the ROCKIT dialect is no base64, so no admin token is accepted");
    }
    Router::new()
        .route("/adm/v1/orgs", post(admin::create_organization))
        .route("/adm/v1/ping", post(admin::ping))
        .route("/srv/v1/ping", post(admin::ping))
        .route("/be/v1/orgs/{name}", delete(organizations::delete))
        .route("/be/v1/login", post(login::login))
        .route("/be/v1/auth", post(login::auth))
        .route("/be/v1/users", get(users::list).post(users::create).patch(users::change))
        .route("/be/v1/users/{username}", get(users::one).delete(users::delete))
        .route("/be/v1/roles", get(roles::list).post(roles::create).patch(roles::change))
        .route("/be/v1/roles/{name}", get(roles::one).delete(roles::delete))
        .route("/invitations/{id}/{code}", get(login::show_invitation).post(login::open_invitation))
        .fallback(async || Refusal::NotFound("nothing is served at this path"))
        .method_not_allowed_fallback(async || Refusal::NoSuchMethod)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(map_response(never_stored))
        .with_state(Arc::new(Face { serving, admin_key, operator, logins: Semaphore::new(LOGINS) }))
}

fn admin_key(secret: &SecretString) -> Option<Zeroizing<Vec<u8>>> {
    let key = STANDARD.decode(secret.expose_secret().trim()).map(Zeroizing::new).ok()?;
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_vendors_pattern() {
        for good in ["ab", "A_9", "__", &"x".repeat(50)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "a", &"x".repeat(51), "a-b", "a.b", "a b", "äb", "ab\n"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_admin_secret_is_base64_of_something() {
        assert_eq!(admin_key(&"c2VjcmV0\n".into()).as_deref().map(Vec::as_slice), Some(b"secret".as_slice()));
        for bad in ["", " ", "?", "c2VjcmV0c"] {
            assert!(admin_key(&bad.into()).is_none(), "{bad:?}");
        }
    }
}
