//! What a refused call is answered with. The vendor's error bodies are not public; these are ours.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::domain::entity::Kind;
use crate::embedded::DirectoryError;
use crate::embedded::dialect::body::{BodyError, Unfit};

/// Why a call is refused. It never repeats a credential or a body.
#[derive(Debug)]
pub(super) enum Refusal {
    /// No token, or none that is live; no invite code, or another.
    Unauthorized,
    /// The caller is somebody, but not who may do this.
    Forbidden(&'static str),
    /// There is no such object.
    NotFound(&'static str),
    /// The body or a member of it cannot be used.
    Invalid(String),
    /// The body is too long.
    TooLarge,
    /// The directory cannot answer now.
    Unavailable,
    /// Nothing is served there.
    NoSuchPath,
    /// Something is served there, but not so.
    NoSuchMethod,
}

impl Refusal {
    /// The object of that kind is not there.
    pub(super) const fn absent(kind: Kind) -> Self {
        Self::NotFound(match kind {
            Kind::Organization => "there is no organization with this id",
            Kind::User => "there is no user with this id",
            Kind::Token => "there is no live token with this id",
            Kind::Platform => "there is no such object",
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error, message) = match &self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "send a live token as `Authorization: Bearer <token>`, or create a user with the right invite code",
            ),
            Self::Forbidden(message) => (StatusCode::FORBIDDEN, "forbidden", *message),
            Self::NotFound(message) => (StatusCode::NOT_FOUND, "not_found", *message),
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, "invalid", message.as_str()),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "send a body of at most 1 MiB"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "try again in a moment"),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no_such_path", "nothing is served at this path"),
            Self::NoSuchMethod => {
                (StatusCode::METHOD_NOT_ALLOWED, "no_such_method", "this path is served with other methods")
            }
        };
        let mut response = (status, Json(json!({ "error": error, "message": message }))).into_response();
        match self {
            Self::Unauthorized => {
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Unavailable => {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::NotFound { kind, .. } => Self::absent(kind),
            DirectoryError::Invalid { field, rule } => Self::Invalid(format!("{field} is refused: {rule}")),
            // Nothing is unique in this dialect and it knows no idempotency keys, so the rest is the machine's state.
            error => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the directory could not answer a request");
                Self::Unavailable
            }
        }
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge,
            BodyError::NotAnObject => Self::Invalid("send a JSON object".to_owned()),
        }
    }
}

impl From<Unfit> for Refusal {
    fn from(unfit: Unfit) -> Self {
        Self::Invalid(format!("`{}` is refused: {}", unfit.member, unfit.rule))
    }
}
