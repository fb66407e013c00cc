//! The objects as they are shown: the members of the vendor's page, in its order.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{HOST, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::embedded::dialect::{OverTls, Serving};
use crate::embedded::{Account, AccountToken, Project};

/// What `self`, `Location` and links begin with: the address that was set, else the request's `Host` behind `http://`, or
/// `https://` where it came [over TLS](OverTls).
pub(super) struct Base(String);

impl Base {
    fn of(serving: &Serving, parts: &Parts) -> Self {
        if let Some(base) = &serving.base {
            return Self(base.trim_end_matches('/').to_owned());
        }
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let scheme = if parts.extensions.get::<OverTls>().is_some() { "https" } else { "http" };
        Self(format!("{scheme}://{host}"))
    }

    pub(super) fn organization(&self, id: &str, name: &str) -> ShownOrganization {
        ShownOrganization { id: id.to_owned(), name: name.to_owned(), address: self.address("organization", id) }
    }

    pub(super) fn user(&self, user: Account, token: Option<&SecretString>) -> ShownUser {
        ShownUser { address: self.address("user", &user.id), email: user.email, id: user.id, token: value(token) }
    }

    pub(super) fn token(&self, token: AccountToken, shown: Option<&SecretString>) -> ShownToken {
        ShownToken {
            address: self.address("token", &token.id),
            id: token.id,
            organization: token.organization_id.map(|id| self.address("organization", &id)),
            token: value(shown),
            user: self.address("user", &token.user_id),
        }
    }

    pub(super) fn project(&self, project: Project) -> ShownProject {
        ShownProject {
            is_default: project.is_default,
            address: self.address("project", &project.id),
            id: project.id,
            name: project.name,
            owner: project.owner_id.as_deref().map(|id| self.address("user", id)),
            owner_id: project.owner_id,
        }
    }

    fn address(&self, kind: &str, id: &str) -> String {
        format!("{}/{kind}/{id}", self.0)
    }
}

fn value(token: Option<&SecretString>) -> Option<String> {
    token.map(|token| token.expose_secret().to_owned())
}

impl FromRequestParts<Arc<Serving>> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, serving: &Arc<Serving>) -> Result<Self, Infallible> {
        Ok(Self::of(serving, parts))
    }
}

#[derive(Serialize)]
pub(super) struct ShownOrganization {
    id: String,
    name: String,
    #[serde(rename = "self")]
    address: String,
}

#[derive(Serialize)]
pub(super) struct ShownUser {
    email: String,
    id: String,
    #[serde(rename = "self")]
    address: String,
    /// Only when the user is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Serialize)]
pub(super) struct ShownToken {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    #[serde(rename = "self")]
    address: String,
    /// Only when the token is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    user: String,
}

#[derive(Serialize)]
pub(super) struct ShownProject {
    #[serde(rename = "default")]
    is_default: bool,
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner_id: Option<String>,
    #[serde(rename = "self")]
    address: String,
}

/// An object with an address of its own.
pub(super) trait Located: Serialize {
    fn address(&self) -> &str;
}

macro_rules! located {
    ($($shown:ty),*) => {
        $(impl Located for $shown {
            fn address(&self) -> &str {
                &self.address
            }
        })*
    };
}

located!(ShownOrganization, ShownUser, ShownToken, ShownProject);

/// The reply to a creation: 201, `Location` equal to `self`, and the object.
pub(super) fn created(object: &impl Located) -> Response {
    let mut response = (StatusCode::CREATED, Json(object)).into_response();
    // Only an address of its own that is no header value has none, and then the body says it all the same.
    if let Ok(location) = HeaderValue::from_str(object.address()) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
