//! What is answered: the envelope `Status`, `Message`, `Meta` in that order, or a bare object.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::users::Shown;
use crate::embedded::error::DirectoryError;

/// The member `Meta`.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Meta {
    /// `null`.
    Nothing,
    /// A text: an id, or empty.
    Text(String),
    /// A whole user.
    User(Box<Shown>),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a> {
    status: &'static str,
    message: &'a str,
    meta: Meta,
}

/// 200 in an envelope.
pub(super) fn ok(message: &str, meta: Meta) -> Response {
    Json(Envelope { status: "OK", message, meta }).into_response()
}

/// An error in an envelope. The texts are the vendor's where it has one for the case, else our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal(StatusCode, &'static str);

impl Refusal {
    pub(super) const NOT_AUTHORISED: Self = Self(StatusCode::UNAUTHORIZED, "Not authorised");
    pub(super) const DISALLOWED: Self = Self(StatusCode::FORBIDDEN, "Access disallowed");
    pub(super) const MALFORMED: Self = Self(StatusCode::FORBIDDEN, "Request body malformed");
    pub(super) const MALFORMED_OWN: Self = Self(StatusCode::BAD_REQUEST, "Request body malformed");
    /// The vendor's own words for an empty body of a request.
    pub(super) const EMPTY: Self = Self(StatusCode::INTERNAL_SERVER_ERROR, "Failed to read response body, body empty");
    pub(super) const EMPTY_REPLACEMENT: Self =
        Self(StatusCode::INTERNAL_SERVER_ERROR, "Failed to read request body, body empty");
    pub(super) const TOO_LARGE: Self = Self(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large");
    pub(super) const NO_ORGANIZATION: Self = Self(StatusCode::NOT_FOUND, "Could not retrieve org detail");
    pub(super) const NOT_DELETED: Self = Self(StatusCode::BAD_REQUEST, "Could not delete the org");
    pub(super) const NOT_IMPORTED: Self = Self(StatusCode::FORBIDDEN, "Failed to save new Org object to DB");
    pub(super) const UNKNOWN_ORGANIZATION: Self = Self(StatusCode::FORBIDDEN, "Organisation not found");
    pub(super) const TAKEN: Self = Self(StatusCode::FORBIDDEN, "User email already exists for this Org");
    pub(super) const NO_USER_DETAIL: Self = Self(StatusCode::NOT_FOUND, "Could not retrieve user detail");
    pub(super) const NO_USER: Self = Self(StatusCode::NOT_FOUND, "User not found");
    pub(super) const NOBODY_TO_RESET: Self = Self(StatusCode::FORBIDDEN, "User not found");
    pub(super) const NOBODY_TO_REVOKE: Self = Self(StatusCode::BAD_REQUEST, "User not found");
    pub(super) const NO_ID: Self = Self(StatusCode::BAD_REQUEST, "Invalid user id");
    pub(super) const UNAVAILABLE: Self = Self(StatusCode::INTERNAL_SERVER_ERROR, "The server cannot answer now");
    pub(super) const PATH: Self = Self(StatusCode::NOT_FOUND, "Not found");
    pub(super) const METHOD: Self = Self(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed");
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, message) = self;
        (status, Json(Envelope { status: "Error", message, meta: Meta::Nothing })).into_response()
    }
}

/// What a failure of a write means that the caller has not told apart.
impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::NotFound { .. } => Self::NO_USER,
            DirectoryError::AlreadyExists { .. } => Self::TAKEN,
            DirectoryError::Invalid { .. } => Self::MALFORMED,
            error => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the directory could not answer a request");
                Self::UNAVAILABLE
            }
        }
    }
}

/// A body as axum hands it over.
pub(super) type Body = Result<Bytes, BytesRejection>;

/// What a body says, or what is answered if it is empty or says something else.
pub(super) fn read<T: DeserializeOwned>(body: Body, empty: Refusal, malformed: Refusal) -> Result<T, Refusal> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TOO_LARGE,
        _ => malformed,
    })?;
    if body.is_empty() {
        return Err(empty);
    }
    // What was wrong with it is not said, because it would be quoted, and there are passwords in it.
    serde_json::from_slice(&body).map_err(|_| malformed)
}
