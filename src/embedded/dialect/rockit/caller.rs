//! Who calls the backend API.

use std::sync::Arc;

use axum::extract::{self, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::Face;
use super::refusal::Refusal;
use crate::embedded::dialect::body::Unfit;
use crate::embedded::dialect::secret;
use crate::embedded::{Principal, Rights, RoleRecord, Session};

/// Who has shown a credential.
pub(super) enum Caller {
    /// The account that may delete any organisation.
    Operator,
    /// An account of an organisation.
    Member(Member),
}

/// An account of an organisation, and what it may do there.
pub(super) struct Member {
    pub(super) principal: Principal,
    pub(super) rights: Rights,
}

/// A header's text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

impl FromRequestParts<Arc<Face>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, face: &Arc<Face>) -> Result<Self, Refusal> {
        let headers = &parts.headers;
        let principal = if let Some(token) = header(headers, "x-rockit-beauth-token") {
            if face.operator.as_ref().is_some_and(|operator| secret::is_right(&operator.secret, token)) {
                return Ok(Self::Operator);
            }
            let token = SecretString::from(token);
            face.serving.directory.session(Session::Access, &token, face.serving.clock.now()).await?
        } else {
            let of = |name| header(headers, name).ok_or(Refusal::Unauthorized);
            let (organization, username) = (of("x-rockit-orgname")?, of("x-rockit-username")?);
            let key = of("x-rockit-api-key")?;
            if face.operator.as_ref().is_some_and(|operator| {
                operator.organization == organization
                    && operator.username == username
                    && secret::is_right(&operator.secret, key)
            }) {
                return Ok(Self::Operator);
            }
            machine(face, organization, username, key).await?
        };
        let principal = principal.ok_or(Refusal::Unauthorized)?;
        let rights = face.serving.directory.rights(&principal.organization_id, &principal.user_id).await?;
        Ok(Self::Member(Member { principal, rights }))
    }
}

/// The machine account that the three headers mean together; the key alone would do, so the names have to fit it.
async fn machine(face: &Face, organization: &str, username: &str, key: &str) -> Result<Option<Principal>, Refusal> {
    let directory = &face.serving.directory;
    let Some(principal) = directory.authenticate_access_key(&SecretString::from(key)).await? else {
        return Ok(None);
    };
    let own = directory.organization(&principal.organization_id).await?;
    let fits = own.is_some_and(|own| own.name == organization) && principal.username == username;
    Ok(fits.then_some(principal))
}

impl Caller {
    /// The member who calls, if their roles have that right.
    pub(super) fn with(self, right: Rights) -> Result<Member, Refusal> {
        match self {
            Self::Member(member) if member.rights.include(right) => Ok(member),
            Self::Member(_) | Self::Operator => Err(Refusal::Unauthorized),
        }
    }
}

impl Member {
    /// The id of the organisation that they act in.
    pub(super) fn organization(&self) -> &str {
        &self.principal.organization_id
    }

    /// Refuses what would give or change more rights than the member has.
    pub(super) fn may_handle(&self, rights: Rights) -> Result<(), Refusal> {
        if self.rights.include(rights) { Ok(()) } else { Err(Refusal::Unauthorized) }
    }

    /// Refuses roles that are not there, and those that the member may not give.
    pub(super) fn may_give(&self, roles: &[String], known: &[RoleRecord]) -> Result<(), Refusal> {
        for name in roles {
            let role = known.iter().find(|role| role.name == *name);
            let role = role.ok_or_else(|| Unfit::new("roles", "name roles of the organization"))?;
            self.may_handle(role.rights)?;
        }
        Ok(())
    }
}

/// What the path names, as [`axum::extract::Path`]; one that is no text is a path that nothing is served at.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match extract::Path::from_request_parts(parts, state).await {
            Ok(extract::Path(named)) => Ok(Self(named)),
            Err(_) => Err(Refusal::NotFound("nothing is served at this path")),
        }
    }
}
