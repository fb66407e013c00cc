//! Who calls the public API, and in which of their organisations.

use std::sync::Arc;

use axum::extract::{self, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use crate::embedded::dialect::Serving;
use crate::embedded::{Caller, Membership, Project};

/// The two headers that choose among what is the caller's.
const ORGANIZATION: &str = "x-organization-id";
const PROJECT: &str = "x-project-id";

const NOT_YOURS: &str = "this organization is not one of yours";

/// A user with a live token, and what the request chooses.
pub(super) struct Authenticated {
    pub(super) caller: Caller,
    organization: Option<String>,
    project: Option<String>,
}

impl FromRequestParts<Arc<Serving>> for Authenticated {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, serving: &Arc<Serving>) -> Result<Self, Refusal> {
        let token = bearer(&parts.headers).ok_or(Refusal::Unauthorized)?;
        let caller = serving.directory.caller(&token, serving.clock.now(), serving.seen()).await?;
        let mut caller = caller.ok_or(Refusal::Unauthorized)?;
        if let Some(own) = &caller.organization_id {
            caller.memberships.retain(|membership| membership.organization_id == *own);
        }
        Ok(Self {
            caller,
            organization: chosen(&parts.headers, ORGANIZATION)?,
            project: chosen(&parts.headers, PROJECT)?,
        })
    }
}

/// The token of `Authorization: Bearer …`; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| SecretString::from(token.trim()))
}

/// An id that a header names; an empty header chooses nothing.
fn chosen(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let id = value.to_str().map_err(|_| Refusal::Invalid(format!("the header {name} is no id")))?.trim();
    Ok(Some(id).filter(|id| !id.is_empty()).map(str::to_owned))
}

impl Authenticated {
    /// The caller's membership of that organisation.
    pub(super) fn member_of(&self, organization_id: &str) -> Result<&Membership, Refusal> {
        let mut memberships = self.caller.memberships.iter();
        memberships.find(|one| one.organization_id == organization_id).ok_or(Refusal::Forbidden(NOT_YOURS))
    }

    /// The organisation that the call is about: the one that the header chooses, else the token's, else the one that the
    /// caller has been in longest; none if they are in none.
    pub(super) fn active(&self) -> Result<Option<&Membership>, Refusal> {
        if let Some(chosen) = &self.organization {
            return self.member_of(chosen).map(Some);
        }
        let of_token = self.caller.organization_id.as_deref();
        let of_token = of_token.and_then(|id| self.member_of(id).ok());
        Ok(of_token.or_else(|| self.caller.memberships.first()))
    }

    /// As [`active`](Self::active), for calls that need one.
    pub(super) fn active_or_refused(&self) -> Result<&Membership, Refusal> {
        self.active()?.ok_or(Refusal::NotFound("you are in no organization"))
    }

    /// The project that the header chooses, if it does.
    pub(super) fn chosen_project(&self) -> Option<&str> {
        self.project.as_deref()
    }

    /// Whether the caller may change that project: its owner, and the admins of its organisation.
    pub(super) fn may_change(&self, project: &Project) -> Result<(), Refusal> {
        let membership = self.member_of(&project.organization_id)?;
        if membership.is_administrator || project.owner_id.as_deref() == Some(&*self.caller.user_id) {
            return Ok(());
        }
        Err(Refusal::Forbidden("only the project's owner and an Admin of its organization may do this"))
    }
}

/// What the path names, as [`axum::extract::Path`]; one that is no text is a path that nothing is served at.
pub(super) struct Path<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match extract::Path::from_request_parts(parts, state).await {
            Ok(extract::Path(named)) => Ok(Self(named)),
            Err(_) => Err(Refusal::NoSuchPath),
        }
    }
}
