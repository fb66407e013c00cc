//! Who calls. A request without the right credential is refused before its body is read.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use jiff::Timestamp;
use secrecy::SecretString;

use super::Serving;
use super::reply::Refusal;
use super::users::is_admin;
use crate::domain::entity::OfUser;
use crate::embedded::dialect::secret::is_right;

/// The header with the admin secret.
const ADMIN: &str = "admin-auth";

/// A request that has shown the admin secret.
pub(super) struct Admin;

impl FromRequestParts<Serving> for Admin {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, serving: &Serving) -> Result<Self, Refusal> {
        let shown = parts.headers.get(ADMIN).ok_or(Refusal::NOT_AUTHORISED)?;
        if is_right(&serving.secret, shown) { Ok(Self) } else { Err(Refusal::NOT_AUTHORISED) }
    }
}

/// A user who has shown an access key.
pub(super) struct Caller {
    /// Who it is.
    pub(super) of: OfUser,
    /// Whether the user administers the organisation.
    pub(super) is_admin: bool,
}

impl FromRequestParts<Serving> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, serving: &Serving) -> Result<Self, Refusal> {
        let shown = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let shown = SecretString::from(without_scheme(shown));
        let found = serving.directory.authenticate_access_key(&shown).await?.ok_or(Refusal::NOT_AUTHORISED)?;
        let of = OfUser { organization_id: found.organization_id, user_id: found.user_id };
        let user = serving.directory.user_document(&of.user_id, Timestamp::MAX).await?;
        Ok(Self { is_admin: user.is_some_and(|user| is_admin(&user)), of })
    }
}

/// A caller who administers the organisation.
pub(super) struct Administrator(pub(super) Caller);

impl FromRequestParts<Serving> for Administrator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, serving: &Serving) -> Result<Self, Refusal> {
        let caller = Caller::from_request_parts(parts, serving).await?;
        if caller.is_admin { Ok(Self(caller)) } else { Err(Refusal::DISALLOWED) }
    }
}

/// The id in the path, as it was given. One that is no text is none that anything has.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(id.map_or_else(|_| String::new(), |Path(id)| id)))
    }
}

/// The key of an `Authorization` header: real clients send it raw, the vendor's SDK after `Bearer`.
fn without_scheme(header: &str) -> &str {
    match header.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("Bearer") => key.trim(),
        _ => header,
    }
}
