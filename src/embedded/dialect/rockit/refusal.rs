//! What a refused call is answered with. Only the maintenance reply is the vendor's; the others are made in its style.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::domain::entity::Kind;
use crate::embedded::DirectoryError;
use crate::embedded::dialect::body::{BodyError, Unfit};
use crate::keys::KeyError;

/// How long maintenance lasts, in seconds: the vendor's number.
const MAINTENANCE_SECONDS: &str = "900";

/// Why a call is refused. It never repeats a credential or a body.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The credential is missing or wrong, or the account has not the right.
    Unauthorized,
    /// A parameter is missing or cannot be used.
    Invalid(Unfit),
    /// The body is no JSON object.
    NotAnObject,
    /// The name is taken.
    Exists(&'static str),
    /// There is no such thing.
    NotFound(&'static str),
    /// The path is served, but not so.
    NoSuchMethod,
    /// The body is too long.
    TooLarge,
    /// Too many logins are under way.
    Busy,
    /// The directory or the machine cannot answer now.
    Unavailable,
    /// The server is in maintenance.
    Maintenance,
}

impl Refusal {
    fn parts(&self) -> (StatusCode, &'static str, String) {
        let (status, error, message) = match self {
            Self::Unauthorized => {
                (StatusCode::UNAUTHORIZED, "unauthorized", "the credential is missing or wrong, or does not allow this")
            }
            Self::Invalid(unfit) => {
                let message = format!("parameter {} is refused: {}", unfit.member, unfit.rule);
                return (StatusCode::BAD_REQUEST, "invalid-param", message);
            }
            Self::NotAnObject => (StatusCode::BAD_REQUEST, "invalid-param", "send a JSON object"),
            Self::Exists(message) => (StatusCode::CONFLICT, "item-exists", *message),
            Self::NotFound(message) => (StatusCode::NOT_FOUND, "item-not-found", *message),
            Self::NoSuchMethod => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this path is served with other methods")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "send a body of at most 1 MiB"),
            Self::Busy => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "too many logins are under way"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try again in a moment"),
            Self::Maintenance => {
                (StatusCode::SERVICE_UNAVAILABLE, "maintenance", "the server is in maintenance, try again later")
            }
        };
        (status, error, message.to_owned())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error, message) = self.parts();
        let mut body = json!({ "status": "failed", "error": error, "message": message });
        let mut retry_after = None;
        match self {
            Self::Invalid(unfit) => body["param"] = json!(unfit.member),
            Self::NotAnObject => body["param"] = json!("body"),
            Self::Maintenance => {
                body["retryAfter"] = json!(MAINTENANCE_SECONDS);
                retry_after = Some(MAINTENANCE_SECONDS);
            }
            Self::Busy | Self::Unavailable => retry_after = Some("1"),
            _ => {}
        }
        let mut response = (status, Json(body)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}

impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::NotFound { kind: Kind::Organization, .. } => {
                Self::NotFound("there is no such organization")
            }
            DirectoryError::NotFound { .. } => Self::NotFound("there is no such user"),
            DirectoryError::AlreadyExists { kind: Kind::Organization, .. } => {
                Self::Exists("an organization of this name exists")
            }
            DirectoryError::AlreadyExists { .. } => Self::Exists("a user of this name exists"),
            // Names are checked before, so what is left is a role that has just gone.
            DirectoryError::Invalid { rule, .. } => Self::Invalid(Unfit::new("roles", rule)),
            error => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the directory could not answer a request");
                Self::Unavailable
            }
        }
    }
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "a password could not be made");
        Self::Unavailable
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::NotAnObject => Self::NotAnObject,
        }
    }
}

impl From<Unfit> for Refusal {
    fn from(unfit: Unfit) -> Self {
        Self::Invalid(unfit)
    }
}
