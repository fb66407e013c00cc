//! The directory's own HTTP face, with which what a Secret holds can be tried: token introspection (RFC 7662) and login.
//!
//! Replies never say which part of a credential was wrong and never repeat what was sent.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FormRejection};
use axum::extract::{DefaultBodyLimit, Form, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router, middleware};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;
use tokio::sync::Semaphore;

use super::authentication::Principal;
use super::directory::Directory;
use super::error::DirectoryError;
use super::token::Claims;
use crate::clock::Clock;
use crate::domain::entity::UserType;

/// The longest body that is read, in bytes.
const BODY_LIMIT: usize = 16 * 1024;

/// The most logins under way: only two passwords are hashed at a time, and a queue without an end would keep the
/// operator's own hashing waiting.
const LOGINS: usize = 32;

/// `POST /oauth2/introspect` and `POST /login` on that directory, by that clock.
pub fn router(directory: Directory, clock: Clock) -> Router {
    let face = Face { directory, clock, logins: Arc::new(Semaphore::new(LOGINS)) };
    Router::new()
        .route("/oauth2/introspect", post(introspect))
        .route("/login", post(login))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::map_response(never_stored))
        .with_state(face)
}

#[derive(Clone)]
struct Face {
    directory: Directory,
    clock: Clock,
    logins: Arc<Semaphore>,
}

/// Replies hold passwords, tokens and keys.
pub(super) async fn never_stored(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A refusal. The words are OAuth's where it has one.
enum Refusal {
    NotAuthorised,
    WrongLogin,
    Malformed(StatusCode),
    Busy,
    Unavailable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::NotAuthorised => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::WrongLogin => (StatusCode::UNAUTHORIZED, "invalid_credentials"),
            Self::Malformed(status) => (status, "invalid_request"),
            Self::Busy => (StatusCode::TOO_MANY_REQUESTS, "too_many_logins"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
        };
        let mut response = (status, Json(json!({ "error": error }))).into_response();
        let headers = response.headers_mut();
        match self {
            Self::NotAuthorised => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Busy | Self::Unavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::WrongLogin | Self::Malformed(_) => {}
        }
        response
    }
}

impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "the directory could not answer a request");
        Self::Unavailable
    }
}

#[derive(Deserialize)]
struct IntrospectionRequest {
    #[serde(deserialize_with = "secret")]
    token: SecretString,
}

#[derive(Serialize)]
struct Introspection {
    active: bool,
    #[serde(flatten)]
    token: Option<ActiveToken>,
}

/// The members of RFC 7662, section 2.2, that fit, and the token's own. An access key has no claims, so it has those of
/// its holder alone.
#[derive(Serialize)]
struct ActiveToken {
    token_type: &'static str,
    sub: String,
    /// A machine is a client in OAuth's words; a person is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org_id: Option<String>,
}

async fn introspect(
    State(face): State<Face>,
    headers: HeaderMap,
    body: Result<Form<IntrospectionRequest>, FormRejection>,
) -> Result<Json<Introspection>, Refusal> {
    let now = face.clock.now();
    let caller = match bearer(&headers) {
        Some(token) => face.holder(&token, now).await?,
        None => None,
    };
    let caller = caller.ok_or(Refusal::NotAuthorised)?;
    let Form(request) = body.map_err(|rejection| malformed(rejection.status()))?;
    let token = face.holder(&request.token, now).await?.filter(|holder| caller.may_ask_about(holder));
    Ok(Json(Introspection { active: token.is_some(), token: token.map(|holder| holder.token) }))
}

/// What is known of a token or an access key that somebody holds.
struct Holder {
    /// Where it serves.
    organizations: Vec<String>,
    token: ActiveToken,
}

impl Holder {
    /// Whoever is in one organisation with it, and its own user.
    fn may_ask_about(&self, other: &Self) -> bool {
        self.token.sub == other.token.sub || self.organizations.iter().any(|one| other.organizations.contains(one))
    }
}

impl Face {
    /// Whose token or access key that is. A token of no organisation serves wherever its user is a member.
    async fn holder(&self, shown: &SecretString, now: Timestamp) -> Result<Option<Holder>, DirectoryError> {
        if let Some((principal, claims)) = self.directory.introspect(shown, now).await? {
            return Ok(Some(holder(principal, Some(&claims))));
        }
        if let Some(principal) = self.directory.authenticate_access_key(shown).await? {
            return Ok(Some(holder(principal, None)));
        }
        let Some(caller) = self.directory.caller(shown, now, Timestamp::MAX).await? else { return Ok(None) };
        Ok(self.directory.inner.signer.verify(shown).filter(|claims| claims.org_id.is_none()).map(|claims| Holder {
            organizations: caller.memberships.into_iter().map(|membership| membership.organization_id).collect(),
            token: active(claims.user_id.clone(), None, Some(&claims)),
        }))
    }
}

fn holder(principal: Principal, claims: Option<&Claims>) -> Holder {
    let mut token = active(principal.user_id, Some(principal.username.clone()), claims);
    if principal.user_type == UserType::Machine {
        token.client_id = Some(principal.username);
    }
    token.org_id = Some(principal.organization_id.clone());
    Holder { organizations: vec![principal.organization_id], token }
}

fn active(sub: String, username: Option<String>, claimed: Option<&Claims>) -> ActiveToken {
    ActiveToken {
        token_type: "Bearer",
        sub,
        client_id: None,
        username,
        iat: claimed.map(|claims| claims.iat),
        nbf: claimed.map(|claims| claims.nbf),
        exp: claimed.and_then(|claims| claims.exp),
        iss: claimed.map(|claims| claims.iss.clone()),
        token_id: claimed.map(|claims| claims.token_id.clone()),
        org_id: claimed.and_then(|claims| claims.org_id.clone()),
    }
}

/// The token of `Authorization: Bearer …`; the scheme's case does not matter (RFC 9110, section 11.1).
fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| SecretString::from(token.trim()))
}

#[derive(Deserialize)]
struct LoginRequest {
    organization: String,
    username: String,
    #[serde(deserialize_with = "secret")]
    password: SecretString,
}

#[derive(Serialize)]
struct LoggedIn {
    user_id: String,
    org_id: String,
    username: String,
    roles: Vec<String>,
}

async fn login(State(face): State<Face>, body: Result<Bytes, BytesRejection>) -> Result<Json<LoggedIn>, Refusal> {
    let body = body.map_err(|rejection| malformed(rejection.status()))?;
    // Parsed here and not by the framework, whose refusal quotes what it read.
    let request: LoginRequest = serde_json::from_slice(&body).map_err(|_| malformed(StatusCode::BAD_REQUEST))?;
    let _login = face.logins.try_acquire().map_err(|_| Refusal::Busy)?;
    let principal = face
        .directory
        .login(&request.organization, &request.username, request.password)
        .await?
        .ok_or(Refusal::WrongLogin)?;
    Ok(Json(LoggedIn {
        user_id: principal.user_id,
        org_id: principal.organization_id,
        username: principal.username,
        roles: principal.roles,
    }))
}

/// A body that was not read or not understood: 400 as OAuth has it, except where HTTP has a word for the reason.
fn malformed(status: StatusCode) -> Refusal {
    Refusal::Malformed(match status {
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNSUPPORTED_MEDIA_TYPE => status,
        _ => StatusCode::BAD_REQUEST,
    })
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}
